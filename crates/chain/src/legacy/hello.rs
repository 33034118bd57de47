//! A ClientHello of 2012 (RFC 5246 section 7.4.1.2), written by hand.

use std::net::IpAddr;

use super::suites::SUITES;

/// Offered at most; the server chooses its own version below.
const TLS_1_2: [u8; 2] = [3, 3];
/// On the record, where some old servers choke on anything newer (RFC 5246 appendix E.1).
const TLS_1_0: [u8; 2] = [3, 1];

/// The whole record. An address is not sent as a server name (RFC 6066 section 3).
pub(super) fn client_hello(name: &str) -> Vec<u8> {
    let mut body = TLS_1_2.to_vec();
    // No key is ever made from it, so it need not be unpredictable, only plausible.
    body.extend(random());
    body.push(0); // No session.
    vector16(&mut body, |body| {
        for (number, _) in SUITES {
            body.extend(number.to_be_bytes());
        }
        // Renegotiation info (RFC 5746): some servers refuse clients without it.
        body.extend([0x00, 0xff]);
    });
    body.extend([1, 0]); // Null compression.
    vector16(&mut body, |body| {
        if name.parse::<IpAddr>().is_err() && name.len() <= MAX_NAME_BYTES {
            extension(body, 0, |body| {
                vector16(body, |body| {
                    body.push(0); // host_name
                    vector16(body, |body| body.extend(name.as_bytes()));
                });
            });
        }
        // supported_groups: P-256, P-384, P-521; ec_point_formats: uncompressed.
        extension(body, 10, |body| vector16(body, |body| body.extend([0, 23, 0, 24, 0, 25])));
        extension(body, 11, |body| body.extend([1, 0]));
        // signature_algorithms: SHA-512 to SHA-1, RSA and ECDSA.
        extension(body, 13, |body| {
            vector16(body, |body| {
                for hash in [6, 5, 4, 3, 2] {
                    body.extend([hash, 1, hash, 3]);
                }
            });
        });
    });

    let mut handshake = vec![1]; // client_hello
    handshake.extend(&(body.len() as u32).to_be_bytes()[1..]);
    handshake.extend(body);
    let mut record = vec![22]; // handshake
    record.extend(TLS_1_0);
    vector16(&mut record, |record| record.extend(&handshake));
    record
}

/// The longest DNS name (RFC 1035 section 2.3.4).
///
/// No row: it is about what we send.
const MAX_NAME_BYTES: usize = 253;

fn extension(body: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
    body.extend(number.to_be_bytes());
    vector16(body, content);
}

/// Content behind its length in two bytes. Everything written here is below 64 KiB.
fn vector16(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([0, 0]);
    content(out);
    let length = (out.len() - at - 2) as u16;
    out[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

fn random() -> [u8; 32] {
    use aws_lc_rs::rand::SecureRandom;
    let mut bytes = [0x42; 32];
    // Without randomness the constant does as well.
    let _ = aws_lc_rs::rand::SystemRandom::new().fill(&mut bytes);
    bytes
}

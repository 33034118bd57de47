//! Reads a server's first flight in plaintext: records, handshake messages, ServerHello and
//! Certificate (RFC 5246 sections 6.2.1 and 7.4). Incremental, and bounded however the bytes come.

use rustls::pki_types::CertificateDer;

use super::{LegacyOffer, suites};

/// Handshake bytes kept. rustls takes messages up to 64 KiB; a flight is a few of them.
///
/// Limit: bytes of the handshake of a server that speaks nothing modern.
/// Share: of each second look.
/// Full: it is no offer.
/// Filled: endless_handshakes_are_cut_off
const MAX_HANDSHAKE_BYTES: usize = 128 * 1024;
/// A record's content (RFC 5246 section 6.2.1), not encrypted here.
///
/// No row: the protocol has it.
const MAX_RECORD_BYTES: usize = 16 * 1024;
/// Certificates taken from one message; see `chain_cache`.
///
/// No row: it is that of all chains.
const MAX_CERTS: usize = crate::chain_cache::MAX_CERTS;

const RECORD_HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Whether more bytes can tell more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadProgress {
    /// More bytes are wanted.
    Wants,
    /// Everything is known, or what came is no TLS.
    Ended,
}

#[derive(Debug, Default)]
pub(super) struct FlightReader {
    /// The beginning of a record.
    record: Vec<u8>,
    /// The beginning of a handshake message.
    handshake: Vec<u8>,
    taken: usize,
    hello: Option<(u16, u16)>,
    message: Option<Vec<CertificateDer<'static>>>,
}

impl FlightReader {
    /// Takes the next bytes from the connection.
    pub(super) fn push(&mut self, bytes: &[u8]) -> ReadProgress {
        self.record.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(&[kind, major, _, high, low]) = self.record[at..].first_chunk::<5>() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            // An alert, or anything that is no handshake record of SSL 3.0 to TLS 1.2.
            if kind != RECORD_HANDSHAKE || major != 3 || length > MAX_RECORD_BYTES {
                return ReadProgress::Ended;
            }
            let Some(content) = self.record.get(at + 5..at + 5 + length) else { break };
            self.taken += length;
            if self.taken > MAX_HANDSHAKE_BYTES {
                return ReadProgress::Ended;
            }
            self.handshake.extend_from_slice(content);
            at += 5 + length;
            if self.messages() == ReadProgress::Ended {
                return ReadProgress::Ended;
            }
        }
        self.record.drain(..at);
        ReadProgress::Wants
    }

    /// What was offered, once a ServerHello chose a suite of ours.
    pub(super) fn offer(self) -> Option<LegacyOffer> {
        let (version, suite) = self.hello?;
        Some(LegacyOffer {
            version: match version {
                0x0300 => "SSL 3.0".to_owned(),
                0x0301 => "TLS 1.0".to_owned(),
                0x0302 => "TLS 1.1".to_owned(),
                0x0303 => "TLS 1.2".to_owned(),
                other => format!("version 0x{other:04x}"),
            },
            suite: suites::name(suite),
            message: self.message.unwrap_or_default(),
        })
    }

    fn messages(&mut self) -> ReadProgress {
        let mut at = 0;
        while let Some(&[kind, l1, l2, l3]) = self.handshake[at..].first_chunk::<4>() {
            let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
            let Some(body) = self.handshake.get(at + 4..at + 4 + length) else { break };
            match kind {
                SERVER_HELLO => match server_hello(body) {
                    Some(hello) => self.hello = Some(hello),
                    None => return ReadProgress::Ended,
                },
                CERTIFICATE => {
                    self.message = certificates(body);
                    return ReadProgress::Ended;
                }
                // Anything after the ServerHello but a certificate means that none comes.
                _ => return ReadProgress::Ended,
            }
            at += 4 + length;
        }
        self.handshake.drain(..at);
        ReadProgress::Wants
    }
}

/// Version and suite.
fn server_hello(body: &[u8]) -> Option<(u16, u16)> {
    const RANDOM_BYTES: usize = 32;
    let version = u16::from_be_bytes(*body.first_chunk()?);
    let session = usize::from(*body.get(2 + RANDOM_BYTES)?);
    let suite = body.get(2 + RANDOM_BYTES + 1 + session..)?.first_chunk()?;
    Some((version, u16::from_be_bytes(*suite)))
}

fn certificates(body: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let (list, _) = vector24(body)?;
    let mut certs = Vec::new();
    let mut rest = list;
    while !rest.is_empty() && certs.len() < MAX_CERTS {
        let (der, after) = vector24(rest)?;
        certs.push(CertificateDer::from(der.to_vec()));
        rest = after;
    }
    Some(certs)
}

/// Content behind its length in three bytes, and what follows.
fn vector24(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let &[l1, l2, l3] = bytes.first_chunk::<3>()?;
    let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
    bytes[3..].split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(handshake: &[u8]) -> Vec<u8> {
        let mut record = vec![22, 3, 1];
        record.extend((handshake.len() as u16).to_be_bytes());
        record.extend(handshake);
        record
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        message
    }

    /// TLS 1.0, a session of 3 bytes, TLS_RSA_WITH_AES_128_CBC_SHA, and two "certificates".
    fn flight() -> Vec<u8> {
        let mut hello = vec![3, 1];
        hello.extend([7; 32]);
        hello.extend([3, 1, 2, 3, 0x00, 0x2f, 0]);
        let mut list: Vec<u8> = Vec::new();
        for cert in [&b"first"[..], b"second"] {
            list.extend(&(cert.len() as u32).to_be_bytes()[1..]);
            list.extend(cert);
        }
        let mut body = (list.len() as u32).to_be_bytes()[1..].to_vec();
        body.extend(list);
        [message(2, &hello), message(11, &body)].concat()
    }

    fn expected() -> LegacyOffer {
        LegacyOffer {
            version: "TLS 1.0".into(),
            suite: "TLS_RSA_WITH_AES_128_CBC_SHA".into(),
            message: vec![b"first".to_vec().into(), b"second".to_vec().into()],
        }
    }

    proptest! {
        #[test]
        fn a_flight_is_read_however_it_is_cut(
            records in 1usize..20, reads in 1usize..50
        ) {
            let mut stream = Vec::new();
            for part in flight().chunks(flight().len().div_ceil(records)) {
                stream.extend(record(part));
            }
            let mut reader = FlightReader::default();
            let mut progress = ReadProgress::Wants;
            for part in stream.chunks(reads) {
                prop_assert_eq!(progress, ReadProgress::Wants);
                progress = reader.push(part);
            }
            prop_assert_eq!(progress, ReadProgress::Ended);
            prop_assert_eq!(reader.offer(), Some(expected()));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            parts in proptest::collection::vec(proptest::collection::vec(0u8.., 0..80), 0..8)
        ) {
            let mut reader = FlightReader::default();
            for part in parts {
                if reader.push(&part) == ReadProgress::Ended {
                    break;
                }
            }
            let _ = reader.offer();
        }

        #[test]
        fn no_broken_flight_makes_the_reader_panic(at in 0usize..80, byte in 0u8..) {
            let mut stream = record(&flight());
            let at = at % stream.len();
            stream[at] = byte;
            let mut reader = FlightReader::default();
            let _ = reader.push(&stream);
            let _ = reader.offer();
        }
    }

    #[test]
    fn endless_handshakes_are_cut_off() {
        let mut reader = FlightReader::default();
        // The beginning of a message of 16 MiB, and then ever more of it.
        let mut taken = 0;
        let first = record(&[11, 0xff, 0xff, 0xff]);
        assert_eq!(reader.push(&first), ReadProgress::Wants);
        while reader.push(&record(&[0; 16_000])) == ReadProgress::Wants {
            taken += 16_000;
            assert!(taken <= MAX_HANDSHAKE_BYTES);
        }
        assert!(reader.handshake.len() <= MAX_HANDSHAKE_BYTES);
        assert_eq!(reader.offer(), None);
    }

    #[test]
    fn an_alert_or_a_web_page_is_no_offer() {
        for bytes in [&[21, 3, 3, 0, 2, 2, 40][..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let mut reader = FlightReader::default();
            assert_eq!(reader.push(bytes), ReadProgress::Ended);
            assert_eq!(reader.offer(), None);
        }
    }
}

//! A private key as Korean certificate programs write it: SEED in CBC mode under a key derived from a
//! password with SHA-1 (`pbeWithSHA1AndSEED-CBC`), with the random number of its owner's
//! identification among its attributes.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use sha1::{Digest, Sha1};

/// What real files have.
const ROUNDS: u16 = 2_048;
const SALT: &[u8; 8] = b"gpki-lab";
/// `VID_RANDOM` of the lab's officer.
pub const OWNER_RANDOM: &[u8; 20] = b"lab-vid-random-0001!";

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const ATTRIBUTES: u8 = 0xa0;
/// 1.2.410.200004.1.15
const PBE_SHA1_SEED: &[u8] = &[0x06, 0x08, 0x2a, 0x83, 0x1a, 0x8c, 0x9a, 0x44, 0x01, 0x0f];
/// 1.2.410.200004.10.1.1.3
const VID_RANDOM: &[u8] = &[0x06, 0x0a, 0x2a, 0x83, 0x1a, 0x8c, 0x9a, 0x44, 0x0a, 0x01, 0x01, 0x03];

/// The file for a key in PKCS#8. `None` for a key that is no DER of less than 64 KiB.
pub fn protected(pkcs8: &[u8], password: &str) -> Option<Vec<u8>> {
    let random = value(BIT_STRING, &[&[0], OWNER_RANDOM.as_slice()].concat())?;
    let attribute = value(SEQUENCE, &[VID_RANDOM, &value(SET, &random)?].concat())?;
    let fields = [content(pkcs8)?, &value(ATTRIBUTES, &attribute)?].concat();
    let plain = value(SEQUENCE, &fields)?;

    let mut derived = Sha1::new().chain_update(password).chain_update(SALT).finalize();
    for _ in 1..ROUNDS {
        derived = Sha1::digest(derived);
    }
    let iv = Sha1::digest(&derived[16..]);
    let seed = cbc::Encryptor::<kisaseed::SEED>::new_from_slices(&derived[..16], &iv[..16]).ok()?;
    let encrypted = seed.encrypt_padded_vec_mut::<Pkcs7>(&plain);

    let rounds = value(INTEGER, &ROUNDS.to_be_bytes())?;
    let parameters = value(SEQUENCE, &[value(OCTET_STRING, SALT)?, rounds].concat())?;
    let scheme = value(SEQUENCE, &[PBE_SHA1_SEED, &parameters].concat())?;
    value(SEQUENCE, &[scheme, value(OCTET_STRING, &encrypted)?].concat())
}

/// Tag, length and content of DER.
fn value(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(content.len()).ok()?.to_be_bytes();
    let length = match length {
        [0, short @ 0..=0x7f] => vec![short],
        [0, one] => vec![0x81, one],
        [high, low] => vec![0x82, high, low],
    };
    Some([&[tag], length.as_slice(), content].concat())
}

/// What stands in the sequence that is the whole of `der`.
fn content(der: &[u8]) -> Option<&[u8]> {
    match der {
        [SEQUENCE, 0x82, _, _, content @ ..] | [SEQUENCE, 0x81, _, content @ ..] => Some(content),
        [SEQUENCE, 0..=0x7f, content @ ..] => Some(content),
        _ => None,
    }
}

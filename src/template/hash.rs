//! Digests and their keyed form, as the scripts of login pages make them.

use aws_lc_rs::digest::{self as sha, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use aws_lc_rs::hmac::{self as mac, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};
use md5::{Digest, Md5};

/// A hash function that pages use, whether or not one should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha512,
}

/// A hash function under a key; no page was seen to use MD5 so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedHash {
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha512,
}

pub(super) fn digest(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    let of = |algorithm| sha::digest(algorithm, bytes).as_ref().to_vec();
    match hash {
        Hash::Md5 => Md5::digest(bytes).to_vec(),
        Hash::Sha1 => of(&SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => of(&SHA256),
        Hash::Sha512 => of(&SHA512),
    }
}

/// RFC 2104.
pub(super) fn hmac(hash: KeyedHash, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        KeyedHash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        KeyedHash::Sha256 => HMAC_SHA256,
        KeyedHash::Sha512 => HMAC_SHA512,
    };
    mac::sign(&mac::Key::new(algorithm, key), bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use base::hex;

    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1321 section A.5, FIPS 180-4's examples.
        for (hash, of_abc) in [
            (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Hash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert_eq!(hex::encode(&digest(hash, b"abc")), of_abc, "{hash:?}");
        }
    }

    #[test]
    fn keyed_digests_are_those_of_the_standards() {
        // RFC 2202 section 3 and RFC 4231, test case 2.
        let (key, data) = (b"Jefe", b"what do ya want for nothing?");
        for (hash, code) in [
            (KeyedHash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (KeyedHash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                KeyedHash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            assert_eq!(hex::encode(&hmac(hash, key, data)), code, "{hash:?}");
        }
    }
}

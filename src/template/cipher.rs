//! Block ciphers in CBC mode under a key that a page gives, padded as PKCS#7 (RFC 5652 section 6.3).

use sign::block_cipher::CbcCipher;

use super::pipe::Unfit;

/// Of both ciphers, and so of what both begin with.
const BLOCK_BYTES: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockCipher {
    /// FIPS 197; the key's length says which.
    Aes,
    /// RFC 4269. KISA's own cipher, of which aws-lc-rs has nothing.
    Seed,
}

pub(super) fn encrypt(
    cipher: BlockCipher,
    key: &[u8],
    iv: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, Unfit> {
    let unfit = |what: &str, length: usize, wanted: &str| {
        Unfit::Operand(format!("the {what} has {length} bytes; {wanted} are needed"))
    };
    if iv.len() != BLOCK_BYTES {
        return Err(unfit("IV", iv.len(), "16"));
    }
    let cipher = match (cipher, key.len()) {
        (BlockCipher::Aes, 16) => CbcCipher::Aes128,
        (BlockCipher::Aes, 24) => CbcCipher::Aes192,
        (BlockCipher::Aes, 32) => CbcCipher::Aes256,
        (BlockCipher::Aes, length) => return Err(unfit("key", length, "16, 24 or 32")),
        (BlockCipher::Seed, 16) => CbcCipher::Seed,
        (BlockCipher::Seed, length) => return Err(unfit("key", length, "16")),
    };
    let unusable = || Unfit::Together("the cipher cannot be used".into());
    cipher.encrypt(key, iv, message).ok_or_else(unusable)
}

#[cfg(test)]
mod tests {
    use base::hex;

    use super::*;

    fn encrypted(cipher: BlockCipher, key: &str, iv: &str, message: &str) -> String {
        let bytes = |text| hex::decode(text).unwrap();
        hex::encode(&encrypt(cipher, &bytes(key), &bytes(iv), &bytes(message)).unwrap())
    }

    /// RFC 4269, appendix B, by its second vector: with an IV of zeros the first block is the cipher
    /// itself. A message of whole blocks has one more.
    #[test]
    fn seed_is_that_of_rfc_4269() {
        let key = "000102030405060708090a0b0c0d0e0f";
        let zero = "0".repeat(32);
        let sent = encrypted(BlockCipher::Seed, key, &zero, &zero);
        assert_eq!(&sent[..32], "c11f22f20140505084483597e4370f43");
        assert_eq!(sent.len(), 64);
    }

    /// NIST SP 800-38A, sections F.2.1, F.2.3 and F.2.5: the first block.
    #[test]
    fn aes_is_that_of_nist() {
        let iv = "000102030405060708090a0b0c0d0e0f";
        let text = "6bc1bee22e409f96e93d7e117393172a";
        for (key, block) in [
            ("2b7e151628aed2a6abf7158809cf4f3c", "7649abac8119b246cee98e9b12e9197d"),
            (
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "4f021db243bc633d7178183a9fa071e8",
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
            ),
        ] {
            assert_eq!(&encrypted(BlockCipher::Aes, key, iv, text)[..32], block);
        }
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for (cipher, key, iv) in [
            (BlockCipher::Aes, 15, 16),
            (BlockCipher::Aes, 16, 12),
            (BlockCipher::Seed, 32, 16),
            (BlockCipher::Seed, 16, 0),
        ] {
            let said = encrypt(cipher, &vec![1; key], &vec![1; iv], b"x");
            assert!(matches!(said, Err(Unfit::Operand(_))), "{cipher:?} {key} {iv}");
        }
    }
}

//! Block ciphers in CBC mode under a key that a page gives, padded as PKCS#7 (RFC 5652 section 6.3).

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use kisaseed::SEED;

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
    let iv: [u8; BLOCK_BYTES] = iv.try_into().map_err(|_| unfit("IV", iv.len(), "16"))?;
    match cipher {
        BlockCipher::Aes => {
            let algorithm = match key.len() {
                16 => &AES_128,
                24 => &AES_192,
                32 => &AES_256,
                length => return Err(unfit("key", length, "16, 24 or 32")),
            };
            let broken = |_| Unfit::Together("the cipher cannot be used".into());
            let key = UnboundCipherKey::new(algorithm, key).map_err(broken)?;
            let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(broken)?;
            let mut bytes = message.to_vec();
            let context = EncryptionContext::Iv128(FixedLength::from(iv));
            key.less_safe_encrypt(&mut bytes, context).map_err(broken)?;
            Ok(bytes)
        }
        BlockCipher::Seed => {
            let cipher = cbc::Encryptor::<SEED>::new_from_slices(key, &iv);
            let cipher = cipher.map_err(|_| unfit("key", key.len(), "16"))?;
            Ok(cipher.encrypt_padded_vec_mut::<Pkcs7>(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use base::hex;

    use super::*;

    fn encrypted(cipher: BlockCipher, key: &str, iv: &str, message: &str) -> String {
        let bytes = |text| hex::decode(text).unwrap();
        hex::encode(&encrypt(cipher, &bytes(key), &bytes(iv), &bytes(message)).unwrap())
    }

    /// With an IV of zeros, the first block is the cipher itself.
    #[test]
    fn seed_is_that_of_rfc_4269() {
        let zero = "0".repeat(32);
        for (key, text, block) in [
            (&*zero, "000102030405060708090a0b0c0d0e0f", "5ebac6e0054e166819aff1cc6d346cdb"),
            ("000102030405060708090a0b0c0d0e0f", &*zero, "c11f22f20140505084483597e4370f43"),
            (
                "4706480851e61be85d74bfb3fd956185",
                "83a2f8a288641fb9a4e9a5cc2f131c7d",
                "ee54d13ebcae706d226bc3142cd40d4a",
            ),
            (
                "28dbc3bc49ffd87dcfa509b11d422be7",
                "b41e6be2eba84a148e2eed84593c5ec7",
                "9b9b7bfcd1813cb95d0b3618f40f5122",
            ),
        ] {
            let sent = encrypted(BlockCipher::Seed, key, &zero, text);
            assert_eq!(&sent[..32], block);
            // A message of whole blocks has one more.
            assert_eq!(sent.len(), 64);
        }
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

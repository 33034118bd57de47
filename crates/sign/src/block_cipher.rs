//! Block ciphers in CBC mode with PKCS#7 padding (RFC 5652 section 6.3), as key files and envelopes
//! use them. AES is aws-lc-rs's; it has none of the others.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipher, BlockDecryptMut, BlockEncryptMut, InnerIvInit, KeyInit, KeyIvInit};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::algorithms::{AES_128_CBC, AES_192_CBC, AES_256_CBC, DES_EDE3_CBC, SEED_CBC};

/// A cipher in CBC mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CbcCipher {
    Seed,
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    /// Effective bits and key bytes; the second is the eighth of the first here.
    Rc2 {
        bits: usize,
    },
}

impl CbcCipher {
    pub(crate) fn of(oid: &ObjectIdentifier) -> Option<CbcCipher> {
        Some(match *oid {
            SEED_CBC => CbcCipher::Seed,
            AES_128_CBC => CbcCipher::Aes128,
            AES_192_CBC => CbcCipher::Aes192,
            AES_256_CBC => CbcCipher::Aes256,
            DES_EDE3_CBC => CbcCipher::TripleDes,
            _ => return None,
        })
    }

    pub(crate) fn key_bytes(self) -> usize {
        match self {
            CbcCipher::Seed | CbcCipher::Aes128 => 16,
            CbcCipher::Aes192 | CbcCipher::TripleDes => 24,
            CbcCipher::Aes256 => 32,
            CbcCipher::Rc2 { bits } => bits / 8,
        }
    }

    /// Also of a block.
    pub(crate) fn iv_bytes(self) -> usize {
        match self {
            CbcCipher::TripleDes | CbcCipher::Rc2 { .. } => 8,
            _ => 16,
        }
    }

    /// `None` when key and bytes do not fit together.
    pub(crate) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let algorithm = match self {
            CbcCipher::Seed => return decrypt::<kisaseed::SEED>(key, iv, encrypted),
            CbcCipher::TripleDes => return decrypt::<des::TdesEde3>(key, iv, encrypted),
            CbcCipher::Rc2 { bits } => {
                let cipher = rc2::Rc2::new_with_eff_key_len(key, bits);
                let cbc = cbc::Decryptor::inner_iv_slice_init(cipher, iv).ok()?;
                return cbc.decrypt_padded_vec_mut::<Pkcs7>(encrypted).ok().map(Zeroizing::new);
            }
            CbcCipher::Aes128 => &AES_128,
            CbcCipher::Aes192 => &AES_192,
            CbcCipher::Aes256 => &AES_256,
        };
        let key = UnboundCipherKey::new(algorithm, key).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let iv: [u8; 16] = iv.try_into().ok()?;
        let mut bytes = Zeroizing::new(encrypted.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let length = key.decrypt(&mut bytes, context).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// `None` when key or initialization vector have the wrong length.
    pub fn encrypt(self, key: &[u8], iv: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let algorithm = match self {
            CbcCipher::Seed => return encrypt::<kisaseed::SEED>(key, iv, bytes),
            CbcCipher::TripleDes => return encrypt::<des::TdesEde3>(key, iv, bytes),
            // Nothing new is written with it.
            CbcCipher::Rc2 { .. } => return None,
            CbcCipher::Aes128 => &AES_128,
            CbcCipher::Aes192 => &AES_192,
            CbcCipher::Aes256 => &AES_256,
        };
        let key = UnboundCipherKey::new(algorithm, key).ok()?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).ok()?;
        let iv: [u8; 16] = iv.try_into().ok()?;
        let mut bytes = bytes.to_vec();
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(&mut bytes, context).ok()?;
        Some(bytes)
    }
}

fn decrypt<C>(key: &[u8], iv: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: BlockDecryptMut + BlockCipher + KeyInit,
{
    let cbc = cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?;
    cbc.decrypt_padded_vec_mut::<Pkcs7>(encrypted).ok().map(Zeroizing::new)
}

fn encrypt<C>(key: &[u8], iv: &[u8], bytes: &[u8]) -> Option<Vec<u8>>
where
    C: BlockEncryptMut + BlockCipher + KeyInit,
{
    let cbc = cbc::Encryptor::<C>::new_from_slices(key, iv).ok()?;
    Some(cbc.encrypt_padded_vec_mut::<Pkcs7>(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::{BlockDecrypt, BlockEncrypt};

    fn bytes(hex: &str) -> [u8; 16] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    /// RFC 4269, appendix B.
    #[test]
    fn seed_is_the_cipher_of_its_rfc() {
        for (key, plain, cipher) in [
            (
                "00000000000000000000000000000000",
                "000102030405060708090a0b0c0d0e0f",
                "5ebac6e0054e166819aff1cc6d346cdb",
            ),
            (
                "000102030405060708090a0b0c0d0e0f",
                "00000000000000000000000000000000",
                "c11f22f20140505084483597e4370f43",
            ),
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
            let seed = kisaseed::SEED::new(&bytes(key).into());
            let mut block = bytes(plain).into();
            seed.encrypt_block(&mut block);
            assert_eq!(block.as_slice(), bytes(cipher));
            seed.decrypt_block(&mut block);
            assert_eq!(block.as_slice(), bytes(plain));
        }
    }

    #[test]
    fn what_is_encrypted_is_decrypted_again_and_nothing_else_is() {
        for cipher in [
            CbcCipher::Seed,
            CbcCipher::Aes128,
            CbcCipher::Aes192,
            CbcCipher::Aes256,
            CbcCipher::TripleDes,
        ] {
            let (key, iv) = (vec![7; cipher.key_bytes()], vec![9; cipher.iv_bytes()]);
            let encrypted = cipher.encrypt(&key, &iv, "봉수".as_bytes()).unwrap();
            assert_eq!(*cipher.decrypt(&key, &iv, &encrypted).unwrap(), "봉수".as_bytes());
            assert!(cipher.decrypt(&key, &iv, &encrypted[1..]).is_none(), "{cipher:?}");
            assert!(cipher.decrypt(&key[1..], &iv, &encrypted).is_none(), "{cipher:?}");
            assert!(cipher.decrypt(&key, &iv[1..], &encrypted).is_none(), "{cipher:?}");
        }
    }
}

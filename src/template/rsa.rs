//! RSA encryption under a key that a login page gives (RFC 8017): what jsbn, JSEncrypt and WebCrypto
//! do in a browser.
//!
//! aws-lc-rs refuses keys below 2048 bits, and pages here give 1024; the `rsa` crate carries
//! RUSTSEC-2023-0071 for its private-key side. Only a power with a public exponent is needed, which
//! num-bigint has. It takes a time that depends on the padded value, which nobody outside this process
//! can time closer than a whole request.

use aws_lc_rs::rand;
use num_bigint::BigUint;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::hash::{self, Hash};
use super::pipe::{self, Unfit};

/// Anybody can break less; a page that gives less gives no key.
const MODULUS_BITS_MIN: u64 = 512;
/// Of the keys that servers use; a power under a larger one would take the prober's time.
const MODULUS_BITS_MAX: u64 = 8192;
/// FIPS 186-4 allows 256, OpenSSL 64 for large keys.
const EXPONENT_BITS_MAX: u64 = 64;

/// How a message is made as long as the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// RFC 8017 section 7.2.1, which jsbn and JSEncrypt do.
    Pkcs1,
    /// RFC 8017 section 7.1.1 with this hash, which also makes the mask, and without a label; as
    /// WebCrypto.
    Oaep(Hash),
}

#[derive(Debug)]
pub(super) struct RsaKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl RsaKey {
    /// From modulus and exponent in hex, as jsbn's `setPublic` takes them.
    pub(super) fn of_hex(modulus: &str, exponent: &str) -> Result<RsaKey, Unfit> {
        let number = |what: &str, text: &str| {
            let digits = pipe::compact(text);
            let digits = digits.as_bytes();
            // Longer ones are refused before they are read.
            let fits = digits.len() as u64 <= MODULUS_BITS_MAX / 4 + 2;
            let number = if fits { BigUint::parse_bytes(digits, 16) } else { None };
            number.ok_or_else(|| Unfit::Operand(format!("the {what} is no number in hex")))
        };
        RsaKey::new(number("modulus", modulus)?, number("exponent", exponent)?)
    }

    /// From PEM or base64: SubjectPublicKeyInfo (RFC 5280) or RSAPublicKey (RFC 8017), as
    /// JSEncrypt's `setPublicKey` takes them.
    pub(super) fn of_text(text: &str) -> Result<RsaKey, Unfit> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let der = pipe::base64(lines.collect::<String>().as_bytes());
        let der = der.ok_or_else(|| Unfit::Operand("the key is neither PEM nor base64".into()))?;
        let of = |key: &RSAPublicKey<'_>| {
            let modulus = BigUint::from_bytes_be(key.modulus);
            RsaKey::new(modulus, BigUint::from_bytes_be(key.exponent))
        };
        if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(&der)
            && let Ok(PublicKey::RSA(key)) = info.parsed()
        {
            return of(&key);
        }
        match RSAPublicKey::from_der(&der) {
            Ok((_, key)) => of(&key),
            Err(_) => Err(Unfit::Operand("the key is no RSA public key".into())),
        }
    }

    fn new(modulus: BigUint, exponent: BigUint) -> Result<RsaKey, Unfit> {
        let unfit = |said: String| Err(Unfit::Operand(said));
        let bits = modulus.bits();
        if !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
            return unfit(format!(
                "the key has {bits} bits; {MODULUS_BITS_MIN} to {MODULUS_BITS_MAX} are taken"
            ));
        }
        if !modulus.bit(0) {
            return unfit("the modulus is even, so it is none".into());
        }
        if !exponent.bit(0) || exponent.bits() < 2 || exponent.bits() > EXPONENT_BITS_MAX {
            return unfit(format!(
                "the exponent is not an odd number from 3 on of at most {EXPONENT_BITS_MAX} bits"
            ));
        }
        Ok(RsaKey { modulus, exponent })
    }

    /// The ciphertext, as long as the modulus. Each time it is another.
    pub(super) fn encrypt(&self, padding: Padding, message: &[u8]) -> Result<Vec<u8>, Unfit> {
        let size = self.modulus.to_bytes_be().len();
        let overhead = match padding {
            Padding::Pkcs1 => 11,
            Padding::Oaep(hash) => 2 * hash::digest(hash, b"").len() + 2,
        };
        let most = size.checked_sub(overhead).filter(|most| message.len() <= *most);
        if most.is_none() {
            return Err(Unfit::Together(format!(
                "a value of {} bytes does not fit a key of {} bits with this padding",
                message.len(),
                self.modulus.bits()
            )));
        }
        let padded = match padding {
            Padding::Pkcs1 => pkcs1(message, size)?,
            Padding::Oaep(hash) => oaep(hash, message, size)?,
        };
        let power = BigUint::from_bytes_be(&padded).modpow(&self.exponent, &self.modulus);
        let power = power.to_bytes_be();
        let mut out = vec![0; size - power.len()];
        out.extend_from_slice(&power);
        Ok(out)
    }
}

/// `00 02`, bytes that are not zero, `00`, the message.
fn pkcs1(message: &[u8], size: usize) -> Result<Vec<u8>, Unfit> {
    let mut padded = vec![0; size];
    let separator = size - message.len() - 1;
    padded[1] = 2;
    random(&mut padded[2..separator])?;
    while let Some(zero) = padded[2..separator].iter_mut().find(|byte| **byte == 0) {
        random(std::slice::from_mut(zero))?;
    }
    padded[separator + 1..].copy_from_slice(message);
    Ok(padded)
}

/// `00`, the masked seed, the masked block of hash of the label, zeros, `01`, the message.
fn oaep(hash: Hash, message: &[u8], size: usize) -> Result<Vec<u8>, Unfit> {
    let of_label = hash::digest(hash, b"");
    let mut seed = vec![0; of_label.len()];
    random(&mut seed)?;
    let mut block = vec![0; size - seed.len() - 1];
    let end = block.len() - message.len();
    block[..of_label.len()].copy_from_slice(&of_label);
    block[end - 1] = 1;
    block[end..].copy_from_slice(message);
    mask(hash, &seed, &mut block);
    mask(hash, &block, &mut seed);
    Ok([vec![0], seed, block].concat())
}

/// MGF1 (RFC 8017 section B.2.1).
fn mask(hash: Hash, seed: &[u8], out: &mut [u8]) {
    let size = hash::digest(hash, b"").len();
    for (counter, chunk) in (0_u32..).zip(out.chunks_mut(size)) {
        let mask = hash::digest(hash, &[seed, &counter.to_be_bytes()].concat());
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

fn random(bytes: &mut [u8]) -> Result<(), Unfit> {
    rand::fill(bytes).map_err(|_| Unfit::Together("the system gives no random bytes".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a key in hex.
    fn wrong(modulus: &str, exponent: &str) -> String {
        match RsaKey::of_hex(modulus, exponent) {
            Err(Unfit::Operand(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let odd = "f".repeat(256);
        assert!(RsaKey::of_hex(&odd, "10001").is_ok());
        assert!(RsaKey::of_hex(&format!(" {odd}\n"), "3").is_ok());
        assert!(wrong(&odd[..120], "10001").contains("480 bits"));
        assert!(wrong(&"f".repeat(2052), "3").contains("no number"));
        assert!(wrong(&format!("{}0", &odd[1..]), "10001").contains("even"));
        for exponent in ["0", "1", "2", "10000", "10000000000000001"] {
            assert!(wrong(&odd, exponent).contains("exponent"), "{exponent}");
        }
        for exponent in ["", "0x10001", "ten", "-3"] {
            assert!(wrong(&odd, exponent).contains("no number"), "{exponent}");
        }
        for text in ["", "***", "YWJj", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"] {
            assert!(RsaKey::of_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_longer_than_the_key_takes_is_refused() {
        let key = RsaKey::of_hex(&"f".repeat(256), "10001").unwrap();
        let fits = |padding, length| key.encrypt(padding, &vec![b'x'; length]).is_ok();
        assert!(fits(Padding::Pkcs1, 117) && !fits(Padding::Pkcs1, 118));
        assert!(fits(Padding::Oaep(Hash::Sha1), 86) && !fits(Padding::Oaep(Hash::Sha1), 87));
        assert!(fits(Padding::Oaep(Hash::Sha256), 62) && !fits(Padding::Oaep(Hash::Sha256), 63));
        // 512 bits are less than OAEP with SHA-256 needs for nothing at all.
        let small = RsaKey::of_hex(&"f".repeat(128), "3").unwrap();
        assert!(small.encrypt(Padding::Oaep(Hash::Sha256), b"").is_err());
    }

    #[test]
    fn padding_has_no_zero_before_its_end_and_is_another_each_time() {
        let (one, two) = (pkcs1(b"x", 64).unwrap(), pkcs1(b"x", 64).unwrap());
        assert_eq!((&one[..2], &one[62..]), (&[0, 2][..], &[0, b'x'][..]));
        assert!(one[2..62].iter().all(|byte| *byte != 0));
        assert_ne!(one, two);
    }
}

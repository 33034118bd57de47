//! Opens what a password protects: PBES2 (RFC 8018 section 6.2) with SEED, AES or Triple DES, the
//! two schemes of Korean key files, and those of PKCS#12 (RFC 7292 appendix C).

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use der::asn1::{AnyRef, ObjectIdentifier, OctetString, OctetStringRef};
use der::{Decode, Encode, Sequence};
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::pbe_params::Pkcs12PbeParams;
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};
use zeroize::Zeroizing;

use crate::algorithms::{
    HMAC_SHA1, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512, PBE_SHA1_SEED_CBC, PBES2, PBKDF2, SEED_CBC,
};
use crate::block_cipher::CbcCipher;
use crate::error::SignError;

/// Rounds of a key derivation. More than any tool writes; a file that asks for more would keep the
/// processor busy for minutes.
const ROUNDS_MAX: u32 = 10_000_000;

/// The oldest Korean files have this initialization vector, whatever the password is.
const FIXED_IV: &[u8; 16] = b"0123456789012345";

/// `EncryptedPrivateKeyInfo` (RFC 5958 section 3).
#[derive(Sequence)]
pub(crate) struct EncryptedKeyFile<'a> {
    pub(crate) scheme: AlgorithmIdentifierRef<'a>,
    pub(crate) encrypted: OctetStringRef<'a>,
}

/// `PBES2-params`.
#[derive(Sequence)]
struct Pbes2<'a> {
    derivation: AlgorithmIdentifierRef<'a>,
    cipher: AlgorithmIdentifierRef<'a>,
}

/// `PBKDF2-params`. Without a function it is HMAC with SHA-1.
#[derive(Sequence)]
struct Pbkdf2<'a> {
    salt: OctetStringRef<'a>,
    rounds: u32,
    #[asn1(optional = "true")]
    key_bytes: Option<u32>,
    #[asn1(optional = "true")]
    function: Option<AlgorithmIdentifierRef<'a>>,
}

/// `PBEParameter` (RFC 8018 appendix A.3).
#[derive(Sequence)]
struct SaltAndRounds {
    salt: OctetString,
    rounds: u32,
}

/// A password in the forms that files were made with: UTF-8, and the code page of Korean Windows.
fn spellings(password: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut spellings = vec![Zeroizing::new(password.as_bytes().to_vec())];
    if !password.is_ascii() {
        let (bytes, _, unmappable) = encoding_rs::EUC_KR.encode(password);
        if !unmappable {
            spellings.push(Zeroizing::new(bytes.into_owned()));
        }
    }
    spellings
}

/// The bytes behind a password. `fits` tells whether they are what was looked for: a wrong password
/// gives well-padded bytes once in 256 times.
pub(crate) fn decrypt(
    scheme: AlgorithmIdentifierRef<'_>,
    encrypted: &[u8],
    password: &str,
    fits: impl Fn(&[u8]) -> bool,
) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let scheme = PasswordScheme::of(scheme)?;
    let attempt = |password: &[u8]| {
        let (key, iv) = scheme.key_and_iv(password)?;
        scheme.cipher.decrypt(&key, &iv, encrypted).filter(|bytes| fits(bytes))
    };
    let opened = match &scheme.derivation {
        Derivation::Pkcs12(salt, rounds) => {
            scheme.of_pkcs12(password, salt, *rounds).and_then(|(key, iv)| {
                scheme.cipher.decrypt(&key, &iv, encrypted).filter(|bytes| fits(bytes))
            })
        }
        _ => spellings(password).iter().find_map(|password| attempt(password)),
    };
    opened.ok_or(SignError::WrongPassword)
}

/// How a key is derived, and what it opens.
struct PasswordScheme {
    derivation: Derivation,
    cipher: CbcCipher,
}

enum Derivation {
    Pbkdf2 {
        function: pbkdf2::Algorithm,
        salt: Vec<u8>,
        rounds: NonZeroU32,
        iv: Vec<u8>,
    },
    /// SHA-1, repeated; the initialization vector comes from it too.
    Sha1 {
        salt: Vec<u8>,
        rounds: u32,
    },
    /// As above, with [`FIXED_IV`].
    Sha1FixedIv {
        salt: Vec<u8>,
        rounds: u32,
    },
    Pkcs12(Vec<u8>, i32),
}

type KeyAndIv = (Zeroizing<Vec<u8>>, Vec<u8>);

impl PasswordScheme {
    fn of(scheme: AlgorithmIdentifierRef<'_>) -> Result<PasswordScheme, SignError> {
        let unsupported = || SignError::unsupported(scheme.oid);
        let parameters = scheme.parameters.ok_or_else(unsupported)?;
        if scheme.oid == PBES2 {
            return PasswordScheme::pbes2(parameters);
        }
        if let Some(cipher) = of_pkcs12(&scheme.oid) {
            let parameters: Pkcs12PbeParams = read(parameters)?;
            let rounds = u32::try_from(parameters.iterations).ok();
            let rounds = rounds.filter(|rounds| (1..=ROUNDS_MAX).contains(rounds));
            let rounds = rounds.and_then(|rounds| i32::try_from(rounds).ok());
            let salt = parameters.salt.as_bytes().to_vec();
            let rounds = rounds.filter(|_| !salt.is_empty()).ok_or(SignError::NoPrivateKey)?;
            return Ok(PasswordScheme { derivation: Derivation::Pkcs12(salt, rounds), cipher });
        }
        let derivation = match scheme.oid {
            PBE_SHA1_SEED_CBC | SEED_CBC => {
                let SaltAndRounds { salt, rounds } = read(parameters)?;
                let salt = salt.into_bytes();
                bounded(rounds)?;
                match scheme.oid {
                    SEED_CBC => Derivation::Sha1FixedIv { salt, rounds },
                    _ => Derivation::Sha1 { salt, rounds },
                }
            }
            _ => return Err(unsupported()),
        };
        Ok(PasswordScheme { derivation, cipher: CbcCipher::Seed })
    }

    fn pbes2(parameters: AnyRef<'_>) -> Result<PasswordScheme, SignError> {
        let encoded = parameters.to_der().map_err(|_| SignError::NoPrivateKey)?;
        let Pbes2 { derivation, cipher } =
            Pbes2::from_der(&encoded).map_err(|_| SignError::NoPrivateKey)?;
        if derivation.oid != PBKDF2 {
            return Err(SignError::unsupported(derivation.oid));
        }
        let encoded = derivation.parameters.ok_or(SignError::NoPrivateKey)?.to_der();
        let encoded = encoded.map_err(|_| SignError::NoPrivateKey)?;
        let derived = Pbkdf2::from_der(&encoded).map_err(|_| SignError::NoPrivateKey)?;
        let function = match derived.function.map(|function| function.oid) {
            None | Some(HMAC_SHA1) => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(HMAC_SHA256) => pbkdf2::PBKDF2_HMAC_SHA256,
            Some(HMAC_SHA384) => pbkdf2::PBKDF2_HMAC_SHA384,
            Some(HMAC_SHA512) => pbkdf2::PBKDF2_HMAC_SHA512,
            Some(oid) => return Err(SignError::unsupported(oid)),
        };
        let known = CbcCipher::of(&cipher.oid).ok_or(SignError::unsupported(cipher.oid))?;
        if derived.key_bytes.is_some_and(|bytes| bytes as usize != known.key_bytes()) {
            return Err(SignError::NoPrivateKey);
        }
        let iv: OctetString = read(cipher.parameters.ok_or(SignError::NoPrivateKey)?)?;
        let derivation = Derivation::Pbkdf2 {
            function,
            salt: derived.salt.as_bytes().to_vec(),
            rounds: bounded(derived.rounds)?,
            iv: iv.into_bytes(),
        };
        Ok(PasswordScheme { derivation, cipher: known })
    }

    fn key_and_iv(&self, password: &[u8]) -> Option<KeyAndIv> {
        match &self.derivation {
            Derivation::Pbkdf2 { function, salt, rounds, iv } => {
                let mut key = Zeroizing::new(vec![0; self.cipher.key_bytes()]);
                pbkdf2::derive(*function, *rounds, salt, password, &mut key);
                Some((key, iv.clone()))
            }
            Derivation::Sha1 { salt, rounds } => {
                let derived = repeated_sha1(password, salt, *rounds);
                let iv = sha1(&derived[16..20])[..16].to_vec();
                Some((Zeroizing::new(derived[..16].to_vec()), iv))
            }
            Derivation::Sha1FixedIv { salt, rounds } => {
                let derived = repeated_sha1(password, salt, *rounds);
                Some((Zeroizing::new(derived[..16].to_vec()), FIXED_IV.to_vec()))
            }
            Derivation::Pkcs12(..) => None,
        }
    }

    fn of_pkcs12(&self, password: &str, salt: &[u8], rounds: i32) -> Option<KeyAndIv> {
        let derive =
            |kind, bytes| derive_key_utf8::<sha1::Sha1>(password, salt, kind, rounds, bytes).ok();
        let key = derive(Pkcs12KeyType::EncryptionKey, self.cipher.key_bytes())?;
        Some((Zeroizing::new(key), derive(Pkcs12KeyType::Iv, self.cipher.iv_bytes())?))
    }
}

/// The schemes that old PKCS#12 files have.
fn of_pkcs12(oid: &ObjectIdentifier) -> Option<CbcCipher> {
    Some(match *oid {
        pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => CbcCipher::TripleDes,
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC => CbcCipher::Rc2 { bits: 128 },
        pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC => CbcCipher::Rc2 { bits: 40 },
        _ => return None,
    })
}

/// PBKDF1 of RFC 8018 section 5.1.
fn repeated_sha1(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[u8; 20]> {
    let mut derived = Zeroizing::new(sha1(&Zeroizing::new([password, salt].concat())));
    for _ in 1..rounds {
        *derived = sha1(derived.as_slice());
    }
    derived
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    std::array::from_fn(|i| digest.as_ref()[i])
}

fn bounded(rounds: u32) -> Result<NonZeroU32, SignError> {
    let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= ROUNDS_MAX);
    rounds.ok_or(SignError::NoPrivateKey)
}

fn read<T: for<'a> Decode<'a>>(parameters: AnyRef<'_>) -> Result<T, SignError> {
    let encoded = parameters.to_der().map_err(|_| SignError::NoPrivateKey)?;
    T::from_der(&encoded).map_err(|_| SignError::NoPrivateKey)
}

/// The same for schemes that a PKCS#12 file holds as values of its own.
pub(crate) fn decrypt_owned(
    scheme: &AlgorithmIdentifierOwned,
    encrypted: &[u8],
    password: &str,
    fits: impl Fn(&[u8]) -> bool,
) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let encoded = scheme.to_der().map_err(|_| SignError::NoPkcs12)?;
    let scheme = AlgorithmIdentifierRef::from_der(&encoded).map_err(|_| SignError::NoPkcs12)?;
    decrypt(scheme, encrypted, password, fits)
}

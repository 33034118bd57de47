//! `${... | ...}`: what is done to a value before it is written.

use base::{hex, percent};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::SecretOnly;
use super::cipher::{self, BlockCipher};
use super::hash::{self, Hash, KeyedHash};
use super::rsa::{Padding, RsaKey};
use crate::secret::Secret;

/// One step of `${... | ...}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipe<S = SecretOnly> {
    pub function: Function,
    /// With what beside the value: a key, say.
    pub operands: Vec<S>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Unicode's, as `toUpperCase` of a page's script.
    Upper,
    Lower,
    /// The digest; as text it is lowercase hex.
    Digest(Hash),
    /// RFC 2104, with one operand as key; as text it is lowercase hex.
    Hmac(KeyedHash, Notation),
    /// Lowercase.
    Hex,
    /// Padded.
    Base64,
    /// Padded or not.
    Base64Decode,
    /// Either case.
    HexDecode,
    /// Not padded.
    Base64Url,
    /// All but letters, digits and `-._~`.
    UrlEncode,
    /// With one operand as key in PEM or base64, or with modulus and exponent in hex; as text it is
    /// lowercase hex, as long as the key.
    Rsa(Padding),
    /// In CBC mode, with key and IV as operands.
    Encrypt(BlockCipher, Notation),
    /// The text's bytes in EUC-KR as browsers have it (CP949) instead of UTF-8.
    EucKr,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// The characters are the key, in UTF-8.
    Text,
    /// Either case.
    Hex,
    /// Either alphabet, padded or not.
    Base64,
}

/// Why a pipe cannot be gone through. No sentence shows a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The value is not what the function takes.
    Value(String),
    /// An operand is not.
    Operand(String),
    /// Each is good by itself.
    Together(String),
}

/// Base64 as pages write it, padded or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
pub(crate) const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A value between two pipes.
pub(super) enum Piped {
    Text(String),
    /// They may be no text.
    Bytes(Vec<u8>),
    /// As text they are lowercase hex.
    Hexed(Vec<u8>),
}

impl Piped {
    fn bytes(&self) -> &[u8] {
        match self {
            Piped::Text(text) => text.as_bytes(),
            Piped::Bytes(bytes) | Piped::Hexed(bytes) => bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn text(&self) -> Result<String, Unfit> {
        match self {
            Piped::Text(text) => Ok(text.clone()),
            Piped::Hexed(bytes) => Ok(hex::encode(bytes)),
            Piped::Bytes(bytes) => String::from_utf8(bytes.clone())
                .map_err(|_| Unfit::Value("what is decoded from it is not text".into())),
        }
    }

    /// As what it may show when it is sent back.
    pub(super) fn shown(&self) -> Vec<Secret> {
        match self {
            Piped::Text(text) => vec![Secret::new(text.as_str())],
            Piped::Bytes(bytes) | Piped::Hexed(bytes) => {
                let mut shown =
                    vec![Secret::new(hex::encode(bytes)), Secret::new(STANDARD.encode(bytes))];
                shown.extend(std::str::from_utf8(bytes).ok().map(Secret::new));
                shown
            }
        }
    }
}

impl Pipe<SecretOnly> {
    /// The same where more may be named.
    pub(super) fn widened<S: From<SecretOnly>>(&self) -> Pipe<S> {
        let operands = self.operands.iter().map(|operand| operand.clone().into()).collect();
        Pipe { function: self.function, operands }
    }
}

impl Function {
    /// Whether the result has to go through another pipe before it can be written.
    pub fn gives_bytes(self) -> bool {
        matches!(self, Function::EucKr | Function::Encrypt(..))
    }

    /// What is wrong with operands that stand in the file.
    pub fn check(self, operands: &[Secret]) -> Result<(), String> {
        match self.apply(&Piped::Text("x".into()), operands) {
            Err(Unfit::Operand(said)) => Err(said),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(self, value: &Piped, operands: &[Secret]) -> Result<Piped, Unfit> {
        let bytes = value.bytes();
        Ok(match self {
            Function::Upper => Piped::Text(value.text()?.to_uppercase()),
            Function::Lower => Piped::Text(value.text()?.to_lowercase()),
            Function::Digest(hash) => Piped::Hexed(hash::digest(hash, bytes)),
            Function::Hmac(hash, notation) => {
                let key = notation.bytes("the key", operand(operands, 0)?)?;
                Piped::Hexed(hash::hmac(hash, &key, bytes))
            }
            Function::Hex => Piped::Text(hex::encode(bytes)),
            Function::Base64 => Piped::Text(STANDARD.encode(bytes)),
            Function::Base64Url => Piped::Text(URL_SAFE_NO_PAD.encode(bytes)),
            Function::UrlEncode => Piped::Text(url_encoded(bytes, true)),
            Function::Rsa(padding) => {
                let key = match operands {
                    [modulus, exponent] => RsaKey::of_hex(modulus.expose(), exponent.expose())?,
                    _ => RsaKey::of_text(operand(operands, 0)?)?,
                };
                Piped::Hexed(key.encrypt(padding, bytes)?)
            }
            Function::Encrypt(cipher, notation) => {
                let key = notation.bytes("the key", operand(operands, 0)?)?;
                let iv = notation.bytes("the IV", operand(operands, 1)?)?;
                Piped::Bytes(cipher::encrypt(cipher, &key, &iv, bytes)?)
            }
            Function::EucKr => {
                let text = value.text()?;
                match encoding_rs::EUC_KR.encode(&text) {
                    (bytes, _, false) => Piped::Bytes(bytes.into_owned()),
                    _ => {
                        return Err(Unfit::Value("it has characters that EUC-KR has not".into()));
                    }
                }
            }
            Function::Base64Decode => {
                Piped::Bytes(base64(bytes).ok_or_else(|| Unfit::Value("it is not base64".into()))?)
            }
            Function::HexDecode => {
                let decoded = hex::decode(&compact(&value.text()?));
                Piped::Bytes(decoded.ok_or_else(|| Unfit::Value("it is not hex".into()))?)
            }
        })
    }
}

impl Notation {
    /// The bytes of an operand that a sentence calls `what`.
    pub(super) fn bytes(self, what: &str, written: &str) -> Result<Vec<u8>, Unfit> {
        let (bytes, name) = match self {
            Notation::Text => return Ok(written.as_bytes().to_vec()),
            Notation::Hex => (hex::decode(&compact(written)), "hex"),
            Notation::Base64 => (base64(written.as_bytes()), "base64"),
        };
        bytes.ok_or_else(|| Unfit::Operand(format!("{what} is not {name}")))
    }
}

/// How many there are was settled at load.
pub(super) fn operand(operands: &[Secret], index: usize) -> Result<&str, Unfit> {
    let missing = || Unfit::Operand("it is not there".into());
    operands.get(index).map(Secret::expose).ok_or_else(missing)
}

/// Either alphabet, because pages mix them.
pub(super) fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = compact(std::str::from_utf8(bytes).ok()?);
    BASE64.decode(&text).or_else(|_| BASE64_URL.decode(&text)).ok()
}

pub(crate) fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

/// Keeps RFC 3986's unreserved characters, and in a path the slashes.
pub(super) fn url_encoded(bytes: &[u8], in_query: bool) -> String {
    percent::encode(bytes, |byte| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (byte == b'/' && !in_query)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Function::{
        Base64, Base64Decode, Base64Url, Digest, EucKr, Hex, HexDecode, Hmac, Upper, UrlEncode,
    };

    fn through(source: &str, functions: &[Function]) -> Result<String, Unfit> {
        let mut value = Piped::Text(source.into());
        for function in functions {
            value = function.apply(&value, &[])?;
        }
        value.text()
    }

    fn text(source: &str, functions: &[Function]) -> String {
        through(source, functions).unwrap()
    }

    #[test]
    fn pipes_do_what_their_names_say() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha256 = Digest(Hash::Sha256);
        assert_eq!(text("abc", &[sha256]), digest);
        assert_eq!(text("abc", &[sha256, Hex]), digest);
        assert_eq!(text("abc", &[sha256, Base64]), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(text("비", &[Hex]), "ebb984");
        assert_eq!(text("a?>", &[Base64]), "YT8+");
        assert_eq!(text("a?>", &[Base64Url]), "YT8-");
        assert_eq!(text("YT8-", &[Base64Decode]), "a?>");
        assert_eq!(text("YQ", &[Base64Decode, Hex]), "61");
        assert_eq!(text("eb B9 84", &[HexDecode]), "비");
        assert_eq!(text("6f00ff", &[HexDecode, Base64]), "bwD/");
        assert_eq!(text("a b/비", &[UrlEncode]), "a%20b%2F%EB%B9%84");
        assert_eq!(text("비밀", &[EucKr, Hex]), "baf1b9d0");
        assert_eq!(text("aé", &[Upper]), "AÉ");
        assert_eq!(text("AÉ", &[Function::Lower]), "aé");
        // Hometax: base64 of the uppercase hex of the digest.
        assert_eq!(
            text("abc", &[sha256, Upper, Base64]),
            STANDARD.encode(digest.to_ascii_uppercase())
        );
    }

    #[test]
    fn what_does_not_fit_is_said_without_the_value() {
        assert_eq!(through("***", &[Base64Decode]), Err(Unfit::Value("it is not base64".into())));
        assert_eq!(through("0g", &[HexDecode]), Err(Unfit::Value("it is not hex".into())));
        assert_eq!(through("012", &[HexDecode]), Err(Unfit::Value("it is not hex".into())));
        assert!(matches!(through("/w==", &[Base64Decode]), Err(Unfit::Value(_))));
        assert!(matches!(through("/w==", &[Base64Decode, Upper]), Err(Unfit::Value(_))));
        assert!(matches!(through("😀", &[EucKr]), Err(Unfit::Value(_))));
        let hmac = Hmac(KeyedHash::Sha256, Notation::Hex);
        assert_eq!(hmac.check(&[Secret::new("0g")]), Err("the key is not hex".into()));
        assert_eq!(hmac.check(&[Secret::new("0F ff")]), Ok(()));
    }
}

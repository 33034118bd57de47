//! `${... | ...}`: what is done to a value before it is written.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use crate::outcome::{Failure, Reason};
use crate::secret::Secret;

/// One step of `${... | ...}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    /// The digest; as text it is lowercase hex.
    Sha256,
    /// Lowercase.
    Hex,
    /// Padded.
    Base64,
    /// Padded or not.
    Base64Decode,
    /// Not padded.
    Base64Url,
    /// All but letters, digits and `-._~`.
    UrlEncode,
}

/// Base64 as pages write it, padded or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
pub(crate) const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A value between two pipes.
enum Piped {
    Text(String),
    Bytes(Vec<u8>),
    Digest(Vec<u8>),
}

impl Piped {
    fn bytes(&self) -> &[u8] {
        match self {
            Piped::Text(text) => text.as_bytes(),
            Piped::Bytes(bytes) | Piped::Digest(bytes) => bytes,
        }
    }
}

/// A value after all its pipes. Between them it may be bytes that are no text.
pub(super) fn through(pipes: &[Pipe], value: Secret) -> Result<Secret, Failure> {
    if pipes.is_empty() {
        return Ok(value);
    }
    let mut value = Piped::Text(value.expose().to_owned());
    for pipe in pipes {
        value = pipe.apply(value.bytes())?;
    }
    match value {
        Piped::Text(text) => Ok(Secret::new(text)),
        Piped::Digest(digest) => Ok(Secret::new(hex(&digest))),
        Piped::Bytes(bytes) => String::from_utf8(bytes)
            .map(Secret::new)
            .map_err(|_| Failure::new(Reason::Internal, "the result of base64_decode is not text")),
    }
}

impl Pipe {
    fn apply(self, bytes: &[u8]) -> Result<Piped, Failure> {
        Ok(match self {
            Pipe::Sha256 => Piped::Digest(Sha256::digest(bytes).to_vec()),
            Pipe::Hex => Piped::Text(hex(bytes)),
            Pipe::Base64 => Piped::Text(STANDARD.encode(bytes)),
            Pipe::Base64Url => Piped::Text(URL_SAFE_NO_PAD.encode(bytes)),
            Pipe::UrlEncode => Piped::Text(url_encoded(bytes, true)),
            Pipe::Base64Decode => Piped::Bytes(base64(bytes).ok_or_else(|| {
                Failure::new(Reason::CaptureMissing, "a value to decode is not base64")
            })?),
        })
    }
}

/// Either alphabet, because pages mix them.
fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = compact(std::str::from_utf8(bytes).ok()?);
    BASE64.decode(&text).or_else(|_| BASE64_URL.decode(&text)).ok()
}

pub(crate) fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keeps RFC 3986's unreserved characters, and in a path the slashes.
pub(super) fn url_encoded(bytes: &[u8], in_query: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        let kept = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if kept || (byte == b'/' && !in_query) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, pipes: &[Pipe]) -> String {
        through(pipes, Secret::new(source)).ok().unwrap().expose().to_owned()
    }

    #[test]
    fn pipes_do_what_their_names_say() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text("abc", &[Pipe::Sha256]), digest);
        assert_eq!(text("abc", &[Pipe::Sha256, Pipe::Hex]), digest);
        assert_eq!(
            text("abc", &[Pipe::Sha256, Pipe::Base64]),
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
        );
        assert_eq!(text("비", &[Pipe::Hex]), "ebb984");
        assert_eq!(text("a?>", &[Pipe::Base64]), "YT8+");
        assert_eq!(text("a?>", &[Pipe::Base64Url]), "YT8-");
        assert_eq!(text("YT8-", &[Pipe::Base64Decode]), "a?>");
        assert_eq!(text("YQ", &[Pipe::Base64Decode, Pipe::Hex]), "61");
        assert_eq!(text("a b/비", &[Pipe::UrlEncode]), "a%20b%2F%EB%B9%84");
    }

    #[test]
    fn what_cannot_be_decoded_is_a_failure() {
        let failure = through(&[Pipe::Base64Decode], Secret::new("***")).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
        assert!(through(&[Pipe::Base64Decode], Secret::new("/w==")).is_err());
    }
}

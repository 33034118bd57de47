//! `expect` and `warn` of a TLS probe.
//!
//! ```yaml
//! expect: { min_version: 1.3, issuer: { contains: "O=Government of Korea" }, key: { type: ecdsa, min_bits: 256 } }
//! warn: { min_days_left: 21 }
//! ```

use base::hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reading::At;
use super::{Matcher, TimeLimit, expect, value};

pub(super) const SUBJECTS: &[&str] =
    &["time", "min_version", "issuer", "key", "min_days_left", "fingerprint", "pin_sha256"];

/// More than the longest lifetime that a public certificate ever had.
const DAYS_MAX: u32 = 10_000;

/// Longer keys than this are not accepted by TLS libraries.
const BITS_MAX: u32 = 16_384;

/// One in use, one for the renewal, and room for the servers behind one address.
const DIGESTS_MAX: usize = 32;

/// What a handshake must look like; every subject given must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TlsExpect {
    /// From the start of the run to the end of the handshake.
    pub time: Option<TimeLimit>,
    pub min_version: Option<TlsVersion>,
    /// The issuer's name of the server's certificate, written most specific first (RFC 4514).
    pub issuer: Option<Matcher>,
    pub key: Option<KeyExpect>,
    /// Whole days until the first certificate of the verified path, its root aside, expires.
    pub min_days_left: Option<u32>,
    /// Lowercase hex SHA-256 of the server's certificate; one of them must hold.
    pub fingerprint: Vec<String>,
    /// Lowercase hex SHA-256 of its SubjectPublicKeyInfo (RFC 7469); one of them must hold.
    pub pin_sha256: Vec<String>,
}

/// A version that is still spoken (RFC 8996 ended the others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What the public key of the server's certificate must be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyExpect {
    /// Empty: any.
    pub types: Vec<KeyType>,
    /// Of an RSA modulus, or of a curve's field.
    pub min_bits: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    Rsa,
    Ecdsa,
    Ed25519,
}

impl KeyType {
    /// Its name as [`chain::Certificate::key`] begins.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyType::Rsa => "RSA",
            KeyType::Ecdsa => "ECDSA",
            KeyType::Ed25519 => "Ed25519",
        }
    }
}

/// Reads the mapping under `expect` or `warn`.
pub(super) fn tls_expect(at: &At<'_>) -> TlsExpect {
    let Some(fields) = at.fields(SUBJECTS) else { return TlsExpect::default() };
    TlsExpect {
        time: fields.take("time").and_then(|at| expect::time(&at)),
        min_version: fields.parse(
            "min_version",
            value::word(&[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)]),
        ),
        issuer: fields.take("issuer").and_then(|at| issuer(&at)),
        key: fields.take("key").and_then(|at| key(&at)),
        min_days_left: fields.parse("min_days_left", value::whole(1..=DAYS_MAX)),
        fingerprint: fields.take("fingerprint").map(|at| digests(&at)).unwrap_or_default(),
        pin_sha256: fields.take("pin_sha256").map(|at| digests(&at)).unwrap_or_default(),
    }
}

fn issuer(at: &At<'_>) -> Option<Matcher> {
    let matcher = expect::matcher(at)?;
    if matches!(matcher, Matcher::Exists | Matcher::Absent | Matcher::Lt(_) | Matcher::Gt(_)) {
        at.problem(
            "an issuer is a text that is always there; write its name, contains, matches or \
             starts_with",
        );
        return None;
    }
    Some(matcher)
}

fn key(at: &At<'_>) -> Option<KeyExpect> {
    const KEYS: &[&str] = &["type", "min_bits"];
    const TYPES: &[(&str, KeyType)] =
        &[("rsa", KeyType::Rsa), ("ecdsa", KeyType::Ecdsa), ("ed25519", KeyType::Ed25519)];
    let fields = at.fields(KEYS)?;
    if fields.present(KEYS).is_empty() && !fields.has_unknown() {
        at.problem("is empty; write type, min_bits or both");
    }
    let types = fields.take("type").map(|at| at.one_or_many()).unwrap_or_default();
    Some(KeyExpect {
        types: types.iter().filter_map(|at| at.parse(value::word(TYPES))).collect(),
        min_bits: fields.parse("min_bits", value::whole(1..=BITS_MAX)),
    })
}

fn digests(at: &At<'_>) -> Vec<String> {
    let items = at.one_or_many();
    if items.is_empty() {
        at.problem("is an empty list; no certificate could ever be right");
    }
    if items.len() > DIGESTS_MAX {
        at.problem(format!("has {} digests; the most is {DIGESTS_MAX}", items.len()));
    }
    items.iter().take(DIGESTS_MAX).filter_map(|at| at.parse(digest)).collect()
}

/// SHA-256 as OpenSSL writes it (`AB:CD:...`), as plain hex, or in base64 as pins are written.
fn digest(text: &str) -> Result<String, String> {
    const BYTES: usize = 32;
    let text = text.trim();
    let digits: String = text.chars().filter(|&c| c != ':').collect();
    if digits.len() == 2 * BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.len() == BYTES => Ok(hex::encode(&bytes)),
        _ => Err(format!(
            "\"{text}\" is not a SHA-256; write its 64 hexadecimal digits, with or without colons, \
             or 44 characters of base64"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_three_forms() {
        let hex = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        let base64 = STANDARD.encode([0x0a; 32]);
        for text in [&hex, &colons, &base64] {
            assert_eq!(digest(text), Ok(hex.clone()), "{text}");
        }
        for wrong in ["", "0a", &hex[1..], &STANDARD.encode([1; 20])] {
            assert!(digest(wrong).is_err(), "{wrong}");
        }
    }
}

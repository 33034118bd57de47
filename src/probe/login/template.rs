//! Fills templates in at the last moment: secrets from the vault for the host that will receive
//! them, captured values, one-time codes, and the pipes behind them.
//!
//! How a value is encoded is the place's business (a form, a JSON string, a header); here a value
//! is text, or bytes until the last pipe has seen them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::login::{Decode, Identity, Pipe, Source, Value};
use crate::config::{Part, Template};
use crate::outcome::{Failure, Reason};
use crate::probe::surroundings::Surroundings;
use crate::secret::Secret;
use crate::vault::Vault;

use super::identity::Identities;
use super::lockout::admission::Codes;

/// A filled-in template is not larger than this; a page that is captured whole is a mistake.
const RENDERED_BYTES_MAX: usize = 1 << 20;

/// Base64 as pages write it, padded or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Everything that a template of this step may name.
pub(super) struct Values<'v> {
    /// Secrets.
    pub(super) vault: &'v Vault,
    /// What earlier steps captured.
    pub(super) captured: &'v BTreeMap<Arc<str>, Secret>,
    /// One-time codes of this step, by secret.
    pub(super) codes: &'v Codes,
    /// Certificates.
    pub(super) identities: &'v Identities,
    /// The wall clock, since 1970.
    pub(super) now: Duration,
}

/// The values of a run: what was captured, and what is masked beside the secrets of the
/// configuration.
pub(super) struct FlowValues {
    captured: BTreeMap<Arc<str>, Secret>,
    identities: Identities,
    private: Vec<Secret>,
}

impl FlowValues {
    pub(super) fn new(identities: &BTreeMap<Arc<str>, Identity>) -> FlowValues {
        let (captured, private) = (BTreeMap::new(), Vec::new());
        FlowValues { captured, identities: Identities::new(identities), private }
    }

    /// What is masked wherever text leaves the process.
    pub(super) fn private(&self) -> &[Secret] {
        &self.private
    }

    /// Masks a value from now on.
    pub(super) fn hide(&mut self, value: &Secret) {
        self.private.push(value.clone());
    }

    /// Keeps a captured value for later steps.
    pub(super) fn keep(&mut self, name: &Arc<str>, value: Secret) {
        self.captured.insert(name.clone(), value);
    }

    /// What the templates of a step are filled in with.
    pub(super) fn with<'v>(
        &'v self,
        surroundings: &'v Surroundings,
        codes: &'v Codes,
    ) -> Values<'v> {
        Values {
            vault: &surroundings.vault,
            captured: &self.captured,
            codes,
            identities: &self.identities,
            now: surroundings.accounts.now(),
        }
    }
}

/// A value between two pipes.
enum Piece {
    Text(String),
    Bytes(Vec<u8>),
    Digest(Vec<u8>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Text(text) => text.as_bytes(),
            Piece::Bytes(bytes) | Piece::Digest(bytes) => bytes,
        }
    }
}

impl Values<'_> {
    /// The whole text, to be sent to `host`.
    pub(super) fn render(&self, template: &Template, host: &str) -> Result<Secret, Failure> {
        let mut text = String::new();
        for part in &template.parts {
            text.push_str(self.part(part, host)?.expose());
            limited(&text)?;
        }
        Ok(Secret::new(text))
    }

    /// A URL: values behind the first text are percent-encoded, so that a captured `a&b` stays one
    /// parameter; a value that begins the URL is a URL itself. Secrets do not stand in URLs.
    pub(super) fn render_url(
        &self,
        template: &Template,
        base: Option<&Url>,
    ) -> Result<Url, Failure> {
        let mut text = String::new();
        for part in &template.parts {
            let value = self.part(part, "")?;
            let encoded = match part {
                Part::Value(value) => value.pipes.last() == Some(&Pipe::UrlEncode),
                Part::Text(_) | Part::Secret(_) => true,
            };
            if encoded || text.is_empty() {
                text.push_str(value.expose());
            } else {
                text.push_str(&url_encoded(value.expose().as_bytes(), text.contains(['?', '#'])));
            }
            limited(&text)?;
        }
        let url = match base {
            Some(base) => base.join(text.trim()),
            None => Url::parse(text.trim()),
        };
        // The text may hold a captured token and is not shown.
        let wrong = |said: &str| Failure::new(Reason::CaptureMissing, said);
        let mut url = url.map_err(|_| wrong("the captured values do not make a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("the captured values do not make an http or https URL"));
        }
        url.set_fragment(None);
        Ok(url)
    }

    fn part(&self, part: &Part, host: &str) -> Result<Secret, Failure> {
        match part {
            Part::Text(text) => Ok(Secret::new(text.as_str())),
            Part::Secret(name) => self.vault.reveal(name, host),
            Part::Value(value) => self.value(value, host),
        }
    }

    fn value(&self, value: &Value, host: &str) -> Result<Secret, Failure> {
        let mut pipes = value.pipes.as_slice();
        let mut piece = match &value.source {
            Source::Text(text) => text.clone(),
            Source::Secret(name) => {
                let secret = self.vault.reveal(name, host)?;
                match pipes.split_first() {
                    Some((Pipe::Totp, rest)) => {
                        pipes = rest;
                        let code = self.codes.get(name).map(|code| code.expose().to_owned());
                        code.ok_or_else(|| internal(format!("no code was made for {name}")))?
                    }
                    _ => secret.expose().to_owned(),
                }
            }
            Source::Capture(name) => match self.captured.get(name) {
                Some(value) => value.expose().to_owned(),
                // Only after a failure: `finally` may name what was never captured.
                None => {
                    let said = format!("{name} was not captured, because its step was not done");
                    return Err(Failure::new(Reason::CaptureMissing, said));
                }
            },
            Source::Identity(name, field) => self.identities.field(name, *field)?,
        };
        let mut piece = Piece::Text(std::mem::take(&mut piece));
        for pipe in pipes {
            piece = self.pipe(pipe, piece)?;
        }
        match piece {
            Piece::Text(text) => Ok(Secret::new(text)),
            Piece::Digest(digest) => Ok(Secret::new(hex(&digest))),
            Piece::Bytes(bytes) => String::from_utf8(bytes)
                .map(Secret::new)
                .map_err(|_| internal("the result of base64_decode is not text".into())),
        }
    }

    fn pipe(&self, pipe: &Pipe, piece: Piece) -> Result<Piece, Failure> {
        Ok(match pipe {
            Pipe::Totp => return Err(internal("totp stands directly behind a secret".into())),
            Pipe::Sha256 => Piece::Digest(Sha256::digest(piece.bytes()).to_vec()),
            Pipe::Hex => Piece::Text(hex(piece.bytes())),
            Pipe::Base64 => Piece::Text(STANDARD.encode(piece.bytes())),
            Pipe::Base64Url => Piece::Text(URL_SAFE_NO_PAD.encode(piece.bytes())),
            Pipe::UrlEncode => Piece::Text(url_encoded(piece.bytes(), true)),
            Pipe::Base64Decode => Piece::Bytes(base64(piece.bytes()).ok_or_else(|| {
                Failure::new(Reason::CaptureMissing, "a value to decode is not base64")
            })?),
            Pipe::Date(form) => Piece::Text(self.date(form)?),
            Pipe::Uuid => Piece::Text(uuid()),
        })
    }

    fn date(&self, form: &str) -> Result<String, Failure> {
        let now = i64::try_from(self.now.as_secs()).ok();
        let now = now.and_then(|now| jiff::Timestamp::from_second(now).ok()).unwrap_or_default();
        let zoned = now.to_zoned(jiff::tz::TimeZone::system());
        jiff::fmt::strtime::format(form, &zoned)
            .map_err(|error| internal(format!("date:{form}: {error}")))
    }
}

/// Undoes an encoding of a captured text.
pub(super) fn decoded(decode: Decode, text: &str) -> Option<String> {
    let bytes = match decode {
        Decode::Base64 => BASE64.decode(compact(text)).ok()?,
        Decode::Base64Url => BASE64_URL.decode(compact(text)).ok()?,
        Decode::Hex => unhex(text.trim())?,
        Decode::Url => {
            let pair = format!("x={text}");
            let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
            return Some(value.into_owned());
        }
        // A text area's content is text with character references and nothing else.
        Decode::Html => {
            let escaped = text.replace('<', "&lt;");
            let html = scraper::Html::parse_fragment(&escaped);
            return Some(html.root_element().text().collect());
        }
    };
    String::from_utf8(bytes).ok()
}

/// Either alphabet, because pages mix them.
fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = compact(std::str::from_utf8(bytes).ok()?);
    BASE64.decode(&text).or_else(|_| BASE64_URL.decode(&text)).ok()
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// Keeps RFC 3986's unreserved characters, and in a path the slashes.
fn url_encoded(bytes: &[u8], in_query: bool) -> String {
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

/// RFC 9562, version 4.
fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness no TLS works; the identifier is then merely not unique.
    let _ = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn limited(text: &str) -> Result<(), Failure> {
    if text.len() > RENDERED_BYTES_MAX {
        return Err(internal(format!(
            "a filled-in value is larger than {RENDERED_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

fn internal(detail: String) -> Failure {
    Failure::new(Reason::Internal, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str, pipes: &[Pipe]) -> Result<Secret, Failure> {
        let vault = Vault::new(&BTreeMap::new());
        let captured = BTreeMap::from([("x".into(), Secret::new(source))]);
        let values = Values {
            vault: &vault,
            captured: &captured,
            codes: &BTreeMap::new(),
            identities: &Identities::default(),
            now: Duration::from_secs(1_700_150_400),
        };
        let value = Value { source: Source::Capture("x".into()), pipes: pipes.to_vec() };
        values.render(&Template { parts: vec![Part::Value(Box::new(value))] }, "a.go.kr")
    }

    fn text(source: &str, pipes: &[Pipe]) -> String {
        rendered(source, pipes).ok().unwrap().expose().to_owned()
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
        assert_eq!(text("", &[Pipe::Date("%Y".into())]), "2023");
        let uuid = text("", &[Pipe::Uuid]);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert_ne!(uuid, text("", &[Pipe::Uuid]));
    }

    #[test]
    fn values_are_texts_and_never_numbers() {
        assert_eq!(text("00123", &[]), "00123");
        assert_eq!(text("1.10", &[]), "1.10");
        assert_eq!(text(" x ", &[]), " x ");
    }

    #[test]
    fn what_cannot_be_decoded_is_a_failure() {
        let failure = rendered("***", &[Pipe::Base64Decode]).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
        assert!(rendered("/w==", &[Pipe::Base64Decode]).is_err());
    }

    #[test]
    fn a_captured_value_stays_one_piece_of_a_url() {
        let vault = Vault::new(&BTreeMap::new());
        let captured = BTreeMap::from([
            ("tx".into(), Secret::new("a&b=c d")),
            ("next".into(), Secret::new("https://b.go.kr/x?y=1")),
            ("path".into(), Secret::new("app/비")),
        ]);
        let values = Values {
            vault: &vault,
            captured: &captured,
            codes: &BTreeMap::new(),
            identities: &Identities::default(),
            now: Duration::ZERO,
        };
        let capture = |name: &str| {
            let source = Source::Capture(name.into());
            Part::Value(Box::new(Value { source, pipes: Vec::new() }))
        };
        let base = Url::parse("https://a.go.kr/in/").unwrap();
        let url = |parts: Vec<Part>| {
            values.render_url(&Template { parts }, Some(&base)).ok().unwrap().to_string()
        };
        let text = |text: &str| Part::Text(text.into());
        assert_eq!(
            url(vec![text("/v?tx="), capture("tx"), text("&z=1")]),
            "https://a.go.kr/v?tx=a%26b%3Dc%20d&z=1"
        );
        assert_eq!(url(vec![capture("next")]), "https://b.go.kr/x?y=1");
        assert_eq!(url(vec![text("/"), capture("path")]), "https://a.go.kr/app/%EB%B9%84");
    }

    #[test]
    fn encodings_of_captures_are_undone() {
        assert_eq!(decoded(Decode::Base64, "YT8+\n").as_deref(), Some("a?>"));
        assert_eq!(decoded(Decode::Base64Url, "YT8-").as_deref(), Some("a?>"));
        assert_eq!(decoded(Decode::Hex, "EBB984").as_deref(), Some("비"));
        assert_eq!(decoded(Decode::Url, "a+b%26").as_deref(), Some("a b&"));
        assert_eq!(decoded(Decode::Html, "a&amp;b&lt;<i>").as_deref(), Some("a&b<<i>"));
        assert_eq!(decoded(Decode::Hex, "xyz"), None);
        assert_eq!(decoded(Decode::Base64, "*"), None);
    }
}

//! Masks secrets in text that leaves the process: excerpts of bodies and sentences that quote a
//! target. The first guard is the type [`Secret`], which cannot be printed;
//! this is the second one, for the case that a target sends a secret back.
//!
//! A value is known in the forms in which web applications echo it: raw, percent-encoded in UTF-8
//! and EUC-KR, form-encoded, base64 and base64url (also inside a longer encoded text, as in Basic
//! authorization), hex, escaped for JSON and HTML, with what is not ASCII dropped, and as SHA-256. Of two forms that start at the
//! same place the longer one is masked.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use base::hex;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// What stands in the place of a secret.
pub const MASK: &str = "[masked]";

/// A shorter value is masked only where it stands whole: replacing `1234` everywhere would corrupt
/// the text and, by the gaps, tell the value.
pub const SHORT_CHARS: usize = 6;

/// What is masked of a value that a server gave under a name. A short one is no secret by itself:
/// masking every `1` would spoil addresses and times, so it is masked where its name stands before it.
pub fn named(before: &str, value: &str) -> Secret {
    if value.chars().count() < SHORT_CHARS {
        Secret::new(format!("{before}{value}"))
    } else {
        Secret::new(value)
    }
}

/// Whether a header by its name, in lower case, says who is asking: no other host may see its value,
/// whatever that is.
pub fn is_credential(name: &str) -> bool {
    const WORDS: [&str; 8] =
        ["auth", "cookie", "token", "api-key", "apikey", "secret", "session", "password"];
    WORDS.iter().any(|word| name.contains(word))
}

/// A part of an encoded value that is shorter than this is not looked for by itself.
const INNER_BASE64_MIN: usize = 8;

/// Knows a set of secrets in all their forms.
#[derive(Default)]
pub struct Redactor {
    forms: Option<AhoCorasick>,
    /// By pattern: masked only between characters that do not belong to a word.
    whole: Vec<bool>,
}

impl Redactor {
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Redactor {
        let mut forms: BTreeSet<(Vec<u8>, bool)> = BTreeSet::new();
        for secret in secrets {
            let value = secret.expose();
            // The digest and the longer encodings of a short value do not occur by chance.
            let short = value.chars().count() < SHORT_CHARS;
            for form in forms_of(value) {
                let whole = short && form.len() < 2 * SHORT_CHARS;
                forms.insert((form, whole));
            }
        }
        forms.retain(|(form, _)| !form.is_empty());
        let whole = forms.iter().map(|(_, whole)| *whole).collect();
        let built = AhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            // Hex and percent escapes come in both cases, and pages shout.
            .ascii_case_insensitive(true)
            // Made for one failed run and used once: what counts is that it is made quickly.
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(forms.iter().map(|(form, _)| form));
        // Building fails only beyond 2^31 bytes of patterns; a secret is at most 64 KiB.
        Redactor { forms: built.ok().filter(|forms| forms.patterns_len() > 0), whole }
    }

    /// The text with every known form masked.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut kept = 0;
        for (start, end) in self.places(text.as_bytes()) {
            // A form found in UTF-8 text starts and ends between characters, unless it is the
            // EUC-KR bytes of a value; a stray match in the middle of one is widened.
            let start = floor(text, start.max(kept));
            let end = ceil(text, end);
            masked.push_str(&text[kept..start]);
            masked.push_str(MASK);
            kept = end;
        }
        masked.push_str(&text[kept..]);
        masked
    }

    /// Whether any known form is in the bytes.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.places(bytes).next().is_some()
    }

    fn places<'t>(&'t self, bytes: &'t [u8]) -> impl Iterator<Item = (usize, usize)> + 't {
        let found = self.forms.as_ref().map(|forms| forms.find_iter(bytes));
        found.into_iter().flatten().filter_map(move |found| {
            let whole = self.whole.get(found.pattern().as_usize()).copied().unwrap_or_default();
            let stands_whole = !is_word(bytes.get(found.start().wrapping_sub(1)))
                && !is_word(bytes.get(found.end()));
            (!whole || stands_whole).then_some((found.start(), found.end()))
        })
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

fn floor(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

fn ceil(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index += 1;
    }
    index
}

/// Every form of a value that is looked for.
fn forms_of(value: &str) -> Vec<Vec<u8>> {
    let utf8 = value.as_bytes();
    let (euc_kr, _, _) = encoding_rs::EUC_KR.encode(value);
    let digest = Sha256::digest(utf8);
    let mut forms = vec![utf8.to_vec(), euc_kr.to_vec()];
    for bytes in [utf8, &euc_kr, &digest] {
        forms.push(hex::encode(bytes).into_bytes());
        forms.push(STANDARD.encode(bytes).into_bytes());
        forms.push(STANDARD_NO_PAD.encode(bytes).into_bytes());
        forms.push(URL_SAFE.encode(bytes).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(bytes).into_bytes());
        forms.extend(inner_base64(bytes));
    }
    for bytes in [utf8, &euc_kr] {
        for kept in [&b"-._~"[..], b"-._*", b"-_.!~*'()", b""] {
            for space in ["%20", "+"] {
                let encoded = percent(bytes, kept, space);
                forms.push(encoded.into_bytes());
            }
        }
    }
    forms.extend(ascii_rests(value).map(String::into_bytes));
    forms.push(json_inner(value).into_bytes());
    forms.push(json_ascii(value).into_bytes());
    forms.push(json_inner(value).replace('/', "\\/").into_bytes());
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    forms.push(html.replace('"', "&quot;").replace('\'', "&#39;").into_bytes());
    forms.push(html.replace('"', "&#34;").replace('\'', "&#x27;").into_bytes());
    // What was captured and decoded twice stood in the page escaped twice.
    forms.push(html.replace('&', "&amp;").into_bytes());
    forms.push(html.into_bytes());
    forms
}

/// What is left where something that only knows ASCII has dropped the other characters, or has put a
/// question mark in the place of each. A short rest could be any word.
fn ascii_rests(value: &str) -> impl Iterator<Item = String> {
    let dropped: String = value.chars().filter(char::is_ascii).collect();
    let replaced: String = value.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    let is_told = !value.is_ascii() && dropped.len() >= SHORT_CHARS;
    let rests = [json_inner(&dropped), json_inner(&replaced), dropped, replaced];
    rests.into_iter().filter(move |_| is_told)
}

/// The middle of the base64 of a longer text that holds the value, at each of the three
/// alignments, without the characters that its neighbours share.
fn inner_base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let first = if before == 0 { 0 } else { before + 1 };
        let last = padded.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded);
            if let Some(inner) = encoded.get(first..last)
                && inner.len() >= INNER_BASE64_MIN
            {
                forms.push(inner.as_bytes().to_vec());
            }
        }
    }
    forms
}

/// Percent-encodes all but letters, digits and `kept`.
fn percent(bytes: &[u8], kept: &[u8], space: &str) -> String {
    let encoded =
        base::percent::encode(bytes, |byte| byte.is_ascii_alphanumeric() || kept.contains(&byte));
    // A percent sign of the value is `%25` by now, so every `%20` is a blank.
    encoded.replace("%20", space)
}

fn json_inner(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As encoders write it that keep to ASCII.
fn json_ascii(value: &str) -> String {
    let mut text = String::new();
    for c in json_inner(value).chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "비밀 p&ss/\"w0rd+";

    fn redactor(values: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = values.iter().map(|value| Secret::new(*value)).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn every_form_a_page_may_echo_is_masked() {
        let redactor = redactor(&[VALUE]);
        let (euc_kr, _, _) = encoding_rs::EUC_KR.encode(VALUE);
        let in_form =
            |bytes: &[u8]| -> String { url::form_urlencoded::byte_serialize(bytes).collect() };
        let forms = [
            VALUE.to_owned(),
            in_form(VALUE.as_bytes()),
            in_form(&euc_kr),
            in_form(&euc_kr).to_ascii_lowercase(),
            percent(VALUE.as_bytes(), b"-._~", "%20"),
            percent(&euc_kr, b"-._~", "%20"),
            STANDARD.encode(VALUE),
            URL_SAFE.encode(VALUE),
            URL_SAFE_NO_PAD.encode(&euc_kr),
            hex::encode(VALUE.as_bytes()),
            hex::encode(VALUE.as_bytes()).to_uppercase(),
            serde_json::json!({ "p": VALUE }).to_string(),
            json_ascii(VALUE),
            hex::encode(&Sha256::digest(VALUE)),
            STANDARD.encode(Sha256::digest(VALUE)),
            "비밀 p&amp;ss/&quot;w0rd+".to_owned(),
            " p&ss/\"w0rd+".to_owned(),
            "?? p&ss/\"w0rd+".to_owned(),
        ];
        for form in forms {
            let masked = redactor.mask(&format!("<b>{form}</b>"));
            assert!(masked.contains(MASK), "{form} stayed: {masked}");
            assert!(!masked.contains("w0rd") && !masked.contains("w0RD"), "{form}: {masked}");
        }
    }

    #[test]
    fn a_value_inside_a_longer_base64_text_is_masked_at_every_alignment() {
        let redactor = redactor(&["correct horse battery"]);
        for user in ["a", "ab", "abc", "abcd"] {
            let basic = STANDARD.encode(format!("{user}:correct horse battery:tail"));
            assert!(redactor.mask(&basic).contains(MASK), "{basic}");
        }
    }

    #[test]
    fn the_longer_form_wins_and_short_values_are_masked_only_whole() {
        let redactor = redactor(&["swordfish", "swordfish-2", "1234"]);
        assert_eq!(redactor.mask("x swordfish-2 y"), format!("x {MASK} y"));
        assert_eq!(redactor.mask("pin=1234; id=12345"), format!("pin={MASK}; id=12345"));
        assert_eq!(redactor.mask("nothing here"), "nothing here");
    }

    #[test]
    fn a_short_value_that_was_given_under_a_name_is_masked_behind_it() {
        let secrets = [named("view=", "1"), named("sid=", "a1b2c3d4")];
        let redactor = Redactor::new(&secrets);
        let text = "127.0.0.1:1 view=1; sid=a1b2c3d4 a1b2c3d4";
        let masked = format!("127.0.0.1:1 {MASK}; sid={MASK} {MASK}");
        assert_eq!(redactor.mask(text), masked);
    }

    #[test]
    fn nothing_known_masks_nothing() {
        assert_eq!(redactor(&[]).mask("비밀"), "비밀");
        assert_eq!(Redactor::default().mask("x"), "x");
        assert!(!redactor(&[""]).finds(b"x"));
    }
}

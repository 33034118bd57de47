//! A target's labels as exposition text, escaped once when the target is adopted: a scrape of
//! 800,000 lines only copies them.

use std::fmt::Write;

use base::boundary;

use crate::config::{Kind, Target};

/// Longer label values are cut. Long enough for any honest URL or subject; short enough that a
/// hostile certificate does not fill every scrape and the database behind it.
///
/// Limit: bytes of a label value.
/// Share: of each value.
/// Full: it is cut.
/// Filled: a_megabyte_is_cut_at_a_character
pub const LABEL_VALUE_MAX_BYTES: usize = 1024;

/// Label pairs of one target without braces: `service="gpki",probe="portal",...`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    text: Box<str>,
    /// The pairs of every series end here; those of the info series go on.
    base_len: usize,
}

impl Labels {
    /// The labels of a scheduled target.
    pub fn of(target: &Target) -> Labels {
        let mut text = String::new();
        push(&mut text, "service", &target.id.service);
        push(&mut text, "probe", &target.id.probe);
        push(&mut text, "kind", target.kind.as_str());
        push(&mut text, "instance", &target.instance);
        if let Some(site) = &target.id.site {
            push(&mut text, "site", site);
        }
        let base_len = text.len();
        push(&mut text, "host", &target.host());
        push(&mut text, "component", &target.component);
        push(&mut text, "padded", if is_padded(target) { "1" } else { "0" });
        for (name, value) in &target.labels {
            push(&mut text, name, value);
        }
        Labels { text: text.into(), base_len }
    }

    /// The labels of every series of the target.
    pub fn base(&self) -> &str {
        &self.text[..self.base_len]
    }

    /// The labels of its info series.
    pub fn info(&self) -> &str {
        &self.text
    }
}

/// Whether the probe pads its request over one segment, so that loss of large packets shows.
pub fn is_padded(target: &Target) -> bool {
    matches!(&target.kind, Kind::Http(http) if http.pad_request.is_some())
}

/// Appends `name="value"`, after a comma unless it is the first pair.
pub fn push(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "{name}=\"");
    for piece in pieces(value) {
        text.push_str(piece);
    }
    text.push('"');
}

/// A label value in the pieces of its escaped form: backslash, quote and line feed as the text
/// format asks, and other control characters, which its parsers disagree on, as U+FFFD. Too long
/// values end in an ellipsis.
pub fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let end = boundary(value, LABEL_VALUE_MAX_BYTES);
    let ellipsis = (end < value.len()).then_some("…");
    let mut rest = &value[..end];
    std::iter::from_fn(move || {
        let first = *rest.as_bytes().first()?;
        if let Some(escaped) = escape(first) {
            rest = &rest[1..];
            return Some(escaped);
        }
        let len = rest.bytes().position(|byte| escape(byte).is_some()).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(len);
        rest = tail;
        Some(plain)
    })
    .chain(ellipsis)
}

/// Whether a label value is its own escaped form, as nearly all are.
pub fn is_plain(value: &str) -> bool {
    value.len() <= LABEL_VALUE_MAX_BYTES && value.bytes().all(|byte| escape(byte).is_none())
}

/// Only ASCII bytes have an escaped form, so a cut next to one is always at a char boundary.
const fn escape(byte: u8) -> Option<&'static str> {
    match byte {
        b'\\' => Some("\\\\"),
        b'"' => Some("\\\""),
        b'\n' => Some("\\n"),
        0..0x20 | 0x7f => Some("\u{fffd}"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &str) -> String {
        pieces(value).collect()
    }

    #[test]
    fn hostile_characters_are_escaped_or_replaced() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
        assert_eq!(escaped("nul\0 bell\x07 del\x7f"), "nul\u{fffd} bell\u{fffd} del\u{fffd}");
        assert_eq!(escaped("행정전자서명"), "행정전자서명");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn a_megabyte_is_cut_at_a_character() {
        let cut = escaped(&"봉".repeat(400_000));
        assert_eq!(cut.chars().filter(|&c| c == '봉').count(), LABEL_VALUE_MAX_BYTES / 3);
        assert!(cut.ends_with('…'));
    }
}

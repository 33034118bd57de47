//! What a `Content-Type` says (MIME Sniffing standard, "parse a MIME type").

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, HeaderMap};

/// What kind of text a body is, as far as its charset depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaKind {
    /// It may name its charset in `<meta>`.
    Html,
    /// It may name its charset in an XML declaration.
    Xml,
    /// Always UTF-8 (RFC 8259 section 8.1).
    Json,
    /// Nobody said; browsers look at the bytes.
    Unknown,
    /// Nothing in it speaks about its charset.
    Other,
}

/// The `Content-Type` of a response. Of several the last one counts that is a type at all, except
/// that one without a charset does not take away that of the same type (Fetch standard, "extract a
/// MIME type").
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(CONTENT_TYPE).iter().filter_map(|line| line.to_str().ok());
    let mut counts = lines.next()?;
    for line in lines {
        let says_less = essence(line) == essence(counts) && charset(line).is_none();
        if kind(Some(line)) != MediaKind::Unknown && !says_less {
            counts = line;
        }
    }
    Some(counts)
}

/// A type without its parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim_matches(BLANK).to_ascii_lowercase()
}

/// The kind of a body. A type that is none counts as not given.
pub(super) fn kind(content_type: Option<&str>) -> MediaKind {
    let essence = essence(content_type.unwrap_or_default());
    let Some((main, sub)) = essence.split_once('/') else { return MediaKind::Unknown };
    match (main, sub) {
        ("", _) | (_, "") | ("*", "*") | ("unknown" | "application", "unknown") => {
            MediaKind::Unknown
        }
        ("text", "html") => MediaKind::Html,
        ("text" | "application", "xml") => MediaKind::Xml,
        ("text" | "application", "json") => MediaKind::Json,
        (_, sub) if sub.ends_with("+xml") => MediaKind::Xml,
        (_, sub) if sub.ends_with("+json") => MediaKind::Json,
        _ => MediaKind::Other,
    }
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// The value of the `charset` parameter; the first counts when there are two.
pub(super) fn charset(content_type: &str) -> Option<Cow<'_, str>> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let end = rest.find(['=', ';']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        let Some(value) = after.strip_prefix('=') else {
            rest = after.strip_prefix(';')?;
            continue;
        };
        let (value, after) = self::value(value);
        if name.trim_matches(BLANK).eq_ignore_ascii_case("charset") {
            return Some(value);
        }
        rest = after.split_once(';')?.1;
    }
}

/// A parameter's value and what is behind it. In quotes a semicolon is a letter like any other.
fn value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.trim_start_matches(BLANK).strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return (Cow::Borrowed(value.trim_matches(BLANK)), rest);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if escaped => value.push(letter),
            '"' => return (value.into(), quoted.get(at + 1..).unwrap_or_default()),
            '\\' => {}
            _ => value.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    (value.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_that_of_the_type_without_its_parameters() {
        for (text, expected) in [
            ("text/html", MediaKind::Html),
            ("Text/HTML ; charset=utf-8", MediaKind::Html),
            ("application/xhtml+xml", MediaKind::Xml),
            ("text/xml", MediaKind::Xml),
            ("application/soap+xml; action=x", MediaKind::Xml),
            ("application/json", MediaKind::Json),
            ("application/problem+json", MediaKind::Json),
            ("text/plain", MediaKind::Other),
            ("application/javascript", MediaKind::Other),
            ("", MediaKind::Unknown),
            ("html", MediaKind::Unknown),
            ("; charset=utf-8", MediaKind::Unknown),
            ("*/*", MediaKind::Unknown),
        ] {
            assert_eq!(kind(Some(text)), expected, "{text}");
        }
        assert_eq!(kind(None), MediaKind::Unknown);
    }

    #[test]
    fn the_charset_is_a_parameter_and_not_a_part_of_another() {
        for (text, expected) in [
            ("text/html;charset=euc-kr", Some("euc-kr")),
            ("text/html; Charset = \"euc-kr\" ; x=y", Some("euc-kr")),
            ("text/html; x=\"a;charset=utf-8\"; charset=euc-kr", Some("euc-kr")),
            ("text/html; x=\"\\\";charset=utf-8\"; charset=euc-kr", Some("euc-kr")),
            ("text/html; charset=\"euc-kr", Some("euc-kr")),
            ("text/html; charset=\"euc\\-kr\"", Some("euc-kr")),
            ("text/html; x; charset=euc-kr; charset=utf-8", Some("euc-kr")),
            (";charset=euc-kr", Some("euc-kr")),
            ("text/html; charset=", Some("")),
            ("text/html; xcharset=utf-8", None),
            ("text/html; charset", None),
            ("text/html", None),
            ("charset=utf-8", None),
        ] {
            assert_eq!(charset(text).as_deref(), expected, "{text}");
        }
    }
}

//! The beginning of a page as people may see it: without the tokens that the page itself hands out.

use std::sync::LazyLock;

use encoding_rs::Encoding;
use regex::{Captures, Regex};

use crate::outcome::EXCERPT_TAKEN_BYTES_MAX;
use crate::probe::charset;
use crate::probe::media::{self, MediaKind};
use crate::redact::MASK;

/// A hidden field or a `meta` element, up to its end or that of the text.
static TAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?is)<(?:input|meta)\b[^>]*>?").ok());
static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?is)\b((?:value|content)\s*=\s*)("[^"]*"?|'[^']*'?|[^\s>]+)"#).ok()
});
/// A session or a token in an address, as `;jsessionid=`, as a parameter, or as ASP.NET writes it.
static SESSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)([;?&][a-z_]*(?:(?:sess|token|csrf|nonce|ticket)[a-z_]*|sid)=|/\([sf]\()[^"'&?#\s<>;)]+"#,
    )
    .ok()
});
/// A token in a script, in JSON or in an attribute: a name, then a text of one word.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)((?:csrf|xsrf|token|nonce|sess(?:ion)?_?id|ticket)[\w$]*["']?\s*[:=]\s*)("[^"\s]{6,}"?|'[^'\s]{6,}'?)"#,
    )
    .ok()
});

/// The beginning of a body as text, where it is text.
pub(super) fn beginning(
    body: &[u8],
    content_type: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> Option<String> {
    let is_text = match media::kind(content_type) {
        MediaKind::Other => content_type.is_some_and(|kind| {
            let kind = kind.trim_start().to_ascii_lowercase();
            kind.starts_with("text/") || kind.contains("javascript") || kind.contains("urlencoded")
        }),
        MediaKind::Html | MediaKind::Xml | MediaKind::Json | MediaKind::Unknown => true,
    };
    let taken = body.get(..EXCERPT_TAKEN_BYTES_MAX).unwrap_or(body);
    let is_kept = is_text && !taken.is_empty();
    is_kept.then(|| without_tokens(&charset::text(taken, content_type, fallback)))
}

/// Masks values of hidden fields, of `meta` elements that are named for a token, tokens in scripts and
/// in JSON, and sessions in addresses.
pub(super) fn without_tokens(text: &str) -> String {
    let (Some(tag), Some(value)) = (&*TAG, &*VALUE) else { return String::new() };
    let (Some(session), Some(assigned)) = (&*SESSION, &*ASSIGNED) else { return String::new() };
    let masked = tag.replace_all(text, |found: &Captures<'_>| {
        let tag = &found[0];
        let lower = tag.to_ascii_lowercase();
        let is_token = if lower.starts_with("<meta") {
            ["csrf", "token", "nonce"].iter().any(|word| lower.contains(word))
        } else {
            lower.contains("hidden")
        };
        if is_token {
            value.replace_all(tag, format!("${{1}}\"{MASK}\"")).into_owned()
        } else {
            tag.to_owned()
        }
    });
    let masked = assigned.replace_all(&masked, format!("${{1}}\"{MASK}\""));
    session.replace_all(&masked, format!("${{1}}{MASK}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_archives_are_no_text() {
        let told = |kind| beginning(b"abc", Some(kind), None).is_some();
        for kind in ["text/html; charset=euc-kr", "Text/Plain", "application/problem+json", "", "x"]
        {
            assert!(told(kind), "{kind}");
        }
        for kind in ["image/png", "application/zip", "application/octet-stream", "font/woff2"] {
            assert!(!told(kind), "{kind}");
        }
        assert_eq!(beginning(b"", None, None), None);
        let (euc_kr, _, _) = encoding_rs::EUC_KR.encode("오류");
        assert_eq!(beginning(&euc_kr, None, Some(encoding_rs::EUC_KR)).as_deref(), Some("오류"));
    }

    #[test]
    fn tokens_of_the_page_are_masked_and_its_words_are_not() {
        for (text, expected) in [
            (
                "<input type=hidden name=c value='t0k'>",
                "<input type=hidden name=c value=\"[masked]\">",
            ),
            ("<INPUT VALUE=t0k TYPE=\"hidden\">", "<INPUT VALUE=\"[masked]\" TYPE=\"hidden\">"),
            ("<input type=hidden value=\"t0k", "<input type=hidden value=\"[masked]\""),
            ("<meta name=_csrf content=\"t0k\"/>", "<meta name=_csrf content=\"[masked]\"/>"),
            ("<meta name=author content=\"행안부\">", "<meta name=author content=\"행안부\">"),
            ("<input type=submit value=로그인>", "<input type=submit value=로그인>"),
            ("<a href='/x;jsessionid=0A1B?y=1'>", "<a href='/x;jsessionid=[masked]?y=1'>"),
            ("<a href='/x?a=1&PHPSESSID=0A1B&y=1'>", "<a href='/x?a=1&PHPSESSID=[masked]&y=1'>"),
            ("<a href='/x?a=1&amp;ticket=ST-1'>", "<a href='/x?a=1&amp;ticket=[masked]'>"),
            ("<a href='/(S(lit3py55))/z.aspx'>", "<a href='/(S([masked]))/z.aspx'>"),
            ("var csrf='0a1b2c3d';", "var csrf=\"[masked]\";"),
            ("var _token = \"0a1b2c3d\"", "var _token = \"[masked]\""),
            ("{\"csrfToken\":\"0a1b2c3d\"}", "{\"csrfToken\":\"[masked]\"}"),
            (
                "<div data-csrf-token=0a data-csrf=\"0a1b2c3d",
                "<div data-csrf-token=0a data-csrf=\"[masked]\"",
            ),
            (
                "{\"token_error\":\"not valid any more\"}",
                "{\"token_error\":\"not valid any more\"}",
            ),
            ("<a href='/x?page=2&q=예산&side=l'>", "<a href='/x?page=2&q=예산&side=l'>"),
            ("<a href='/x?sid=0A1B'>", "<a href='/x?sid=[masked]'>"),
        ] {
            assert_eq!(without_tokens(text), expected);
        }
    }
}

//! The beginning of a page as people may see it: without the tokens that the page itself hands out.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::redact::MASK;

/// A hidden field or a `meta` element, up to its end or that of the text.
static TAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?is)<(?:input|meta)\b[^>]*>?").ok());
/// Its value.
static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?is)\b((?:value|content)\s*=\s*)("[^"]*"?|'[^']*'?|[^\s>]+)"#).ok()
});
/// A session in an address.
static SESSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(;[a-z_]*(?:session|sess|sid)[a-z_]*=)[^"'&?#\s<>;]+"#).ok()
});

/// Masks values of hidden fields, of `meta` elements that are named for a token, and sessions in
/// addresses.
pub(super) fn without_tokens(text: &str) -> String {
    let (Some(tag), Some(value), Some(session)) = (&*TAG, &*VALUE, &*SESSION) else {
        return String::new();
    };
    let masked = tag.replace_all(text, |found: &Captures<'_>| {
        let tag = &found[0];
        let lower = tag.to_ascii_lowercase();
        let is_token = match lower.starts_with("<meta") {
            true => ["csrf", "token", "nonce"].iter().any(|word| lower.contains(word)),
            false => lower.contains("hidden"),
        };
        match is_token {
            true => value.replace_all(tag, format!("${{1}}\"{MASK}\"")).into_owned(),
            false => tag.to_owned(),
        }
    });
    session.replace_all(&masked, format!("${{1}}{MASK}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(without_tokens(text), expected);
        }
    }
}

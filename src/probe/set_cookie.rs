//! One `Set-Cookie` as it is written (RFC 6265bis section 5.6), before anybody asks whether it may
//! be set. Of an attribute that comes twice the last counts, and one that makes no sense is as if
//! it were not there.

use jiff::Timestamp;

use super::cookie_date;

/// Name and value together. Browsers drop more, so a session in more would not hold for people.
///
/// Limit: bytes of name and value of a cookie.
/// Share: of each cookie.
/// Full: it is ignored, as browsers do.
/// Filled: a_cookie_without_content_or_with_control_characters_is_none
const PAIR_BYTES_MAX: usize = 4096;

/// Of an attribute's value; more is ignored.
///
/// Limit: bytes of an attribute's value.
/// Share: of each cookie.
/// Full: the attribute is ignored, as browsers do.
/// Filled: an_attribute_that_is_too_long_is_not_there
const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// The parts of a `Set-Cookie`.
#[derive(Debug, Default)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    /// In lower case and without a leading dot.
    pub(super) domain: Option<String>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) secure: bool,
    /// `SameSite=None`: whoever embeds the site is to have it.
    same_site_none: bool,
    partitioned: bool,
    max_age: Option<Life>,
    expires: Option<Timestamp>,
}

/// Whether a cookie is to be kept. Lifetimes beyond "already over" do not matter within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Session,
    Over,
}

impl<'a> SetCookie<'a> {
    /// `None` is a cookie that is to be ignored as a whole.
    pub(super) fn parse(line: &'a [u8]) -> Option<SetCookie<'a>> {
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return None;
        }
        let mut parts = line.split(|byte| *byte == b';');
        let (name, value) = match pair(parts.next()?) {
            // Without a name, all of it is the value.
            (text, None) => (&b""[..], text),
            (name, Some(value)) => (name, value),
        };
        if (name.is_empty() && value.is_empty()) || name.len() + value.len() > PAIR_BYTES_MAX {
            return None;
        }
        let mut cookie = SetCookie { name, value, ..SetCookie::default() };
        // It would be sent as if it had the name that only others may set.
        let poses = |prefix: &str| name.is_empty() && starts_with(value, prefix);
        if poses("__Host-") || poses("__Secure-") {
            return None;
        }
        parts.for_each(|part| cookie.attribute(part));
        Some(cookie)
    }

    fn attribute(&mut self, part: &'a [u8]) {
        let (key, value) = pair(part);
        let value = value.unwrap_or_default();
        if value.len() > ATTRIBUTE_BYTES_MAX {
            return;
        }
        match key.to_ascii_lowercase().as_slice() {
            b"domain" => {
                let domain = String::from_utf8_lossy(value.strip_prefix(b".").unwrap_or(value));
                self.domain = Some(domain.to_ascii_lowercase());
            }
            b"path" => self.path = Some(value),
            b"secure" => self.secure = true,
            // An unknown word is as good as none.
            b"samesite" => self.same_site_none = value.eq_ignore_ascii_case(b"none"),
            b"partitioned" => self.partitioned = true,
            b"max-age" => self.max_age = max_age(value).or(self.max_age),
            b"expires" => self.expires = cookie_date::parse(value).or(self.expires),
            _ => {}
        }
    }

    /// `Max-Age` counts more than `Expires`.
    pub(super) fn life(&self, now: Timestamp) -> Life {
        let by_date = || match self.expires {
            Some(end) if end <= now => Life::Over,
            _ => Life::Session,
        };
        self.max_age.unwrap_or_else(by_date)
    }

    /// Whether it is only for those who are also asked to keep it secure. Chromium drops it otherwise,
    /// and a session in it would not hold for people.
    pub(super) fn is_for_embedding(&self) -> bool {
        self.same_site_none || self.partitioned
    }

    /// Whether the name makes a promise about how the cookie was set.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        starts_with(self.name, prefix)
    }
}

/// Seconds from now; of any length, because only their sign matters.
fn max_age(value: &[u8]) -> Option<Life> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_over = negative || digits.iter().all(|digit| *digit == b'0');
    is_number.then_some(if is_over { Life::Over } else { Life::Session })
}

/// What is before and behind the first `=`.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        None => (trimmed(part), None),
        Some(at) => {
            let (name, value) = part.split_at(at);
            (trimmed(name), Some(trimmed(value.get(1..).unwrap_or_default())))
        }
    }
}

/// Only spaces and tabs are white space here.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn starts_with(text: &[u8], prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Option<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        SetCookie::parse(line.as_bytes()).map(|set| (text(set.name), text(set.value)))
    }

    fn life(attributes: &str) -> Life {
        let line = format!("a=1; {attributes}");
        SetCookie::parse(line.as_bytes()).unwrap().life(crate::calendar::now())
    }

    #[test]
    fn name_and_value_are_what_is_around_the_first_equals_sign() {
        for (line, name, value) in [
            ("a=b", "a", "b"),
            (" a \t=\t b ; Path=/", "a", "b"),
            ("a=b=c", "a", "b=c"),
            ("a=\"x y\"", "a", "\"x y\""),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("b", "", "b"),
            ("a b=c d", "a b", "c d"),
            ("a=\u{a0}b", "a", "\u{a0}b"),
            ("a=b\tc", "a", "b\tc"),
            ("__Other-a=b", "__Other-a", "b"),
        ] {
            assert_eq!(read(line), Some((name.to_owned(), value.to_owned())), "{line}");
        }
    }

    #[test]
    fn a_cookie_without_content_or_with_control_characters_is_none() {
        let long = format!("a={}", "x".repeat(PAIR_BYTES_MAX));
        for line in [
            "",
            "=",
            " = ; Path=/",
            "; a=b",
            "a=b\u{1}c",
            "a\u{7f}=b",
            "a=b; Path=/\u{0}",
            "__Host-a",
            "=__secure-a=b",
            &long,
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_life_is_over_by_the_last_attribute_that_makes_sense() {
        let past = "Expires=Thu, 01-Jan-1970 00:00:00 GMT";
        let future = "Expires=Fri, 01 Jan 2100 00:00:00 GMT";
        for over in [
            past,
            "Max-Age=0",
            "Max-Age=00",
            "Max-Age=-1",
            "Max-Age=-99999999999999999999999",
            &format!("{future}; {past}"),
            &format!("{past}; Expires="),
            &format!("{past}; Expires=soon"),
            &format!("Max-Age=0; {future}"),
            "Max-Age=60; Max-Age=0",
            "Max-Age=0; Max-Age=soon",
            &format!("Max-Age=; {past}"),
            "MAX-AGE = 0",
        ] {
            assert_eq!(life(over), Life::Over, "{over}");
        }
        for kept in [
            "",
            future,
            "Expires=",
            "Expires=0",
            "Expires=-1",
            "Max-Age=",
            "Max-Age=-",
            "Max-Age=+0",
            "Max-Age=0.0",
            "Max-Age=0s",
            "Max-Age=99999999999999999999999",
            &format!("{past}; {future}"),
            &format!("Max-Age=60; {past}"),
        ] {
            assert_eq!(life(kept), Life::Session, "{kept}");
        }
    }

    #[test]
    fn an_attribute_that_is_too_long_is_not_there() {
        let long = "/".repeat(ATTRIBUTE_BYTES_MAX + 1);
        let line = format!("a=b; Path=/x; Path={long}");
        assert_eq!(SetCookie::parse(line.as_bytes()).unwrap().path, Some(&b"/x"[..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_line_is_a_cookie_or_none(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SetCookie::parse(&line).map(|set| set.life(crate::calendar::now()));
        }
    }
}

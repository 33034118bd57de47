//! Whether a response is what it should be: a pure check of `expect`, `warn` and `fail_if`.
//!
//! Order follows blackbox_exporter, so that the first miss is the one its users know: status,
//! version and TLS, headers, then what the page says. A detail names the rule and never shows what
//! the server sent, because servers echo requests and requests hold secrets.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use encoding_rs::Encoding;
use http::header::{CONTENT_TYPE, HeaderMap};
use scraper::Selector;
use url::Url;

use crate::config::{Expect, FailIf, Matcher, UrlPart};
use crate::outcome::{Failure, Reason};
use crate::probe::decode;
use crate::probe::jar::Jar;
use crate::probe::markup;

/// A response as expectations see it.
pub struct Page<'a> {
    /// The final URL.
    pub url: &'a Url,
    /// Its status.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// The cookies of the run so far.
    pub cookies: &'a Jar,
    /// Since the start of the run.
    pub elapsed: Duration,
    body: &'a [u8],
    charset: Option<&'static Encoding>,
    text: OnceCell<Cow<'a, str>>,
}

/// The parts of a page that are known before its body.
pub struct Head<'a> {
    /// The final URL.
    pub url: &'a Url,
    /// Its status.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// All of them.
    pub headers: &'a HeaderMap,
}

impl<'a> Page<'a> {
    /// A page whose body is decoded when the first rule asks for its text. `charset` is used when
    /// neither the header nor the page names one.
    pub fn new(
        head: Head<'a>,
        body: &'a [u8],
        charset: Option<&'static Encoding>,
        cookies: &'a Jar,
    ) -> Page<'a> {
        let Head { url, status, version, headers } = head;
        let elapsed = Duration::ZERO;
        let text = OnceCell::new();
        Page { url, status, version, headers, cookies, elapsed, body, charset, text }
    }

    /// The decoded body.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            decode::text(self.body, content_type, self.charset)
        })
    }
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Which, in words.
    pub failure: Failure,
    /// Whether a rule on body text or header missed: `probe_failed_due_to_regex`.
    pub pattern: bool,
}

impl Miss {
    fn new(reason: Reason, detail: String) -> Miss {
        let pattern = false;
        Miss { failure: Failure::new(reason, detail), pattern }
    }

    fn of_pattern(self) -> Miss {
        Miss { pattern: true, ..self }
    }
}

/// The first subject that misses.
pub fn first_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    CHECKS.iter().find_map(|check| check(expect, page))
}

/// Every subject that misses, once each.
pub fn misses(expect: &Expect, page: &Page<'_>) -> Vec<Miss> {
    CHECKS.iter().filter_map(|check| check(expect, page)).collect()
}

/// The miss of a rule of `fail_if`: everything in it holds, and that is what must not be.
pub fn forbidden(rule: &FailIf, page: &Page<'_>) -> Option<Miss> {
    if first_miss(&rule.when, page).is_some() {
        return None;
    }
    let about = subjects(&rule.when);
    let miss = Miss::new(rule.reason, format!("a fail_if rule on {about} matched the response"));
    let pattern = !rule.when.body.is_empty() || !rule.when.header.is_empty();
    Some(Miss { pattern, ..miss })
}

/// Whether a rule can only be judged with the body at hand.
pub fn needs_body(expect: &Expect) -> bool {
    !(expect.body.is_empty() && expect.css.is_empty() && expect.json.is_empty())
}

/// The status alone, for when the body could not be had: a wrong status is the better cause.
pub fn status_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let allowed = expect.status.as_ref()?;
    (!allowed.contains(page.status))
        .then(|| Miss::new(Reason::HttpStatus, format!("status {}", page.status)))
}

type Check = fn(&Expect, &Page<'_>) -> Option<Miss>;

const CHECKS: [Check; 10] = [
    status_miss,
    version_miss,
    tls_miss,
    header_miss,
    cookie_miss,
    url_miss,
    body_miss,
    css_miss,
    json_miss,
    time_miss,
];

fn subjects(expect: &Expect) -> String {
    let named = [
        ("status", expect.status.is_some()),
        ("version", !expect.version.is_empty()),
        ("tls", expect.tls.is_some()),
        ("header", !expect.header.is_empty()),
        ("cookie", !expect.cookie.is_empty()),
        ("url", !expect.url.is_empty()),
        ("body", !expect.body.is_empty()),
        ("css", !expect.css.is_empty()),
        ("json", !expect.json.is_empty()),
        ("time", expect.time.is_some()),
    ];
    let given: Vec<&str> =
        named.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    given.join(" and ")
}

fn version_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let allowed =
        expect.version.is_empty() || expect.version.iter().any(|allowed| allowed == page.version);
    (!allowed).then(|| {
        Miss::new(
            Reason::HttpVersion,
            format!("HTTP/{}, not one of {}", page.version, expect.version.join(", ")),
        )
    })
}

fn tls_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let wanted = expect.tls?;
    let scheme = page.url.scheme();
    (wanted != (scheme == "https")).then(|| {
        let wanted = if wanted { "https" } else { "http" };
        Miss::new(Reason::UrlMismatch, format!("the final URL is {scheme}, not {wanted}"))
    })
}

fn header_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    expect.header.iter().find_map(|(name, matcher)| {
        let values: Vec<Cow<'_, str>> = page
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        // As blackbox_exporter: an absent header also fails a rule on what it must not be.
        let holds = if values.is_empty() {
            holds(matcher, None)
        } else if negative(matcher) {
            values.iter().all(|value| holds(matcher, Some(value)))
        } else {
            values.iter().any(|value| holds(matcher, Some(value)))
        };
        (!holds).then(|| {
            let miss = format!("header {name} is not as expected ({})", describe(matcher));
            Miss::new(Reason::HeaderMismatch, miss).of_pattern()
        })
    })
}

fn cookie_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    expect.cookie.iter().find_map(|(name, matcher)| {
        (!holds(matcher, page.cookies.value(name))).then(|| {
            let miss = format!("cookie {name} is not as expected ({})", describe(matcher));
            Miss::new(Reason::HeaderMismatch, miss)
        })
    })
}

fn url_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    expect.url.iter().find_map(|(part, matcher)| {
        let (name, value) = match part {
            UrlPart::Whole => ("URL", Some(page.url.as_str())),
            UrlPart::Scheme => ("scheme", Some(page.url.scheme())),
            UrlPart::Host => ("host", page.url.host_str()),
            UrlPart::Path => ("path", Some(page.url.path())),
            UrlPart::Query => ("query", page.url.query()),
        };
        (!holds(matcher, value)).then(|| {
            let miss = format!("the final URL's {name} is not as expected ({})", describe(matcher));
            Miss::new(Reason::UrlMismatch, miss)
        })
    })
}

fn body_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let matcher = expect.body.iter().find(|matcher| !holds(matcher, Some(page.text())))?;
    let miss = format!("the body is not as expected ({})", describe(matcher));
    Some(Miss::new(Reason::BodyMismatch, miss).of_pattern())
}

fn css_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    if expect.css.is_empty() {
        return None;
    }
    let document = match markup::parse(page.text()) {
        Ok(document) => document,
        Err(tangled) => return Some(Miss::new(Reason::BodyMismatch, tangled.to_string())),
    };
    expect.css.iter().find_map(|(selector, matcher)| {
        // Checked at load.
        let compiled = Selector::parse(&selector.0).ok()?;
        let text = document.select(&compiled).next().map(|element| {
            let text: String = element.text().collect();
            text.trim().to_owned()
        });
        (!holds(matcher, text.as_deref())).then(|| {
            let miss = format!("{} is not as expected ({})", selector.0, describe(matcher));
            Miss::new(Reason::BodyMismatch, miss)
        })
    })
}

fn json_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    if expect.json.is_empty() {
        return None;
    }
    let Ok(document) = serde_json::from_str::<serde_json::Value>(page.text()) else {
        return Some(Miss::new(Reason::JsonMismatch, "the body is not JSON".to_owned()));
    };
    expect.json.iter().find_map(|(path, matcher)| {
        let text = path.0.query(&document).first().map(|value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        (!holds(matcher, text.as_deref())).then(|| {
            let miss = format!("{} is not as expected ({})", *path.0, describe(matcher));
            Miss::new(Reason::JsonMismatch, miss)
        })
    })
}

fn time_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let limit = expect.time?.lt;
    (page.elapsed >= limit).then(|| {
        let (took, limit) = (page.elapsed.as_secs_f64(), limit.as_secs_f64());
        Miss::new(Reason::TooSlow, format!("{took:.3} s, expected less than {limit} s"))
    })
}

/// Whether a text passes. `None` is an absent subject, which only `absent` accepts.
pub fn holds(matcher: &Matcher, subject: Option<&str>) -> bool {
    let Some(text) = subject else { return matches!(matcher, Matcher::Absent) };
    let number = || text.trim().parse::<f64>().ok();
    match matcher {
        Matcher::Exists => true,
        Matcher::Absent => false,
        Matcher::Equals(wanted) => text == wanted,
        Matcher::Contains(wanted) => text.contains(wanted.as_str()),
        Matcher::NotContains(unwanted) => !text.contains(unwanted.as_str()),
        Matcher::Matches(regex) => regex.is_match(text),
        Matcher::NotMatches(regex) => !regex.is_match(text),
        Matcher::In(list) => list.iter().any(|item| item == text),
        Matcher::Lt(limit) => number().is_some_and(|number| number < *limit),
        Matcher::Gt(limit) => number().is_some_and(|number| number > *limit),
        Matcher::StartsWith(wanted) => text.starts_with(wanted.as_str()),
    }
}

fn negative(matcher: &Matcher) -> bool {
    matches!(matcher, Matcher::NotContains(_) | Matcher::NotMatches(_) | Matcher::Absent)
}

/// The rule as the configuration has it; the configuration holds no secrets.
fn describe(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Exists => "exists".to_owned(),
        Matcher::Absent => "absent".to_owned(),
        Matcher::Equals(text) => format!("equals \"{text}\""),
        Matcher::Contains(text) => format!("contains \"{text}\""),
        Matcher::NotContains(text) => format!("not_contains \"{text}\""),
        Matcher::Matches(regex) => format!("matches /{regex}/"),
        Matcher::NotMatches(regex) => format!("not_matches /{regex}/"),
        Matcher::In(list) => format!("in {}", list.join(", ")),
        Matcher::Lt(limit) => format!("lt {limit}"),
        Matcher::Gt(limit) => format!("gt {limit}"),
        Matcher::StartsWith(text) => format!("starts_with \"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CssSelector, JsonPath, StatusSet, TimeLimit};
    use regex::Regex;
    use std::sync::Arc;

    /// Judges a page with status 200 and these headers and body; gives the first miss's reason.
    fn judged(expect: &Expect, headers: &[(&'static str, &str)], body: &[u8]) -> Option<Miss> {
        let url = Url::parse("https://www.gov.kr/portal/main?t=secret").unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            })
            .collect();
        let mut jar = Jar::default();
        jar.store(&url, &headers);
        let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
        let page = Page { elapsed: Duration::from_secs(2), ..Page::new(head, body, None, &jar) };
        first_miss(expect, &page)
    }

    fn reason(expect: &Expect, headers: &[(&'static str, &str)], body: &[u8]) -> Option<Reason> {
        judged(expect, headers, body).map(|miss| miss.failure.reason)
    }

    fn path(text: &str) -> JsonPath {
        JsonPath(Arc::new(serde_json_path::JsonPath::parse(text).unwrap()))
    }

    #[test]
    fn the_status_is_judged_before_everything_else() {
        let expect = Expect {
            status: Some(StatusSet(vec![204..=204])),
            version: vec!["2".to_owned()],
            body: vec![Matcher::Contains("x".to_owned())],
            ..Expect::default()
        };
        let miss = judged(&expect, &[], b"").unwrap();
        assert_eq!(miss.failure.reason, Reason::HttpStatus);
        assert!(!miss.pattern, "a failed status skips the patterns");
    }

    #[test]
    fn an_absent_header_fails_also_what_it_must_not_be() {
        let name = http::header::SERVER;
        for matcher in [
            Matcher::NotMatches(Regex::new("z").unwrap()),
            Matcher::NotContains("z".to_owned()),
            Matcher::Exists,
        ] {
            let expect = Expect { header: vec![(name.clone(), matcher)], ..Expect::default() };
            assert!(judged(&expect, &[], b"").unwrap().pattern);
            assert_eq!(judged(&expect, &[("server", "nginx")], b""), None);
        }
        let expect = Expect { header: vec![(name, Matcher::Absent)], ..Expect::default() };
        assert_eq!(reason(&expect, &[("server", "nginx")], b""), Some(Reason::HeaderMismatch));
        assert_eq!(reason(&expect, &[], b""), None);
    }

    #[test]
    fn every_matcher_accepts_and_refuses() {
        let regex = || Regex::new("^ab").unwrap();
        for (matcher, good, bad) in [
            (Matcher::Equals("a".to_owned()), "a", "ab"),
            (Matcher::Contains("a".to_owned()), "xax", "x"),
            (Matcher::NotContains("a".to_owned()), "x", "xax"),
            (Matcher::Matches(regex()), "abc", "xab"),
            (Matcher::NotMatches(regex()), "xab", "abc"),
            (Matcher::In(vec!["a".to_owned(), "b".to_owned()]), "b", "c"),
            (Matcher::Lt(3.0), "2.5", "3"),
            (Matcher::Gt(3.0), " 4 ", "three"),
            (Matcher::StartsWith("ab".to_owned()), "abc", "cab"),
        ] {
            assert!(holds(&matcher, Some(good)), "{matcher:?}");
            assert!(!holds(&matcher, Some(bad)), "{matcher:?}");
            assert!(!holds(&matcher, None), "{matcher:?}");
        }
    }

    #[test]
    fn json_css_cookie_and_url_are_judged_on_their_own_subject() {
        let json = |path_text, matcher| Expect {
            json: vec![(path(path_text), matcher)],
            ..Expect::default()
        };
        let body = br#"{"status":"UP","n":3,"list":[1]}"#;
        assert_eq!(reason(&json("$.status", Matcher::Equals("UP".to_owned())), &[], body), None);
        assert_eq!(reason(&json("$.n", Matcher::Gt(2.0)), &[], body), None);
        assert_eq!(reason(&json("$.none", Matcher::Absent), &[], body), None);
        let wrong = json("$.none", Matcher::Exists);
        assert_eq!(reason(&wrong, &[], body), Some(Reason::JsonMismatch));
        assert_eq!(reason(&wrong, &[], b"<html>"), Some(Reason::JsonMismatch));

        let css = |selector: &str, matcher| Expect {
            css: vec![(CssSelector(selector.to_owned()), matcher)],
            ..Expect::default()
        };
        let body = "<form id=f><b> 로그인 </b></form>".as_bytes();
        assert_eq!(reason(&css("form#f b", Matcher::Equals("로그인".to_owned())), &[], body), None);
        assert_eq!(reason(&css("img", Matcher::Absent), &[], body), None);
        assert_eq!(reason(&css("img", Matcher::Exists), &[], body), Some(Reason::BodyMismatch));

        let cookie =
            |matcher| Expect { cookie: vec![("S".to_owned(), matcher)], ..Expect::default() };
        assert_eq!(reason(&cookie(Matcher::Exists), &[("set-cookie", "S=1")], b""), None);
        assert_eq!(reason(&cookie(Matcher::Exists), &[], b""), Some(Reason::HeaderMismatch));

        let url = |part, text: &str| Expect {
            url: vec![(part, Matcher::Equals(text.to_owned()))],
            ..Expect::default()
        };
        assert_eq!(reason(&url(UrlPart::Path, "/portal/main"), &[], b""), None);
        assert_eq!(reason(&url(UrlPart::Host, "x"), &[], b""), Some(Reason::UrlMismatch));
        let plain = Expect { tls: Some(false), ..Expect::default() };
        assert_eq!(reason(&plain, &[], b""), Some(Reason::UrlMismatch));
    }

    #[test]
    fn time_is_strictly_less_and_details_do_not_quote_the_server() {
        let time = |lt| Expect {
            time: Some(TimeLimit { lt: Duration::from_secs(lt) }),
            ..Expect::default()
        };
        assert_eq!(reason(&time(2), &[], b""), Some(Reason::TooSlow));
        assert_eq!(reason(&time(3), &[], b""), None);
        let expect = Expect {
            url: vec![(UrlPart::Whole, Matcher::Equals("x".to_owned()))],
            ..Expect::default()
        };
        let miss = judged(&expect, &[], b"").unwrap();
        assert!(!miss.failure.detail.contains("secret"), "{miss:?}");
    }
}

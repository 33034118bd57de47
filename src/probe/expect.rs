//! Whether a response is what it should be: a pure check of `expect`, `warn` and `fail_if`.
//!
//! Order follows blackbox_exporter, so that the first miss is the one its users know: status,
//! version and TLS, headers, then what the page says. A detail names the rule and never shows what
//! the server sent, because servers echo requests and requests hold secrets.

use std::borrow::Cow;
use std::fmt;

use scraper::Selector;

use crate::config::{Expect, FailIf, Matcher, UrlPart};
use crate::outcome::{Failure, Reason};
use crate::probe::hits::{self, BYTES_MAX, HITS_MAX, Hit, HitsVerdict, WantedHits};
use crate::probe::markup;
use crate::probe::matcher::{describe, holds, is_negative};
use crate::probe::page::Page;

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
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

/// Where a rule stands in its probe or step, for who has to find it there.
const EXPECT: &str = "expect";
const WARN: &str = "warn";
const FAIL_IF: &str = "fail_if";

/// The first subject of `expect` that misses.
pub fn first_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    let rule = Rule { key: EXPECT, wanted: WantedHits::All, subjects: expect };
    CHECKS.iter().find_map(|check| check(rule, page))
}

/// Every subject of `warn` that misses, once each, and what else degrades a run.
pub fn warnings(warn: &Expect, page: &Page<'_>) -> Vec<Failure> {
    let subjects = if page.is_unread() { &warn.without_body() } else { warn };
    let rule = Rule { key: WARN, wanted: WantedHits::All, subjects };
    let misses = CHECKS.iter().filter_map(|check| check(rule, page)).map(|miss| miss.failure);
    let mut found: Vec<Failure> = misses.collect();
    found.extend(page.remarks());
    found
}

/// The first rule of `fail_if` in which everything holds, which is what must not be. Without a
/// body only the rules are tried that need none.
pub fn forbidden(rules: &[FailIf], page: &Page<'_>, body: HasBody) -> Option<Miss> {
    let holds = |rule: &FailIf| {
        let forbids = Rule { key: FAIL_IF, wanted: WantedHits::Any, subjects: &rule.when };
        (body == HasBody::Yes || !rule.when.needs_body())
            && CHECKS.iter().all(|check| check(forbids, page).is_none())
    };
    let (index, rule) = rules.iter().enumerate().find(|(_, rule)| holds(rule))?;
    let detail = format!("fail_if[{index}] matched: {}", spoken(&rule.when));
    let pattern = !rule.when.body.is_empty() || !rule.when.header.is_empty();
    Some(Miss { pattern, ..Miss::new(rule.reason, detail) })
}

/// Whether the body could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HasBody {
    /// It is in the page.
    Yes,
    /// The page is without.
    No,
}

/// The status of `expect` alone, for when the body could not be had: a wrong status is the better
/// cause.
pub fn status_miss(expect: &Expect, page: &Page<'_>) -> Option<Miss> {
    wrong_status(Rule { key: EXPECT, wanted: WantedHits::All, subjects: expect }, page)
}

/// Subjects, the key of the configuration that they stand under, and what it wants of them.
#[derive(Clone, Copy)]
struct Rule<'r> {
    key: &'static str,
    wanted: WantedHits,
    subjects: &'r Expect,
}

type Check = fn(Rule<'_>, &Page<'_>) -> Option<Miss>;

const CHECKS: [Check; 10] = [
    wrong_status,
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

fn wrong_status(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    let allowed = rule.subjects.status.as_ref()?;
    (!allowed.contains(page.status)).then(|| {
        Miss::new(Reason::HttpStatus, format!("status {}, expected {allowed}", page.status))
    })
}

fn version_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    let allowed = &rule.subjects.version;
    let fits = allowed.is_empty() || allowed.iter().any(|allowed| allowed == page.version);
    (!fits).then(|| {
        let detail = format!("HTTP/{}, expected {}", page.version, allowed.join(", "));
        Miss::new(Reason::HttpVersion, detail)
    })
}

fn tls_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    let wanted = rule.subjects.tls?;
    let scheme = page.url.scheme();
    (wanted != (scheme == "https")).then(|| {
        let wanted = if wanted { "https" } else { "http" };
        Miss::new(Reason::UrlMismatch, format!("the final URL is {scheme}, expected {wanted}"))
    })
}

fn header_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    rule.subjects.header.iter().find_map(|(name, matcher)| {
        let values: Vec<Cow<'_, str>> = page
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        // As blackbox_exporter: an absent header also fails a rule on what it must not be.
        let fits = if values.is_empty() {
            holds(matcher, None)
        } else if is_negative(matcher) {
            values.iter().all(|value| holds(matcher, Some(value)))
        } else {
            values.iter().any(|value| holds(matcher, Some(value)))
        };
        (!fits).then(|| {
            let said = unexpected(&format!("header {name}"), rule, "header", matcher);
            Miss::new(Reason::HeaderMismatch, said).of_pattern()
        })
    })
}

fn cookie_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    rule.subjects.cookie.iter().find_map(|(name, matcher)| {
        (!holds(matcher, page.cookies.value(name))).then(|| {
            let said = unexpected(&format!("cookie {name}"), rule, "cookie", matcher);
            Miss::new(Reason::HeaderMismatch, said)
        })
    })
}

fn url_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    rule.subjects.url.iter().find_map(|(part, matcher)| {
        let value = match part {
            UrlPart::Whole => Some(page.url.as_str()),
            UrlPart::Scheme => Some(page.url.scheme()),
            UrlPart::Host => page.url.host_str(),
            UrlPart::Path => Some(page.url.path()),
            UrlPart::Query => page.url.query(),
        };
        (!holds(matcher, value)).then(|| {
            let what = match part {
                UrlPart::Whole => "the final URL".to_owned(),
                part => format!("the final URL's {}", part_name(*part)),
            };
            Miss::new(Reason::UrlMismatch, unexpected(&what, rule, "url", matcher))
        })
    })
}

fn body_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    let rules = &rule.subjects.body;
    let missed = rules.iter().position(|matcher| !holds(matcher, Some(page.text())))?;
    // Of a single one there is no number in the file.
    let place = if rules.len() == 1 { "body".to_owned() } else { format!("body[{missed}]") };
    let said = unexpected("the body", rule, &place, rules.get(missed)?);
    Some(Miss::new(Reason::BodyMismatch, said).of_pattern())
}

fn css_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    if rule.subjects.css.is_empty() {
        return None;
    }
    let Some(document) = page.document() else { return unjudged(page) };
    rule.subjects.css.iter().find_map(|(selector, matcher)| {
        // Checked at load.
        let compiled = Selector::parse(&selector.0).ok()?;
        let texts = markup::matching(document, &compiled, &page.budget).map(|element| {
            let text: String = element.text().collect();
            Hit::Text(text.trim().to_owned())
        });
        let miss =
            places_miss(Reason::BodyMismatch, &selector.0, rule, "css", matcher, texts, page);
        // Of the places that were not found in time nothing is known.
        unjudged(page).or(miss)
    })
}

fn json_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    if rule.subjects.json.is_empty() {
        return None;
    }
    if page.json().is_none() {
        let no_json = Miss::new(Reason::JsonMismatch, "the body is not JSON".to_owned());
        return unjudged(page).or(Some(no_json));
    }
    rule.subjects.json.iter().find_map(|(path, matcher)| {
        let Some(values) = page.json_at(path) else { return unjudged(page) };
        let values = values.into_iter().map(|value| match value {
            serde_json::Value::String(text) => Hit::Text(text.clone()),
            serde_json::Value::Number(number) => Hit::Number(number.to_string()),
            other => Hit::Text(other.to_string()),
        });
        places_miss(Reason::JsonMismatch, &*path.0, rule, "json", matcher, values, page)
    })
}

fn unjudged(page: &Page<'_>) -> Option<Miss> {
    page.unjudged().map(|failure| Miss { failure, pattern: false })
}

/// Judges all places that a selector or a path meets. Where there are more than may be looked at,
/// those that were looked at count, and the run is told to be degraded.
fn places_miss(
    reason: Reason,
    what: &dyn fmt::Display,
    rule: Rule<'_>,
    subject: &str,
    matcher: &Matcher,
    hits: impl Iterator<Item = Hit>,
    page: &Page<'_>,
) -> Option<Miss> {
    let miss = || Miss::new(reason, unexpected(&what.to_string(), rule, subject, matcher));
    match hits::judge(matcher, hits, rule.wanted) {
        HitsVerdict::Holds => None,
        HitsVerdict::Misses => Some(miss()),
        HitsVerdict::Undecided => {
            let said = format!(
                "{what} meets more than {HITS_MAX} places or {BYTES_MAX} bytes, and not all were \
                 looked at ({}.{subject}: {})",
                rule.key,
                describe(matcher)
            );
            page.remark(Failure::new(reason, said));
            (rule.wanted == WantedHits::Any).then(miss)
        }
    }
}

fn time_miss(rule: Rule<'_>, page: &Page<'_>) -> Option<Miss> {
    let limit = rule.subjects.time?.lt;
    (page.elapsed >= limit).then(|| {
        let (took, limit) = (page.elapsed.as_secs_f64(), limit.as_secs_f64());
        let detail = format!("{took:.3} s, expected less than {limit} s ({}.time)", rule.key);
        Miss::new(Reason::TooSlow, detail)
    })
}

/// `the body is not as expected (expect.body[1]: contains "UP")`
fn unexpected(what: &str, rule: Rule<'_>, place: &str, matcher: &Matcher) -> String {
    format!("{what} is not as expected ({}.{place}: {})", rule.key, describe(matcher))
}

/// A rule of `fail_if` in words.
fn spoken(when: &Expect) -> String {
    // A rule has no time.
    let Expect { status, version, tls, url, body, css, json, header, cookie, time: _ } = when;
    let mut said = Vec::new();
    said.extend(status.as_ref().map(|allowed| format!("status {allowed}")));
    if !version.is_empty() {
        said.push(format!("version {}", version.join(", ")));
    }
    said.extend(tls.map(|wanted| format!("tls {wanted}")));
    let mut add = |what: String, matcher: &Matcher| said.push(what + " " + &describe(matcher));
    header.iter().for_each(|(name, matcher)| add(format!("header {name}"), matcher));
    cookie.iter().for_each(|(name, matcher)| add(format!("cookie {name}"), matcher));
    url.iter().for_each(|(part, matcher)| match part {
        UrlPart::Whole => add("url".to_owned(), matcher),
        part => add(format!("url {}", part_name(*part)), matcher),
    });
    body.iter().for_each(|matcher| add("body".to_owned(), matcher));
    css.iter().for_each(|(selector, matcher)| add(format!("css {}", selector.0), matcher));
    json.iter().for_each(|(path, matcher)| add(format!("json {}", *path.0), matcher));
    said.join(" and ")
}

fn part_name(part: UrlPart) -> &'static str {
    match part {
        UrlPart::Whole => "url",
        UrlPart::Scheme => "scheme",
        UrlPart::Host => "host",
        UrlPart::Path => "path",
        UrlPart::Query => "query",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CssSelector, JsonPath, SUBJECTS, StatusSet, TimeLimit};
    use crate::probe::jar::Jar;
    use crate::probe::page::Head;
    use http::HeaderMap;
    use regex::Regex;
    use std::sync::Arc;
    use std::time::Duration;
    use url::Url;

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
        let mut page = Page::new(head, body, None, &jar);
        page.elapsed = Duration::from_secs(2);
        first_miss(expect, &page)
    }

    fn reason(expect: &Expect, headers: &[(&'static str, &str)], body: &[u8]) -> Option<Reason> {
        judged(expect, headers, body).map(|miss| miss.failure.reason)
    }

    fn path(text: &str) -> JsonPath {
        JsonPath(Arc::new(serde_json_path::JsonPath::parse(text).unwrap()))
    }

    #[test]
    fn every_subject_of_the_file_is_checked() {
        let (name, matcher) = ("x".to_owned(), Matcher::Exists);
        let all = Expect {
            status: Some(StatusSet(vec![204..=204])),
            version: vec!["2".to_owned()],
            tls: Some(true),
            url: vec![(UrlPart::Query, matcher.clone())],
            body: vec![Matcher::Contains("x".to_owned())],
            css: vec![(CssSelector("p".to_owned()), matcher.clone())],
            json: vec![(path("$.x"), matcher.clone())],
            header: vec![(http::header::SERVER, matcher.clone())],
            cookie: vec![(name, matcher)],
            time: Some(TimeLimit { lt: Duration::from_secs(1) }),
        };
        let (url, headers) = (Url::parse("http://www.gov.kr/").unwrap(), HeaderMap::new());
        let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
        let jar = Jar::default();
        let mut page = Page::new(head, b"", None, &jar);
        page.elapsed = Duration::from_secs(2);
        assert_eq!(warnings(&all, &page).len(), SUBJECTS.len());
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
    fn json_css_cookie_and_url_are_judged_on_their_own_subject() {
        let json = |path_text, matcher| Expect {
            json: vec![(path(path_text), matcher)],
            ..Expect::default()
        };
        let body = br#"{"status":"UP","n":3,"list":[1]}"#;
        assert_eq!(reason(&json("$.status", Matcher::Equals("UP".to_owned())), &[], body), None);
        assert_eq!(reason(&json("$.n", Matcher::Gt("2".parse().unwrap())), &[], body), None);
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

    #[test]
    fn a_detail_names_the_rule_that_did_not_hold_and_where_it_is() {
        let says = |expect: &Expect, expected: &str| {
            assert_eq!(judged(expect, &[], b"UP").unwrap().failure.detail, expected);
        };
        let status = StatusSet(vec![201..=201, 300..=399]);
        let status = Expect { status: Some(status), ..Expect::default() };
        says(&status, "status 200, expected 201, 300-399");
        let contains = |text: &str| Matcher::Contains(text.to_owned());
        let one = Expect { body: vec![contains("down")], ..Expect::default() };
        says(&one, "the body is not as expected (expect.body: contains \"down\")");
        let two = Expect { body: vec![contains("UP"), contains("down")], ..Expect::default() };
        says(&two, "the body is not as expected (expect.body[1]: contains \"down\")");

        let url = Url::parse("https://a.go.kr/").unwrap();
        let (headers, jar) = (HeaderMap::new(), Jar::default());
        let head = Head { url: &url, status: 503, version: "1.1", headers: &headers };
        let page = Page::new(head, b"UP", None, &jar);
        let warned: Vec<String> = warnings(&one, &page).into_iter().map(|w| w.detail).collect();
        assert_eq!(warned, ["the body is not as expected (warn.body: contains \"down\")"]);
        let rule = |when: &Expect| FailIf { reason: Reason::NoticePage, when: when.clone() };
        let matching = Expect {
            status: Some(StatusSet(vec![500..=599])),
            body: vec![contains("UP")],
            ..Expect::default()
        };
        let rules = [rule(&one), rule(&matching)];
        let miss = forbidden(&rules, &page, HasBody::Yes).unwrap();
        let said = "fail_if[1] matched: status 500-599 and body contains \"UP\"";
        assert_eq!((miss.failure.detail.as_str(), miss.pattern), (said, true));
        assert_eq!(forbidden(&rules, &page, HasBody::No), None);
    }
}

//! The one vocabulary of `expect`, `warn` and `fail_if`: subjects and matchers.
//!
//! ```yaml
//! expect: { status: 2xx, url: { path: /main.do }, body: { contains: 행정전자서명 }, cookie: { SESSION: exists } }
//! ```
//!
//! A bare scalar means equals, and is compared as it is written: `00123` and `1.10` are texts. Only
//! a number of JSON is compared by value.

use std::ops::RangeInclusive;
use std::time::Duration;

use ::http::HeaderName;

use read::Value;
use regex::Regex;

use crate::outcome::{Reason, Stage};

use super::decimal::Decimal;
use super::reading::{At, Fields};
use super::{Expect, FailIf, Matcher, StatusSet, TimeLimit, UrlPart, value};

/// What can be looked at.
pub const SUBJECTS: &[&str] =
    &["status", "version", "tls", "url", "body", "css", "json", "header", "cookie", "time"];

/// How a text can be tested.
pub(super) const MATCHERS: &[&str] =
    &["contains", "not_contains", "matches", "not_matches", "in", "lt", "gt", "starts_with"];

pub(super) const URL_PARTS: &[(&str, UrlPart)] = &[
    ("scheme", UrlPart::Scheme),
    ("host", UrlPart::Host),
    ("path", UrlPart::Path),
    ("query", UrlPart::Query),
];

/// RFC 9110 section 15: three digits, the first from 1 to 5.
const STATUS: RangeInclusive<u16> = 100..=599;

/// Rules of one list; more is a mistake of a generator.
const RULES_MAX: usize = 100;

pub(super) fn expect(at: &At<'_>) -> Expect {
    let Some(fields) = at.fields(SUBJECTS) else { return Expect::default() };
    subjects(&fields)
}

/// Reads the list of `fail_if`.
pub(super) fn fail_if(at: &At<'_>) -> Vec<FailIf> {
    let rules = at.one_or_many();
    if rules.len() > RULES_MAX {
        at.problem(format!("has {} rules; the most is {RULES_MAX}", rules.len()));
    }
    rules.iter().take(RULES_MAX).filter_map(rule).collect()
}

fn rule(at: &At<'_>) -> Option<FailIf> {
    let known: Vec<&str> = ["reason"].iter().chain(SUBJECTS).copied().collect();
    let fields = at.fields(&known)?;
    let reason = fields.need("reason").and_then(|reason| reason.parse(self::reason));
    if let Some(time) = fields.take("time") {
        time.problem("a rule cannot look at the time; write it under expect or warn");
    } else if fields.present(SUBJECTS).is_empty() && !fields.has_unknown() {
        at.problem("says no subject, so it would always hold; add one such as body or css");
    }
    let when = subjects(&fields);
    Some(FailIf { reason: reason?, when })
}

/// Whether a page can say it of itself: other stages have their reasons from the run.
pub(super) fn may_be_shown(reason: &Reason) -> bool {
    matches!(reason.stage(), Stage::Http | Stage::Content | Stage::Login)
}

/// Only what a page can say about itself.
pub(super) fn reason(text: &str) -> Result<Reason, String> {
    let allowed = may_be_shown;
    match Reason::from_label(text) {
        Some(reason) if allowed(&reason) => Ok(reason),
        Some(reason) => Err(format!(
            "\"{text}\" belongs to the {} stage; a page can only show a reason of http, content \
             or login, such as notice_page",
            reason.stage().as_str()
        )),
        None => {
            let labels = Reason::ALL.iter().filter(|reason| allowed(reason));
            let hint = match read::hint(text, labels.map(|reason| reason.as_str())) {
                none if none.is_empty() => "; docs/reasons.md has them all".to_owned(),
                hint => hint,
            };
            Err(format!("no reason is called \"{text}\"{hint}"))
        }
    }
}

pub(super) fn subjects(fields: &Fields<'_>) -> Expect {
    let all = |key: &str| fields.take(key);
    Expect {
        status: all("status").and_then(|at| status(&at)),
        version: all("version").map(|at| versions(&at)).unwrap_or_default(),
        tls: all("tls").and_then(|at| at.flag()),
        url: all("url").map(|at| url(&at)).unwrap_or_default(),
        body: all("body")
            .map(|at| at.one_or_many().iter().filter_map(body_matcher).collect())
            .unwrap_or_default(),
        css: named(all("css"), |at, key| at.settle(at.reading.load.cache.selector(key))),
        json: named(all("json"), |at, key| at.settle(at.reading.load.cache.json_path(key))),
        header: named(all("header"), |at, key| at.settle(header_name(key))),
        cookie: named(all("cookie"), |_, key| Some(key.to_owned())),
        time: all("time").and_then(|at| time(&at)),
    }
}

/// A mapping from a kind of name to matchers.
fn named<K>(at: Option<At<'_>>, key: impl Fn(&At<'_>, &str) -> Option<K>) -> Vec<(K, Matcher)> {
    let Some(entries) = at.and_then(|at| at.entries()) else { return Vec::new() };
    let pairs = entries.iter().map(|(name, at)| (key(at, name), matcher(at)));
    pairs.filter_map(|(name, matcher)| Some((name?, matcher?))).collect()
}

/// A header's name (RFC 9110 section 5.1).
pub(super) fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| {
        "not a header name; use letters, digits and -, such as Content-Type".to_string()
    })
}

fn status(at: &At<'_>) -> Option<StatusSet> {
    let items = at.one_or_many();
    if items.is_empty() {
        at.problem("is an empty list; no status could ever be right");
    }
    let ranges: Vec<_> = items.iter().map(|item| item.parse(status_range)).collect();
    ranges.into_iter().collect::<Option<Vec<_>>>().map(StatusSet)
}

/// `200`, `2xx`, `200-299`.
fn status_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong =
        || format!("\"{text}\" is not a status; write 200, 2xx, 200-299 or a list of these");
    let code = |text: &str| {
        let code = text.trim().parse::<u16>().ok().filter(|_| text.trim().len() == 3);
        code.filter(|code| STATUS.contains(code)).ok_or_else(wrong)
    };
    if let Some(class) = text.to_ascii_lowercase().strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Ok(first..=first + 99);
    }
    match text.split_once('-') {
        None => code(text).map(|code| code..=code),
        Some((first, last)) => {
            let range = code(first)?..=code(last)?;
            if range.is_empty() {
                return Err(format!("{text} ends before it begins"));
            }
            Ok(range)
        }
    }
}

fn versions(at: &At<'_>) -> Vec<String> {
    const VERSIONS: &[(&str, &str)] = &[("1.0", "1.0"), ("1.1", "1.1"), ("2", "2")];
    let items = at.one_or_many();
    items.iter().filter_map(|at| at.parse(value::word(VERSIONS))).map(str::to_owned).collect()
}

/// A matcher for the whole, or a mapping from parts to matchers.
fn url(at: &At<'_>) -> Vec<(UrlPart, Matcher)> {
    let Value::Map(entries) = &at.node.value else {
        return matcher(at).map(|matcher| (UrlPart::Whole, matcher)).into_iter().collect();
    };
    if entries.len() == 1 && MATCHERS.contains(&&*entries[0].key) {
        return matcher(at).map(|matcher| (UrlPart::Whole, matcher)).into_iter().collect();
    }
    let parts: Vec<&str> = URL_PARTS.iter().map(|(name, _)| *name).collect();
    let Some(fields) = at.fields(&parts) else { return Vec::new() };
    if entries.is_empty() {
        at.problem(format!("is empty; write one of {}", parts.join(", ")));
    }
    URL_PARTS
        .iter()
        .filter_map(|(name, part)| Some((*part, matcher(&fields.take(name)?)?)))
        .collect()
}

pub(super) fn time(at: &At<'_>) -> Option<TimeLimit> {
    let Value::Map(_) = &at.node.value else {
        at.problem("write the limit as { lt: 2s }");
        return None;
    };
    let limit = value::duration_between(Duration::from_millis(1), Duration::from_secs(3600));
    let lt = at.fields(&["lt"])?.need("lt")?.parse(limit)?;
    Some(TimeLimit { lt })
}

/// The words `exists` and `absent` make no sense for a body: there always is one.
fn body_matcher(at: &At<'_>) -> Option<Matcher> {
    let matcher =
        one_matcher(at, |keys| format!("needs exactly one matcher: a bare value, {keys}"))?;
    if matches!(matcher, Matcher::Exists | Matcher::Absent) {
        at.problem("a response always has a body; write { matches: . } for one that is not empty");
        return None;
    }
    Some(matcher)
}

pub(super) fn matcher(at: &At<'_>) -> Option<Matcher> {
    one_matcher(at, |keys| {
        format!("needs exactly one matcher: a bare value, exists, absent, {keys}")
    })
}

/// `needed` says of none or several what there must be, given the keys.
fn one_matcher(at: &At<'_>, needed: fn(&str) -> String) -> Option<Matcher> {
    let Value::Map(entries) = &at.node.value else {
        return match at.text()?.as_ref() {
            "exists" => Some(Matcher::Exists),
            "absent" => Some(Matcher::Absent),
            text => Some(Matcher::Equals(text.to_owned())),
        };
    };
    let fields = at.fields(MATCHERS)?;
    let given = fields.present(MATCHERS);
    if given.len() != 1 {
        if given.len() > 1 || entries.is_empty() {
            at.problem(needed(&MATCHERS.join(", ")));
        }
        return None;
    }
    let at = fields.take(given[0])?;
    Some(match given[0] {
        "contains" => Matcher::Contains(at.parse(read::some_text)?),
        "not_contains" => Matcher::NotContains(at.parse(read::some_text)?),
        "starts_with" => Matcher::StartsWith(at.parse(read::some_text)?),
        "matches" => Matcher::Matches(pattern(&at)?),
        "not_matches" => Matcher::NotMatches(pattern(&at)?),
        "lt" => Matcher::Lt(at.parse(number)?),
        "gt" => Matcher::Gt(at.parse(number)?),
        _ => Matcher::In(alternatives(&at)?),
    })
}

/// What to say of a key among matchers that other programs have, or that is a word here.
pub(super) fn misplaced(key: &str, known: &[&str]) -> Option<String> {
    let of_url = || known.iter().eq(URL_PARTS.iter().map(|(name, _)| name));
    if known != MATCHERS && !of_url() {
        return None;
    }
    match key {
        "equals" | "equal" | "eq" | "is" => Some("unknown key; a value alone means equal".into()),
        "exists" | "absent" => {
            Some("unknown key; exists and absent are words without a mapping".into())
        }
        _ => None,
    }
}

/// A pattern that says something: `a|` and `x*` match every text, so that a rule with one holds for
/// ever or never.
fn pattern(at: &At<'_>) -> Option<Regex> {
    /// No pattern that looks for something looks for this.
    const ANYTHING: &str = "\u{1}\u{fffe}";
    let pattern = at.parse(|text| at.reading.load.cache.regex(text))?;
    if pattern.is_match("") && pattern.is_match(ANYTHING) {
        let text = pattern.as_str();
        let hint = match text.split('|').any(str::is_empty) && text.contains('|') {
            true => "; remove the | with nothing beside it",
            false => "; write what is looked for, such as [0-9]+ in place of [0-9]*",
        };
        at.problem(format!("matches every text, the empty one too{hint}"));
        return None;
    }
    Some(pattern)
}

fn alternatives(at: &At<'_>) -> Option<Vec<String>> {
    let items = at.items()?;
    if items.is_empty() {
        at.problem("is an empty list; nothing could ever be right");
        return None;
    }
    items.iter().map(|item| item.text().map(|text| text.into_owned())).collect()
}

fn number(text: &str) -> Result<Decimal, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_codes_classes_and_ranges() {
        assert_eq!(status_range("200"), Ok(200..=200));
        assert_eq!(status_range("2xx"), Ok(200..=299));
        assert_eq!(status_range("3XX"), Ok(300..=399));
        assert_eq!(status_range("200-204"), Ok(200..=204));
        for wrong in ["", "20", "2000", "6xx", "99", "300-200", "-", "xx", "2x", "+20"] {
            assert!(status_range(wrong).is_err(), "{wrong}");
        }
    }
}

//! What a response must or must not look like: the validated form of `expect`, `warn` and
//! `fail_if`. How it is read is in `expect.rs`, how it is judged in [`crate::probe::expect`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::decimal::Decimal;
use crate::outcome::Reason;

/// What a response must look like; every subject given must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expect {
    /// Default 2xx after following, 2xx or 3xx when redirects are not followed (filled in at load).
    pub status: Option<StatusSet>,
    /// Allowed versions: `1.0 1.1 2`.
    pub version: Vec<String>,
    /// Whether the final response must (`true`) or must not come over TLS.
    pub tls: Option<bool>,
    /// `url: {host, path, query, scheme}` or `url: matcher` on the whole.
    pub url: Vec<(UrlPart, Matcher)>,
    /// All must hold on the decoded text.
    pub body: Vec<Matcher>,
    /// Selector and what the text of its matches (or their presence) must be: of all of them in
    /// `expect` and `warn`, of any in `fail_if`.
    pub css: Vec<(CssSelector, Matcher)>,
    /// JSONPath and what its matches must be: all in `expect` and `warn`, any in `fail_if`. Numbers
    /// are equal by value.
    pub json: Vec<(JsonPath, Matcher)>,
    /// Header and what any of its values must be.
    pub header: Vec<(::http::HeaderName, Matcher)>,
    /// Cookie and what its value must be.
    pub cookie: Vec<(String, Matcher)>,
    /// From the start of the run to the end of the body.
    pub time: Option<TimeLimit>,
}

impl Expect {
    /// Whether it can only be judged with the body at hand. Each subject is named, so that the compiler
    /// asks here for a new one, which may have to be known to the two below as well.
    pub fn needs_body(&self) -> bool {
        let Expect {
            body,
            css,
            json,
            status: _,
            version: _,
            tls: _,
            url: _,
            header: _,
            cookie: _,
            time: _,
        } = self;
        !(body.is_empty() && css.is_empty() && json.is_empty())
    }

    /// What can be said of an answer by its head.
    pub fn without_body(&self) -> Expect {
        Expect { body: Vec::new(), css: Vec::new(), json: Vec::new(), ..self.clone() }
    }

    /// Whether it is judged in passing on a small page: nothing is parsed and no pattern is matched.
    pub fn is_light(&self) -> bool {
        let Expect { url, body, css, json, header, cookie, .. } = self;
        let is_pattern =
            |matcher: &Matcher| matches!(matcher, Matcher::Matches(_) | Matcher::NotMatches(_));
        let of_heads = header.iter().map(|(_, matcher)| matcher);
        let of_heads = of_heads.chain(cookie.iter().map(|(_, matcher)| matcher));
        let of_heads = of_heads.chain(url.iter().map(|(_, matcher)| matcher));
        let mut matchers = of_heads.chain(body);
        css.is_empty() && json.is_empty() && !matchers.any(is_pattern)
    }
}

/// A rule of `fail_if`: when everything in `when` holds, the run fails with `reason`.
#[derive(Debug, Clone, PartialEq)]
pub struct FailIf {
    /// Of the http, content or login stage.
    pub reason: Reason,
    /// Same vocabulary as `expect`; never empty.
    pub when: Expect,
}

/// Which part of the final URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlPart {
    Whole,
    /// `https`
    Scheme,
    /// `www.gov.kr`
    Host,
    /// `/portal/main`
    Path,
    /// Without `?`.
    Query,
}

/// Status codes: `200`, `2xx`, `200-299`, or a list of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub Vec<std::ops::RangeInclusive<u16>>);

impl StatusSet {
    /// Whether a status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let (first, last) = (range.start(), range.end());
            let between = if index == 0 { "" } else { ", " };
            if first == last {
                write!(f, "{between}{first}")?;
            } else {
                write!(f, "{between}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// `time: {lt: 2s}`; the only matcher of `time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    /// Strictly less than this.
    pub lt: Duration,
}

/// One test of a text. Absence of the subject fails all but `Absent` and the negations on body; a
/// selector or path that meets nothing is an absent subject.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The word `exists`.
    Exists,
    /// The word `absent`.
    Absent,
    /// A bare scalar.
    Equals(String),
    Contains(String),
    NotContains(String),
    Matches(Regex),
    NotMatches(Regex),
    In(Vec<String>),
    /// `lt`, numeric.
    Lt(Decimal),
    /// `gt`, numeric.
    Gt(Decimal),
    StartsWith(String),
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        use Matcher::*;
        match (self, other) {
            (Exists, Exists) | (Absent, Absent) => true,
            (Equals(a), Equals(b))
            | (Contains(a), Contains(b))
            | (NotContains(a), NotContains(b))
            | (StartsWith(a), StartsWith(b)) => a == b,
            (Matches(a), Matches(b)) | (NotMatches(a), NotMatches(b)) => a.as_str() == b.as_str(),
            (In(a), In(b)) => a == b,
            (Lt(a), Lt(b)) | (Gt(a), Gt(b)) => a == b,
            _ => false,
        }
    }
}

/// A CSS selector, checked at load. Kept as text because the compiled form is not `Send`; it is
/// compiled where a page is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CssSelector(pub String);

/// A JSONPath (RFC 9535), compiled at load.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath(pub Arc<serde_json_path::JsonPath>);

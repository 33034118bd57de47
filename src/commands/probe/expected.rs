//! What a run expects, in words of the file: `status 200-299`, `body contains "로그인"`.

use crate::config::{Expect, Kind, Matcher, Target, TimeLimit, TlsExpect, TlsVersion, UrlPart};
use crate::outcome::Outcome;

/// What the probe expects; of a login that failed, what the step expects that it failed in.
pub(super) fn of_run(target: &Target, outcome: &Outcome) -> Vec<String> {
    match &target.kind {
        Kind::Http(http) => of(&http.rules.expect),
        Kind::Tls(tls) => of_handshake(&tls.expect),
        Kind::Login(login) => {
            let failed = outcome.cause().and_then(|failure| failure.step.as_ref());
            let steps =
                login.all_steps().find(|step| Some(&step.step.name) == failed.map(|f| &f.name));
            steps.map(|step| of(&step.rules.expect)).unwrap_or_default()
        }
    }
}

fn of(expect: &Expect) -> Vec<String> {
    let Expect { status, version, tls, url, body, css, json, header, cookie, time } = expect;
    let mut all = Vec::new();
    all.extend(status.iter().map(|status| format!("status {status}")));
    if !version.is_empty() {
        all.push(format!("version {}", version.join(", ")));
    }
    all.extend(tls.map(|tls| if tls { "TLS".to_owned() } else { "no TLS".to_owned() }));
    all.extend(url.iter().map(|(part, matcher)| {
        let part = match part {
            UrlPart::Whole => "url",
            UrlPart::Scheme => "url.scheme",
            UrlPart::Host => "url.host",
            UrlPart::Path => "url.path",
            UrlPart::Query => "url.query",
        };
        format!("{part} {}", matching(matcher))
    }));
    all.extend(body.iter().map(|matcher| format!("body {}", matching(matcher))));
    all.extend(css.iter().map(|(css, matcher)| format!("css {} {}", css.0, matching(matcher))));
    all.extend(json.iter().map(|(path, matcher)| format!("json {} {}", path.0, matching(matcher))));
    all.extend(header.iter().map(|(name, matcher)| format!("header {name} {}", matching(matcher))));
    all.extend(cookie.iter().map(|(name, matcher)| format!("cookie {name} {}", matching(matcher))));
    all.extend(time.map(limit));
    all
}

fn of_handshake(expect: &TlsExpect) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(expect.min_version.map(|version| match version {
        TlsVersion::Tls12 => "TLS 1.2 or newer".to_owned(),
        TlsVersion::Tls13 => "TLS 1.3".to_owned(),
    }));
    all.extend(expect.issuer.iter().map(|matcher| format!("issuer {}", matching(matcher))));
    if let Some(key) = &expect.key {
        let types: Vec<&str> = key.types.iter().map(|kind| kind.as_str()).collect();
        let types = if types.is_empty() { "any".to_owned() } else { types.join(" or ") };
        let bits = key.min_bits.map(|bits| format!(", at least {bits} bits"));
        all.push(format!("key {types}{}", bits.unwrap_or_default()));
    }
    all.extend(expect.min_days_left.map(|days| format!("at least {days} days left")));
    let digests = [("fingerprint", &expect.fingerprint), ("pin_sha256", &expect.pin_sha256)];
    for (name, known) in digests.into_iter().filter(|(_, known)| !known.is_empty()) {
        all.push(format!("{name} {}", known.join(" or ")));
    }
    all.extend(expect.time.map(limit));
    all
}

fn limit(time: TimeLimit) -> String {
    format!("time < {}", humantime::format_duration(time.lt))
}

fn matching(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Exists => "exists".to_owned(),
        Matcher::Absent => "absent".to_owned(),
        Matcher::Equals(text) => format!("= {text:?}"),
        Matcher::Contains(text) => format!("contains {text:?}"),
        Matcher::NotContains(text) => format!("not_contains {text:?}"),
        Matcher::Matches(pattern) => format!("matches {:?}", pattern.as_str()),
        Matcher::NotMatches(pattern) => format!("not_matches {:?}", pattern.as_str()),
        Matcher::In(texts) => format!("in {texts:?}"),
        Matcher::Lt(number) => format!("< {number}"),
        Matcher::Gt(number) => format!("> {number}"),
        Matcher::StartsWith(text) => format!("starts_with {text:?}"),
    }
}

//! The keys of `capture`: where a value is, and what is cut out of it.

use read::Value;

use super::{Absent, Capture, CaptureFrom, Decode, Pattern};
use crate::config::reading::{At, Fields};
use crate::config::{expect, value};

const SOURCES: &[&str] = &["css", "json", "header", "cookie", "url_query"];

pub(in crate::config) const KEYS: &[&str] = &[
    "css",
    "attr",
    "json",
    "header",
    "cookie",
    "regex",
    "url_query",
    "decode",
    "all",
    "join",
    "optional",
    "default",
    "secret",
];

/// Values of one step; more is a scraper and not a login.
const CAPTURES_MAX: usize = 50;

const DECODES: &[(&str, Decode)] = &[
    ("base64", Decode::Base64),
    ("base64url", Decode::Base64Url),
    ("hex", Decode::Hex),
    ("url", Decode::Url),
    ("html", Decode::Html),
];

/// Names that have a meaning of their own in a template.
const RESERVED: &[&str] = &["site", "secret", "identity", "uuid", "date", "text", "hex", "base64"];

/// Reads the mapping under `capture`.
pub(super) fn captures(at: &At<'_>) -> Vec<Capture> {
    let entries = at.entries().unwrap_or_default();
    if entries.len() > CAPTURES_MAX {
        at.problem(format!("has {} captures; the most is {CAPTURES_MAX}", entries.len()));
    }
    let entries = entries.iter().take(CAPTURES_MAX);
    entries.filter_map(|(name, at)| capture(name, at)).collect()
}

/// Looks at the name of a value that is captured or set.
pub(super) fn name(name: &str, at: &At<'_>) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let scope = at.reading.scope;
    let is_set = scope.flow.as_ref().is_some_and(|flow| flow.set.contains_key(name));
    if name.is_empty() || !name.chars().all(word) {
        at.problem(format!("\"{name}\" cannot be a value's name; use letters, digits, _ and -"));
    } else if RESERVED.contains(&name) || is_set || scope.values.contains_key(name) {
        at.problem(format!("\"{name}\" has a meaning already; choose another name"));
    }
}

fn capture(name: &str, at: &At<'_>) -> Option<Capture> {
    self::name(name, at);
    if let Value::Text(_) = at.node.value {
        at.problem(
            "expected a mapping, found text; say where the value is: { json: $.token }, \
             { css: 'meta[name=token]', attr: content }, { header: X-Token }",
        );
        return None;
    }
    let fields = at.fields(KEYS)?;
    let from = source(&fields);
    let is_regex = matches!(from, Some(CaptureFrom::Regex(_)));
    let regex = fields.take("regex").filter(|_| !is_regex);
    let regex = regex.and_then(|at| pattern(&at));
    let flag = |key: &str| fields.take(key).and_then(|at| at.flag());
    let default_secret = matches!(from, Some(CaptureFrom::Header(_) | CaptureFrom::Cookie(_)));
    let all = flag("all").unwrap_or(false);
    let join = fields.take("join").and_then(|at| at.text()).map(|text| text.into_owned());
    if join.is_some() && !all {
        fields.at.problem("join says how all matches are put together; add all: true");
    }
    Some(Capture {
        name: name.into(),
        from: from?,
        regex,
        decode: fields.parse("decode", value::word(DECODES)),
        join: all.then(|| join.unwrap_or_default()),
        absent: absent(&fields),
        secret: flag("secret").unwrap_or(default_secret),
    })
}

/// Exactly one source. `regex` alone is one, on the body; beside another it cuts.
fn source(fields: &Fields<'_>) -> Option<CaptureFrom> {
    let given = fields.present(SOURCES);
    if fields.has("attr") && given != ["css"] {
        fields.at.problem("attr names an attribute of what css finds; it needs css");
    }
    match given[..] {
        [] if fields.has("regex") => pattern(&fields.take("regex")?).map(CaptureFrom::Regex),
        [key] => {
            let at = fields.take(key)?;
            Some(match key {
                "css" => {
                    let attribute = match fields.take("attr") {
                        Some(at) => Some(at.parse(read::some_text)?),
                        None => None,
                    };
                    let selector = at.parse(|text| at.reading.load.cache.selector(text))?;
                    CaptureFrom::Css(selector, attribute)
                }
                "json" => {
                    CaptureFrom::Json(at.parse(|text| at.reading.load.cache.json_path(text))?)
                }
                "header" => CaptureFrom::Header(at.parse(expect::header_name)?),
                "cookie" => CaptureFrom::Cookie(at.parse(read::some_text)?),
                _ => CaptureFrom::UrlQuery(at.parse(read::some_text)?),
            })
        }
        _ => {
            fields.at.problem(
                "a capture has exactly one source, one of css, json, header, cookie, regex, \
                 url_query",
            );
            None
        }
    }
}

fn pattern(at: &At<'_>) -> Option<Pattern> {
    at.parse(|text| at.reading.load.cache.regex(text)).map(Pattern)
}

fn absent(fields: &Fields<'_>) -> Absent {
    let optional = fields.take("optional").and_then(|at| at.flag()).unwrap_or(false);
    let default = fields.take("default").and_then(|at| at.text());
    match default {
        Some(text) => Absent::Is(text.into_owned()),
        None if optional => Absent::Is(String::new()),
        None => Absent::Fails,
    }
}

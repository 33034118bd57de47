//! Headers of a request, and what in them is secret.

use http::{HeaderName, HeaderValue, header};

use super::expect;
use super::names::Nameable;
use super::reading::{At, ConfigValue};
use crate::template::{Part, Template};

/// Headers of one request.
const HEADERS_MAX: usize = 64;

/// The client sets these itself, or a key of its own does.
const OWN_HEADERS: &[(&str, &str)] = &[
    ("accept-encoding", "write compression: true or false"),
    ("connection", "the client sets it"),
    ("content-length", "the client sets it"),
    ("transfer-encoding", "the client sets it"),
    ("upgrade", "the client sets it"),
    ("x-bongsu-padding", "write pad_request"),
];

/// Whether a header is the client's own business, so that no file can set it.
pub fn is_set_by_client(name: &str) -> bool {
    OWN_HEADERS.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
}

/// A template that holds more than words of the file. What stands there instead is not repeated.
pub(super) fn credential<S: Nameable>(at: &At<'_>) -> Option<Template<S>> {
    let template: Template<S> = at.template()?;
    if template.is_literal() {
        at.problem(
            "a literal password can be read by everyone who reads this file; declare it under \
             secrets (env or file) and write ${secret.NAME}",
        );
        return None;
    }
    Some(template)
}

/// Reads headers over those that are there already.
pub(super) fn headers<S: Nameable>(at: &At<'_>, headers: &mut Vec<(HeaderName, Template<S>)>) {
    let entries = at.entries().unwrap_or_default();
    if entries.len() > HEADERS_MAX {
        at.problem(format!("has {} headers; the most is {HEADERS_MAX}", entries.len()));
    }
    for (key, at) in entries {
        let Some(name) = at.settle(expect::header_name(key)) else { continue };
        if let Some((_, advice)) = OWN_HEADERS.iter().find(|(own, _)| name == *own) {
            at.problem(format!("cannot be set here; {advice}"));
            continue;
        }
        let secret = name == header::AUTHORIZATION || name == header::PROXY_AUTHORIZATION;
        let value = if secret { credential(&at) } else { header_value(&at) };
        if let Some(value) = value {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value));
        }
    }
}

/// A template whose texts can stand in a header (RFC 9110 section 5.5).
pub(super) fn header_value<S: Nameable>(at: &At<'_>) -> Option<Template<S>> {
    let template: Template<S> = at.template()?;
    let fits = |part: &Part<S>| match part {
        Part::Text(text) => HeaderValue::from_bytes(text.as_bytes()).is_ok(),
        Part::Value { .. } => true,
    };
    if template.parts.iter().all(fits) {
        return Some(template);
    }
    at.problem("a header's value cannot hold line breaks or control characters");
    None
}

//! What the head of a response says, and where its redirect leads.

use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION};
use http::{Response, Version};
use hyper::body::{Body, Incoming};
use jiff::Timestamp;
use url::Url;

use crate::calendar;
use crate::http_date;
use crate::outcome::{Failure, HttpFacts, Reason};
use crate::probe::request::shown;
use crate::transport::own_address;

/// As text and as the number of `probe_http_version`.
pub(crate) fn version(version: Version) -> (&'static str, f64) {
    match version {
        Version::HTTP_09 => ("0.9", 0.9),
        Version::HTTP_10 => ("1.0", 1.0),
        Version::HTTP_2 => ("2", 2.0),
        Version::HTTP_3 => ("3", 3.0),
        _ => ("1.1", 1.1),
    }
}

/// Writes down what the head of a response says; the last response wins.
pub(super) fn note(http: &mut HttpFacts, url: &Url, response: &Response<Incoming>) {
    http.status = response.status().as_u16();
    http.version = version(response.version()).1;
    http.tls = url.scheme() == "https";
    http.body_bytes = 0;
    http.content_length = announced_length(response);
    http.last_modified = last_modified(response);
}

fn header<'r>(response: &'r Response<Incoming>, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Bytes of the body as the head announces them, -1 where it does not.
pub(crate) fn announced_length(response: &Response<Incoming>) -> i64 {
    header(response, &CONTENT_LENGTH)
        .and_then(|length| length.parse().ok())
        .or_else(|| response.body().size_hint().exact().and_then(|length| length.try_into().ok()))
        .unwrap_or(-1)
}

/// Unix seconds.
pub(crate) fn last_modified(response: &Response<Incoming>) -> Option<i64> {
    let date = header(response, &LAST_MODIFIED)?;
    http_date::parse(date, calendar::now()).map(Timestamp::as_second)
}

/// The `Location` of a response that asks to be followed. Without one, or with an empty one, it is
/// an answer like any other. Browsers refuse several that differ, because somebody may have smuggled
/// one of them in.
pub(super) fn redirect(response: &Response<Incoming>) -> Result<Option<&HeaderValue>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let locations = response.headers().get_all(LOCATION).iter();
    let mut locations = locations.filter(|location| !location.as_bytes().trim_ascii().is_empty());
    let first = locations.next();
    if locations.all(|other| Some(other) == first) {
        return Ok(first);
    }
    let detail = "the redirect has several Location lines that differ; browsers refuse it";
    Err(Failure::new(Reason::ProtocolError, detail))
}

/// Where a redirect leads.
pub(super) fn target(from: &Url, location: &HeaderValue) -> Result<Url, Failure> {
    joined(from, location.as_bytes())
}

/// A URL that a page or a head names, relative to its own.
pub(super) fn joined(from: &Url, address: &[u8]) -> Result<Url, Failure> {
    // Bytes beyond ASCII go on as they came: what the server meant by them only the server knows, and
    // old servers here mean EUC-KR.
    let text = base::percent::encode(address, |_| true);
    let broken = |what: &str| {
        let detail = format!("the redirect from {} {what}", shown(from));
        Failure::new(Reason::ProtocolError, detail)
    };
    let mut next = from.join(&text).map_err(|_| broken("does not lead to a URL"))?;
    if !matches!(next.scheme(), "http" | "https") {
        let detail = format!(
            "the redirect from {} leads to {}:, no web address",
            shown(from),
            next.scheme()
        );
        return Err(Failure::new(Reason::RedirectUnexpectedHost, detail));
    }
    if next.port() == Some(0) {
        return Err(broken("leads to port 0, which nobody listens at"));
    }
    if next.fragment().is_none() {
        next.set_fragment(from.fragment());
    }
    Ok(next)
}

/// Whether a redirect may be followed there.
pub(super) fn allowed(next: &Url, home: &Url, allow_hosts: &[String]) -> Result<(), Failure> {
    let host = next.host_str().unwrap_or_default();
    if allow_hosts.is_empty() && own_address::is_readers_own(next, home) {
        let detail = format!(
            "redirected to {}, which is every reader's own machine; if that is meant, say it in allow_hosts",
            shown(next)
        );
        return Err(Failure::new(Reason::RedirectUnexpectedHost, detail));
    }
    let fits = allow_hosts.is_empty()
        || Some(host) == home.host_str()
        || allow_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    if fits {
        return Ok(());
    }
    let detail = format!("redirected to {}, a host outside allow_hosts", shown(next));
    Err(Failure::new(Reason::RedirectUnexpectedHost, detail))
}

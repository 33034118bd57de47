//! `/probe` and `/config` with `--blackbox.config.file`: what blackbox_exporter answers there.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use url::form_urlencoded;

use super::Site;
use super::connections::ClientConnection;
use super::filter::ListQuery;
use super::missing;
use super::origin;
use crate::blackbox::{Asked, Blackbox, Unprobed};
use crate::metrics;

const PLAIN: &str = "text/plain; charset=utf-8";

pub(super) async fn probe(
    site: &Site,
    client: &ClientConnection,
    blackbox: &Blackbox,
    query: &str,
    headers: &HeaderMap,
) -> Response {
    // Whoever may ask makes this host connect to somebody; a page in a browser may not.
    if origin::is_from_elsewhere(headers, &site.external) {
        return (StatusCode::FORBIDDEN, origin::REFUSED).into_response();
    }
    let answered = match blackbox.prepare(asked(query), headers) {
        Ok(prepared) => {
            let answered = match site.runs.take(client.from()) {
                Some(place) => place.during(blackbox.probe(prepared, &site.surroundings)).await,
                None => None,
            };
            answered.ok_or_else(|| blackbox.busy())
        }
        Err(unprobed) => Err(unprobed),
    };
    let (status, text) = match answered {
        Ok(answered) => {
            let kind = if answered.is_debug { PLAIN } else { metrics::CONTENT_TYPE };
            return ([(CONTENT_TYPE, kind)], answered.text).into_response();
        }
        Err(Unprobed::BadRequest(text)) => (StatusCode::BAD_REQUEST, text),
        Err(Unprobed::UnknownModule(text)) => {
            site.sources.daemon.unknown_module();
            (StatusCode::BAD_REQUEST, text)
        }
        Err(Unprobed::BadTimeout(text)) => (StatusCode::INTERNAL_SERVER_ERROR, text),
        Err(Unprobed::Busy(text)) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    (status, format!("{text}\n")).into_response()
}

/// The modules as they were understood, without their secrets.
pub(super) async fn config(
    state: State<Arc<Site>>,
    wishes: Result<Query<ListQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    match &state.blackbox {
        Some(blackbox) => ([(CONTENT_TYPE, PLAIN)], blackbox.modules().shown()).into_response(),
        None => missing::no_such_path(state, wishes, headers).await,
    }
}

/// The first value of each parameter counts. A target is decoded once more, as blackbox_exporter
/// does: some relabel an address that is encoded already.
fn asked(query: &str) -> Asked {
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.filter(|value| !value.is_empty())
    };
    Asked {
        target: value("target").map(|target| decoded(&target)).unwrap_or_default(),
        module: value("module"),
        hostname: value("hostname"),
        debug: value("debug").as_deref() == Some("true"),
    }
}

/// A text that is not encoded stays as it is.
fn decoded(text: &str) -> String {
    let is_encoded = text.split('%').skip(1).all(|rest| {
        let mut bytes = rest.bytes();
        let mut is_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    });
    if !is_encoded {
        return text.to_owned();
    }
    // The text is one value, whatever is in it.
    let value = format!("x={}", text.replace('&', "%26"));
    let mut pairs = form_urlencoded::parse(value.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_decoded_twice_where_that_makes_sense() {
        for (query, target) in [
            ("target=http%3A%2F%2Fa.kr%2F", "http://a.kr/"),
            ("target=http%253A%252F%252Fa.kr%252F", "http://a.kr/"),
            ("target=http://a.kr/?a=b%26c=d", "http://a.kr/?a=b&c=d"),
            ("target=http://a.kr/100%25", "http://a.kr/100%"),
            ("target=a&target=b", "a"),
            ("module=x", ""),
        ] {
            assert_eq!(asked(query).target, target, "{query}");
        }
    }
}

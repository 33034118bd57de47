//! `/probe?target=&module=`: one target as blackbox_exporter would answer, so that its scrape jobs,
//! dashboards and rules go on working.
//!
//! A configured target is answered from its last result: asking does not probe, and never signs in
//! anywhere. A target is named by its instance or its whole URL, and `module` chooses among several
//! probes of it: an id as `/sd` gives it, a probe's name, a kind, or a module name as they are
//! usual for blackbox_exporter (`http_2xx`, `tcp_connect`), whose first word is a kind. Without a
//! recent result the answer is an error, which Prometheus shows as `up 0`: stale is never green.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::Site;
use super::any_target;
use super::connections::ClientConnection;
use super::modules;
use super::origin;
use crate::config::{Kind, Target};
use crate::metrics;
use crate::results::Row;

/// Probes named in an answer that asks which one is meant.
///
/// No row: targets are the configuration's.
const NAMED_MAX: usize = 10;

pub(super) async fn probe(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    if let Some(blackbox) = &site.blackbox {
        return modules::probe(&site, &client, blackbox, &query, &headers).await;
    }
    let (target, module) = match (parameter(&query, "target"), parameter(&query, "module")) {
        (Ok(Some(target)), Ok(module)) => (target, module),
        (Ok(None), Ok(_)) => return refused("target is missing; /sd lists those there are"),
        (Err(problem), _) | (_, Err(problem)) => return refused(&problem),
    };
    let module = module.as_deref();
    let targets = site.sources.results.find(|candidate| is_named(candidate, &target));
    if targets.is_empty() {
        return match site.probes_any_target {
            true if origin::is_from_elsewhere(&headers, &site.external) => {
                (StatusCode::FORBIDDEN, origin::REFUSED).into_response()
            }
            true => any_target::probe(&site, &client, &target, module, &headers).await,
            false => refused(&format!(
                "{target:?} is not configured; /sd lists what is, and --web.probe-any-target \
                 probes anything else"
            )),
        };
    }
    let chosen = match choose(&targets, module) {
        Ok(chosen) => chosen,
        Err(problem) => return refused(&problem),
    };
    match site.sources.results.row(&chosen.id, Instant::now()) {
        Some(row) if row.is_fresh => exposition(&row),
        _ => {
            let text = format!("{} has no recent result\n", chosen.id);
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// The series of blackbox_exporter for this row, and nothing else.
pub(super) fn exposition(row: &Row) -> Response {
    let mut text = Vec::new();
    let written = metrics::write_blackbox(row, &mut |chunk| {
        text.extend_from_slice(&chunk);
        Ok(())
    });
    match written {
        Ok(()) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(metrics::Gone) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(super) fn refused(problem: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response()
}

/// The value of a parameter of the query, its percent signs undone once, as blackbox_exporter
/// does. An empty one is none. Given twice, one of them would be ignored.
fn parameter(query: &str, name: &str) -> Result<Option<String>, String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let value = values.next().filter(|value| !value.is_empty());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(format!("{name} is given more than once; ask for one at a time")),
    }
}

/// Whether somebody who writes `wanted` means this target.
fn is_named(target: &Target, wanted: &str) -> bool {
    if target.instance == wanted {
        return true;
    }
    let Some(url) = as_url(wanted) else { return false };
    match &target.kind {
        Kind::Http(http) => url == http.url || target.instance == url.as_str(),
        Kind::Login(_) => target.instance == url.as_str(),
        Kind::Tls(tls) => {
            url.scheme() == "https"
                && url.host_str().map(|host| host.trim_matches(['[', ']'])) == Some(&tls.host)
                && url.port_or_known_default() == Some(tls.port)
        }
    }
}

/// As blackbox_exporter reads a target: `http://` where there is no scheme.
pub(super) fn as_url(wanted: &str) -> Option<Url> {
    let has_scheme = wanted.contains("://");
    let text = if has_scheme { wanted.to_owned() } else { format!("http://{wanted}") };
    Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The kind that a usual module name of blackbox_exporter begins with.
pub(super) fn kind_of(module: &str) -> Option<&'static str> {
    match module.split('_').next() {
        Some("http") => Some("http"),
        Some("tls" | "tcp" | "ssl") => Some("tls"),
        _ => None,
    }
}

/// The one target that is meant, or what to write instead.
fn choose<'t>(targets: &'t [Arc<Target>], module: Option<&str>) -> Result<&'t Target, String> {
    let only = |fits: &dyn Fn(&Target) -> bool| {
        let found: Vec<&Target> =
            targets.iter().map(|target| &**target).filter(|target| fits(target)).collect();
        (!found.is_empty()).then_some(found)
    };
    let found = match module {
        // Without a module, as with blackbox_exporter's own default.
        None if targets.len() > 1 => only(&|target| target.kind.as_str() == "http"),
        None => only(&|_| true),
        Some(module) => only(&|target| target.id.to_string() == module)
            .or_else(|| only(&|target| &*target.id.probe == module))
            .or_else(|| only(&|target| target.kind.as_str() == module))
            .or_else(|| only(&|target| Some(target.kind.as_str()) == kind_of(module))),
    };
    match found.as_deref() {
        Some([one]) => Ok(one),
        _ => {
            let ids: Vec<String> =
                targets.iter().take(NAMED_MAX).map(|target| target.id.to_string()).collect();
            Err(format!("which probe of it is meant? Add &module= with one of {}", ids.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_module_names_begin_with_a_kind() {
        for (module, kind) in [
            ("http_2xx", Some("http")),
            ("http_post_2xx", Some("http")),
            ("tcp_connect", Some("tls")),
            ("tls", Some("tls")),
            ("icmp", None),
            ("login", None),
            ("", None),
        ] {
            assert_eq!(kind_of(module), kind, "{module}");
        }
    }

    #[test]
    fn a_target_without_a_scheme_is_http() {
        for (target, url) in [
            ("www.gov.kr", Some("http://www.gov.kr/")),
            ("HTTPS://www.gov.kr", Some("https://www.gov.kr/")),
            ("www.gov.kr:443", Some("http://www.gov.kr:443/")),
            ("file:///etc/passwd", None),
            ("http://", None),
        ] {
            assert_eq!(as_url(target).map(String::from).as_deref(), url, "{target}");
        }
    }
}

//! `/probe` for targets that are not configured, with `--web.probe-any-target`: one HTTP exchange
//! or one handshake with the settings that a configuration without any would have.
//!
//! Whoever may ask can make this host connect to anything that it reaches, which is why it is off
//! by default. It is never a login, it can name no secret, and only so many run at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::Site;
use super::connections::ClientConnection;
use super::probe::{as_url, exposition, kind_of, refused};
use crate::config::{self, Config, Nothing, ReadError, Target};
use crate::probe;
use crate::results::LatestResults;
use crate::scheduler::{Cadence, Observer, Run};
use crate::stop::Stop;

/// At once, beside the configured probes.
///
/// Limit: runs for `/probe` of any target.
/// Share: of all.
/// Full: the newest run of the address that has most ends for one that has fewer, or else 503.
/// Filled: a_run_for_any_target_ends_before_the_scrape_and_only_so_many_run_at_once
pub(super) const RUNS_MAX: usize = 16;
/// Unless Prometheus says how long it waits.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any useful scrape.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Ends before Prometheus gives up, as blackbox_exporter does.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);

pub(super) async fn probe(
    site: &Site,
    client: &ClientConnection,
    target: &str,
    module: Option<&str>,
    headers: &HeaderMap,
) -> Response {
    let target = match target_of(target, module, timeout(headers)) {
        Ok(target) => target,
        Err(problem) => return refused(&problem),
    };
    let answer = match site.runs.take(client.from()) {
        Some(place) => place.during(run(site, target)).await,
        None => None,
    };
    answer.unwrap_or_else(|| {
        let text = format!("{RUNS_MAX} targets that are not configured are being probed already\n");
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    })
}

async fn run(site: &Site, target: Arc<Target>) -> Response {
    let probe = probe::build(&target, &site.surroundings);
    let mut outcome = probe::run(&*probe, target.schedule.timeout(), &Stop::default()).await;
    site.controls.judge(&target.dial, &mut outcome).await;
    let (results, now) = (LatestResults::new(), Instant::now());
    results.adopt(&target, now);
    let (cadence, lag) = (Cadence::Scheduled, Duration::ZERO);
    results.observe(&target, &Run { cadence, lag, finished: now, outcome: Arc::new(outcome) });
    match results.row(&target.id, now) {
        Some(row) => exposition(&row),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// How long the run may take: what Prometheus waits, less the offset.
fn timeout(headers: &HeaderMap) -> Duration {
    let wanted = headers
        .get("x-prometheus-scrape-timeout-seconds")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match wanted.map(|wanted| wanted.saturating_sub(TIMEOUT_OFFSET)) {
        Some(timeout) if !timeout.is_zero() => timeout.min(TIMEOUT_MAX),
        _ => TIMEOUT,
    }
}

fn target_of(target: &str, module: Option<&str>, timeout: Duration) -> Result<Arc<Target>, String> {
    let config = config_of(target, module, timeout)?;
    config.targets.into_iter().next().ok_or_else(|| "nothing to probe".to_owned())
}

/// A configuration of this target alone. It goes through the configuration's own reader, so that
/// defaults and checks are the same.
pub fn config_of(target: &str, module: Option<&str>, timeout: Duration) -> Result<Config, String> {
    let options = match module.map_or(Some("http"), kind_of) {
        Some("http") => {
            let url = as_url(target)
                .ok_or_else(|| format!("{target:?} is no http or https address to probe"))?;
            format!("http: {{ url: {} }}", quoted(url.as_str()))
        }
        Some("tls") => {
            let address = tls_address(target).ok_or_else(|| {
                format!("{target:?} is no host and port for TLS; write www.gov.kr:443")
            })?;
            format!("tls: {{ address: {} }}", quoted(&address))
        }
        _ => return Err("module is http or tls for a target that is not configured".to_owned()),
    };
    let ms = timeout.as_millis().max(1);
    let text = format!(
        "services:\n  - name: any\n    probes:\n      - name: target\n        interval: {}ms\n        \
         timeout: {ms}ms\n        {options}\n",
        // Any interval longer than the timeout; this target is never scheduled.
        ms + 60_000
    );
    config::parse(&text, Path::new("target"), &Nothing).map_err(|error| unprobed(target, &error))
}

/// `host:port`; 443 where neither a port nor a scheme is written.
fn tls_address(target: &str) -> Option<String> {
    let url = as_url(target)?;
    let says_port = target.contains("://") || url.port().is_some();
    let port = url.port_or_known_default().filter(|_| says_port).unwrap_or(443);
    Some(format!("{}:{port}", url.host_str()?))
}

/// What the configuration's reader has against a target, without the places in a file that nobody
/// wrote.
fn unprobed(target: &str, error: &ReadError) -> String {
    let problems = error.files.iter().flat_map(|file| &file.problems);
    let said: Vec<&str> = problems.map(|problem| problem.message.as_str()).collect();
    format!("{target:?} cannot be probed: {}", said.join("; "))
}

/// As a YAML scalar that is taken literally.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(target: &str, module: Option<&str>) -> Result<String, String> {
        target_of(target, module, TIMEOUT).map(|target| target.instance.clone())
    }

    #[test]
    fn a_target_is_settled_as_if_it_were_configured() {
        assert_eq!(built("www.gov.kr", None).unwrap(), "http://www.gov.kr/");
        assert_eq!(built("https://a.kr/x?q=1", Some("http_2xx")).unwrap(), "https://a.kr/x");
        assert_eq!(built("a.kr", Some("tls")).unwrap(), "a.kr:443");
        assert_eq!(built("a.kr:8443", Some("tcp_connect")).unwrap(), "a.kr:8443");
        assert_eq!(built("https://a.kr/", Some("tls")).unwrap(), "a.kr:443");
        for (target, module) in
            [("file:///etc/passwd", None), ("", None), ("a.kr", Some("login")), ("::", None)]
        {
            assert!(built(target, module).is_err(), "{target} {module:?}");
        }
    }

    #[test]
    fn no_target_writes_configuration_or_names_a_secret() {
        for hostile in [
            "http://a.kr/\" }\n      - name: x\n        http: { url: \"http://evil.kr/",
            "http://a.kr/${secret.pass}",
            "http://a.kr/$${secret.pass}",
            "http://a.kr/#\n",
        ] {
            if let Ok(target) = target_of(hostile, None, TIMEOUT) {
                assert!(target.instance.starts_with("http://a.kr/"), "{}", target.instance);
                let config::Kind::Http(http) = &target.kind else { panic!("{hostile}") };
                assert_eq!(http.url.host_str(), Some("a.kr"));
            }
        }
    }

    #[test]
    fn a_run_ends_before_prometheus_gives_up() {
        let waiting = |seconds: &'static str| {
            let value = http::HeaderValue::from_static(seconds);
            timeout(&HeaderMap::from_iter([(
                http::HeaderName::from_static("x-prometheus-scrape-timeout-seconds"),
                value,
            )]))
        };
        assert_eq!(waiting("3"), Duration::from_millis(2500));
        for nonsense in ["0.2", "-1", "x", "NaN", "inf", "1e300"] {
            assert!(waiting(nonsense) <= TIMEOUT_MAX && !waiting(nonsense).is_zero(), "{nonsense}");
        }
        assert_eq!(timeout(&HeaderMap::new()), TIMEOUT);
    }
}

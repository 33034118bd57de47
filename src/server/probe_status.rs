//! `/api/v1/probes/{service}/{probe}`: what the page of one probe shows, as JSON; with a site
//! `{probe}@{site}`.
//!
//! ```json
//! {
//!   "probe": {"id": "gpki/portal", "...": "as in /api/v1/status"},
//!   "curl": "curl --silent ...",
//!   "failures": [{
//!     "stage": "http", "reason": "http_status", "step": null, "detail": "status 503, expected 2xx",
//!     "meaning": "...", "first_look": "...",
//!     "began": "2026-11-22T01:46:00Z", "last_run": "...", "runs": 31, "duration_seconds": 0.2,
//!     "hops": [{"url": "https://www.gpki.go.kr/", "status": 503, "seconds": 0.1}],
//!     "trace_id": "0af7651916cd43dd8448eb211c80319c", "address": "192.0.2.1",
//!     "phases": [{"phase": "connect", "seconds": 0.01}], "wait_seconds": null,
//!     "responses": [{
//!       "step": null, "method": "GET", "url": "https://www.gpki.go.kr/", "address": "192.0.2.1",
//!       "phases": [], "status_line": "HTTP/1.1 503 Service Unavailable",
//!       "headers": ["server: nginx"], "body": "<html>..."
//!     }]
//!   }],
//!   "runs": [{"time": "...", "state": "down", "duration_seconds": 0.2, "reason": "http_status"}]
//! }
//! ```
//!
//! Both lists begin with the newest. `responses` is what came in the first run of the failure, empty
//! where that was forgotten; nothing in it is a secret. New keys may be added; none is renamed or
//! removed within `v1`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::time::Instant;

use super::Site;
use super::html::Language;
use super::printed::{self, PrintedFacts, PrintedHop};
use super::probe_page::{ProbeQuery, probe_id};
use super::status::{ProbeStatus, Telling, rfc3339};
use crate::curl;
use crate::results::{Episode, RecentRun};

#[derive(Serialize)]
struct Status<'a> {
    probe: ProbeStatus<'a>,
    curl: String,
    failures: Vec<FailureStatus<'a>>,
    runs: Vec<RunStatus>,
}

#[derive(Serialize)]
struct FailureStatus<'a> {
    stage: &'static str,
    reason: &'static str,
    step: Option<&'a str>,
    detail: &'a str,
    /// In the asker's language, as the next one.
    meaning: &'static str,
    first_look: &'static str,
    began: Option<String>,
    last_run: Option<String>,
    runs: u64,
    duration_seconds: f64,
    hops: Vec<PrintedHop<'a>>,
    #[serde(flatten)]
    facts: PrintedFacts<'a>,
}

#[derive(Serialize)]
struct RunStatus {
    time: Option<String>,
    state: &'static str,
    duration_seconds: f64,
    reason: Option<&'static str>,
}

pub(super) async fn status_of_one(
    State(site): State<Arc<Site>>,
    Path((service, probe)): Path<(String, String)>,
    Query(wishes): Query<ProbeQuery>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(wishes.lang.as_deref(), &headers);
    let id = probe_id(&service, &probe, wishes.site.as_deref());
    let results = &site.sources.results;
    let (Some(row), Some(history)) = (results.row(&id, Instant::now()), results.history(&id))
    else {
        return (StatusCode::NOT_FOUND, format!("there is no probe {id}\n")).into_response();
    };
    let config = Arc::clone(&site.sources.config.borrow());
    let telling = Telling::of(&config, language);
    let failures = history.episodes().rev();
    let status = Status {
        probe: telling.probe(&row),
        curl: curl::curl(&row.target),
        failures: failures.filter_map(|episode| FailureStatus::of(episode, language)).collect(),
        runs: history.recent().rev().map(RunStatus::of).collect(),
    };
    let Ok(json) = serde_json::to_vec(&status) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

impl<'a> FailureStatus<'a> {
    fn of(episode: &'a Episode, language: Language) -> Option<FailureStatus<'a>> {
        let Episode { first, last_started_at, runs } = episode;
        let cause = first.cause()?;
        Some(FailureStatus {
            stage: cause.reason.stage().as_str(),
            reason: cause.reason.as_str(),
            step: cause.step.as_ref().map(|step| &*step.name),
            detail: &cause.detail,
            meaning: language.of_both(cause.reason.meaning()),
            first_look: language.of_both(cause.reason.first_look()),
            began: rfc3339(first.started_at),
            last_run: rfc3339(*last_started_at),
            runs: *runs,
            duration_seconds: first.elapsed.as_secs_f64(),
            hops: printed::hops(&first.facts),
            facts: PrintedFacts::of(&first.facts),
        })
    }
}

impl RunStatus {
    fn of(run: &RecentRun) -> RunStatus {
        RunStatus {
            time: rfc3339(run.started_at()),
            state: run.verdict.as_str(),
            duration_seconds: run.elapsed().as_secs_f64(),
            reason: run.reason.map(|reason| reason.as_str()),
        }
    }
}

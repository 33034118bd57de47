//! `/-/reload`: asks the select loop to read the configuration again, and waits for its answer.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use super::Site;

/// Askers waiting at once. Reloads run one after the other and take seconds at most.
///
/// Limit: askers that wait for a reload.
/// Share: of all.
/// Full: the next one waits.
/// Filled: many_reloads_at_once_are_done_one_after_the_other
const WAITING_MAX: usize = 4;

/// Someone who waits for a reload: `Err` is the text of what is wrong with the configuration.
pub type Asker = oneshot::Sender<Result<(), String>>;

/// A configuration that was refused; the one before stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When the first one was, of those in a row.
    pub since: SystemTime,
    /// What is wrong with the last one: the file and its first problem.
    pub problem: String,
}

impl Refused {
    /// From the whole text of what is wrong, after what was refused before.
    pub fn after(before: Option<&Refused>, report: &str) -> Refused {
        let since = before.map_or_else(SystemTime::now, |before| before.since);
        let lines: Vec<&str> = report.lines().take(2).map(str::trim).collect();
        Refused { since, problem: lines.join(": ") }
    }
}

pub type Asks = mpsc::Sender<Asker>;

pub fn queue() -> (Asks, mpsc::Receiver<Asker>) {
    mpsc::channel(WAITING_MAX)
}

pub(super) async fn reload(State(site): State<Arc<Site>>) -> Response {
    let Some(reloads) = &site.reloads else {
        let text =
            "reloading over HTTP is off; start with --web.enable-lifecycle, or send SIGHUP\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    };
    let (asker, answer) = oneshot::channel();
    if reloads.try_send(asker).is_err() {
        let text = "other reloads are waiting already\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    match answer.await {
        Ok(Ok(())) => "reloaded\n".into_response(),
        Ok(Err(problems)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{problems}\n")).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

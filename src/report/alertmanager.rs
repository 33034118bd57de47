//! Silences of Alertmanager: whoever silences a page has acknowledged it.
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use jiff::Timestamp;
use serde::Deserialize;

use super::ask::{Access, AskError, Asker, unexpected};
use super::span::Millis;

const SILENCES: &str = "/api/v2/silences";

/// Somebody said that he has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub at: Millis,
    pub by: String,
    pub comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceJson {
    matchers: Vec<MatcherJson>,
    /// RFC 3339.
    starts_at: String,
    created_by: String,
    comment: String,
}

#[derive(Deserialize)]
struct MatcherJson {
    name: String,
    value: String,
}

/// Silences of a service, in order of time. Alertmanager forgets those that are over after five days,
/// unless `--data.retention` says more.
pub async fn acknowledgements(
    access: &Access,
    service: &str,
) -> Result<Vec<Acknowledgement>, AskError> {
    let asker = Asker::new(access)?;
    let body = asker.get(SILENCES).await?;
    let silences: Vec<SilenceJson> =
        serde_json::from_slice(&body).map_err(|_| unexpected(&asker, SILENCES, &body))?;
    let is_about = |silence: &SilenceJson| {
        silence.matchers.iter().any(|matcher| matcher.name == "service" && matcher.value == service)
    };
    let mut found: Vec<Acknowledgement> = silences
        .into_iter()
        .filter(is_about)
        .filter_map(|silence| {
            let started: Timestamp = silence.starts_at.parse().ok()?;
            let (at, by) = (started.as_millisecond(), silence.created_by);
            Some(Acknowledgement { at, by, comment: silence.comment })
        })
        .collect();
    found.sort_by_key(|silence| silence.at);
    Ok(found)
}

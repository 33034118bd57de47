//! Silences of Alertmanager: whoever silences a page has acknowledged it.
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use jiff::Timestamp;
use serde::Deserialize;

use super::ask::{Access, AskError, Asker, unexpected};
use super::span::{Millis, Span};

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

/// Silences of services, in order of time. Alertmanager forgets those that are over after five days,
/// unless `--data.retention` says more.
#[derive(Debug)]
pub struct Acknowledgements(Vec<(Vec<String>, Acknowledgement)>);

impl Acknowledgements {
    /// Those of a service within a time, its end included.
    pub fn of<'a>(
        &'a self,
        service: &'a str,
        within: Span,
    ) -> impl Iterator<Item = &'a Acknowledgement> {
        let of_service = self
            .0
            .iter()
            .filter(move |(services, _)| services.iter().any(|silenced| silenced == service));
        of_service
            .map(|(_, silence)| silence)
            .filter(move |silence| within.from <= silence.at && silence.at <= within.until)
    }
}

/// Asks for all of them.
pub async fn acknowledgements(access: &Access) -> Result<Acknowledgements, AskError> {
    let asker = Asker::new(access)?;
    let body = asker.get(SILENCES).await?;
    let silences: Vec<SilenceJson> =
        serde_json::from_slice(&body).map_err(|_| unexpected(&asker, SILENCES, &body))?;
    let mut found: Vec<_> = silences.into_iter().filter_map(acknowledgement).collect();
    found.sort_by_key(|(_, silence)| silence.at);
    Ok(Acknowledgements(found))
}

/// A silence with the services that it names.
fn acknowledgement(silence: SilenceJson) -> Option<(Vec<String>, Acknowledgement)> {
    let started: Timestamp = silence.starts_at.parse().ok()?;
    let (at, by) = (started.as_millisecond(), silence.created_by);
    let matchers = silence.matchers.into_iter().filter(|matcher| matcher.name == "service");
    let services = matchers.map(|matcher| matcher.value).collect();
    Some((services, Acknowledgement { at, by, comment: silence.comment }))
}

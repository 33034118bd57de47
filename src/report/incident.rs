//! One incident, asked of Prometheus and Alertmanager: the outage at a moment, who waited for it, and its
//! course.

use std::collections::BTreeMap;

use super::alertmanager::{Acknowledgement, acknowledgements};
use super::ask::Access;
use super::course::Course;
use super::details::Details;
use super::first_run::matchers;
use super::gather::ReportError;
use super::month::local;
use super::outage::Outage;
use super::progress::QueryProgress;
use super::promql::{Prometheus, quoted};
use super::span::{HOUR, Millis, Span, Spans};
use super::survey::{Subject, Survey};
use super::timeline::Timeline;

/// How long before the moment an outage may have begun.
const BACK: Millis = 24 * HOUR;

/// How far after the moment its course is told.
const AHEAD: Millis = 72 * HOUR;

/// Services that are named one by one; of more the first ones and their number.
pub const NAMED_MAX: usize = 30;

/// What is asked for.
#[derive(Debug)]
pub struct IncidentRequest {
    pub service: String,
    pub at: Millis,
    pub alertmanager: Option<Access>,
    pub now: Millis,
}

/// An incident, as it is to be reported.
#[derive(Debug)]
pub struct IncidentReport {
    pub server: String,
    pub made: Millis,
    /// Until when its course is known.
    pub until: Millis,
    pub title: Option<String>,
    pub alternative: Option<String>,
    pub outage: Outage,
    /// Services that were down because of it, with the time of each.
    pub waiting: Vec<WaitingService>,
    /// Its pages and their escalations.
    pub calls: Vec<Call>,
    /// `None`: nobody was asked.
    pub acknowledgements: Option<Vec<Acknowledgement>>,
}

/// A service that waited for the one that is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingService {
    pub service: String,
    pub title: Option<String>,
    pub from: Millis,
}

/// A page that began to ring, or its escalation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub at: Millis,
    pub alert: String,
    /// The page that nobody has acknowledged, if this is about one.
    pub escalated: Option<String>,
}

/// Asks for the incident of a service at a moment.
///
/// # Errors
///
/// As of a month, and when there was no outage at that moment.
pub async fn incident(
    prometheus: &Prometheus,
    request: IncidentRequest,
) -> Result<IncidentReport, ReportError> {
    let IncidentRequest { service, at, alertmanager, now } = request;
    let whole = Span { from: at - BACK, until: now.min(at + AHEAD) };
    let hours = hours(whole);
    let progress = QueryProgress::new("Prometheus");
    let survey = Survey { prometheus, progress: &progress, whole, hours: &hours };
    let subject = Subject { service: service.clone(), site: String::new() };
    let selector = format!("service:down{{{}}}", matchers(&subject));
    let mut found = survey.timelines(&selector, None).await?;
    let server = prometheus.name().to_owned();
    let (Some(sampling), Some(timeline)) = (found.sampling, found.timelines.remove(&subject))
    else {
        return Err(ReportError::NoData { server, series: "service:down of this service" });
    };
    let course = Course { subject, timeline, excused: Timeline::default() };
    let details = Details { prometheus, past: whole, sampling };
    let outages = details.outages(&course).await?;
    let near = |outage: &Outage| {
        let end = outage.closed.or(outage.recovered).unwrap_or(whole.until);
        outage.began - HOUR <= at && at <= end
    };
    let Some(outage) = outages.iter().find(|outage| near(outage)).cloned() else {
        let began: Vec<String> =
            outages.iter().map(|outage| local(outage.began, "%FT%H:%M")).collect();
        return Err(ReportError::NoOutage { service, at: local(at, "%FT%H:%M"), began });
    };
    let end = outage.recovered.unwrap_or(whole.until);
    let acknowledgements = match &alertmanager {
        None => None,
        Some(access) => {
            let within = Span { from: outage.began, until: outage.closed.unwrap_or(end) };
            Some(acknowledgements(access).await?.of(&service, within).cloned().collect())
        }
    };
    let within = Span { from: outage.began, until: end };
    let mut waiting = waiting(prometheus, &service, within).await?;
    let names = std::iter::once(&service).chain(waiting.iter().map(|one| &one.service));
    let names: Vec<String> = names.take(1 + NAMED_MAX).map(|name| regex::escape(name)).collect();
    let cards =
        format!("last_over_time(service:card{{service=~{}}}[1h])", quoted(&names.join("|")));
    let cards = prometheus.instant(&cards, end).await?;
    let written = |service: &str, label: &str| {
        let value = cards.iter().find(|card| card.label("service") == service)?.label(label);
        (!value.is_empty() && value != service).then(|| value.to_owned())
    };
    for one in &mut waiting {
        one.title = written(&one.service, "title");
    }
    Ok(IncidentReport {
        server,
        made: now,
        until: whole.until,
        title: written(&service, "title"),
        alternative: written(&service, "alternative"),
        outage,
        waiting,
        calls: calls(prometheus, &service, within).await?,
        acknowledgements,
    })
}

/// Who named this service as its cause, from the first to the last time.
async fn waiting(
    prometheus: &Prometheus,
    cause: &str,
    within: Span,
) -> Result<Vec<WaitingService>, ReportError> {
    let selector = format!(
        "service:root_cause{{cause={0},service!={0}}}[{1}ms]",
        quoted(cause),
        within.length()
    );
    let found = prometheus.instant(&selector, within.until).await?;
    let mut services: Vec<WaitingService> = found
        .iter()
        .filter_map(|series| {
            Some(WaitingService {
                service: series.label("service").to_owned(),
                title: None,
                from: series.samples.first()?.at,
            })
        })
        .collect();
    services.sort_by(|a, b| (a.from, &a.service).cmp(&(b.from, &b.service)));
    Ok(services)
}

/// When each page of a service began, and each time nobody answered one.
async fn calls(
    prometheus: &Prometheus,
    service: &str,
    within: Span,
) -> Result<Vec<Call>, ReportError> {
    let selector = format!(
        "ALERTS{{alertstate=\"firing\",severity=~\"page|escalation\",service={}}}[{}ms]",
        quoted(service),
        within.length()
    );
    let found = prometheus.instant(&selector, within.until).await?;
    let mut calls = BTreeMap::new();
    for series in &found {
        let Some(first) = series.samples.first() else { continue };
        let page = series.label("page");
        let escalated = (!page.is_empty()).then(|| page.to_owned());
        let at = calls.entry((series.label("alertname"), escalated)).or_insert(first.at);
        *at = first.at.min(*at);
    }
    let mut calls: Vec<Call> = calls
        .into_iter()
        .map(|((alert, escalated), at)| Call { at, alert: alert.to_owned(), escalated })
        .collect();
    calls.sort();
    Ok(calls)
}

fn hours(whole: Span) -> Vec<Span> {
    let mut hours = Vec::new();
    let mut from = whole.from;
    while from < whole.until {
        hours.push(Span { from, until: (from + HOUR).min(whole.until) });
        from += HOUR;
    }
    hours
}

/// Good time between the stretches of an outage.
pub fn recoveries(outage: &Outage) -> Spans {
    let ends: Vec<Span> = outage.measured.iter().collect();
    Spans::of(ends.windows(2).map(|pair| Span { from: pair[0].until, until: pair[1].from }))
}

//! Asks for everything that the report of a month says, and counts it.

use std::collections::BTreeSet;

use thiserror::Error;

use super::alertmanager::{Acknowledgement, Acknowledgements, acknowledgements};
use super::ask::{Access, AskError};
use super::corrections::{AppliedCorrection, Correction, corrected};
use super::course::{Course, courses};
use super::details::Details;
use super::month::Month;
use super::outage::{AnnouncedWork, Outage, SubjectMonth};
use super::progress::QueryProgress;
use super::promql::Prometheus;
use super::span::{Millis, Span, Spans};

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(
        "{server}: it has no {series} in this time; does it scrape Bongsu, and are the files of \
         config/prometheus/rules among its rules?"
    )]
    NoData { server: String, series: &'static str },
    #[error("{service} had no outage at {at}; outages near it began: {}", listed(.began))]
    NoOutage { service: String, at: String, began: Vec<String> },
    #[error(
        "{server}: it keeps samples for {}, and what is asked for began {} ago; ask a server that \
         keeps more, or have what is left with --incomplete",
        days(*.keeps),
        days(*.ago)
    )]
    Retention { server: String, keeps: Millis, ago: Millis },
}

/// What is asked for.
#[derive(Debug)]
pub struct MonthRequest {
    pub month: Month,
    pub corrections: Vec<Correction>,
    /// Whether what Prometheus no longer has may be missing.
    pub incomplete: bool,
    /// Who knows when a page was acknowledged.
    pub alertmanager: Option<Access>,
    pub now: Millis,
}

/// A month, as it is to be reported.
#[derive(Debug)]
pub struct MonthReport {
    pub month: Month,
    pub server: String,
    /// When it was made.
    pub made: Millis,
    /// Services, each followed by its sites.
    pub subjects: Vec<SubjectMonth>,
    /// In order of their beginning.
    pub outages: Vec<Outage>,
    pub announced: Vec<AnnouncedWork>,
    pub corrections: Vec<AppliedCorrection>,
    /// Prometheus no longer has the beginning, and that was accepted.
    pub is_incomplete: bool,
    /// Whether Alertmanager was asked.
    pub knows_acknowledged: bool,
}

/// Asks, and counts.
///
/// # Errors
///
/// Prometheus cannot be asked, has nothing of Bongsu, or no longer has the month.
pub async fn month(
    prometheus: &Prometheus,
    request: MonthRequest,
) -> Result<MonthReport, ReportError> {
    let MonthRequest { month, corrections, incomplete, alertmanager, now } = request;
    let (keeps, ago) = (prometheus.retention().await?, now - month.past.from);
    let is_incomplete = keeps.is_some_and(|keeps| keeps < ago);
    if let (false, true, Some(keeps)) = (incomplete, is_incomplete, keeps) {
        return Err(ReportError::Retention { server: prometheus.name().to_owned(), keeps, ago });
    }
    let acknowledged = match &alertmanager {
        None => None,
        Some(access) => Some(acknowledgements(access).await?),
    };
    let progress = QueryProgress::new("Prometheus");
    let found = courses(prometheus, &progress, month).await?;
    let details = Details { prometheus, past: month.past, sampling: found.sampling };
    let mean_down = details.mean_down_minutes(month.number()).await?;
    let mut report = MonthReport {
        month,
        server: prometheus.name().to_owned(),
        made: now,
        subjects: Vec::new(),
        outages: Vec::new(),
        announced: Vec::new(),
        corrections: Vec::new(),
        is_incomplete,
        knows_acknowledged: acknowledged.is_some(),
    };
    let mut applied: Vec<AppliedCorrection> =
        corrections.iter().cloned().map(AppliedCorrection::new).collect();
    progress.expect(found.courses.len());
    for course in &found.courses {
        let mut outages = details.outages(course).await?;
        let measured =
            outages.iter().fold(Spans::default(), |all, outage| all.with(&outage.measured));
        let fault = corrected(&mut applied, &course.subject, &measured, month.past);
        for outage in &mut outages {
            outage.counted = outage.measured.within(&fault);
            let acknowledged = acknowledged.as_ref();
            outage.acknowledged = acknowledged.and_then(|known| first_of(known, outage, now));
        }
        let mut subject = count(course, &outages, &fault, &month);
        subject.measured = measured.length();
        details.describe(course, &mut subject).await?;
        subject.mean_down_minutes = match course.subject.site.as_str() {
            "" => mean_down.get(&course.subject.service).copied(),
            _ => None,
        };
        report.announced.extend(details.announced(course).await?);
        report.subjects.push(subject);
        report.outages.extend(outages);
        progress.done();
    }
    report.outages.sort_by(|a, b| (a.began, &a.subject).cmp(&(b.began, &b.subject)));
    report.announced.sort_by(|a, b| (a.span, &a.subject).cmp(&(b.span, &b.subject)));
    report.corrections = applied;
    Ok(report)
}

/// Who first acknowledged the page of an outage, its own or that of its cause.
fn first_of(known: &Acknowledgements, outage: &Outage, now: Millis) -> Option<Acknowledgement> {
    let page = outage.first_page.as_ref()?;
    let until = outage.closed.or(outage.recovered).unwrap_or(now);
    known.of(&page.service, Span { from: outage.began, until }).next().cloned()
}

/// The sums of a subject. What is a fact of its configuration is filled in by `Details::describe`.
fn count(course: &Course, outages: &[Outage], fault: &Spans, month: &Month) -> SubjectMonth {
    let past = Spans::from(month.past);
    // Work excuses what was up when it began, so that a fault within it is one from before.
    let announced = course.excused.seen.without(fault);
    let watched = course.timeline.seen.with(&course.excused.seen).with(fault);
    let counting: Vec<&Outage> = outages.iter().filter(|outage| outage.counts()).collect();
    let repairs: Vec<Millis> =
        counting.iter().map(|outage| outage.repair(month.past.until)).collect();
    let reasons: BTreeSet<_> = counting.iter().map(|outage| outage.reason.as_deref()).collect();
    let late = counting.iter().filter_map(|outage| outage.over_limit(month.past.until));
    let by_others = counting.iter().filter(|outage| outage.cause.is_some());
    SubjectMonth {
        subject: course.subject.clone(),
        title: None,
        grade: None,
        objective: None,
        operating: past.without(&announced).length(),
        operating_whole: month.length() - announced.length(),
        announced: announced.length(),
        announced_down: course.excused.down.without(fault).length(),
        unwatched: past.without(&watched).length(),
        fault: fault.length(),
        measured: 0,
        mean_down_minutes: None,
        outages: counting.len(),
        repeats: counting.len() - reasons.len(),
        repair_mean: (!repairs.is_empty())
            .then(|| repairs.iter().sum::<Millis>() / repairs.len() as Millis),
        fault_by_others: by_others.map(|outage| outage.counted.length()).sum(),
        over_limit: late.sum(),
    }
}

fn listed(times: &[String]) -> String {
    match times {
        [] => "none".to_owned(),
        times => times.join(", "),
    }
}

fn days(length: Millis) -> String {
    let hours = length / super::span::HOUR;
    match hours {
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

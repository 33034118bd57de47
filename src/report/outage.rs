//! What a report says of one outage and of one service in a month: plain values, without a question.

use serde::Serialize;

use super::alertmanager::Acknowledgement;
use super::month::korea;
use super::span::{Millis, Span, Spans, timestamp};
use super::survey::Subject;
use crate::config::WindowKind;

/// One outage: from the first failing run to the last recovery before its incident closed. What came
/// back in between and did not stay is in it once.
#[derive(Debug, Clone)]
pub struct Outage {
    pub subject: Subject,
    /// When it was in fault, within the month and after corrections.
    pub counted: Spans,
    /// The same as measured.
    pub measured: Spans,
    /// The end of its first failing run; may lie before the month.
    pub began: Millis,
    /// `None`: it lasts.
    pub recovered: Option<Millis>,
    /// Within it, minutes that nobody watched.
    pub unwatched: Millis,
    pub first_page: Option<FirstPage>,
    /// Whoever silenced its page first, or that of its cause; none where nobody was asked.
    pub acknowledged: Option<Acknowledgement>,
    /// When its incident closed.
    pub closed: Option<Millis>,
    /// The longest repair that its contract allows.
    pub limit: Option<Millis>,
    /// What it waited for, if that is another service.
    pub cause: Option<String>,
    pub reason: Option<String>,
    pub sites: Option<SiteCount>,
    pub votes: VantageVotes,
    /// Work that was under way in it and did not excuse it.
    pub work: Option<WorkInOutage>,
}

/// A window that was open during an outage which counts nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkInOutage {
    /// Announced work does not excuse an outage that was there before it.
    pub kind: WindowKind,
    pub name: String,
}

/// The first message that woke somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstPage {
    pub at: Millis,
    pub alert: String,
    /// Whose page it was: the service's own, or that of its cause.
    pub service: String,
}

/// At most so many sites at once, of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SiteCount {
    pub down: usize,
    pub total: usize,
}

/// Which vantages saw it, and how many had a vote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VantageVotes {
    pub agreed: Vec<String>,
    pub total: usize,
}

impl Outage {
    /// From the first failing run to the recovery, what nobody watched and what came back for a while
    /// included: the clock of the longest allowed repair. `now` ends one that lasts.
    pub fn repair(&self, now: Millis) -> Millis {
        self.recovered.unwrap_or(now) - self.began
    }

    /// How much longer than allowed.
    pub fn over_limit(&self, now: Millis) -> Option<Millis> {
        let over = self.repair(now) - self.limit?;
        (over > 0).then_some(over)
    }

    /// A correction may take all of an outage away.
    pub fn counts(&self) -> bool {
        !self.counted.is_empty()
    }
}

/// Announced work as it excused a service or a site.
#[derive(Debug, Clone)]
pub struct AnnouncedWork {
    pub subject: Subject,
    pub span: Span,
    pub name: Option<String>,
    /// How much of it the service was really down.
    pub down: Millis,
}

/// One service or site in a month.
#[derive(Debug, Clone)]
pub struct SubjectMonth {
    pub subject: Subject,
    pub title: Option<String>,
    pub grade: Option<String>,
    /// Share of the operating time that its contract wants, such as 0.9992.
    pub objective: Option<f64>,
    /// The month so far, without announced work.
    pub operating: Millis,
    /// The whole month without announced work, of which the allowed minutes are a share.
    pub operating_whole: Millis,
    pub announced: Millis,
    /// Down within announced work.
    pub announced_down: Millis,
    pub unwatched: Millis,
    /// After corrections: the contract's number.
    pub fault: Millis,
    pub measured: Millis,
    /// The board's number: the mean over probes, sites and vantages. Services only.
    pub mean_down_minutes: Option<f64>,
    pub outages: usize,
    /// Outages of the same reason beyond the first.
    pub repeats: usize,
    pub repair_mean: Option<Millis>,
    /// Of the fault minutes, those in which it waited for another service.
    pub fault_by_others: Millis,
    /// Longer than allowed, all outages together.
    pub over_limit: Millis,
}

impl SubjectMonth {
    /// (operating - fault) / operating; `None` without operating time.
    pub fn availability(&self) -> Option<f64> {
        let operating = self.operating as f64;
        (operating > 0.0).then(|| (operating - self.fault as f64) / operating)
    }

    /// Fault time that the objective allows in the whole month.
    pub fn allowed(&self) -> Option<Millis> {
        let objective = self.objective?;
        Some(((1.0 - objective) * self.operating_whole as f64).round() as Millis)
    }

    /// `None` without an objective.
    pub fn is_met(&self) -> Option<bool> {
        Some(self.fault <= self.allowed()?)
    }
}

/// Seconds with their fraction, for JSON.
pub fn in_seconds(length: Millis) -> f64 {
    length as f64 / 1_000.0
}

/// RFC 3339 in Korea's time, for JSON.
pub fn rfc3339(at: Millis) -> Option<String> {
    let local = timestamp(at)?.to_zoned(korea());
    Some(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

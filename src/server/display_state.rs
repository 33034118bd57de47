//! What a target's state is called and in which order states are listed: shared by the page and
//! the JSON answer, so that they cannot say different things.

use std::collections::HashMap;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::{Config, Target, Window, WindowKind};
use crate::maintenance::occurrence;
use crate::outcome::{Failure, Verdict};
use crate::results::Row;
use chain::Certificate;

/// A target's state as shown. Worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    Down,
    Degraded,
    Unknown,
    /// Not run yet, or not for so long that the last result says nothing: never shown as up.
    Unobserved,
    Up,
}

impl Shown {
    pub(super) const ALL: [Shown; 5] =
        [Shown::Down, Shown::Degraded, Shown::Unknown, Shown::Unobserved, Shown::Up];

    pub(super) fn of(row: &Row) -> Shown {
        row.fresh().map_or(Shown::Unobserved, |outcome| outcome.verdict().into())
    }

    /// The word of metrics and JSON, also the page's class.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Shown::Down => "down",
            Shown::Degraded => "degraded",
            Shown::Unknown => "unknown",
            Shown::Unobserved => "unobserved",
            Shown::Up => "up",
        }
    }
}

/// Why a target is not up: of the last run, however old, so that a stale outage keeps its cause.
pub(super) fn cause(row: &Row) -> Option<&Failure> {
    row.last.as_deref().and_then(|outcome| outcome.cause())
}

impl From<Verdict> for Shown {
    fn from(verdict: Verdict) -> Shown {
        match verdict {
            Verdict::Down => Shown::Down,
            Verdict::Degraded => Shown::Degraded,
            Verdict::Unknown => Shown::Unknown,
            Verdict::Up => Shown::Up,
        }
    }
}

/// A maintenance window that is open.
pub(super) struct Running<'c> {
    pub(super) window: &'c Window,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Running<'_> {
    fn covers(&self, target: &Target) -> bool {
        let id = &target.id;
        let mut targets = self.window.targets.iter();
        targets.any(|of| of.service == id.service && (of.site.is_none() || of.site == id.site))
    }
}

/// What an open window means for one row.
pub(super) struct Excused<'r, 'c> {
    pub(super) by: &'r Running<'c>,
    /// A window does not excuse an outage that is older than it.
    pub(super) was_down: bool,
}

/// Of the windows that cover a row, the one that opened first.
pub(super) fn excused<'r, 'c>(row: &Row, running: &'r [Running<'c>]) -> Option<Excused<'r, 'c>> {
    let covering = running.iter().filter(|window| window.covers(&row.target));
    // An announced one excuses; where none covers the row, an emergency is what people want to know of.
    let by = covering
        .min_by_key(|running| (running.window.kind == WindowKind::Emergency, running.since))?;
    let opened = SystemTime::from(by.since);
    let is_older = row.availability.since().is_some_and(|since| since < opened);
    Some(Excused { by, was_down: Shown::of(row) == Shown::Down && is_older })
}

/// The windows that are open, in the file's order.
pub(super) fn running(config: &Config, now: Timestamp) -> Vec<Running<'_>> {
    let open = config.windows().filter_map(|window| {
        let occurrence = occurrence(&window.when, now).filter(|open| open.contains(now))?;
        Some(Running { window, since: occurrence.start, until: occurrence.end })
    });
    open.collect()
}

/// Counts of rows by state, in the order of [`Shown::ALL`].
pub(super) fn counts(rows: &[Row]) -> [(Shown, usize); 5] {
    Shown::ALL.map(|state| (state, rows.iter().filter(|row| Shown::of(row) == state).count()))
}

/// The certificate that ends first among those that matter for the verdict.
pub(super) fn first_to_expire(row: &Row) -> Option<&Certificate> {
    let known = row.availability.certs()?;
    let mattering = known.chain.certs.iter().enumerate().filter(|(at, _)| known.in_path(*at));
    mattering.map(|(_, cert)| cert).min_by_key(|cert| cert.not_after)
}

/// A service without a grade is paged for day and night, as those of the first are.
pub(super) const GRADE_OF_NONE: u8 = 1;

/// Worst first; within a state by grade, service, probe and site. Nothing that counts up has a part
/// in it, so that a row stays where it was while its state does.
pub(super) fn sort(rows: &mut [Row], config: &Config) {
    let grades = grades(config);
    rows.sort_by_cached_key(|row| {
        let id = &row.target.id;
        let grade = grades.get(&*id.service).copied().unwrap_or(GRADE_OF_NONE);
        (Shown::of(row), grade, id.clone())
    });
}

pub(super) fn grades(config: &Config) -> HashMap<&str, u8> {
    let services = config.services.iter();
    services.map(|service| (&*service.name, service.grade.unwrap_or(GRADE_OF_NONE))).collect()
}

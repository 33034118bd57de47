//! What a target's state is called and in which order states are listed: shared by the page and
//! the JSON answer, so that they cannot say different things.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::board::Row;
use crate::cert::Certificate;
use crate::config::{Config, Window};
use crate::maintenance::occurrence;
use crate::outcome::{Failure, Verdict};

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
        match row.fresh().map(|outcome| outcome.verdict()) {
            Some(Verdict::Down) => Shown::Down,
            Some(Verdict::Degraded) => Shown::Degraded,
            Some(Verdict::Unknown) => Shown::Unknown,
            Some(Verdict::Up) => Shown::Up,
            None => Shown::Unobserved,
        }
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

/// A maintenance window that is open.
pub(super) struct Running<'c> {
    pub(super) window: &'c Window,
    pub(super) until: Timestamp,
}

/// The windows that are open, in the file's order.
pub(super) fn running(config: &Config, now: Timestamp) -> Vec<Running<'_>> {
    let open = config.maintenance.iter().filter_map(|window| {
        let occurrence = occurrence(&window.when, now).filter(|open| open.contains(now))?;
        Some(Running { window, until: occurrence.end })
    });
    open.collect()
}

/// Counts of rows by state, in the order of [`Shown::ALL`].
pub(super) fn counts(rows: &[Row]) -> [(Shown, usize); 5] {
    Shown::ALL.map(|state| (state, rows.iter().filter(|row| Shown::of(row) == state).count()))
}

/// The certificate that ends first among those that matter for the verdict.
pub(super) fn first_to_expire(row: &Row) -> Option<&Certificate> {
    let known = row.tally.certs()?;
    let mattering = known.chain.certs.iter().enumerate().filter(|(at, _)| known.in_path(*at));
    mattering.map(|(_, cert)| cert).min_by_key(|cert| cert.not_after)
}

/// Worst first; within a state, the longest outage first, then by id.
pub(super) fn sort(rows: &mut [Row]) {
    rows.sort_by_cached_key(|row| {
        let failing = Reverse(row.tally.consecutive_failures());
        (Shown::of(row), failing, row.target.id.clone())
    });
}

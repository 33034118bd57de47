//! Announced windows: is one active at an instant, and when did it start or will it?
//!
//! Pure functions of a window and an instant, so that every scrape can ask. A window never stops
//! a probe: it only travels as a metric, and the rules decide what it excuses, for which they need
//! the start (a window must not hide an outage that began before it; 2023-11-17).
//!
//! Weekly windows are local times. When clocks are set forward over one, the missing time is
//! taken as the same distance after the change (RFC 5545 section 3.3.5), and a window whose start
//! would then lie after its end keeps its length and starts earlier. When clocks are set back, the
//! first of the two is meant.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::config::{Config, WindowTime};

/// The longest occurrence is 24 h and starts at most on the day before; two days back cover a
/// zone's change of a whole day as well.
const DAYS_BACK: i32 = 2;

/// The next occurrence is at most a week away, or two when a change of clocks swallows one.
const DAYS_AHEAD: i32 = 15;

/// One time that a window is open: from `start`, until before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Occurrence {
    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

/// The occurrence that is open at `now`, else the next one; of a window that is over for good,
/// the last. With two open at once it is the one that started first.
pub fn occurrence(when: &WindowTime, now: Timestamp) -> Option<Occurrence> {
    match when {
        &WindowTime::Once { from, until } => Some(Occurrence { start: from, end: until }),
        WindowTime::Weekly { zone, .. } => {
            let today = zone.to_datetime(now).date();
            (-DAYS_BACK..=DAYS_AHEAD)
                .filter_map(|days| today.checked_add(days.days()).ok())
                .filter_map(|date| weekly(when, date))
                .find(|occurrence| now < occurrence.end)
        }
    }
}

/// Whether a window is open at `now`.
pub fn is_active(when: &WindowTime, now: Timestamp) -> bool {
    occurrence(when, now).is_some_and(|occurrence| occurrence.contains(now))
}

/// The occurrence that starts on a local date, if it is one of the window's days.
fn weekly(when: &WindowTime, date: Date) -> Option<Occurrence> {
    let WindowTime::Weekly { days, start, end, zone } = when else { return None };
    if !days.contains(&date.weekday()) {
        return None;
    }
    let last = if end <= start { date.tomorrow().ok()? } else { date };
    let (from, until) = (date.to_datetime(*start), last.to_datetime(*end));
    let end = instant(zone, until)?;
    let start = match instant(zone, from)? {
        start if start < end => start,
        _ => zone.to_ambiguous_timestamp(from).earlier().ok()?,
    };
    Some(Occurrence { start, end })
}

/// Of a time that clocks skip, as far after the change; of one they show twice, the first.
fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// A window as it concerns one service or one site of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The window.
    pub name: Arc<str>,
    /// The service it covers.
    pub service: Arc<str>,
    /// The one site it covers; `None` is the whole service.
    pub site: Option<Arc<str>>,
    /// Whether it is open.
    pub active: bool,
    /// Start of the open occurrence, else of the next one, else of the last one.
    pub start: Timestamp,
}

/// Every window of a configuration with everything it covers, in the file's order.
pub fn rows(config: &Config, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    for window in &config.maintenance {
        let Some(occurrence) = occurrence(&window.when, now) else { continue };
        rows.extend(window.targets.iter().map(|target| Row {
            name: Arc::clone(&window.name),
            service: Arc::clone(&target.service),
            site: target.site.clone(),
            active: occurrence.contains(now),
            start: occurrence.start,
        }));
    }
    rows
}

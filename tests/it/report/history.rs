//! A month as the rules would have recorded it, from a script of what happened: samples every half minute,
//! seven seconds past, because nobody evaluates on the minute.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// Between evaluations, in seconds.
pub(super) const STEP: i64 = 30;

/// After the full half minute.
pub(super) const OFFSET: i64 = 7;

/// Seconds of unix time, on the grid of evaluations.
pub(super) type Times = Range<i64>;

pub(super) struct History {
    whole: Times,
    /// When Prometheus was away.
    away: Vec<Times>,
    /// Lines by name, because OpenMetrics wants what has one name together.
    lines: BTreeMap<String, String>,
}

impl History {
    pub(super) fn new(whole: Times, away: Vec<Times>) -> History {
        History { whole, away, lines: BTreeMap::new() }
    }

    /// One series through a time. `value` says what it was; `None` is no sample.
    pub(super) fn series(
        &mut self,
        name: &str,
        labels: &str,
        during: Times,
        value: impl Fn(i64) -> Option<f64>,
    ) {
        let lines = self.lines.entry(name.to_owned()).or_default();
        let first = self.whole.start.max(during.start);
        let first = first + (OFFSET - first).rem_euclid(STEP);
        for at in (first..self.whole.end.min(during.end)).step_by(STEP as usize) {
            if self.away.iter().any(|away| away.contains(&at)) {
                continue;
            }
            if let Some(value) = value(at) {
                writeln!(lines, "{name}{{{labels}}} {value} {at}").unwrap();
            }
        }
    }

    /// A verdict: 1 while down, absent while not watched, 0 else.
    pub(super) fn verdict(&mut self, name: &str, labels: &str, down: &[Times], absent: &[Times]) {
        let within = |times: &[Times], at| times.iter().any(|time| time.contains(&at));
        self.series(name, labels, self.whole.clone(), |at| {
            (!within(absent, at)).then(|| f64::from(u8::from(within(down, at))))
        });
    }

    /// A value that is there for a while.
    pub(super) fn constant(&mut self, name: &str, labels: &str, during: Times, value: f64) {
        self.series(name, labels, during, |_| Some(value));
    }

    /// A probe as one replica sees it fail from the end of a run until a recovery, and an hour around it.
    pub(super) fn failing(&mut self, labels: &str, replica: &str, failing: Times) {
        let (around, first) = (failing.start - 3600..failing.end + 600, failing.start);
        let labels = format!("{labels},{replica}");
        self.series("bongsu_probe_consecutive_failures", &labels, around.clone(), |at| {
            let runs = if failing.contains(&at) { (at - first) / STEP + 1 } else { 0 };
            Some(runs as f64)
        });
        // Runs end when the first failing one does, every half minute.
        self.series("bongsu_probe_last_run_timestamp_seconds", &labels, around, |at| {
            Some((first + (at - first).div_euclid(STEP) * STEP) as f64)
        });
    }

    pub(super) fn open_metrics(&self) -> String {
        let mut text: String = self.lines.values().map(String::as_str).collect();
        text.push_str("# EOF\n");
        text
    }
}

//! The account of one target: how long it was in which verdict, how often it ran and failed, and
//! which certificates it last presented.
//!
//! Availability is time, not run counts: between two runs the last verdict holds, so a minute of
//! outage is a minute whatever the cadence and however many rechecks fell into it. Beyond
//! freshness nobody knows, and the time goes to [`Share::Unobserved`]. Every instant comes in from
//! outside: nothing here reads a clock, and tests drive hours in microseconds.

mod certs;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

pub use self::certs::KnownCerts;
use crate::outcome::{Failure, Outcome, Reason, Verdict};
use crate::scheduler::{Cadence, Run};

/// Where a second of a target's time is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The last run said so.
    Verdict(Verdict),
    /// Before the first run, and once the last one is older than freshness.
    Unobserved,
}

impl Share {
    /// Every share, in the order of exposition.
    pub const ALL: [Share; 5] = [
        Share::Verdict(Verdict::Up),
        Share::Verdict(Verdict::Degraded),
        Share::Verdict(Verdict::Down),
        Share::Verdict(Verdict::Unknown),
        Share::Unobserved,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Share::Verdict(verdict) => verdict.as_str(),
            Share::Unobserved => "unobserved",
        }
    }

    const fn index(self) -> usize {
        match self {
            Share::Verdict(Verdict::Up) => 0,
            Share::Verdict(Verdict::Degraded) => 1,
            Share::Verdict(Verdict::Down) => 2,
            Share::Verdict(Verdict::Unknown) => 3,
            Share::Unobserved => 4,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Up or degraded.
    pub success: u64,
    pub failure: u64,
    /// No vote.
    pub unknown: u64,
}

impl Counts {
    /// The counts with their label values.
    pub fn named(&self) -> [(&'static str, u64); 3] {
        [("success", self.success), ("failure", self.failure), ("unknown", self.unknown)]
    }

    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Up | Verdict::Degraded => self.success += 1,
            Verdict::Down => self.failure += 1,
            Verdict::Unknown => self.unknown += 1,
        }
    }
}

/// How often a target failed for one cause. Reasons are a closed set and steps come from the
/// configuration, so a target has few of these whatever it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCount {
    pub reason: Reason,
    pub step: Option<Arc<str>>,
    /// Runs, rechecks included.
    pub runs: u64,
}

/// The account of one target. Cheap to clone: what can grow is shared.
#[derive(Debug, Clone)]
pub struct Availability {
    freshness: Duration,
    /// Up to here the time is booked. Never goes back, or a scrape between a run's end and its
    /// observation would make a counter fall.
    booked_until: Instant,
    booked: [Duration; Share::ALL.len()],
    last: Option<Last>,
    last_success_at: Option<SystemTime>,
    runs: Counts,
    rechecks: Counts,
    failures: Arc<Vec<FailureCount>>,
    consecutive_failures: u32,
    transitions: u64,
    /// The last verdict with a vote and since when it holds, over unknown runs in between.
    standing: Option<(Verdict, SystemTime)>,
    certs: Option<Arc<KnownCerts>>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    verdict: Verdict,
    since: SystemTime,
    finished: Instant,
    finished_at: SystemTime,
}

impl Availability {
    /// An empty account. `freshness` is how long after a run's end its verdict holds.
    pub fn new(freshness: Duration, now: Instant) -> Availability {
        Availability {
            freshness,
            booked_until: now,
            booked: [Duration::ZERO; Share::ALL.len()],
            last: None,
            last_success_at: None,
            runs: Counts::default(),
            rechecks: Counts::default(),
            failures: Arc::default(),
            consecutive_failures: 0,
            transitions: 0,
            standing: None,
            certs: None,
        }
    }

    /// Books the time until now. Called at every scrape; [`Availability::observe`] calls it by itself.
    pub fn accrue(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.booked_until);
        let held = self.last.map_or(Duration::ZERO, |last| {
            let stale_at = last.finished + self.freshness;
            let held = stale_at.saturating_duration_since(self.booked_until).min(elapsed);
            self.booked[Share::Verdict(last.verdict).index()] += held;
            held
        });
        self.booked[Share::Unobserved.index()] += elapsed - held;
        self.booked_until += elapsed;
    }

    /// Takes a finished run into the account.
    pub fn observe(&mut self, run: &Run) {
        self.accrue(run.finished);
        let verdict = run.outcome.verdict();
        let finished_at = run.outcome.started_at + run.outcome.elapsed;
        match run.cadence {
            Cadence::Scheduled => self.runs.count(verdict),
            Cadence::Recheck => self.rechecks.count(verdict),
        }
        match verdict {
            Verdict::Up | Verdict::Degraded => {
                self.consecutive_failures = 0;
                self.last_success_at = Some(finished_at);
            }
            Verdict::Down => {
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
            }
            Verdict::Unknown => {}
        }
        if let Err(failure) = &run.outcome.result {
            self.count_failure(failure);
        }
        let since = self.turn(verdict, &run.outcome);
        self.last = Some(Last { verdict, since, finished: run.finished, finished_at });
        if let Some(tls) = &run.outcome.facts.tls {
            KnownCerts::update(&mut self.certs, tls);
        }
    }

    /// Notes a change of verdict and returns since when the new one holds.
    fn turn(&mut self, verdict: Verdict, outcome: &Outcome) -> SystemTime {
        let unchanged = self.last.filter(|last| last.verdict == verdict).map(|last| last.since);
        if verdict == Verdict::Unknown {
            return unchanged.unwrap_or(outcome.started_at);
        }
        let since = match self.standing {
            Some((standing, since)) if standing == verdict => since,
            Some((standing, _)) => {
                if works(standing) != works(verdict) {
                    self.transitions += 1;
                }
                outcome.started_at
            }
            None => outcome.started_at,
        };
        self.standing = Some((verdict, since));
        since
    }

    fn count_failure(&mut self, failure: &Failure) {
        let step = failure.step.as_ref().map(|step| &step.name);
        let failures = Arc::make_mut(&mut self.failures);
        match failures
            .iter_mut()
            .find(|known| known.reason == failure.reason && known.step.as_ref() == step)
        {
            Some(known) => known.runs += 1,
            None => {
                failures.push(FailureCount { reason: failure.reason, step: step.cloned(), runs: 1 })
            }
        }
    }

    /// Booked time by share, in the order of [`Share::ALL`].
    pub fn shares(&self) -> impl Iterator<Item = (Share, Duration)> + '_ {
        Share::ALL.into_iter().zip(self.booked)
    }

    /// Whether the last run is recent enough for its facts to be shown.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last.finished) <= self.freshness)
    }

    /// The last run's verdict, however old.
    pub fn verdict(&self) -> Option<Verdict> {
        self.last.map(|last| last.verdict)
    }

    /// Since when the last verdict holds. Unknown runs do not interrupt an outage: an outage seen
    /// before and after them began before them.
    pub fn since(&self) -> Option<SystemTime> {
        self.last.map(|last| last.since)
    }

    /// The end of the last run.
    pub fn last_run_at(&self) -> Option<SystemTime> {
        self.last.map(|last| last.finished_at)
    }

    /// The end of the last run that was up or degraded.
    pub fn last_success_at(&self) -> Option<SystemTime> {
        self.last_success_at
    }

    /// Runs on the interval's grid.
    pub fn runs(&self) -> Counts {
        self.runs
    }

    /// Runs that confirmed a change.
    pub fn rechecks(&self) -> Counts {
        self.rechecks
    }

    /// Failed and unknown runs by cause, in order of first appearance.
    pub fn failures(&self) -> &[FailureCount] {
        &self.failures
    }

    /// Failures in a row, rechecks included. Unknown runs leave the number as it was.
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// Changes between working (up, degraded) and down, over unknown runs in between.
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// What was last presented, also when the target has been unreachable since.
    pub fn certs(&self) -> Option<&Arc<KnownCerts>> {
        self.certs.as_ref()
    }
}

fn works(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Up | Verdict::Degraded)
}

#[cfg(test)]
mod tests;

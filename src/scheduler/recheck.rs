//! Confirmation of a change: which runs follow it, and when.
//!
//! After a run whose result differs from the last known one, the next [`CONFIRMATIONS`] runs
//! should start soon after the previous one ended. A scheduled run that comes first counts as one
//! of them, and a recheck that might still be running when a scheduled run is due gives way to
//! it: the grid never moves. A target is taken to be up until a run says otherwise, so that a
//! daemon that is restarted during an outage confirms it at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Schedule;
use crate::outcome::Verdict;

/// How many runs follow a change: with the first failure they make four in about 20 s, enough
/// for a rule that wants two in a row to survive one lucky answer.
const CONFIRMATIONS: u8 = 3;

/// What is left of a confirmation.
#[derive(Debug)]
pub(super) struct Rechecks {
    delay: Option<Duration>,
    timeout: Duration,
    up: bool,
    left: u8,
    /// The end of the last run, or the moment of the last recheck that was shed.
    last: Option<Instant>,
}

impl Rechecks {
    pub(super) fn new(schedule: &Schedule) -> Rechecks {
        Rechecks {
            delay: schedule.recheck(),
            timeout: schedule.timeout(),
            up: true,
            left: 0,
            last: None,
        }
    }

    /// When to recheck before the scheduled run at `due`, seen from `now`; `None` when nothing is
    /// to be confirmed or the scheduled run does it.
    pub(super) fn before(&self, due: Instant, now: Instant) -> Option<Instant> {
        let at = self.last? + self.delay?;
        (self.left > 0 && at.max(now) + self.timeout <= due).then_some(at)
    }

    /// Takes note of a run of either cadence. `unknown` is no result: it neither begins nor
    /// extends a confirmation, but is one of the runs that were to follow.
    pub(super) fn observe(&mut self, verdict: Verdict, finished: Instant) {
        let up = match verdict {
            Verdict::Up | Verdict::Degraded => true,
            Verdict::Down => false,
            Verdict::Unknown => self.up,
        };
        self.left = if up == self.up { self.left.saturating_sub(1) } else { CONFIRMATIONS };
        self.up = up;
        self.last = Some(finished);
    }

    /// A recheck that was due at `at` was not done.
    pub(super) fn shed(&mut self, at: Instant) {
        self.left = self.left.saturating_sub(1);
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rechecks() -> Rechecks {
        let schedule = Schedule::new(secs(30), secs(10), Some(secs(5))).unwrap();
        Rechecks::new(&schedule)
    }

    #[test]
    fn the_first_success_is_no_change_and_the_first_failure_is_one() {
        let now = Instant::now();
        let mut up = rechecks();
        up.observe(Verdict::Up, now);
        assert_eq!(up.before(now + secs(30), now), None);
        let mut down = rechecks();
        down.observe(Verdict::Down, now);
        assert_eq!(down.before(now + secs(30), now), Some(now + secs(5)));
    }

    #[test]
    fn a_change_during_a_confirmation_begins_a_new_one() {
        let now = Instant::now();
        let mut rechecks = rechecks();
        rechecks.observe(Verdict::Down, now);
        rechecks.observe(Verdict::Down, now);
        rechecks.observe(Verdict::Up, now);
        for left in [3, 2, 1] {
            assert_eq!(rechecks.left, left);
            rechecks.observe(Verdict::Degraded, now);
        }
        assert_eq!(rechecks.before(now + secs(30), now), None);
    }

    #[test]
    fn unknown_begins_nothing_but_uses_up_a_run() {
        let now = Instant::now();
        let mut rechecks = rechecks();
        rechecks.observe(Verdict::Unknown, now);
        assert_eq!(rechecks.left, 0);
        rechecks.observe(Verdict::Down, now);
        rechecks.observe(Verdict::Unknown, now);
        assert_eq!(rechecks.left, 2);
        rechecks.observe(Verdict::Down, now);
        assert_eq!(rechecks.left, 1, "down, unknown, down is no change");
    }

    #[test]
    fn a_recheck_gives_way_when_it_could_last_into_the_next_slot() {
        let now = Instant::now();
        let mut rechecks = rechecks();
        rechecks.observe(Verdict::Down, now);
        assert_eq!(rechecks.before(now + secs(15), now), Some(now + secs(5)));
        assert_eq!(rechecks.before(now + secs(14), now), None);
        assert_eq!(rechecks.before(now + secs(15), now + secs(6)), None, "woken too late");
    }

    #[test]
    fn without_a_recheck_time_nothing_is_rechecked() {
        let now = Instant::now();
        let schedule = Schedule::new(secs(30), secs(10), None).unwrap();
        let mut rechecks = Rechecks::new(&schedule);
        rechecks.observe(Verdict::Down, now);
        assert_eq!(rechecks.before(now + secs(30), now), None);
    }
}

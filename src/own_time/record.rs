//! What is remembered of stalls: when, how much was lost, and what the clues said.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Older stalls concern no run that is still going on, and no page that says "of late".
const REMEMBERED: Duration = Duration::from_secs(600);

/// Even where every heartbeat is late, these reach back for more than a minute and a half. The two
/// oldest become one when another does not fit: nothing is forgotten, the past is only coarser.
const STALLS_MAX: usize = 4096;

/// What kept this process from running, as far as it can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StallCause {
    /// Nothing ran and nothing waited: it was stopped, or its machine was paused.
    Stopped,
    /// The machine was suspended.
    Suspended,
    /// Its control group had used up its share of the processor.
    Throttled,
    /// Other processes had the processor.
    Crowded,
    /// Its own work kept the workers of the runtime.
    Busy,
}

impl fmt::Display for StallCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StallCause::Stopped => "stopped, or its machine paused",
            StallCause::Suspended => "its machine was suspended",
            StallCause::Throttled => "throttled by its processor limit",
            StallCause::Crowded => "other processes had the processor",
            StallCause::Busy => "busy with its own work",
        })
    }
}

/// Time that was lost, and why most of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostTime {
    pub time: Duration,
    pub cause: StallCause,
}

#[derive(Debug, Clone, Copy)]
struct Stall {
    begin: Instant,
    end: Instant,
    lost: LostTime,
}

impl Stall {
    /// What of it fell into a window. A part of it counts as if all was lost in that part.
    fn within(&self, from: Instant, until: Instant) -> Duration {
        if from <= self.begin && self.end <= until {
            return self.lost.time;
        }
        let overlap = self.end.min(until).saturating_duration_since(self.begin.max(from));
        self.lost.time.min(overlap)
    }
}

/// Stalls in order; they never overlap.
#[derive(Debug, Default)]
pub(super) struct StallRecord {
    stalls: VecDeque<Stall>,
    total: Duration,
    last_at: Option<SystemTime>,
}

impl StallRecord {
    /// Notes that up to `lost` was lost until `end`. What was noted already is not noted again.
    pub(super) fn note(&mut self, end: Instant, lost: LostTime) {
        let begin = end.checked_sub(lost.time).unwrap_or(end);
        let begin = self.stalls.back().map_or(begin, |last| begin.max(last.end)).min(end);
        self.push(Stall { begin, end, lost: LostTime { time: end - begin, ..lost } });
    }

    /// Notes time that the monotonic clock did not see.
    pub(super) fn note_suspension(&mut self, at: Instant, time: Duration) {
        let lost = LostTime { time, cause: StallCause::Suspended };
        self.push(Stall { begin: at, end: at, lost });
    }

    fn push(&mut self, stall: Stall) {
        self.total += stall.lost.time;
        self.last_at = Some(SystemTime::now());
        while self.stalls.front().is_some_and(|old| stall.end - old.end > REMEMBERED) {
            self.stalls.pop_front();
        }
        if self.stalls.len() == STALLS_MAX
            && let (Some(first), Some(second)) = (self.stalls.pop_front(), self.stalls.pop_front())
        {
            let time = first.lost.time + second.lost.time;
            let lost = LostTime { time, cause: second.lost.cause };
            self.stalls.push_front(Stall { begin: first.begin, end: second.end, lost });
        }
        self.stalls.push_back(stall);
    }

    /// What of a window was lost; `None` when nothing was.
    pub(super) fn within(&self, from: Instant, until: Instant) -> Option<LostTime> {
        let mut sum = Duration::ZERO;
        let mut worst: Option<LostTime> = None;
        for stall in self.stalls.iter().rev().take_while(|stall| stall.end >= from) {
            let time = stall.within(from, until);
            if stall.begin > until || time.is_zero() {
                continue;
            }
            sum += time;
            if worst.is_none_or(|worst| time > worst.time) {
                worst = Some(LostTime { time, cause: stall.lost.cause });
            }
        }
        worst.map(|worst| LostTime { time: sum, cause: worst.cause })
    }

    pub(super) fn total(&self) -> Duration {
        self.total
    }

    /// The end of the last stall, by the wall clock.
    pub(super) fn last_at(&self) -> Option<SystemTime> {
        self.last_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn stopped(time: Duration) -> LostTime {
        LostTime { time, cause: StallCause::Stopped }
    }

    #[test]
    fn a_window_is_told_what_of_it_was_lost() {
        let start = Instant::now();
        let at = |ms| start + millis(ms);
        let mut record = StallRecord::default();
        assert_eq!(record.within(at(0), at(1000)), None);
        record.note(at(600), stopped(millis(400)));
        let lost = |from, until| record.within(at(from), at(until)).map(|lost| lost.time);
        assert_eq!(lost(0, 1000), Some(millis(400)));
        assert_eq!(lost(0, 300), Some(millis(100)));
        assert_eq!(lost(500, 1000), Some(millis(100)));
        assert_eq!(lost(601, 1000), None);
        assert_eq!(lost(0, 199), None);
    }

    #[test]
    fn many_small_stalls_add_up_and_the_same_time_is_not_lost_twice() {
        let start = Instant::now();
        let at = |ms| start + millis(ms);
        let mut record = StallRecord::default();
        for turn in 1..=10 {
            record.note(at(306 * turn), stopped(millis(300)));
            // A worker that stood still in the same time says so a little later.
            let crowded = LostTime { time: millis(250), cause: StallCause::Crowded };
            record.note(at(306 * turn + 2), crowded);
        }
        let lost = record.within(at(0), at(3100)).unwrap();
        assert_eq!(lost, stopped(millis(10 * 300 + 10 * 2)));
        assert_eq!(record.total(), lost.time);
    }

    #[test]
    fn a_suspension_counts_although_the_clock_did_not_go() {
        let start = Instant::now();
        let mut record = StallRecord::default();
        record.note_suspension(start + millis(500), Duration::from_secs(3600));
        let lost = record.within(start, start + millis(1000)).unwrap();
        assert_eq!(lost.time, Duration::from_secs(3600));
        assert_eq!(lost.cause, StallCause::Suspended);
        assert_eq!(record.within(start + millis(600), start + millis(1000)), None);
    }

    #[test]
    fn the_record_is_bounded_and_forgets_nothing_that_is_near() {
        let start = Instant::now();
        let mut record = StallRecord::default();
        let count = 2 * STALLS_MAX as u32;
        for turn in 1..=count {
            record.note(start + millis(40) * turn, stopped(millis(20)));
        }
        assert_eq!(record.stalls.len(), STALLS_MAX);
        let lost = record.within(start, start + millis(40) * count).unwrap();
        assert_eq!(lost.time, millis(20) * count);
        record.note(start + millis(40) * count + 2 * REMEMBERED, stopped(millis(20)));
        assert_eq!(record.stalls.len(), 1);
    }
}

//! How much of the time this process did not get to run.
//!
//! A prober that is stopped, throttled, crowded out or busy with itself sees healthy services run out
//! of time: its own stall looks like their outage. This room beats ([`heartbeat`]), remembers the
//! beats that came late with what the kernel says of them ([`clues`], [`record`]), and answers one
//! question: how much of a window was lost? A failure that is a matter of time, within a stall or
//! right after it, becomes [`Reason::ProberStalled`], which says nothing of the service. What a
//! server answered stays what it is: a refusal is a refusal.
//!
//! What it cannot know: a virtual machine whose clocks all stood still. Nothing runs out of time
//! there either.

mod clues;
mod heartbeat;
mod record;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use self::record::StallRecord;
pub use self::record::{LostTime, StallCause};
use crate::outcome::{Facts, Failure, Nature, Outcome, Reason};

/// A stall has consequences: whatever was late comes at once. A run that begins this soon after one
/// is judged as if it had been in it.
const AFTER: Duration = Duration::from_secs(1);

/// The share of a run's time from which on its running out of time may be ours: a fourth. A service
/// that answers in good time answers in what is left of it. On a machine that is well used a tenth is
/// lost all the time, and an outage is to be told there, too.
const SHARE: u32 = 4;

/// Less than this makes nothing time out.
const LEAST: Duration = Duration::from_millis(50);

/// So much may be ours however long the run was, because parts of a run have shorter times of their
/// own: an address, a name server, a lost segment that is sent again after a second.
const ALWAYS: Duration = Duration::from_secs(1);

/// Servers give silent clients more time than this. A connection that was closed in a run that lost
/// less was not closed for our silence.
const SILENCE: Duration = Duration::from_secs(1);

/// Services accept a code for at least so long after its time.
const CODE_LATE: Duration = Duration::from_secs(5);

/// A heart that does not beat for so long is itself what is asked for.
const HEART_PATIENCE: Duration = Duration::from_secs(1);

/// What "of late" means on pages.
const OF_LATE: Duration = Duration::from_secs(300);

/// The name of the runtime's threads, by which the kernel is asked how long they waited.
pub const WORKER_NAME: &str = "bongsu";

/// What is known of our own time. Without [`OwnTime::watch`], nothing: no time was lost.
pub struct OwnTime {
    record: Mutex<StallRecord>,
    /// By how much a worker's heart was late, in microseconds; the worst since the last beat.
    late_worker: AtomicU64,
    /// The last beat of the heart outside the runtime.
    beats: watch::Sender<Instant>,
    is_watched: AtomicBool,
}

impl OwnTime {
    pub fn unwatched() -> OwnTime {
        OwnTime {
            record: Mutex::default(),
            late_worker: AtomicU64::new(0),
            beats: watch::Sender::new(Instant::now()),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Begins to beat, in a thread and on the present runtime, whose threads are called
    /// [`WORKER_NAME`]. Fails when there can be no thread.
    pub fn watch(self: &Arc<OwnTime>) -> io::Result<()> {
        self.beats.send_replace(Instant::now());
        heartbeat::start(self, &Handle::current())?;
        self.is_watched.store(true, Ordering::Release);
        Ok(())
    }

    /// What of a window, which is over, was lost. Waits for the next beat, because whoever was kept
    /// from running may learn of it before the heart does.
    pub async fn lost(&self, from: Instant, until: Instant) -> Option<LostTime> {
        if self.is_watched.load(Ordering::Acquire) {
            let mut beats = self.beats.subscribe();
            let beaten = beats.wait_for(|at| *at > until);
            let _ = timeout(HEART_PATIENCE, beaten).await;
        }
        let silence = self.beats.borrow().elapsed();
        let mut record = self.record.lock();
        if self.is_watched.load(Ordering::Acquire) && silence >= heartbeat::BEAT + heartbeat::LATE {
            let time = silence - heartbeat::BEAT;
            record.note(Instant::now(), LostTime { time, cause: StallCause::Stopped });
        }
        record.within(from, until)
    }

    /// What an attempt that took from `from` to `until` found, if that may come of time that we
    /// lost; `None` when it may not.
    pub async fn excuse(
        &self,
        failure: &Failure,
        facts: &Facts,
        from: Instant,
        until: Instant,
    ) -> Option<Failure> {
        let matter = Matter::of(failure, facts)?;
        let elapsed = until.saturating_duration_since(from);
        let (from, least) = match matter {
            Matter::Time => {
                let least = (elapsed / SHARE).clamp(LEAST, ALWAYS);
                (from.checked_sub(AFTER).unwrap_or(from), least)
            }
            Matter::Silence => (from, SILENCE),
        };
        let lost = self.lost(from, until).await.filter(|lost| lost.time >= least)?;
        Some(stalled(failure, lost))
    }

    /// As [`OwnTime::excuse`], for a login that was refused with a one-time code: a code is good for
    /// half a minute (RFC 6238 section 5.2), and may have been sent much later than it was made.
    pub async fn excuse_late_code(
        &self,
        failure: &Failure,
        from: Instant,
        until: Instant,
    ) -> Option<Failure> {
        let lost = self.lost(from, until).await.filter(|lost| lost.time >= CODE_LATE)?;
        Some(stalled(failure, lost))
    }

    /// Turns what our own stall explains into [`Reason::ProberStalled`]: a failure, or a warning
    /// that a service was slow.
    pub async fn judge(&self, outcome: &mut Outcome, from: Instant, until: Instant) {
        let excused = match &outcome.result {
            Err(failure) => self.excuse(failure, &outcome.facts, from, until).await,
            Ok(()) => self.excuse_warnings(&mut outcome.facts, from, until).await,
        };
        if let Some(failure) = excused {
            outcome.result = Err(failure);
        }
    }

    /// Without the warnings that are ours. The first of them when no other is left: whether the
    /// service is as it should be is not known then.
    async fn excuse_warnings(
        &self,
        facts: &mut Facts,
        from: Instant,
        until: Instant,
    ) -> Option<Failure> {
        let is_time = |warning: &Failure| Matter::of(warning, &Facts::default()).is_some();
        let first = facts.warnings.iter().find(|warning| is_time(warning)).cloned()?;
        let excused = self.excuse(&first, &Facts::default(), from, until).await?;
        facts.warnings.retain(|warning| !is_time(warning));
        facts.warnings.is_empty().then_some(excused)
    }

    /// All time that was lost since the start.
    pub fn total(&self) -> Duration {
        self.record.lock().total()
    }

    /// When the last stall ended.
    pub fn last_at(&self) -> Option<SystemTime> {
        self.record.lock().last_at()
    }

    /// What was lost in the last five minutes, when that is worth a word.
    pub fn of_late(&self) -> Option<LostTime> {
        let now = Instant::now();
        let from = now.checked_sub(OF_LATE).unwrap_or(now);
        self.record.lock().within(from, now).filter(|lost| lost.time >= ALWAYS)
    }

    fn beat(&self, at: Instant, lost: Option<LostTime>, slept: Duration) {
        {
            let mut record = self.record.lock();
            if let Some(lost) = lost {
                record.note(at, lost);
            }
            if slept >= heartbeat::LATE {
                record.note_suspension(at, slept);
            }
        }
        self.beats.send_replace(at);
    }

    fn note_late_worker(&self, late: Duration) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.late_worker.fetch_max(late, Ordering::Relaxed);
    }

    fn take_late_worker(&self) -> Duration {
        Duration::from_micros(self.late_worker.swap(0, Ordering::Relaxed))
    }
}

/// How a failure can come of our own stall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    /// Something did not happen in time.
    Time,
    /// The server gave up on us.
    Silence,
}

impl Matter {
    fn of(failure: &Failure, facts: &Facts) -> Option<Matter> {
        // Whoever found it has been judged for the time that it took.
        if facts.is_relayed {
            return None;
        }
        match failure.reason {
            reason if reason.is(Nature::OfTime) => Some(Matter::Time),
            reason if reason.is(Nature::GaveUp) => Some(Matter::Silence),
            // 408 Request Timeout (RFC 9110 section 15.5.9).
            Reason::HttpStatus if facts.http.as_ref().is_some_and(|http| http.status == 408) => {
                Some(Matter::Silence)
            }
            _ => None,
        }
    }
}

fn stalled(found: &Failure, lost: LostTime) -> Failure {
    let LostTime { time, cause } = lost;
    let without_step = Failure { step: None, ..found.clone() };
    Failure {
        reason: Reason::ProberStalled,
        step: found.step.clone(),
        detail: format!(
            "this prober stood still for {:.1} s of the run or right before it ({cause}); the run \
             had {without_step}",
            time.as_secs_f64()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{HttpFacts, Verdict};

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A record in which `lost` was lost before `end`.
    fn lost_before(end: Instant, lost: Duration) -> OwnTime {
        let own = OwnTime::unwatched();
        own.record.lock().note(end, LostTime { time: lost, cause: StallCause::Stopped });
        own
    }

    fn outcome(result: Result<(), Failure>) -> Outcome {
        Outcome {
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            result,
            facts: Facts::default(),
        }
    }

    async fn judged(own: &OwnTime, reason: Reason, from: Instant, until: Instant) -> Reason {
        let mut outcome = outcome(Err(Failure::new(reason, "as found")));
        own.judge(&mut outcome, from, until).await;
        outcome.result.unwrap_err().reason
    }

    #[tokio::test(start_paused = true)]
    async fn time_runs_out_for_us_and_a_refusal_is_a_refusal() {
        let start = Instant::now();
        let end = start + millis(2000);
        let own = lost_before(start + millis(1800), millis(1500));
        for reason in [Reason::DnsTimeout, Reason::ConnectTimeout, Reason::TooSlow] {
            assert_eq!(judged(&own, reason, start, end).await, Reason::ProberStalled);
        }
        for &reason in Reason::ALL {
            let is_time = Matter::of(&Failure::new(reason, ""), &Facts::default()).is_some();
            let expected = if is_time { Reason::ProberStalled } else { reason };
            assert_eq!(judged(&own, reason, start, end).await, expected);
        }
        for reason in [
            Reason::ConnectRefused,
            Reason::HttpStatus,
            Reason::BodyMismatch,
            Reason::DnsNxdomain,
            Reason::DnsServfail,
            Reason::BadCredentials,
        ] {
            assert_eq!(judged(&own, reason, start, end).await, reason);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fourth_of_the_run_is_ours_and_less_is_not() {
        let start = Instant::now();
        let timeout = Reason::ResponseTimeout;
        for (lost, length, expected) in [
            (490, 2000, timeout),
            (500, 2000, Reason::ProberStalled),
            (49, 100, timeout),
            (50, 100, Reason::ProberStalled),
            (999, 60_000, timeout),
            (1000, 60_000, Reason::ProberStalled),
        ] {
            let own = lost_before(start + millis(lost), millis(lost));
            let found = judged(&own, timeout, start, start + millis(length)).await;
            assert_eq!(found, expected, "{lost} of {length} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn right_after_a_stall_is_still_ours_and_later_is_not() {
        let stalled_until = Instant::now() + Duration::from_secs(10);
        let own = lost_before(stalled_until, Duration::from_secs(10));
        for (after, expected) in [(500, Reason::ProberStalled), (1100, Reason::ConnectTimeout)] {
            let from = stalled_until + millis(after);
            let found = judged(&own, Reason::ConnectTimeout, from, from + millis(2000)).await;
            assert_eq!(found, expected, "{after} ms after");
        }
        // What was closed was not closed for a silence before the connection.
        let from = stalled_until + millis(10);
        let reset = judged(&own, Reason::ConnectionReset, from, from + millis(2000)).await;
        assert_eq!(reset, Reason::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_gives_up_on_who_is_silent() {
        let start = Instant::now();
        let end = start + millis(9000);
        let (long, short) = (
            lost_before(start + millis(8500), millis(8000)),
            lost_before(start + millis(8500), millis(900)),
        );
        assert_eq!(judged(&long, Reason::ConnectionReset, start, end).await, Reason::ProberStalled);
        let kept = judged(&short, Reason::ConnectionReset, start, end).await;
        assert_eq!(kept, Reason::ConnectionReset);
        for (status, expected) in [(408, Reason::ProberStalled), (503, Reason::HttpStatus)] {
            let mut outcome = outcome(Err(Failure::new(Reason::HttpStatus, "")));
            outcome.facts.http = Some(HttpFacts { status, ..HttpFacts::default() });
            long.judge(&mut outcome, start, end).await;
            assert_eq!(outcome.result.unwrap_err().reason, expected, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slowness_of_ours_degrades_nobody_and_other_warnings_stay() {
        let start = Instant::now();
        let end = start + millis(2000);
        let own = lost_before(start + millis(1800), millis(1500));
        let mut slow = outcome(Ok(()));
        slow.facts.warnings.push(Failure::new(Reason::TooSlow, "2.0 s"));
        let mut both = slow.clone();
        both.facts.warnings.push(Failure::new(Reason::TlsExpired, "a listed root"));
        own.judge(&mut slow, start, end).await;
        assert_eq!(slow.verdict(), Verdict::Unknown);
        own.judge(&mut both, start, end).await;
        assert_eq!(both.verdict(), Verdict::Degraded);
        assert_eq!(both.facts.warnings.len(), 1);
        let mut up = outcome(Ok(()));
        own.judge(&mut up, start, end).await;
        assert_eq!(up.verdict(), Verdict::Up, "it answered all the same");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_watched_lost_nothing() {
        let own = OwnTime::unwatched();
        let start = Instant::now();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(own.lost(start, Instant::now()).await, None);
        assert_eq!((own.total(), own.last_at(), own.of_late()), (Duration::ZERO, None, None));
    }
}

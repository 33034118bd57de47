//! The hearts: one outside the runtime, which is late when the process does not run, and one inside,
//! which answers the first late when every worker does something else for too long.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;

use super::clues::{Clue, Clues};
use super::record::{LostTime, StallCause};
use super::{OwnTime, WORKER_NAME};

/// Short against a timeout, and ten times a second is not felt: a beat wakes two threads, which costs
/// some 100 microseconds.
pub(super) const BEAT: Duration = Duration::from_millis(100);

/// What an idle machine is late by is a few milliseconds at most, and one that is well used
/// sometimes ten. A control group that gets 80 of 100 milliseconds is late by 20.
pub(super) const LATE: Duration = Duration::from_millis(20);

/// The worker that waited for a processor for less of a beat had a share of it, as on any machine
/// that is well used.
const CROWDED: Duration = Duration::from_millis(80);

/// A stall of which the log speaks, and how often at most.
const TOLD_FROM: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Beats until the owner is gone.
pub(super) fn start(own: &Arc<OwnTime>, runtime: &Handle) -> io::Result<()> {
    // While one question waits for a worker there is no need of a second.
    let (asking, asked) = mpsc::channel(1);
    runtime.spawn(beat_inside(Arc::downgrade(own), asked));
    let own = Arc::downgrade(own);
    thread::Builder::new()
        .name("own-time".to_owned())
        .spawn(move || beat_outside(&own, &asking))?;
    Ok(())
}

/// On whichever worker is free. When one is, it answers at once. It is asked rather than woken by a
/// timer, because a timer of the runtime costs three wakes of a worker for each time it is set.
async fn beat_inside(own: Weak<OwnTime>, mut asked: mpsc::Receiver<Instant>) {
    while let Some(at) = asked.recv().await {
        let Some(own) = own.upgrade() else { return };
        own.note_late_worker(at.elapsed());
    }
}

fn beat_outside(own: &Weak<OwnTime>, asking: &mpsc::Sender<Instant>) {
    let mut clues = Clues::of(WORKER_NAME);
    let mut before = Instant::now();
    let (mut untold, mut told_at) = (Duration::ZERO, None::<Instant>);
    loop {
        thread::sleep(BEAT);
        let now = Instant::now();
        let Some(own) = own.upgrade() else { return };
        let late = (now - before).saturating_sub(BEAT);
        before = now;
        let worker = own.take_late_worker();
        let clue = clues.read(now, late.max(worker) >= LATE);
        let lost = lost(late, worker, clue);
        own.beat(now, lost, clue.slept);
        let _ = asking.try_send(now);
        untold += lost.map_or(Duration::ZERO, |lost| lost.time) + clue.slept;
        if untold >= TOLD_FROM && told_at.is_none_or(|at| now - at >= TOLD_EVERY) {
            let cause = lost.map_or(StallCause::Suspended, |lost| lost.cause);
            warn!(seconds = untold.as_secs_f64(), %cause, "this prober stood still");
            (untold, told_at) = (Duration::ZERO, Some(now));
        }
    }
}

/// What a beat lost: the worst of what it knows, for all of it is the same time.
fn lost(late: Duration, worker: Duration, clue: Clue) -> Option<LostTime> {
    let waited = if clue.waited >= CROWDED { clue.waited } else { Duration::ZERO };
    let time = late.max(worker).max(waited);
    if time < LATE {
        return None;
    }
    let cause = if clue.throttled >= time / 2 {
        StallCause::Throttled
    } else if waited >= time / 2 {
        StallCause::Crowded
    } else if late >= time / 2 {
        StallCause::Stopped
    } else {
        StallCause::Busy
    };
    Some(LostTime { time, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_clues_name_the_cause() {
        let clue = |waited, throttled| Clue {
            waited: millis(waited),
            throttled: millis(throttled),
            slept: NONE,
        };
        assert_eq!(lost(millis(19), millis(19), clue(19, 100)), None);
        let cause = |late, worker, clue| lost(late, worker, clue).map(|lost| lost.cause);
        assert_eq!(cause(millis(300), millis(290), clue(0, 0)), Some(StallCause::Stopped));
        assert_eq!(cause(millis(80), millis(90), clue(85, 90)), Some(StallCause::Throttled));
        assert_eq!(cause(millis(2), millis(3), clue(200, 0)), Some(StallCause::Crowded));
        assert_eq!(cause(millis(2), millis(900), clue(5, 0)), Some(StallCause::Busy));
        assert_eq!(lost(millis(2), millis(3), clue(200, 0)).unwrap().time, millis(200));
    }

    /// The only test here that waits for the real clock, because threads have no other.
    #[test]
    fn workers_that_are_kept_are_noticed() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let own = Arc::new(OwnTime::unwatched());
        runtime.block_on(async { own.watch() }).unwrap();
        let lost_by_a_page = || {
            let (from, until) = runtime
                .block_on(runtime.spawn(async {
                    let from = Instant::now();
                    // What a page of a stranger should never do to a worker.
                    while from.elapsed() < 6 * BEAT {
                        std::hint::spin_loop();
                    }
                    (from, Instant::now())
                }))
                .unwrap();
            loop {
                if let Some(lost) = runtime.block_on(own.lost(from, until)) {
                    break lost;
                }
                assert!(until.elapsed() < Duration::from_secs(30), "it was not noticed");
            }
        };
        // All but the beat in which it began and one more. A busy machine may lose others, but not each time.
        let lost: Vec<_> = (0..5).map(|_| lost_by_a_page().time).collect();
        assert!(lost.iter().any(|time| *time >= 4 * BEAT), "{lost:?}");
    }
}

//! Work on what strangers sent, beside the runtime: parsing a page, matching a selector, a path or
//! a regular expression, undoing a content coding. How long that takes is the sender's choice, so it
//! never has a worker of the runtime, and there is a bound to its threads, its bytes and its time.
//!
//! * A target has one piece of work at a time, whatever it sends ([`TargetShare`]).
//! * Targets whose last piece was slow share half of the threads, so that they wait for each other
//!   and not everybody for them.
//! * Who asked leaves at the deadline. A thread cannot be stopped, so what goes on after that is
//!   counted apart and does not take the place of others.
//! * What loops over a page looks at its [`Budget`] and ends by itself.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant as StdInstant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::outcome::{Failure, Reason};

/// Threads that work at the same time: as many as there are processors, and two where there is one,
/// so that a slow page never has all of them.
const THREADS_MIN: usize = 2;

/// More would only cost memory: each may hold a parsed page.
///
/// Limit: threads that work on pages.
/// Share: of all, half of them for slow targets.
/// Full: the next piece waits, which is our time.
/// Filled: slow_targets_share_half_of_the_threads
const THREADS_MAX: usize = 4;

/// Pieces that nobody waits for any more and that go on. With this many, a further one keeps the
/// place it has.
///
/// Limit: pieces of work that nobody waits for any more.
/// Share: of all.
/// Full: a further one keeps its place.
/// Filled: work_without_end_takes_no_place_of_others_and_one_for_each_target
pub const OVERDUE_MAX: usize = 4;

/// KiB of pages that are worked on at the same time. A parsed page takes up to 70 times its size
/// (`<p>` without end), an ordinary one ten times. A larger page has them all.
///
/// Limit: KiB of pages that are worked on at the same time.
/// Share: of all.
/// Full: the next piece waits, which is our time.
/// Filled: large_pages_are_worked_on_one_after_the_other
pub const WORKED_ON_KIB_MAX: usize = 4 << 10;

/// A piece that took longer makes its target a slow one. An ordinary page takes a hundredth.
const SLOW_FROM: Duration = Duration::from_millis(200);

/// The most that one piece may take. Four megabytes of ordinary markup take less than half a second.
const WORK_MAX: Duration = Duration::from_secs(5);

/// What a piece has at least, however late the page came: the wait for our processor is our time.
const TIME_MIN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Offload {
    threads: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    overdue: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

/// What one target has of the threads.
#[derive(Debug)]
pub struct TargetShare {
    turn: Arc<Semaphore>,
    was_slow: AtomicBool,
}

impl Default for TargetShare {
    fn default() -> TargetShare {
        TargetShare { turn: Arc::new(Semaphore::new(1)), was_slow: AtomicBool::new(false) }
    }
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// No thread was free until the deadline.
    #[error("this prober had no time to judge the page")]
    NoTurn,
    /// The work had not ended at the deadline.
    #[error("to judge the page takes longer than there was time")]
    TooLong,
    /// A bug of ours.
    #[error("the judgement panicked")]
    Panicked,
}

impl From<NotDone> for Failure {
    fn from(why: NotDone) -> Failure {
        let reason = match why {
            NotDone::NoTurn | NotDone::TooLong => Reason::JudgeTimeout,
            NotDone::Panicked => Reason::Internal,
        };
        Failure::new(reason, why.to_string())
    }
}

/// The threads as one target has them.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    pub offload: &'a Offload,
    pub share: &'a Arc<TargetShare>,
}

impl Desk<'_> {
    /// Does a piece of work on so many bytes, at most until the deadline.
    pub async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        deadline: Instant,
        work: impl FnOnce(Budget) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(Box::pin(self.offload.run(self.share, bytes, deadline, work)).await?)
    }
}

/// Places in use. They are given back by the thread, or exchanged when nobody waits any more.
struct Places {
    _thread: OwnedSemaphorePermit,
    _slow: Option<OwnedSemaphorePermit>,
}

type Held = Arc<Mutex<Option<Places>>>;

impl Default for Offload {
    fn default() -> Offload {
        let processors = available_parallelism().map_or(1, usize::from);
        Offload::with_threads(processors.clamp(THREADS_MIN, THREADS_MAX))
    }
}

impl Offload {
    fn with_threads(threads: usize) -> Offload {
        let of = |count| Arc::new(Semaphore::new(count));
        Offload {
            threads: of(threads),
            slow: of((threads / 2).max(1)),
            overdue: of(OVERDUE_MAX),
            kib: of(WORKED_ON_KIB_MAX),
        }
    }

    /// Does a piece of work on so many bytes for a target, at most until the deadline.
    pub async fn run<T: Send + 'static>(
        &self,
        share: &Arc<TargetShare>,
        bytes: usize,
        deadline: Instant,
        work: impl FnOnce(Budget) -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let deadline = deadline.max(Instant::now() + TIME_MIN);
        let turns = timeout_at(deadline, self.turns(share, bytes)).await;
        let (turn, kib, places) = turns.ok().flatten().ok_or(NotDone::NoTurn)?;
        let held: Held = Arc::new(Mutex::new(Some(places)));
        let leaving = Leaving {
            held: Arc::clone(&held),
            overdue: Arc::clone(&self.overdue),
            share: Arc::clone(share),
        };
        let until = deadline.into_std();
        let share = Arc::clone(share);
        let working = tokio::task::spawn_blocking(move || {
            // Everything is given back at the end, also by a panic.
            let (_turn, _kib, _ended) = (turn, kib, Ended(held));
            let start = StdInstant::now();
            let done = work(Budget::until(until.min(start + WORK_MAX)));
            share.was_slow.store(start.elapsed() > SLOW_FROM, Ordering::Relaxed);
            done
        });
        match timeout_at(deadline, working).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(NotDone::Panicked),
            Err(_) => {
                drop(leaving);
                Err(NotDone::TooLong)
            }
        }
    }

    /// `None` cannot be, because no semaphore is ever closed.
    async fn turns(
        &self,
        share: &TargetShare,
        bytes: usize,
    ) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit, Places)> {
        let one = |of: &Arc<Semaphore>| Arc::clone(of).acquire_owned();
        let turn = one(&share.turn).await.ok()?;
        let slow = match share.was_slow.load(Ordering::Relaxed) {
            true => Some(one(&self.slow).await.ok()?),
            false => None,
        };
        let thread = one(&self.threads).await.ok()?;
        let kib = (bytes >> 10).clamp(1, WORKED_ON_KIB_MAX) as u32;
        let kib = Arc::clone(&self.kib).acquire_many_owned(kib).await.ok()?;
        Some((turn, kib, Places { _thread: thread, _slow: slow }))
    }
}

/// Gives the places back when the work has ended.
struct Ended(Held);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().take();
    }
}

/// Makes work that goes on overdue when nobody waits for it any more, also because the run was
/// dropped.
struct Leaving {
    held: Held,
    overdue: Arc<Semaphore>,
    share: Arc<TargetShare>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if held.is_none() {
            return;
        }
        self.share.was_slow.store(true, Ordering::Relaxed);
        if let Ok(overdue) = Arc::clone(&self.overdue).try_acquire_owned() {
            *held = Some(Places { _thread: overdue, _slow: None });
        }
    }
}

/// The time of a piece of work. Asked in every round of a loop over what a stranger sent.
#[derive(Debug)]
pub struct Budget {
    until: StdInstant,
    exhausted: Cell<bool>,
}

impl Default for Budget {
    /// All that a piece may ever have, from now on.
    fn default() -> Budget {
        Budget::until(StdInstant::now() + WORK_MAX)
    }
}

impl Budget {
    pub fn until(until: StdInstant) -> Budget {
        Budget { until, exhausted: Cell::new(false) }
    }

    /// Whether work may go on. Once it may not, it never may again.
    pub fn is_left(&self) -> bool {
        if !self.exhausted.get() && StdInstant::now() >= self.until {
            self.exhaust();
        }
        !self.exhausted.get()
    }

    /// What there is to do is more than may be done.
    pub fn exhaust(&self) {
        self.exhausted.set(true);
    }

    /// Whether something was left undone.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn soon() -> Instant {
        Instant::now() + TIME_MIN
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    /// Work that goes on until it is told to end.
    fn hang(end: mpsc::Receiver<()>) -> impl FnOnce(Budget) + Send + 'static {
        move |_| {
            // The sender says nothing; it is dropped.
            let _ = end.recv();
        }
    }

    #[tokio::test]
    async fn work_without_end_takes_no_place_of_others_and_one_for_each_target() {
        let offload = Offload::with_threads(2);
        let hostile = Arc::new(TargetShare::default());
        let mut ends = Vec::new();
        for _ in 0..3 {
            let (end, told) = mpsc::channel();
            ends.push(end);
            let result = offload.run(&hostile, 1, soon(), hang(told)).await;
            let expected = if ends.len() == 1 { NotDone::TooLong } else { NotDone::NoTurn };
            assert_eq!(result, Err(expected));
        }
        assert_eq!(offload.overdue.available_permits(), OVERDUE_MAX - 1);
        assert_eq!(offload.threads.available_permits(), 2);
        let other = Arc::default();
        assert_eq!(offload.run(&other, 1, later(), |_| 7).await, Ok(7));
        drop(ends);
        assert_eq!(offload.run(&hostile, 1, later(), |_| 7).await, Ok(7));
        assert_eq!(offload.overdue.available_permits(), OVERDUE_MAX);
    }

    #[tokio::test]
    async fn slow_targets_share_half_of_the_threads() {
        let offload = Arc::new(Offload::with_threads(2));
        let (slow, also) = (Arc::new(TargetShare::default()), Arc::new(TargetShare::default()));
        for share in [&slow, &also] {
            share.was_slow.store(true, Ordering::Relaxed);
        }
        let (end, told) = mpsc::channel();
        let mut first = Box::pin(offload.run(&slow, 1, later(), hang(told)));
        let mut second = Box::pin(offload.run(&also, 1, later(), |_| ()));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(offload.threads.available_permits(), 1, "one is free");
        assert_eq!(offload.run(&Arc::default(), 1, later(), |_| 7).await, Ok(7));
        drop(end);
        assert_eq!(tokio::join!(first, second), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn large_pages_are_worked_on_one_after_the_other() {
        let offload = Offload::with_threads(2);
        let (end, told) = mpsc::channel();
        let (one, other) = (Arc::default(), Arc::default());
        let mut first = Box::pin(offload.run(&one, 1 << 30, later(), hang(told)));
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = offload.run(&other, 1 << 30, soon(), |_| ()).await;
        assert_eq!(second, Err(NotDone::NoTurn));
        drop(end);
        assert_eq!(first.await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_gives_everything_back() {
        let offload = Offload::with_threads(2);
        let share = Arc::default();
        for _ in 0..3 {
            let panicked = offload.run(&share, 1, later(), |_| panic!("a bug")).await;
            assert_eq!(panicked, Err::<(), _>(NotDone::Panicked));
        }
        assert_eq!(offload.threads.available_permits(), 2);
        assert_eq!(offload.kib.available_permits(), WORKED_ON_KIB_MAX);
    }
}

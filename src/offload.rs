//! Work on what strangers sent, beside the runtime: parsing a page, matching a selector, a path or
//! a regular expression, undoing a content coding. How long that takes is the sender's choice, so it
//! never has a worker of the runtime, and there is a bound to its threads, its bytes and its time.
//!
//! * A target has one piece of work at a time, whatever it sends ([`TargetShare`]).
//! * Targets whose last piece was slow have threads of their own, so that they wait for each other
//!   and not everybody for them. A piece that turns out to be slow goes there, or ends when they are
//!   taken and others wait: a stranger who was never met is no reason to be late.
//! * Who asked leaves at the deadline. A thread cannot be stopped, so what goes on after that is
//!   counted apart and does not take the place of others.
//! * What loops over a page looks at its [`Budget`] and ends by itself.
//! * The threads yield to everything else here: a page that keeps them all busy is judged later, and
//!   nothing else of this prober is late.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant as StdInstant};

use parking_lot::Mutex;
use rustix::process::setpriority_process;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use crate::outcome::{Failure, Reason};

/// Threads that work at the same time: as many as there are processors, and two where there is one,
/// so that a slow page never has all of them.
const THREADS_MIN: usize = 2;

/// More would only cost memory: each may hold a parsed page.
///
/// Limit: threads that work on pages.
/// Share: of all but slow targets, who have half as many beside them.
/// Full: the next piece waits, which is our time; one that is slow ends.
/// Filled: slow_targets_have_threads_of_their_own
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
/// Share: of all but slow targets, who have as many beside them.
/// Full: the next piece waits, which is our time.
/// Filled: large_pages_are_worked_on_one_after_the_other
pub const WORKED_ON_KIB_MAX: usize = 4 << 10;

/// A piece that took longer makes its target a slow one. An ordinary page takes a hundredth.
const SLOW_FROM: Duration = Duration::from_millis(200);

/// The most that one piece may take. Four megabytes of ordinary markup take less than half a second.
const WORK_MAX: Duration = Duration::from_secs(5);

/// A piece that was told to end for others makes its target a slow one from here on.
const STOPPED_FROM: Duration = Duration::from_millis(50);

/// What a piece has at least, however late the page came: the wait for our processor is our time.
const TIME_MIN: Duration = Duration::from_millis(500);

/// Niceness of the threads. A tenth of the weight of a thread of the runtime, which is thus never
/// kept waiting by pages.
const NICENESS: i32 = 10;

#[derive(Debug)]
pub struct Offload {
    pool: Pool,
    quick: Room,
    slow: Room,
    overdue: Arc<Semaphore>,
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

/// Threads and memory of one kind of targets.
#[derive(Debug)]
struct Room {
    threads: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

/// A place in use. It is given back by the thread, or exchanged for another.
struct Place {
    _thread: OwnedSemaphorePermit,
    _kib: Option<OwnedSemaphorePermit>,
}

type Held = Arc<Mutex<Option<Place>>>;

impl Room {
    fn of(threads: usize) -> Room {
        Room {
            threads: Arc::new(Semaphore::new(threads)),
            kib: Arc::new(Semaphore::new(WORKED_ON_KIB_MAX)),
        }
    }

    /// `None` cannot be, because no semaphore is ever closed.
    async fn enter(&self, kib: u32) -> Option<Place> {
        let thread = Arc::clone(&self.threads).acquire_owned().await.ok()?;
        let kib = Arc::clone(&self.kib).acquire_many_owned(kib).await.ok()?;
        Some(Place { _thread: thread, _kib: Some(kib) })
    }

    /// A place, if one is free.
    fn try_enter(&self, kib: u32) -> Option<Place> {
        let thread = Arc::clone(&self.threads).try_acquire_owned().ok()?;
        let kib = Arc::clone(&self.kib).try_acquire_many_owned(kib).ok()?;
        Some(Place { _thread: thread, _kib: Some(kib) })
    }

    fn is_full(&self) -> bool {
        self.threads.available_permits() == 0
    }
}

impl Default for Offload {
    fn default() -> Offload {
        let processors = available_parallelism().map_or(1, usize::from);
        Offload::with_threads(processors.clamp(THREADS_MIN, THREADS_MAX))
    }
}

impl Offload {
    fn with_threads(threads: usize) -> Offload {
        let slow = (threads / 2).max(1);
        Offload {
            pool: Pool::of(threads + slow + OVERDUE_MAX),
            quick: Room::of(threads),
            slow: Room::of(slow),
            overdue: Arc::new(Semaphore::new(OVERDUE_MAX)),
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
        let kib = (bytes >> 10).clamp(1, WORKED_ON_KIB_MAX) as u32;
        let turns = timeout_at(deadline, self.turns(share, kib)).await;
        let (turn, place, is_slow) = turns.ok().flatten().ok_or(NotDone::NoTurn)?;
        let held: Held = Arc::new(Mutex::new(Some(place)));
        let leaving = Leaving {
            held: Arc::clone(&held),
            overdue: Arc::clone(&self.overdue),
            share: Arc::clone(share),
        };
        let until = deadline.into_std();
        let stop = Stop::default();
        let (share, told) = (Arc::clone(share), stop.clone());
        let mut working = self.pool.spawn(move || {
            // Everything is given back at the end, also by a panic.
            let (_turn, _ended) = (turn, Ended(held));
            let (start, cpu) = (StdInstant::now(), cpu_time());
            let budget = Budget::of(until.min(start + WORK_MAX), told.clone());
            let done = work(budget);
            // The processor's time: that others kept the thread waiting is not the page's doing.
            let most = if told.is_set() { STOPPED_FROM } else { SLOW_FROM };
            share.was_slow.store(cpu_time().saturating_sub(cpu) > most, Ordering::Relaxed);
            done
        });
        let mut quick = !is_slow;
        loop {
            let next = Instant::now() + SLOW_FROM;
            let until = if quick { deadline.min(next) } else { deadline };
            match timeout_at(until, &mut working).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(_)) => return Err(NotDone::Panicked),
                Err(_) if until == deadline => {
                    drop(leaving);
                    return Err(NotDone::TooLong);
                }
                Err(_) => quick = self.still_quick(&leaving, kib, &stop),
            }
        }
    }

    /// Gives the place of a piece that is slow back to the quick ones, when there is a place among
    /// the slow ones or somebody waits. Whether it still has it.
    fn still_quick(&self, leaving: &Leaving, kib: u32, stop: &Stop) -> bool {
        if let Some(place) = self.slow.try_enter(kib) {
            leaving.exchange(place);
            return false;
        }
        if !self.quick.is_full() {
            return true;
        }
        stop.set();
        leaving.becomes_overdue();
        false
    }

    /// `None` cannot be, because no semaphore is ever closed.
    async fn turns(
        &self,
        share: &TargetShare,
        kib: u32,
    ) -> Option<(OwnedSemaphorePermit, Place, bool)> {
        let turn = Arc::clone(&share.turn).acquire_owned().await.ok()?;
        let is_slow = share.was_slow.load(Ordering::Relaxed);
        let room = if is_slow { &self.slow } else { &self.quick };
        Some((turn, room.enter(kib).await?, is_slow))
    }
}

/// What this thread had of a processor.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Tells a piece of work that it must end.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The threads themselves, started when they are needed. Without a pool, those of the runtime.
#[derive(Debug)]
struct Pool(Option<Runtime>);

impl Pool {
    /// There are never more at work, because each piece has a place among those who work or is overdue.
    fn of(threads: usize) -> Pool {
        let pool = Builder::new_current_thread()
            .thread_name("judge")
            .max_blocking_threads(threads)
            .on_thread_start(|| {
                // Where the kernel refuses, pages have as much of the processor as all else.
                let _ = setpriority_process(None, NICENESS);
            })
            .build();
        Pool(pool.ok())
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match &self.0 {
            Some(pool) => pool.spawn_blocking(work),
            None => spawn_blocking(work),
        }
    }
}

impl Drop for Pool {
    /// Who ends does not wait for the pages of others.
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.shutdown_background();
        }
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

impl Leaving {
    /// Has a place instead of the one it had, unless the work has ended.
    fn exchange(&self, place: Place) {
        let mut held = self.held.lock();
        if held.is_some() {
            *held = Some(place);
        }
    }

    /// The memory is not counted any more: there are only so many such pieces.
    fn becomes_overdue(&self) {
        if let Ok(overdue) = Arc::clone(&self.overdue).try_acquire_owned() {
            self.exchange(Place { _thread: overdue, _kib: None });
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.held.lock().is_some() {
            self.share.was_slow.store(true, Ordering::Relaxed);
            self.becomes_overdue();
        }
    }
}

/// The time of a piece of work. Asked in every round of a loop over what a stranger sent.
#[derive(Debug)]
pub struct Budget {
    until: StdInstant,
    stop: Stop,
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
        Budget::of(until, Stop::default())
    }

    fn of(until: StdInstant, stop: Stop) -> Budget {
        Budget { until, stop, exhausted: Cell::new(false) }
    }

    /// Whether work may go on. Once it may not, it never may again.
    pub fn is_left(&self) -> bool {
        if !self.exhausted.get() && (self.stop.is_set() || StdInstant::now() >= self.until) {
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
        assert_eq!(offload.quick.threads.available_permits(), 2);
        let other = Arc::default();
        assert_eq!(offload.run(&other, 1, later(), |_| 7).await, Ok(7));
        drop(ends);
        assert_eq!(offload.run(&hostile, 1, later(), |_| 7).await, Ok(7));
        assert_eq!(offload.overdue.available_permits(), OVERDUE_MAX);
    }

    #[tokio::test]
    async fn slow_targets_have_threads_of_their_own() {
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
        assert_eq!(offload.quick.threads.available_permits(), 2, "both are free");
        assert_eq!(offload.run(&Arc::default(), 1, later(), |_| 7).await, Ok(7));
        drop(end);
        assert_eq!(tokio::join!(first, second), (Ok(()), Ok(())));
    }

    /// Goes on for as long as it may, and says whether that was much of what a piece may have.
    fn busy(budget: Budget) -> bool {
        let start = StdInstant::now();
        while budget.is_left() {}
        start.elapsed() >= WORK_MAX / 2
    }

    #[tokio::test]
    async fn slow_strangers_leave_the_threads_of_the_quick() {
        let offload = Offload::with_threads(2);
        let strangers: Vec<Arc<TargetShare>> = (0..3).map(|_| Arc::default()).collect();
        let end = Instant::now() + 2 * WORK_MAX;
        let mut pieces: Vec<_> =
            strangers.iter().map(|share| Box::pin(offload.run(share, 1, end, busy))).collect();
        let mut third = pieces.pop().unwrap();
        // Two have all threads of the quick and the third waits. One of the two goes where the slow
        // are, and the other makes place for it.
        let both = futures_util::future::join_all(pieces);
        let start = Instant::now();
        let quick = async {
            let other = Arc::default();
            let answer = offload.run(&other, 1, end, |_| 7).await;
            (answer, start.elapsed() < WORK_MAX / 2)
        };
        let (mut whole, last, quick) = tokio::join!(both, &mut third, quick);
        assert_eq!(quick, (Ok(7), true), "who was never slow waits for nobody's whole piece");
        whole.push(last);
        let whole = whole.into_iter().filter(|piece| *piece == Ok(true)).count();
        assert!(
            (1..=2).contains(&whole),
            "{whole} had their whole time: one goes where the slow are"
        );
        assert_eq!(offload.quick.threads.available_permits(), 2);
        assert_eq!(offload.slow.threads.available_permits(), 1);
        assert_eq!(offload.overdue.available_permits(), OVERDUE_MAX);
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
        assert_eq!(offload.quick.threads.available_permits(), 2);
        assert_eq!(offload.quick.kib.available_permits(), WORKED_ON_KIB_MAX);
    }
}

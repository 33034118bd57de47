//! How many runs may be under way at once.
//!
//! The number is made for the worst day: in a national outage every probe waits for its timeout,
//! so the runs in flight are the sum of timeout / interval over all targets. A fixed number would
//! turn a black hole into skipped runs of healthy targets. Each run needs descriptors, so the
//! number is checked against the process's limit and cut when it does not fit: a late run is
//! counted as late, one that fails for want of a descriptor says nothing at all.
//!
//! Rechecks have a pool of their own and never wait: they are the first thing to be given up
//! under load.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Schedule;

/// Small installations should never meet the limit.
const PERMITS_MIN: usize = 256;

/// Headroom over the mean number in flight: slots are spread by a hash, not evenly, and a run may
/// last a little longer than its timeout.
const HEADROOM: f64 = 1.2;

/// Permits of rechecks, as a share of those of scheduled runs: 1 of 8. All of 17,000 probes that
/// change at once are rechecked in part; a few hundred are rechecked at once.
const RECHECK_SHARE: usize = 8;

/// Descriptors of one run: its connection and a name lookup's socket.
const DESCRIPTORS_PER_RUN: u64 = 2;

/// Descriptors for everything else: listener, scrapes, log, files being read, runtime.
const DESCRIPTORS_RESERVED: u64 = 256;

/// With fewer, not even a handful of slow targets could be watched; better to run short of
/// descriptors now and then.
const PERMITS_FLOOR: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Runs in flight; `None` computes it from the targets.
    pub permits: Option<usize>,
    /// Descriptors the process may open; `None` is without limit.
    pub descriptors: Option<u64>,
}

/// How many runs may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Scheduled runs, as the targets need it.
    pub wanted: usize,
    /// Scheduled runs, as the descriptor limit allows.
    pub scheduled: usize,
    pub rechecks: usize,
    /// Descriptors that `wanted` and its rechecks would need.
    pub descriptors_wanted: u64,
}

impl Capacity {
    /// The capacity for these targets.
    pub fn of<'a>(schedules: impl Iterator<Item = &'a Schedule>, limits: &Limits) -> Capacity {
        let mean: f64 = schedules
            .map(|schedule| schedule.timeout().as_secs_f64() / schedule.interval().as_secs_f64())
            .sum();
        let computed = PERMITS_MIN.max((mean * HEADROOM).ceil() as usize);
        let wanted = limits.permits.unwrap_or(computed).clamp(1, Semaphore::MAX_PERMITS / 2);
        let scheduled = limits.descriptors.map_or(wanted, |limit| wanted.min(affordable(limit)));
        let runs = (wanted + recheck_share(wanted)) as u64;
        Capacity {
            wanted,
            scheduled,
            rechecks: recheck_share(scheduled),
            descriptors_wanted: runs * DESCRIPTORS_PER_RUN + DESCRIPTORS_RESERVED,
        }
    }

    /// Whether the descriptor limit leaves room for the worst day.
    pub fn is_enough(&self) -> bool {
        self.scheduled >= self.wanted
    }
}

fn recheck_share(scheduled: usize) -> usize {
    (scheduled / RECHECK_SHARE).max(1)
}

/// Scheduled runs that fit under a descriptor limit, their share of rechecks included.
fn affordable(descriptors: u64) -> usize {
    let runs = descriptors.saturating_sub(DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_RUN;
    let runs = usize::try_from(runs).unwrap_or(usize::MAX / RECHECK_SHARE);
    let share = RECHECK_SHARE;
    (runs / (share + 1) * share).max(PERMITS_FLOOR)
}

#[derive(Debug)]
pub(super) struct Permits {
    scheduled: Pool,
    rechecks: Pool,
}

impl Permits {
    /// Nothing may run until the first [`Permits::resize`].
    pub(super) fn none() -> Permits {
        Permits { scheduled: Pool::new(), rechecks: Pool::new() }
    }

    /// Runs under way keep their permits; a smaller pool shrinks as they are returned. Only ever
    /// called by the one owner of the scheduler.
    pub(super) fn resize(&self, capacity: &Capacity) {
        self.scheduled.resize(capacity.scheduled);
        self.rechecks.resize(capacity.rechecks);
    }

    /// A permit for a scheduled run if there is one and nobody has been waiting longer.
    pub(super) fn try_scheduled(&self) -> Option<Permit<'_>> {
        self.scheduled.try_acquire()
    }

    /// Waits in turn. The place in the queue lasts as long as the future.
    pub(super) async fn scheduled(&self) -> Permit<'_> {
        self.scheduled.acquire().await
    }

    /// A permit for a recheck, unless there are none or scheduled runs are short of theirs.
    pub(super) fn try_recheck(&self) -> Option<Permit<'_>> {
        (self.scheduled.semaphore.available_permits() > 0)
            .then(|| self.rechecks.try_acquire())
            .flatten()
    }
}

/// A semaphore that can shrink while its permits are out.
#[derive(Debug)]
struct Pool {
    semaphore: Semaphore,
    size: AtomicUsize,
    /// Permits that are out and will not come back.
    debt: AtomicUsize,
}

impl Pool {
    fn new() -> Pool {
        Pool { semaphore: Semaphore::new(0), size: AtomicUsize::new(0), debt: AtomicUsize::new(0) }
    }

    fn resize(&self, size: usize) {
        let before = self.size.swap(size, Ordering::Relaxed);
        if size < before {
            let forgotten = self.semaphore.forget_permits(before - size);
            self.debt.fetch_add(before - size - forgotten, Ordering::Relaxed);
        } else {
            let forgiven = (before..size).take_while(|_| self.forgive()).count();
            self.semaphore.add_permits(size - before - forgiven);
        }
    }

    /// Takes one off the debt; false when there is none.
    fn forgive(&self) -> bool {
        self.debt
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |debt| debt.checked_sub(1))
            .is_ok()
    }

    fn try_acquire(&self) -> Option<Permit<'_>> {
        let permit = self.semaphore.try_acquire().ok();
        permit.map(|permit| Permit { pool: self, permit: Some(permit) })
    }

    async fn acquire(&self) -> Permit<'_> {
        // The semaphore is never closed; without a permit the run would only be uncounted.
        Permit { pool: self, permit: self.semaphore.acquire().await.ok() }
    }
}

/// The right to have one run in flight.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    pool: &'a Pool,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.pool.forgive()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn schedules(count: usize, interval: u64, timeout: u64) -> Vec<Schedule> {
        let seconds = Duration::from_secs;
        vec![Schedule::new(seconds(interval), seconds(timeout), None).unwrap(); count]
    }

    #[test]
    fn a_small_installation_gets_the_minimum() {
        let capacity = Capacity::of(schedules(10, 30, 10).iter(), &Limits::default());
        assert_eq!((capacity.scheduled, capacity.rechecks), (256, 32));
        assert!(capacity.is_enough());
    }

    #[test]
    fn a_national_outage_fits_with_room_to_spare() {
        let capacity = Capacity::of(schedules(17_000, 30, 10).iter(), &Limits::default());
        assert_eq!(capacity.scheduled, 6_800);
        assert_eq!(capacity.descriptors_wanted, 2 * (6_800 + 850) + 256);
    }

    #[test]
    fn a_descriptor_limit_that_is_too_small_is_respected_and_said() {
        let schedules = schedules(17_000, 30, 10);
        for descriptors in [100, 1_024, 4_096, 15_555, 15_556, 20_000] {
            let limits = Limits { permits: None, descriptors: Some(descriptors) };
            let capacity = Capacity::of(schedules.iter(), &limits);
            let used = DESCRIPTORS_PER_RUN * (capacity.scheduled + capacity.rechecks) as u64;
            let fits = used + DESCRIPTORS_RESERVED <= descriptors;
            assert!(fits || capacity.scheduled == PERMITS_FLOOR, "{descriptors}: {capacity:?}");
            assert_eq!(capacity.is_enough(), descriptors >= capacity.descriptors_wanted);
        }
    }

    #[test]
    fn a_pool_shrinks_as_its_permits_come_back() {
        let pool = Pool::new();
        pool.resize(4);
        let mut out: Vec<_> = (0..4).map(|_| pool.try_acquire().unwrap()).collect();
        pool.resize(2);
        assert!(pool.try_acquire().is_none());
        out.pop();
        out.pop();
        assert!(pool.try_acquire().is_none(), "two are still out of a pool of two");
        out.pop();
        assert!(pool.try_acquire().is_some());
        out.clear();
        assert_eq!(pool.semaphore.available_permits(), 2);
    }

    #[test]
    fn growing_again_pays_the_debt_first() {
        let pool = Pool::new();
        pool.resize(3);
        let out: Vec<_> = (0..3).map(|_| pool.try_acquire().unwrap()).collect();
        pool.resize(1);
        pool.resize(5);
        assert_eq!(pool.semaphore.available_permits(), 2);
        drop(out);
        assert_eq!(pool.semaphore.available_permits(), 5);
    }
}

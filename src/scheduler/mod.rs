//! Knows when, not what: one task per target, permits, rechecks, shutdown.
//!
//! A target's first run starts soon after it was taken on, at a place that its id decides,
//! and keeps its grid from then on, on the monotonic clock ([`phase`]). A probe never overlaps
//! itself, not even across a reload that replaces it. A run that could not start before its next
//! slot came is counted as skipped; one that started late says by how much. After a change of
//! result a few more runs follow quickly (`recheck`). How many runs may be in flight is made for
//! the day when every target is a black hole ([`permits`]).
//!
//! What deliberately is absent: knowledge of probe kinds, of metrics, and of what a verdict means
//! to anybody.

pub mod permits;
pub mod phase;
pub mod shard;

mod recheck;
mod task;
mod task_handle;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use self::permits::{Capacity, Limits, Permits};
use self::phase::{Grid, WallClock};
use self::task::{SchedulerContext, Task};
use self::task_handle::TaskHandle;
use crate::config::{Target, TargetId};
use crate::controls::Controls;
use crate::outcome::Outcome;
use crate::panics;
use crate::probe::Probe;

/// Names of tasks that were cut off are logged up to this many; more do not help anybody.
const NAMED_MAX: usize = 20;

/// For the run under way of a target that goes: what `--shutdown.grace` is by default.
const LAST_RUN: Duration = Duration::from_secs(10);

/// Why a run took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// On the interval's grid.
    Scheduled,
    /// Soon after a change of result, to confirm it.
    Recheck,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub cadence: Cadence,
    /// How long after its due time it started.
    pub lag: Duration,
    /// When it ended, on the clock that intervals are measured on.
    pub finished: Instant,
    pub outcome: Arc<Outcome>,
}

/// Is told of every run. Called from the target's task, so an implementation must be quick and
/// must not block. Calls for one target never overlap, and come in this order: `adopt`, any number
/// of `started`, `observe` and `skipped`, `forget`. Once `forget` was called nothing follows for
/// that life of the target: the end of a run under way is then not observed either, so a count of
/// runs in flight has to be kept per target. A reload that leaves a target as it was is never
/// reported.
pub trait Observer: Send + Sync + 'static {
    /// A target is new, or replaces one of the same id that did something else (which was
    /// forgotten just before): its counters start at zero.
    fn adopt(&self, target: &Arc<Target>, now: Instant);
    fn started(&self, target: &Arc<Target>);
    fn observe(&self, target: &Arc<Target>, run: &Run);
    /// Runs that could not start in time, or began and had no turn with their account; such a one was
    /// `started` and is not observed.
    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64);
    /// A target is gone.
    fn forget(&self, id: &TargetId);
}

/// A target and the means to look at it.
pub struct Work {
    pub target: Arc<Target>,
    pub probe: Arc<dyn Probe>,
}

/// What [`Scheduler::apply`] did, in targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub started: usize,
    /// Ids that are gone.
    pub stopped: usize,
    /// Equal targets: phase, history and a run under way stay.
    pub kept: usize,
    /// The same id with another target: forgotten and adopted.
    pub replaced: usize,
}

/// How the scheduler came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every run under way ended by itself.
    Clean,
    /// So many runs did not end within the grace time.
    CutOff(usize),
}

/// A target's task died: a bug of this program, since a panic of a probe is an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task of {target} died: {panic}")]
pub struct TaskFailure {
    pub target: String,
    pub panic: String,
}

pub struct Scheduler {
    limits: Limits,
    capacity: Capacity,
    clock: Option<WallClock>,
    shared: Arc<SchedulerContext>,
    running: HashMap<TargetId, Running>,
    /// Tasks that were told to stop and may still have a run under way.
    leaving: HashMap<TargetId, Weak<TaskHandle>>,
    tasks: JoinSet<()>,
}

struct Running {
    target: Arc<Target>,
    leash: Arc<TaskHandle>,
    task: tokio::task::Id,
}

impl Scheduler {
    /// Nothing runs until [`Scheduler::apply`].
    pub fn new(limits: Limits, controls: Arc<Controls>, observer: Arc<dyn Observer>) -> Scheduler {
        Scheduler {
            limits,
            capacity: Capacity::of(std::iter::empty(), &limits),
            clock: None,
            shared: Arc::new(SchedulerContext { permits: Permits::none(), controls, observer }),
            running: HashMap::new(),
            leaving: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Targets that are rechecked run at the same moments as at other vantages whose clock is right.
    pub fn on(mut self, clock: WallClock) -> Scheduler {
        self.clock = Some(clock);
        self
    }

    /// Makes the running targets those of `work`. Needs a tokio runtime, and does not wait. Targets
    /// that are equal to a running one keep everything but their probe, which is taken over from
    /// the next run on: its surroundings (secrets, trust) may have changed.
    pub fn apply(&mut self, work: Vec<Work>) -> Changes {
        let now = Instant::now();
        self.resize(&work);
        self.leaving.retain(|_, leash| leash.strong_count() > 0);
        let mut before = std::mem::take(&mut self.running);
        self.running.reserve(work.len());
        let mut changes = Changes::default();
        for Work { target, probe } in work {
            if self.running.contains_key(&target.id) {
                warn!(target = %target.id, "two targets of one id; only the first one runs");
                continue;
            }
            match before.remove(&target.id) {
                Some(running) if *running.target == *target => {
                    running.leash.hand_over(probe);
                    self.running.insert(target.id.clone(), running);
                    changes.kept += 1;
                }
                Some(running) => {
                    self.dismiss(running);
                    self.start(target, probe, now);
                    changes.replaced += 1;
                }
                None => {
                    self.start(target, probe, now);
                    changes.started += 1;
                }
            }
        }
        changes.stopped = before.len();
        for running in before.into_values() {
            self.dismiss(running);
        }
        changes
    }

    /// How many runs may be in flight.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Resolves only if a task died. Cancel safe; to be called again after every
    /// [`Scheduler::apply`].
    pub async fn failed(&mut self) -> TaskFailure {
        loop {
            match self.tasks.join_next_with_id().await {
                // Nothing can die until there is something again.
                None => std::future::pending().await,
                Some(Ok(_told_to_stop)) => {}
                Some(Err(error)) => {
                    if let Some(failure) = self.failure(error) {
                        return failure;
                    }
                }
            }
        }
    }

    /// Starts no more runs, waits at most `grace` for those under way, and cuts off the rest.
    pub async fn stop(mut self, grace: Duration) -> Stopped {
        let deadline = Instant::now() + grace;
        // A little earlier, so that what ends at the last moment is still heard.
        let by = deadline - grace / 10;
        for running in self.running.values() {
            running.leash.finish(by);
        }
        while let Ok(Some(_ended)) = timeout_at(deadline, self.tasks.join_next()).await {}
        while self.tasks.try_join_next().is_some() {}
        let left = self.tasks.len();
        if left == 0 {
            return Stopped::Clean;
        }
        let named = self.unfinished();
        warn!(runs = left, targets = named, "runs did not end within the grace time");
        self.tasks.shutdown().await;
        Stopped::CutOff(left)
    }

    fn start(&mut self, target: Arc<Target>, probe: Arc<dyn Probe>, now: Instant) {
        let leash = TaskHandle::new(probe);
        self.shared.observer.adopt(&target, now);
        let interval = target.schedule.interval();
        let task = Task {
            grid: match &self.clock {
                Some(clock) if target.schedule.recheck().is_some() => {
                    Grid::shared(&target.id, interval, now, clock)
                }
                _ => Grid::new(&target.id, interval, now),
            },
            target: Arc::clone(&target),
            leash: Arc::clone(&leash),
            predecessor: self.leaving.remove(&target.id).and_then(|leash| leash.upgrade()),
            shared: Arc::clone(&self.shared),
        };
        let task = self.tasks.spawn(task.run()).id();
        self.running.insert(target.id.clone(), Running { target, leash, task });
    }

    fn dismiss(&mut self, running: Running) {
        running.leash.forget(Instant::now() + LAST_RUN);
        self.shared.observer.forget(&running.target.id);
        self.leaving.insert(running.target.id.clone(), Arc::downgrade(&running.leash));
    }

    fn resize(&mut self, work: &[Work]) {
        let before = self.capacity;
        let schedules = work.iter().map(|work| &work.target.schedule);
        self.capacity = Capacity::of(schedules, &self.limits);
        self.shared.permits.resize(&self.capacity);
        if self.capacity == before && !self.running.is_empty() {
            return;
        }
        let Capacity { wanted, scheduled, rechecks, descriptors_wanted } = self.capacity;
        if self.capacity.is_enough() {
            info!(scheduled, rechecks, "runs that may be in flight");
        } else {
            warn!(
                wanted,
                scheduled,
                rechecks,
                descriptors = self.limits.descriptors,
                descriptors_wanted,
                "the limit of open files is too low for a day on which every probe waits for its \
                 timeout; runs would then be skipped: raise it (ulimit -n, LimitNOFILE)"
            );
        }
    }

    fn failure(&self, error: tokio::task::JoinError) -> Option<TaskFailure> {
        let task = error.id();
        let panic = error.try_into_panic().ok()?;
        let found = self.running.iter().find(|(_, running)| running.task == task);
        Some(TaskFailure {
            target: found.map_or_else(|| "a removed target".to_owned(), |(id, _)| id.to_string()),
            panic: panics::spoken(&*panic).to_owned(),
        })
    }

    /// The targets whose task is not gone, as far as they fit into a log line.
    fn unfinished(&self) -> String {
        let running = self.running.iter().filter(|(_, running)| !running.leash.has_ended());
        let leaving = self.leaving.iter().filter(|(_, leash)| leash.strong_count() > 0);
        let all = running.map(|(id, _)| id).chain(leaving.map(|(id, _)| id));
        let mut ids: Vec<String> = all.map(ToString::to_string).collect();
        ids.sort_unstable();
        ids.truncate(NAMED_MAX);
        ids.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::config::{DialOptions, Kind, RouteOptions, Schedule, TlsOptions};
    use crate::deadline::Deadline;
    use crate::outcome::{Facts, Failure};

    /// Bytes of one target's task while it sleeps; 17,000 of them stay under 10 MB.
    const TASK_SIZE_MAX: usize = 576;

    struct Idle;

    impl Probe for Idle {
        fn attempt<'a>(
            &'a self,
            _facts: &'a mut Facts,
            _deadline: &'a Deadline,
        ) -> BoxFuture<'a, Result<(), Failure>> {
            async { Ok(()) }.boxed()
        }
    }

    impl Observer for Idle {
        fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}
        fn started(&self, _target: &Arc<Target>) {}
        fn observe(&self, _target: &Arc<Target>, _run: &Run) {}
        fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}
        fn forget(&self, _id: &TargetId) {}
    }

    #[test]
    fn a_sleeping_task_is_small() {
        let seconds = Duration::from_secs;
        let id = TargetId { service: "gov24".into(), probe: "front".into(), site: None };
        let target = Arc::new(Target {
            component: Arc::clone(&id.service),
            instance: String::new(),
            schedule: Schedule::new(seconds(30), seconds(10), None).unwrap(),
            latency_objective: None,
            labels: Default::default(),
            dial: DialOptions::default(),
            kind: Kind::Tls(Arc::new(TlsOptions {
                route: RouteOptions::default(),
                host: "localhost".to_owned(),
                port: 443,
                tls: Default::default(),
                alpn: Vec::new(),
                starttls: None,
                expect: Default::default(),
                warn: Default::default(),
            })),
            id,
        });
        let shared = SchedulerContext {
            permits: Permits::none(),
            controls: Arc::new(Controls::none()),
            observer: Arc::new(Idle),
        };
        let task = Task {
            grid: Grid::new(&target.id, target.schedule.interval(), Instant::now()),
            leash: TaskHandle::new(Arc::new(Idle)),
            target,
            predecessor: None,
            shared: Arc::new(shared),
        };
        let size = size_of_val(&task.run());
        assert!(size <= TASK_SIZE_MAX, "{size} bytes");
    }
}

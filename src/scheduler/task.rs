//! The life of one target: sleep until due, take a permit, run, tell, again.
//!
//! Seventeen thousand of these are idle at a time, so what lives across the sleep is small: the
//! run itself, with its facts, is on the heap only while it is under way.

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::{Instant, Sleep, sleep_until};

use super::permits::{Permit, Permits};
use super::phase::Grid;
use super::recheck::Rechecks;
use super::task_handle::{End, TaskHandle};
use super::{Cadence, Observer, Run};
use crate::config::Target;
use crate::controls::Controls;
use crate::outcome::Verdict;
use crate::probe;

pub(super) struct SchedulerContext {
    pub(super) permits: Permits,
    pub(super) controls: Arc<Controls>,
    pub(super) observer: Arc<dyn Observer>,
}

pub(super) struct Task {
    pub(super) target: Arc<Target>,
    pub(super) grid: Grid,
    pub(super) leash: Arc<TaskHandle>,
    /// The task that had this id before: its last run must be over before the first one here.
    pub(super) predecessor: Option<Arc<TaskHandle>>,
    pub(super) shared: Arc<SchedulerContext>,
}

struct Stopped;

/// A run that may start now.
struct Start<'a> {
    cadence: Cadence,
    due: Instant,
    permit: Permit<'a>,
}

impl Task {
    /// Lives until the leash says otherwise.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold `self` twice")]
    pub(super) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let _end = End(Arc::clone(&self.leash));
            if let Some(predecessor) = self.predecessor.take() {
                predecessor.ended().await;
            }
            let _stopped: Result<(), Stopped> = self.repeat().await;
        }
    }

    async fn repeat(&self) -> Result<(), Stopped> {
        let mut rechecks = Rechecks::new(&self.target.schedule);
        let mut due = self.grid.first();
        let mut timer = pin!(sleep_until(due));
        loop {
            let recheck = rechecks.before(due, Instant::now());
            self.wait(timer.as_mut(), recheck.unwrap_or(due)).await?;
            let start = match recheck {
                Some(at) if rechecks.before(due, Instant::now()).is_some() => {
                    let Some(permit) = self.shared.permits.try_recheck() else {
                        self.skipped(Cadence::Recheck, 1);
                        rechecks.shed(at);
                        continue;
                    };
                    Start { cadence: Cadence::Recheck, due: at, permit }
                }
                // Woken so late that the scheduled run comes first.
                Some(_) => continue,
                None => {
                    let start = self.admit(timer.as_mut(), due).await?;
                    due = self.grid.after(start.due);
                    start
                }
            };
            let (verdict, finished) = Box::pin(self.once(start)).await;
            rechecks.observe(verdict, finished);
        }
    }

    async fn wait(&self, mut timer: Pin<&mut Sleep>, until: Instant) -> Result<(), Stopped> {
        if self.leash.stop().asked().is_some() {
            return Err(Stopped);
        }
        timer.as_mut().reset(until);
        tokio::select! {
            biased;
            _ = self.leash.stop().wait() => Err(Stopped),
            () = timer => Ok(()),
        }
    }

    /// Waits for a permit for the slot `due`, which has come. A slot is skipped when the next one
    /// comes before it could start; the place in the queue is kept.
    async fn admit(
        &self,
        mut timer: Pin<&mut Sleep>,
        mut due: Instant,
    ) -> Result<Start<'_>, Stopped> {
        let permits = &self.shared.permits;
        due = self.pass_over(due);
        if let Some(permit) = permits.try_scheduled() {
            return Ok(Start { cadence: Cadence::Scheduled, due, permit });
        }
        // On the heap, like a run: few wait, and those that do not should not carry the room for it.
        let mut turn = Box::pin(permits.scheduled());
        loop {
            timer.as_mut().reset(self.grid.after(due));
            let permit = tokio::select! {
                biased;
                _ = self.leash.stop().wait() => return Err(Stopped),
                permit = &mut turn => Some(permit),
                () = timer.as_mut() => None,
            };
            due = self.pass_over(due);
            if let Some(permit) = permit {
                return Ok(Start { cadence: Cadence::Scheduled, due, permit });
            }
        }
    }

    /// The slot to run for now, when the one to run for was `due`. Counts those in between.
    fn pass_over(&self, due: Instant) -> Instant {
        let (slot, skipped) = self.grid.catch_up(due, Instant::now());
        if skipped > 0 {
            self.skipped(Cadence::Scheduled, skipped);
        }
        slot
    }

    fn skipped(&self, cadence: Cadence, runs: u64) {
        let SchedulerContext { observer, .. } = &*self.shared;
        self.leash.report(|| observer.skipped(&self.target, cadence, runs));
    }

    /// One run from permit to report. Its end, for what follows it, is before the judgement on
    /// our own connection, which does not concern the target; nor does it need the permit.
    async fn once(&self, start: Start<'_>) -> (Verdict, Instant) {
        let SchedulerContext { observer, controls, .. } = &*self.shared;
        let lag = start.due.elapsed();
        self.leash.report(|| observer.started(&self.target));
        let probe = self.leash.probe();
        let timeout = self.target.schedule.timeout();
        let mut outcome = probe::run(&*probe, timeout, self.leash.stop()).await;
        let finished = Instant::now();
        drop(start.permit);
        controls.judge_scheduled(&self.target, &mut outcome).await;
        let verdict = outcome.verdict();
        if outcome.is_skipped() {
            self.skipped(start.cadence, 1);
            return (verdict, finished);
        }
        let run = Run { cadence: start.cadence, lag, finished, outcome: Arc::new(outcome) };
        self.leash.report(|| observer.observe(&self.target, &run));
        (verdict, finished)
    }
}

//! Whether the scheduler lives: runs begin and end. A scheduler that hangs is silent, and silence
//! is what a quiet night looks like; whoever watches this process asks here.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::{Target, TargetId};
use crate::scheduler::{Cadence, Observer, Run};

/// The last sign of life.
pub(super) struct Liveness {
    state: Mutex<State>,
}

struct State {
    last: Instant,
    /// A live scheduler is never silent for longer. `None` if nothing is scheduled.
    longest: Option<Duration>,
}

impl Liveness {
    pub(super) fn new() -> Liveness {
        Liveness { state: Mutex::new(State { last: Instant::now(), longest: None }) }
    }

    /// From now on, these are scheduled. The one that is due most often must have run within the
    /// time for which a result is believed: even when every permit is waited for, runs end by their
    /// timeouts.
    pub(super) fn expect<'t>(&self, targets: impl Iterator<Item = &'t Arc<Target>>) {
        let longest = targets.map(|target| target.schedule.freshness()).min();
        *self.state.lock() = State { last: Instant::now(), longest };
    }

    /// How long nothing has happened, when that is too long.
    pub(super) fn silence(&self) -> Option<Duration> {
        let state = self.state.lock();
        let silence = state.last.elapsed();
        state.longest.is_some_and(|longest| silence > longest).then_some(silence)
    }

    fn beat(&self) {
        self.state.lock().last = Instant::now();
    }
}

impl Observer for Liveness {
    fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}

    fn started(&self, _target: &Arc<Target>) {
        self.beat();
    }

    fn observe(&self, _target: &Arc<Target>, _run: &Run) {
        self.beat();
    }

    /// A run that could not begin is no sign of life: nothing else may be left of it.
    fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}

    fn forget(&self, _id: &TargetId) {}
}

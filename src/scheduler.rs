//! Knows when, not what: one task per target, permits, rechecks, shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Target, TargetId};
use crate::outcome::Outcome;

/// Why a run took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// On the interval's grid.
    Scheduled,
    /// Soon after a change of result, to confirm it.
    Recheck,
}

/// One finished run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Why.
    pub cadence: Cadence,
    /// How long after its due time it started.
    pub lag: Duration,
    /// When it ended, on the clock that intervals are measured on.
    pub finished: Instant,
    /// What it found.
    pub outcome: Arc<Outcome>,
}

/// Whoever wants to know. Called from the target's task, so an implementation must be quick and
/// must not block.
pub trait Observer: Send + Sync + 'static {
    /// A target is new, or replaces one of the same id that did something else: its counters
    /// start at zero.
    fn adopt(&self, target: &Arc<Target>, now: Instant);
    /// A run began.
    fn started(&self, target: &Arc<Target>);
    /// A run ended.
    fn observe(&self, target: &Arc<Target>, run: &Run);
    /// Runs that could not start in time.
    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64);
    /// A target is gone.
    fn forget(&self, id: &TargetId);
}

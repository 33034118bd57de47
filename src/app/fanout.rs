//! One observer made of several.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::{Target, TargetId};
use crate::scheduler::{Cadence, Observer, Run};

/// Tells each of them, in order.
pub(super) struct Fanout(pub(super) Vec<Arc<dyn Observer>>);

impl Observer for Fanout {
    fn adopt(&self, target: &Arc<Target>, now: Instant) {
        self.0.iter().for_each(|observer| observer.adopt(target, now));
    }

    fn started(&self, target: &Arc<Target>) {
        self.0.iter().for_each(|observer| observer.started(target));
    }

    fn observe(&self, target: &Arc<Target>, run: &Run) {
        self.0.iter().for_each(|observer| observer.observe(target, run));
    }

    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64) {
        self.0.iter().for_each(|observer| observer.skipped(target, cadence, runs));
    }

    fn forget(&self, id: &TargetId) {
        self.0.iter().for_each(|observer| observer.forget(id));
    }
}

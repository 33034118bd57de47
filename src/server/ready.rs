//! Readiness as structure: ready is when the [`Latch`] is gone and the daemon is not stopping.
//!
//! The part that must be up first holds the latch and drops it when it is. There is no flag that could
//! be set too early, and a part that dies before it is up never makes the daemon ready by mistake:
//! its latch is dropped too, but then the daemon ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Held by a part that is not up yet.
pub struct Latch {
    /// Held for its count, never read.
    _held: Arc<()>,
}

/// Asks whether the daemon is up.
#[derive(Clone)]
pub struct Readiness {
    latch: Weak<()>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// A readiness and the latch of it.
    pub fn new() -> (Readiness, Latch) {
        let held = Arc::new(());
        let readiness =
            Readiness { latch: Arc::downgrade(&held), stopping: Arc::new(AtomicBool::new(false)) };
        (readiness, Latch { _held: held })
    }

    /// Whether the latch is gone and the daemon is not stopping.
    pub fn is_ready(&self) -> bool {
        self.latch.strong_count() == 0 && !self.is_stopping()
    }

    /// Whether the daemon is on its way out.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Not ready from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_the_latch_is_gone_and_until_stopping() {
        let (readiness, listening) = Readiness::new();
        assert!(!readiness.is_ready());
        drop(listening);
        assert!(readiness.is_ready());
        readiness.stop();
        assert!(!readiness.is_ready());
    }
}

//! The wish that runs come to their end early: when the daemon ends, or their target goes.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Asked at most once, heard by all clones. Runs mind it by themselves: a single exchange may
/// ignore it, and a login then does no further step but its `finally`.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    /// When everything must be over.
    by: OnceLock<Instant>,
    rung: Notify,
}

impl Stop {
    /// Asks that everything be over by an instant. What was asked first stays.
    pub fn ask(&self, by: Instant) {
        let _ = self.0.by.set(by);
        self.0.rung.notify_waiters();
    }

    /// When everything must be over, if it was asked for.
    pub fn asked(&self) -> Option<Instant> {
        self.0.by.get().copied()
    }

    /// Waits until it is asked for. Cancel safe.
    pub async fn wait(&self) -> Instant {
        loop {
            // Before looking, so that a bell rung in between is not missed.
            let rung = self.0.rung.notified();
            if let Some(by) = self.asked() {
                return by;
            }
            rung.await;
        }
    }
}

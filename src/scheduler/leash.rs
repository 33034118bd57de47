//! What the scheduler and one target's task share: whether to go on, with which probe, and
//! whether anybody still wants to hear the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::probe::Probe;

/// The link between the scheduler and one task.
pub(super) struct Leash {
    /// A std mutex: held for a few instructions, or for one call of an observer, never across an
    /// await.
    state: Mutex<State>,
    /// Rung once when `state.life` leaves `Running`.
    stopped: Notify,
    /// Rung once when the task is gone.
    ended: Notify,
    has_ended: AtomicBool,
}

struct State {
    life: Life,
    probe: Arc<dyn Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Go on.
    Running,
    /// Shutdown: no new run; the one under way is reported.
    Finishing,
    /// No new run; the one under way ends in peace, so that a login can sign out, but nobody
    /// hears of it.
    Forgotten,
}

impl Leash {
    pub(super) fn new(probe: Arc<dyn Probe>) -> Arc<Leash> {
        Arc::new(Leash {
            state: Mutex::new(State { life: Life::Running, probe }),
            stopped: Notify::new(),
            ended: Notify::new(),
            has_ended: AtomicBool::new(false),
        })
    }

    /// A panic of an observer poisons the lock, but leaves nothing half done behind it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next run uses this probe.
    pub(super) fn hand_over(&self, probe: Arc<dyn Probe>) {
        self.state().probe = probe;
    }

    /// The probe to run with.
    pub(super) fn probe(&self) -> Arc<dyn Probe> {
        Arc::clone(&self.state().probe)
    }

    /// No new run; the one under way still counts.
    pub(super) fn finish(&self) {
        self.stop_as(Life::Finishing);
    }

    /// No new run; once this returns, nothing is reported any more.
    pub(super) fn forget(&self) {
        self.stop_as(Life::Forgotten);
    }

    fn stop_as(&self, life: Life) {
        self.state().life = life;
        self.stopped.notify_one();
    }

    /// Whether no new run may start.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().life != Life::Running
    }

    /// Waits until no new run may start. Only for the task itself, and only once at a time.
    pub(super) async fn stopped(&self) {
        while !self.is_stopped() {
            self.stopped.notified().await;
        }
    }

    /// Calls an observer, unless the target was forgotten. The lock is held meanwhile, so that
    /// [`Leash::forget`] and a report never cross.
    pub(super) fn report(&self, tell: impl FnOnce()) {
        let state = self.state();
        if state.life != Life::Forgotten {
            tell();
        }
    }

    /// Whether the task is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Waits until the task is gone. Only for its one successor.
    pub(super) async fn ended(&self) {
        while !self.has_ended() {
            self.ended.notified().await;
        }
    }
}

/// Held by the task; says that it is gone, also when it panicked or was aborted.
pub(super) struct End(pub(super) Arc<Leash>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
        self.0.ended.notify_one();
    }
}

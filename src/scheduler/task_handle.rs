//! What the scheduler and one target's task share: whether to go on, with which probe, and
//! whether anybody still wants to hear the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::probe::Probe;
use crate::stop::Stop;

/// The link between the scheduler and one task.
pub(super) struct TaskHandle {
    /// A std mutex: held for a few instructions, or for one call of an observer, never across an
    /// await.
    state: Mutex<State>,
    /// No new run; the one under way is asked to end.
    stop: Stop,
    /// Rung once when the task is gone.
    ended: Notify,
    has_ended: AtomicBool,
}

struct State {
    /// Nobody hears of the run under way.
    is_forgotten: bool,
    probe: Arc<dyn Probe>,
}

impl TaskHandle {
    pub(super) fn new(probe: Arc<dyn Probe>) -> Arc<TaskHandle> {
        Arc::new(TaskHandle {
            state: Mutex::new(State { is_forgotten: false, probe }),
            stop: Stop::default(),
            ended: Notify::new(),
            has_ended: AtomicBool::new(false),
        })
    }

    /// The next run uses this probe.
    pub(super) fn hand_over(&self, probe: Arc<dyn Probe>) {
        self.state.lock().probe = probe;
    }

    /// The probe to run with.
    pub(super) fn probe(&self) -> Arc<dyn Probe> {
        Arc::clone(&self.state.lock().probe)
    }

    /// No new run; the one under way still counts, and is asked to be over by an instant.
    pub(super) fn finish(&self, by: Instant) {
        self.stop.ask(by);
    }

    /// No new run; the one under way is asked to be over by an instant, so that a login can sign
    /// out. Once this returns, nothing is reported any more.
    pub(super) fn forget(&self, by: Instant) {
        self.state.lock().is_forgotten = true;
        self.stop.ask(by);
    }

    /// Asked for once no new run may start.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Calls an observer, unless the target was forgotten. The lock is held meanwhile, so that
    /// [`TaskHandle::forget`] and a report never cross.
    pub(super) fn report(&self, tell: impl FnOnce()) {
        let state = self.state.lock();
        if !state.is_forgotten {
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
pub(super) struct End(pub(super) Arc<TaskHandle>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
        self.0.ended.notify_one();
    }
}

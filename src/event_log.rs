//! The log's view of results: a line when a target's state changes, every single result only at
//! debug. A thousand probes that are up say nothing.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::{Target, TargetId};
use crate::outcome::{Failure, Outcome, Reason, Verdict};
use crate::scheduler::{Cadence, Observer, Run};

/// Writes state changes to the log.
#[derive(Default)]
pub struct EventLog {
    vantage: Option<String>,
    last: Mutex<HashMap<TargetId, State>>,
}

/// What makes a result worth a line when it differs from the one before.
type State = (Verdict, Option<(Reason, Option<Arc<str>>)>);

impl EventLog {
    /// `vantage` is added to every line, when it has a name.
    pub fn new(vantage: Option<String>) -> EventLog {
        EventLog { vantage, last: Mutex::default() }
    }

    /// Remembers the state and returns the one before.
    fn replace(&self, id: &TargetId, state: State) -> Option<State> {
        let mut last = self.last.lock();
        match last.get_mut(id) {
            Some(old) => Some(std::mem::replace(old, state)),
            None => last.insert(id.clone(), state),
        }
    }
}

impl Observer for EventLog {
    fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}

    fn started(&self, _target: &Arc<Target>) {}

    fn observe(&self, target: &Arc<Target>, run: &Run) {
        let outcome = &*run.outcome;
        let vantage = self.vantage.as_deref();
        let state = state(outcome);
        let verdict = state.0;
        let before = self.replace(&target.id, state.clone());
        let elapsed_ms = outcome.elapsed.as_millis() as u64;
        let cause = outcome.cause();
        let reason = cause.map(|cause| cause.reason.as_str());
        let step = cause.and_then(|cause| cause.step.as_ref()).map(|step| &*step.name);
        let detail = cause.map(|cause| cause.detail.as_str());
        debug!(
            vantage,
            probe = %target.id,
            verdict = verdict.as_str(),
            reason,
            step,
            detail,
            elapsed_ms,
            recheck = run.cadence == Cadence::Recheck,
            "probe.run"
        );
        for said in &outcome.facts.stderr {
            let (step, stderr) = (&*said.step, &*said.text);
            debug!(vantage, probe = %target.id, step, stderr, "probe.program");
        }
        let changed = match &before {
            None => verdict != Verdict::Up,
            Some(before) => *before != state,
        };
        if !changed {
            return;
        }
        let was = before.map(|(verdict, _)| verdict.as_str());
        match verdict {
            Verdict::Up => {
                info!(vantage, probe = %target.id, was, elapsed_ms, "probe.up");
            }
            Verdict::Degraded | Verdict::Down | Verdict::Unknown => {
                warn!(
                    vantage,
                    probe = %target.id,
                    verdict = verdict.as_str(),
                    was,
                    reason,
                    step,
                    detail,
                    elapsed_ms,
                    "probe.changed"
                );
            }
        }
    }

    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64) {
        if cadence == Cadence::Scheduled {
            warn!(vantage = self.vantage.as_deref(), probe = %target.id, runs, "probe.skipped");
        }
    }

    fn forget(&self, id: &TargetId) {
        self.last.lock().remove(id);
    }
}

fn state(outcome: &Outcome) -> State {
    let cause =
        |cause: &Failure| (cause.reason, cause.step.as_ref().map(|step| Arc::clone(&step.name)));
    (outcome.verdict(), outcome.cause().map(cause))
}

//! Who looks on while a run goes on: `bongsu probe` at a terminal, and nobody else.
//!
//! Whoever does a part of a run tells of it here, where a run has no onlooker in vain. It changes
//! nothing: what a run came to is in its facts.

use std::sync::Arc;
use std::time::Duration;

/// Something that a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The name of a phase, as in `Phases::named`.
    PhaseBegan(&'static str),
    PhaseEnded(&'static str, Duration),
    /// A response came: status, URL without query, time to its head.
    Answered(u16, String, Duration),
    /// A step of a login ended: its name, how long it took, whether it succeeded.
    StepEnded(String, Duration, bool),
}

/// Is told of each event, in the run's own task.
pub type Onlooker = Arc<dyn Fn(RunEvent) + Send + Sync>;

tokio::task_local! {
    static ONLOOKER: Onlooker;
}

/// Runs something whose events somebody wants to see.
pub async fn seen_by<F: Future>(onlooker: Onlooker, run: F) -> F::Output {
    ONLOOKER.scope(onlooker, run).await
}

/// Tells of an event, which is made only where somebody looks on.
pub fn tell(event: impl FnOnce() -> RunEvent) {
    // Nobody looks on.
    let _ = ONLOOKER.try_with(|onlooker| onlooker(event()));
}

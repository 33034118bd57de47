//! Where the time of a run goes.
//!
//! Whoever does a phase enters it. A stopwatch is always in at most one phase, so the phases
//! account for the run, and when time runs out the phase that was cut off holds the time until
//! then.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::Phases;
use crate::run_watch::{self, RunEvent};

/// One part of a run's time, in the order of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Resolve,
    /// TCP, and what it takes to get through a proxy.
    Connect,
    /// The handshake with the server itself.
    Tls,
    /// The request is written and the head of the response awaited.
    Processing,
    /// The body is read.
    Transfer,
}

impl Phase {
    /// As in [`Phases::named`].
    fn as_str(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Processing => "processing",
            Phase::Transfer => "transfer",
        }
    }
}

/// Adds up the time of each phase of one run.
#[derive(Debug, Default)]
pub struct Stopwatch {
    phases: Phases,
    current: Option<(Phase, Instant)>,
}

impl Stopwatch {
    /// Ends the current phase and begins another.
    pub fn enter(&mut self, phase: Phase) {
        let now = Instant::now();
        self.close(now);
        self.current = Some((phase, now));
        run_watch::tell(|| RunEvent::PhaseBegan(phase.as_str()));
        // A phase that was begun is no longer absent, even if it takes no time.
        self.sum(phase).get_or_insert(Duration::ZERO);
    }

    /// Ends the current phase.
    pub fn stop(&mut self) {
        self.close(Instant::now());
    }

    /// What was spent until the last [`enter`](Self::enter) or [`stop`](Self::stop).
    pub fn phases(&self) -> Phases {
        self.phases
    }

    fn close(&mut self, now: Instant) {
        if let Some((phase, since)) = self.current.take() {
            *self.sum(phase).get_or_insert(Duration::ZERO) += now - since;
            run_watch::tell(|| RunEvent::PhaseEnded(phase.as_str(), now - since));
        }
    }

    fn sum(&mut self, phase: Phase) -> &mut Option<Duration> {
        match phase {
            Phase::Resolve => &mut self.phases.resolve,
            Phase::Connect => &mut self.phases.connect,
            Phase::Tls => &mut self.phases.tls,
            Phase::Processing => &mut self.phases.processing,
            Phase::Transfer => &mut self.phases.transfer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_add_up_and_a_cut_off_phase_counts() {
        let mut watch = Stopwatch::default();
        assert_eq!(watch.phases(), Phases::default());
        let start = Instant::now();
        for (phase, millis) in [
            (Phase::Resolve, 10),
            (Phase::Connect, 20),
            (Phase::Processing, 30),
            (Phase::Connect, 5),
            (Phase::Processing, 7),
        ] {
            watch.enter(phase);
            tokio::time::advance(Duration::from_millis(millis)).await;
        }
        watch.stop();
        let phases = watch.phases();
        assert_eq!(phases.connect, Some(Duration::from_millis(25)));
        assert_eq!(phases.processing, Some(Duration::from_millis(37)));
        assert_eq!(phases.tls, None);
        let sum: Duration = phases.named().iter().filter_map(|(_, time)| *time).sum();
        assert_eq!(sum, start.elapsed());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(watch.phases(), phases);
    }
}

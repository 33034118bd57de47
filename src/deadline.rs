//! When a run, or a part of one, must end.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::stop::Stop;

/// When an attempt must end. Only `stop` is shared between clones.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    stop: Stop,
}

impl Deadline {
    /// A deadline this far from now.
    pub fn after(timeout: Duration) -> Deadline {
        Deadline { at: Instant::now() + timeout, stop: Stop::default() }
    }

    /// The same deadline for an attempt that may also be asked to come to an end.
    pub fn stopped_by(self, stop: &Stop) -> Deadline {
        Deadline { stop: stop.clone(), ..self }
    }

    /// An earlier deadline for a part of the attempt; never a later one.
    pub fn at_most(&self, at: Instant) -> Deadline {
        Deadline { at: self.at.min(at), stop: self.stop.clone() }
    }

    /// The wish that the attempt end early.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// For what has to be done also when the attempt was asked to end: earlier if it was, and not
    /// asked again.
    pub fn last(&self) -> Deadline {
        let at = self.stop.asked().map_or(self.at, |by| self.at.min(by));
        Deadline { at, stop: Stop::default() }
    }

    /// The instant itself.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// What is left; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Waits for `work`, at most until the deadline.
    pub fn within<F: Future>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<F::Output, Expired>> + use<F> {
        // Not an async function, which would hold the work twice: waiting runs are to be small.
        tokio::time::timeout_at(self.at, work).map(|result| result.map_err(|_| Expired))
    }
}

/// The deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

//! When a run, or a part of one, must end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::stop::Stop;

/// When an attempt must end. `stop` and what was waited for are shared between clones.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// Unless something of ours is waited for.
    at: Instant,
    stop: Stop,
    waits: Arc<Mutex<Waits>>,
}

/// Time that is not the service's.
#[derive(Debug, Default)]
struct Waits {
    over: Duration,
    since: Option<Instant>,
}

/// While this lives, a deadline does not come nearer.
#[derive(Debug)]
pub struct OwnWait {
    waits: Arc<Mutex<Waits>>,
}

/// A panic of another holder leaves two plain numbers, which are still true.
fn locked(waits: &Mutex<Waits>) -> MutexGuard<'_, Waits> {
    waits.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for OwnWait {
    fn drop(&mut self) {
        let mut waits = locked(&self.waits);
        let time = waits.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        waits.over += time;
    }
}

impl Deadline {
    /// A deadline this far from now.
    pub fn after(timeout: Duration) -> Deadline {
        let at = Instant::now() + timeout;
        Deadline { at, stop: Stop::default(), waits: Arc::default() }
    }

    /// The same deadline for an attempt that may also be asked to come to an end.
    pub fn stopped_by(self, stop: &Stop) -> Deadline {
        Deadline { stop: stop.clone(), ..self }
    }

    /// An earlier deadline for a part of the attempt; never a later one.
    pub fn at_most(&self, at: Instant) -> Deadline {
        let at = at.checked_sub(self.waited()).unwrap_or(at);
        Deadline { at: self.at.min(at), ..self.clone() }
    }

    /// Something of ours is waited for: an account's turn, a code. That is not the service's time,
    /// and the deadline moves on by as much. One wait at a time.
    pub fn own_wait(&self) -> OwnWait {
        locked(&self.waits).since.get_or_insert_with(Instant::now);
        OwnWait { waits: Arc::clone(&self.waits) }
    }

    /// How long something of ours was waited for.
    pub fn waited(&self) -> Duration {
        let waits = locked(&self.waits);
        waits.over + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The wish that the attempt end early.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// For what has to be done also when the attempt was asked to end: earlier if it was, and not
    /// asked again.
    pub fn last(&self) -> Deadline {
        let by = self.stop.asked();
        let last = Deadline { stop: Stop::default(), ..self.clone() };
        by.map_or_else(|| last.clone(), |by| last.at_most(by))
    }

    /// The instant itself, as far as it is known: waits that are to come move it on.
    pub fn at(&self) -> Instant {
        self.at + self.waited()
    }

    /// What is left; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.at().saturating_duration_since(Instant::now())
    }

    /// Waits for `work`, at most until the deadline.
    pub fn within<F: Future>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<F::Output, Expired>> + use<F> {
        // Not an async function, which would hold the work twice: waiting runs are to be small.
        tokio::time::timeout_at(self.at(), work).map(|result| result.map_err(|_| Expired))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_we_wait_for_is_not_the_services_time() {
        let start = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(10));
        let steps = deadline.at_most(start + Duration::from_secs(8));
        tokio::time::advance(Duration::from_secs(1)).await;
        let wait = steps.own_wait();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(9), "while it lasts");
        drop(wait);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(7));
        assert_eq!(steps.remaining(), Duration::from_secs(5));
        assert_eq!(deadline.waited(), Duration::from_secs(30));
        let part = deadline.at_most(Instant::now() + Duration::from_secs(1));
        assert_eq!(part.remaining(), Duration::from_secs(1), "an instant is an instant");
        assert_eq!(deadline.last().remaining(), Duration::from_secs(7));
    }
}

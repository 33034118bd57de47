//! Keeps a recovering service from being brought down again by those who ask whether it is back
//! (2023-11-17, 12:20): after a failed login, the logins of one component go one at a time until
//! one of them succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::outcome::Failure;

/// After this the next login may go although the one before has not ended: a login that hangs
/// must not make those of healthy sites look down.
const LEASE: Duration = Duration::from_secs(5);

/// One gate for each component. Bounded by the components of the configurations seen.
#[derive(Default)]
pub struct Recoveries(Mutex<BTreeMap<Arc<str>, Recovery>>);

#[derive(Default)]
struct Recovery {
    /// The last login's failure; `None` lets everyone through.
    down: Option<Failure>,
    /// Who is being let through alone, by number, and until when.
    alone: Option<(u64, Instant)>,
    next: u64,
    changed: Arc<Notify>,
}

/// Leave to log in. Given back when it is dropped.
pub struct RecoveryTurn<'g> {
    gates: &'g Recoveries,
    component: Arc<str>,
    number: u64,
}

impl Recoveries {
    /// Waits for leave. A wait that outlasts the deadline ends with what the last login to the
    /// component failed with: that is what is known of it.
    pub async fn enter(
        &self,
        component: &Arc<str>,
        deadline: &Deadline,
    ) -> Result<RecoveryTurn<'_>, Failure> {
        loop {
            let (changed, failure, until) = {
                let mut gates = self.0.lock();
                let gate = gates.entry(component.clone()).or_default();
                gate.next += 1;
                let number = gate.next;
                let pass = || RecoveryTurn { gates: self, component: component.clone(), number };
                let Some(failure) = gate.down.clone() else { return Ok(pass()) };
                let now = Instant::now();
                match gate.alone {
                    // Listening begins under the lock, so that no change is missed.
                    Some((_, until)) if until > now => {
                        (gate.changed.clone().notified_owned(), failure, until)
                    }
                    _ => {
                        gate.alone = Some((number, now + LEASE));
                        return Ok(pass());
                    }
                }
            };
            if deadline.remaining().is_zero() {
                let detail = format!(
                    "{component} is failing and its logins take turns; the last one: {}",
                    failure.detail
                );
                return Err(Failure { detail, step: None, ..failure });
            }
            let _ = tokio::time::timeout_at(until.min(deadline.at()), changed).await;
        }
    }

    /// What the last login to a component failed with, while none has succeeded since.
    pub fn failure(&self, component: &str) -> Option<Failure> {
        let failure = self.0.lock().get(component).and_then(|gate| gate.down.clone());
        failure.map(|failure| Failure { step: None, ..failure })
    }
}

impl RecoveryTurn<'_> {
    /// A login worked: everyone may come.
    pub fn succeeded(self) {
        if let Some(gate) = self.gates.0.lock().get_mut(&self.component) {
            gate.down = None;
            gate.alone = None;
            gate.changed.notify_waiters();
        }
    }

    /// A login failed by the service's fault: one at a time from now on.
    pub fn failed(self, failure: &Failure) {
        if let Some(gate) = self.gates.0.lock().get_mut(&self.component) {
            gate.down = Some(failure.clone());
        }
    }
}

impl Drop for RecoveryTurn<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.gates.0.lock().get_mut(&self.component)
            && gate.alone.is_some_and(|(number, _)| number == self.number)
        {
            gate.alone = None;
            gate.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Reason;
    use futures_util::poll;

    fn failure() -> Failure {
        Failure::new(Reason::ResponseTimeout, "no answer")
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_logins_go_one_at_a_time_until_one_succeeds() {
        let gates = Recoveries::default();
        let gpki: Arc<str> = "gpki".into();
        let deadline = Deadline::after(Duration::from_secs(30));
        let first = gates.enter(&gpki, &deadline).await.ok().unwrap();
        let second = gates.enter(&gpki, &deadline).await.ok().unwrap();
        first.failed(&failure());
        drop(second);
        let alone = gates.enter(&gpki, &deadline).await.ok().unwrap();
        let mut waiting = Box::pin(gates.enter(&gpki, &deadline));
        assert!(poll!(&mut waiting).is_pending());
        let other: Arc<str> = "anyid".into();
        assert!(gates.enter(&other, &deadline).await.is_ok(), "another component is free");
        alone.failed(&failure());
        let next = waiting.await.ok().unwrap();
        let mut waiting = Box::pin(gates.enter(&gpki, &deadline));
        assert!(poll!(&mut waiting).is_pending());
        next.succeeded();
        let _everyone = waiting.await.ok().unwrap();
        assert!(gates.enter(&gpki, &deadline).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_hangs_does_not_hold_up_the_others_for_long() {
        let gates = Recoveries::default();
        let gpki: Arc<str> = "gpki".into();
        let deadline = Deadline::after(Duration::from_secs(30));
        gates.enter(&gpki, &deadline).await.ok().unwrap().failed(&failure());
        let _hangs = gates.enter(&gpki, &deadline).await.ok().unwrap();
        let start = Instant::now();
        assert!(gates.enter(&gpki, &deadline).await.is_ok());
        assert_eq!(start.elapsed(), LEASE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_reports_what_is_known_of_the_component() {
        let gates = Recoveries::default();
        let gpki: Arc<str> = "gpki".into();
        let deadline = Deadline::after(Duration::from_secs(30));
        gates.enter(&gpki, &deadline).await.ok().unwrap().failed(&failure());
        let _alone = gates.enter(&gpki, &deadline).await.ok().unwrap();
        let soon = Deadline::after(Duration::from_secs(1));
        let failure = gates.enter(&gpki, &soon).await.err().unwrap();
        assert_eq!(failure.reason, Reason::ResponseTimeout);
    }
}

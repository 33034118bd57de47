//! Which faults are on, system by system.
//!
//! Whatever listens, speaks TLS or answers for a system follows its set, so a switch takes effect
//! with the next connection, handshake, message or page.

use tokio::sync::watch;

use crate::faults::{Fault, FaultKind, FaultSet};
use crate::system::SimulatedSystem;
use crate::systems;

/// The fault sets of every system of the estate.
#[derive(Debug)]
pub struct Switchboard {
    sets: Vec<watch::Sender<FaultSet>>,
}

impl Switchboard {
    pub fn new() -> Switchboard {
        Switchboard { sets: systems::ALL.iter().map(|_| watch::Sender::default()).collect() }
    }

    /// Switches a fault on; one of the same kind is replaced.
    pub fn set(&self, system: &SimulatedSystem, fault: impl Into<Fault>) {
        let fault = fault.into();
        self.sender(system).send_modify(|set| set.insert(fault));
    }

    pub fn clear(&self, system: &SimulatedSystem, kind: FaultKind) {
        self.sender(system).send_modify(|set| set.remove(kind));
    }

    pub fn clear_all(&self, system: &SimulatedSystem) {
        self.sender(system).send_modify(FaultSet::clear);
    }

    pub fn of(&self, system: &SimulatedSystem) -> FaultSet {
        self.sender(system).borrow().clone()
    }

    /// Follows a system's set as it changes.
    pub fn subscribe(&self, system: &SimulatedSystem) -> watch::Receiver<FaultSet> {
        self.sender(system).subscribe()
    }

    fn sender(&self, system: &SimulatedSystem) -> &watch::Sender<FaultSet> {
        &self.sets[systems::index(system)]
    }
}

impl Default for Switchboard {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn flapping_gates_the_others_and_alone_answers_503() {
        let switchboard = Switchboard::new();
        let gpki = systems::ALL[0];
        switchboard.set(gpki, Fault::flapping(Duration::from_secs(20)));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let status =
            |seconds| switchboard.of(gpki).active(FaultKind::ErrorStatus, at(seconds)).is_some();
        assert_eq!([0, 9, 10, 19, 20].map(status), [true, true, false, false, true]);
        assert_eq!(switchboard.of(gpki).next_change(at(3)), Some(at(10)));

        switchboard.set(gpki, FaultKind::Refuse);
        let refuse =
            |seconds| switchboard.of(gpki).active(FaultKind::Refuse, at(seconds)).is_some();
        assert_eq!([0, 10, 20].map(refuse), [true, false, true]);
        assert!(!status(0));
    }
}

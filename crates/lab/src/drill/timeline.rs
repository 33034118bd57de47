//! A drill as a value, and how far its replay has come.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::faults::{Fault, FaultKind};
use crate::switchboard::Switchboard;
use crate::system::SimulatedSystem;

#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    pub title: DrillText,
    /// The zone of its clock.
    pub zone: TimeZone,
    pub starts: Timestamp,
    pub ends: Timestamp,
    /// Seconds of the drill in one real second, unless the command line says otherwise.
    pub speed: f64,
    /// Sorted by time.
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrillText {
    pub ko: String,
    pub en: String,
}

/// One moment of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub at: Timestamp,
    /// What happened, for the page and the terminal.
    pub note: DrillText,
    /// The switches that it throws, in this order.
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    Set(&'static SimulatedSystem, Fault),
    Clear(&'static SimulatedSystem, FaultKind),
    ClearAll(&'static SimulatedSystem),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Set(system, fault) => write!(f, "{} + {fault}", system.name),
            Change::Clear(system, kind) => write!(f, "{} - {}", system.name, kind.name()),
            Change::ClearAll(system) => write!(f, "{} - all", system.name),
        }
    }
}

impl Change {
    pub fn apply(&self, faults: &Switchboard) {
        match *self {
            Change::Set(system, fault) => faults.set(system, fault),
            Change::Clear(system, kind) => faults.clear(system, kind),
            Change::ClearAll(system) => faults.clear_all(system),
        }
    }
}

impl Drill {
    /// A moment as its clock shows it: `2023-11-17 01:42:00 KST`.
    pub fn clock(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

/// How far a replay has come.
#[derive(Debug, Clone)]
pub struct DrillState {
    pub drill: Arc<Drill>,
    /// The time on its clock.
    pub now: Timestamp,
    /// Number of events that have happened.
    pub done: usize,
    /// Seconds of the drill in one real second.
    pub speed: f64,
}

impl DrillState {
    /// Whether the clock has reached the end.
    pub fn finished(&self) -> bool {
        self.now >= self.drill.ends
    }
}

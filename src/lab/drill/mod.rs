//! Drills: a timeline of faults as a file, and where the replay of it is.
//!
//! Adding one needs no code: `config/lab/*.yml` are read here, every problem of a file is told with
//! its line and column, and an event may only name systems and faults that exist.

mod file;
mod tree;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::faults::{Fault, Kind, Switchboard};
use super::systems::System;

pub use file::{DrillError, SPEED_RANGE};

/// A timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// Korean and English.
    pub title: Text,
    /// What its clock shows.
    pub zone: TimeZone,
    /// Where the clock begins.
    pub starts: Timestamp,
    /// Where it stops.
    pub ends: Timestamp,
    /// Seconds of the drill in one real second, unless the command line says otherwise.
    pub speed: f64,
    /// In order of time.
    pub events: Vec<Event>,
}

/// The same in two languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

/// One moment of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What happened, for people.
    pub note: Text,
    /// What is switched, in this order.
    pub changes: Vec<Change>,
}

/// One switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// A fault begins.
    Set(&'static System, Fault),
    /// A kind ends.
    Clear(&'static System, Kind),
    /// Everything of a system ends.
    ClearAll(&'static System),
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
    /// Does it.
    pub fn apply(&self, faults: &Switchboard) {
        match *self {
            Change::Set(system, fault) => faults.set(system, fault),
            Change::Clear(system, kind) => faults.clear(system, kind),
            Change::ClearAll(system) => faults.clear_all(system),
        }
    }
}

impl Drill {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Drill, DrillError> {
        file::read(path)
    }

    /// Reads a text; messages call it `name`.
    pub fn parse(name: &Path, text: &str) -> Result<Drill, DrillError> {
        file::parse(name, text)
    }

    /// A moment as its clock shows it: `2023-11-17 01:42:00 KST`.
    pub fn clock(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

/// Where a replay is.
#[derive(Debug, Clone)]
pub struct DrillState {
    /// What is played.
    pub drill: Arc<Drill>,
    /// What its clock shows.
    pub now: Timestamp,
    /// How many events have happened.
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

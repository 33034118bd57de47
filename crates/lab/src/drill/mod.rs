//! Drills: a timeline of faults as a file, and how far its replay has come.
//!
//! Adding a drill needs no code: `config/lab/*.yml` are read here, every problem of a file is reported
//! with its line and column, and an event may only name systems and faults that exist.

mod file;
mod timeline;

pub use file::SPEED_RANGE;
pub use timeline::{Change, Drill, DrillState, DrillText, Event};

//! When runs take place: scripted probes on a paused clock, never real sockets.

mod changes;
mod ending;
mod grid;
mod nation;
mod rechecks;

//! The lab: every fault is what it says it is, and the logins are real.

mod browser;
mod config;
mod control;
mod daemon;
mod drills;
mod faults;
mod fire;
mod logins;

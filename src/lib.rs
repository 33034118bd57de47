#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cert;
pub mod outcome;
pub mod secret;

pub mod config;

pub mod net;
pub mod probe;
pub mod vault;

pub mod scheduler;

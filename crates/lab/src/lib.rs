//! The lab: a simulated e-government estate in one process, with real TLS, real logins and faults
//! that can be switched on and off.
//!
//! `bongsu lab` shows it to newcomers and plays drills on it, and the integration tests probe it.
//! Everything in it is private to the machine: its own root certificate, its own accounts. It knows
//! nothing of the daemon, which reaches it over the network like any other client.
//!
//! Modules in reading order; each imports only from those above it.

pub mod mistake;
pub mod random;

pub mod faults;
pub mod system;

pub mod lossy_stream;
pub mod pki;
pub mod port;
pub mod signers;

pub mod name_server;

pub mod peers;
pub mod site;

pub mod sign_in;

pub mod systems;

pub mod switchboard;

pub mod drill;
pub mod world;

pub mod control;
pub mod files;
pub mod replay;

pub mod estate;

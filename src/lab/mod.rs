//! The lab: a simulated e-government estate in one process, with real TLS, real logins and faults
//! that can be switched on and off.
//!
//! It is the newcomer's first minute, the operations team's drill and the estate of the
//! integration tests. Everything in it is private to the machine: its own root, its own accounts.

pub mod accounts;
pub mod config;
pub mod control;
pub mod drill;
pub mod estate;
pub mod faults;
pub mod form_login;
pub mod gate;
pub mod host;
pub mod jwt;
pub mod page;
pub mod peers;
pub mod pki;
pub mod relying_party;
pub mod replay;
pub mod run;
pub mod session;
pub mod site;
pub mod systems;

//! Never lock the test account out: whether credentials may be sent, and what their answer says
//! about the account.
//!
//! [`admission`] asks before a step sends credentials; [`ledger`] is what was answered to each
//! account, a state machine without I/O; [`store`] gives it a clock, a lock and a file;
//! [`neighbours`] are other processes with the same state directory; [`recovery`] lets logins go one
//! at a time after an outage; [`ending`] is how an attempt ended.

pub(super) mod admission;
pub mod ending;
pub mod ledger;
mod neighbours;
pub mod recovery;
pub mod store;

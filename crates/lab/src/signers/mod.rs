//! Who signs in the estate: authorities as GPKI has them, an officer and a server with certificates
//! of theirs, the list of what is revoked, the challenges that are to be signed, and the verification of
//! what they sign.
//!
//! Nothing here is shared with the daemon, which has its own code for the same formats: a fault that
//! both had in common would show in neither.

pub mod challenges;
pub mod key_file;
pub mod message;
pub mod officers;

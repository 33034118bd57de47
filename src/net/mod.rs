//! The world that probes share: resolvers, trust anchors, revocation lists, secrets. Everything
//! here may be asked by many probes at once and holds its own caches; a reload swaps what changed.

pub mod aftermath;
mod alert;
mod chains;
pub mod dial;
mod path;
mod pointers;
pub mod resolve;
mod signature;
pub mod tcp_info;
pub mod trust;
mod verdict;
mod watched;
mod witness;

use crate::vault::Vault;

/// What every probe is built with.
pub struct Net {
    /// Name resolution.
    pub resolvers: resolve::Resolvers,
    /// Roots, verdicts, revocation.
    pub trust: trust::Trusts,
    /// Secrets.
    pub vault: Vault,
}

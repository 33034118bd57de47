//! The world that probes share: resolvers, trust anchors, revocation lists, secrets. Everything
//! here may be asked by many probes at once and holds its own caches; a reload swaps what changed.

pub mod aftermath;
mod aia;
mod alert;
mod chains;
mod crl;
pub mod dial;
mod fault;
mod fetch;
mod legacy;
mod path;
mod pointers;
pub mod resolve;
mod revocation;
mod shelf;
mod signature;
pub mod tcp_info;
pub mod trust;
mod verdict;
mod watched;
mod witness;

use crate::config::Config;
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

impl Net {
    /// Reads and binds nothing: that happens when the first probe asks.
    pub fn new(config: &Config) -> Net {
        Net {
            resolvers: resolve::Resolvers::new(),
            trust: trust::Trusts::new(),
            vault: Vault::new(&config.secrets),
        }
    }

    /// Takes over a reloaded configuration. Probes keep their handle.
    pub fn reconfigure(&self, config: &Config) {
        self.resolvers.reset();
        self.vault.replace(&config.secrets);
    }
}

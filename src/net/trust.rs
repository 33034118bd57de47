//! Who is believed, and a witness that remembers what a server presented.
//!
//! rustls asks a `ServerCertVerifier` once per handshake. [`Witness`] is one for a single run: it
//! verifies by webpki, keeps the chain and every fault found also when it refuses, and tells which
//! protocol version asked for the signature check.

use std::sync::Arc;

use crate::config::{TlsClientOptions, TrustOptions};
use crate::outcome::{Failure, TlsFacts};

/// Trust anchors by options, loaded once and again when their files change.
pub struct Trusts {}

/// A loaded set of anchors.
pub struct Trust {}

impl Trusts {
    /// The anchors for these options; `internal` when a file that was readable at load is not now.
    pub fn get(&self, options: &TrustOptions) -> Result<Arc<Trust>, Failure> {
        let _ = options;
        unimplemented!()
    }

    /// A client configuration for one run (no session resumption) and the witness in it. `alpn`
    /// is left to the caller, as is `resumption` (HTTP puts a store there that marks the moment
    /// of the ClientHello).
    pub fn client(
        &self,
        options: &TlsClientOptions,
    ) -> Result<(rustls::ClientConfig, Arc<Witness>), Failure> {
        let _ = options;
        unimplemented!()
    }
}

/// Remembers one handshake.
#[derive(Debug)]
pub struct Witness {}

impl Witness {
    /// What was presented and found so far. `None` when no certificate came.
    pub fn facts(&self) -> Option<TlsFacts> {
        unimplemented!()
    }

    /// The failure of a handshake that ended with `error`: the first fault of the chain when there
    /// is one, else what the alert or the rustls error says.
    pub fn failure(&self, error: &rustls::Error) -> Failure {
        let _ = error;
        unimplemented!()
    }
}

//! What a handshake showed.

use std::sync::Arc;

use crate::certificate::{Certificate, Chain};
use crate::fault::ChainFault;
use crate::staple::OcspStaple;

/// What a handshake showed, whether or not the chain was accepted.
#[derive(Debug, Clone, Default)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`; absent when the handshake did not get that far.
    pub version: Option<&'static str>,
    /// IANA name of the cipher suite, where the TLS stack shows it.
    pub cipher: Option<String>,
    /// The presented chain, leaf first, shared between runs that saw the same bytes.
    pub chain: Option<Arc<Chain>>,
    /// Positions of the chain on the path that was verified; empty when none was found.
    pub path: Vec<usize>,
    /// Earliest `notAfter` on the verified path without its root, unix seconds.
    pub path_not_after: Option<i64>,
    /// All faults found, the one that failed the run first.
    pub faults: Vec<ChainFault>,
    /// Which roots vouch for the chain: `webpki`, `file` or `leaf` (listed itself).
    pub trusted_by: Option<&'static str>,
    /// The root that the path ends at, when it is from a file: Mozilla's are kept without dates.
    pub root: Option<Arc<Certificate>>,
    /// The OCSP response that came with the chain.
    pub staple: Option<OcspStaple>,
}

//! What was found out about a chain.

use std::sync::Arc;

use rustls::pki_types::UnixTime;

use crate::certificate::Certificate;
use crate::failure::TlsFailure;
use crate::fault::ChainFault;
use crate::fault_texts::root_out_of_date;
use crate::pointers::RevocationSubject;

/// What was found out about one chain, for one name and one set of anchors.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChainReport {
    /// Positions in the chain of the certificates on the path, leaf first.
    pub(crate) path: Vec<usize>,
    /// Earliest end of validity on the path, without the root's.
    pub(crate) path_not_after: Option<i64>,
    /// Latest beginning of validity on the path.
    pub(crate) path_not_before: Option<i64>,
    /// In the order of their kinds; none means accepted.
    pub(crate) faults: Vec<ChainFault>,
    /// `webpki`, `file` or `leaf`.
    pub(crate) trusted_by: Option<&'static str>,
    /// The root, when it is from a file.
    pub(crate) root: Option<Arc<Certificate>>,
    /// The certificates of an accepted path, to be looked up on revocation lists.
    pub(crate) revocable: Vec<RevocationSubject>,
    /// Where an issuer that was not sent can be fetched.
    pub(crate) issuer_urls: Vec<String>,
}

impl ChainReport {
    /// Says that the root is out of date.
    pub(crate) fn root_out_of_date(&self, now: UnixTime) -> Option<TlsFailure> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let fault = root_out_of_date(self.root.as_deref()?, now)?;
        Some(TlsFailure::from(&fault))
    }
}

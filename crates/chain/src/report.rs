//! What was found out about a chain.

use std::sync::Arc;

use rustls::pki_types::UnixTime;

use crate::certificate::Certificate;
use crate::failure::{TlsFailure, TlsFailureKind};
use crate::fault::{ChainFault, FaultKind};
use crate::fault_texts::rfc3339;
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
    /// Says that the root is out of date: browsers refuse what ends at one, although a root's
    /// dates are no part of RFC 5280's path validation.
    pub(crate) fn root_out_of_date(&self, now: UnixTime) -> Option<TlsFailure> {
        let root = self.root.as_ref()?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let (kind, state) = if now > root.not_after {
            (FaultKind::Expired, format!("expired on {}", rfc3339(root.not_after)))
        } else if now < root.not_before {
            (FaultKind::NotYetValid, format!("is not valid before {}", rfc3339(root.not_before)))
        } else {
            return None;
        };
        let detail = format!(
            "the chain ends at the listed root {}, which {state}; browsers refuse it",
            root.subject
        );
        Some(TlsFailure::new(TlsFailureKind::Chain(kind), detail))
    }
}

//! The certificates a target last presented, remembered while it is unreachable: an outage must
//! not hide an expiry, and a rule that looks back in time would page for the certificate that a
//! renewal has just replaced.

use std::sync::Arc;

use chain::{Certificate, Chain, ChainFaultKind, TlsFacts};

/// What was presented, and what was found wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCerts {
    /// Leaf first.
    pub chain: Arc<Chain>,
    /// The root of the path, when it is from a file of roots.
    pub root: Option<Arc<Certificate>>,
    /// Positions on the verified path; empty when none was found.
    pub path: Box<[usize]>,
    /// Each fault once.
    pub faults: Box<[ChainFaultKind]>,
}

impl KnownCerts {
    /// Replaces what is known when a chain was presented; leaves it alone otherwise.
    pub(super) fn update(known: &mut Option<Arc<KnownCerts>>, tls: &TlsFacts) {
        let Some(chain) = &tls.chain else { return };
        let mut faults: Vec<ChainFaultKind> = Vec::new();
        for fault in &tls.faults {
            if !faults.contains(&fault.kind) {
                faults.push(fault.kind);
            }
        }
        let unchanged = known.as_ref().is_some_and(|old| {
            Arc::ptr_eq(&old.chain, chain)
                && old.root == tls.root
                && *old.path == *tls.path
                && *old.faults == *faults
        });
        if !unchanged {
            *known = Some(Arc::new(KnownCerts {
                chain: Arc::clone(chain),
                root: tls.root.clone(),
                path: tls.path.as_slice().into(),
                faults: faults.into(),
            }));
        }
    }

    /// Whether the certificate at this position matters for the verdict. The leaf always does: on
    /// a chain that was refused there is no path, and an expired leaf must not pass for an unused
    /// cross-signed certificate.
    pub fn in_path(&self, position: usize) -> bool {
        position == 0 || self.path.contains(&position)
    }
}

//! From what the chain crate finds to a [`Failure`]: the one place that knows both.

use std::io;

use chain::{FaultKind, TlsFailure, TlsFailureKind};

use super::{Failure, Reason};

impl From<FaultKind> for Reason {
    fn from(kind: FaultKind) -> Reason {
        match kind {
            FaultKind::Expired => Reason::TlsExpired,
            FaultKind::NotYetValid => Reason::TlsNotYetValid,
            FaultKind::NameMismatch => Reason::TlsNameMismatch,
            FaultKind::UnknownIssuer => Reason::TlsUnknownIssuer,
            FaultKind::ChainIncomplete => Reason::TlsChainIncomplete,
            FaultKind::SelfSigned => Reason::TlsSelfSigned,
            FaultKind::Weak => Reason::TlsWeak,
            FaultKind::Invalid => Reason::TlsInvalid,
            FaultKind::Revoked => Reason::TlsRevoked,
        }
    }
}

impl From<TlsFailureKind> for Reason {
    fn from(kind: TlsFailureKind) -> Reason {
        match kind {
            TlsFailureKind::Chain(fault) => fault.into(),
            TlsFailureKind::Handshake => Reason::TlsHandshake,
            TlsFailureKind::Legacy => Reason::TlsLegacy,
            TlsFailureKind::ClientCert => Reason::TlsClientCert,
            TlsFailureKind::RevocationUnavailable => Reason::TlsRevocationUnavailable,
            TlsFailureKind::Io(cause) => Reason::of_socket(&io::Error::from(cause)),
            TlsFailureKind::Internal => Reason::Internal,
        }
    }
}

impl From<TlsFailure> for Failure {
    fn from(failure: TlsFailure) -> Failure {
        Failure::new(failure.kind.into(), failure.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_the_label_of_its_reason() {
        for kind in FaultKind::ALL {
            let label = Reason::from(kind).as_str();
            assert_eq!(label.strip_prefix("tls_"), Some(kind.as_str()));
        }
    }
}

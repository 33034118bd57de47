//! From what the chain crate finds to a [`Failure`]: the one place that knows both.

use std::io;

use chain::{ChainFaultKind, TlsFailure, TlsFailureKind};

use super::{Failure, Reason};

impl From<ChainFaultKind> for Reason {
    fn from(kind: ChainFaultKind) -> Reason {
        match kind {
            ChainFaultKind::Expired => Reason::TlsExpired,
            ChainFaultKind::NotYetValid => Reason::TlsNotYetValid,
            ChainFaultKind::NameMismatch => Reason::TlsNameMismatch,
            ChainFaultKind::UnknownIssuer => Reason::TlsUnknownIssuer,
            ChainFaultKind::ChainIncomplete => Reason::TlsChainIncomplete,
            ChainFaultKind::SelfSigned => Reason::TlsSelfSigned,
            ChainFaultKind::Weak => Reason::TlsWeak,
            ChainFaultKind::Invalid => Reason::TlsInvalid,
            ChainFaultKind::Revoked => Reason::TlsRevoked,
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
        for kind in ChainFaultKind::ALL {
            let label = Reason::from(kind).as_str();
            assert_eq!(label.strip_prefix("tls_"), Some(kind.as_str()));
        }
    }
}

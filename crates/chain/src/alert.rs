//! What a failed handshake says when the chain is not the cause.

use rustls::{AlertDescription, CertificateError, Error};

use crate::failure::{TlsFailure, TlsFailureKind};
use crate::fault::ChainFaultKind;

/// Our certificate's part in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientCertState {
    /// The server did not ask for one.
    NotAsked,
    /// It asked and there was none to show.
    HasNone,
    Showed,
}

/// Names the failure of a handshake.
pub(crate) fn failure(error: &Error, client: ClientCertState) -> TlsFailure {
    match error {
        Error::AlertReceived(alert)
            if client != ClientCertState::NotAsked && about_client(*alert) =>
        {
            let detail = match client {
                ClientCertState::Showed => "the server refused our certificate",
                _ => "the server wants a client certificate and none is configured",
            };
            TlsFailure::new(
                TlsFailureKind::ClientCert,
                format!("{detail} (alert {})", name(*alert)),
            )
        }
        Error::AlertReceived(alert) => TlsFailure::new(
            TlsFailureKind::Handshake,
            format!("the server ended the handshake with alert {}", name(*alert)),
        ),
        // Of a certificate that was seen the fault is known; here the name was no name.
        Error::InvalidCertificate(CertificateError::NotValidForName) => TlsFailure::new(
            TlsFailureKind::Chain(ChainFaultKind::NameMismatch),
            "no certificate can be for this name: it has characters that host names cannot have",
        ),
        Error::InvalidCertificate(error) => TlsFailure::new(
            TlsFailureKind::Chain(ChainFaultKind::Invalid),
            format!("the certificate is refused: {error}"),
        ),
        Error::NoCertificatesPresented => TlsFailure::new(
            TlsFailureKind::Chain(ChainFaultKind::Invalid),
            "the server sent no certificate",
        ),
        Error::InvalidMessage(_) => TlsFailure::new(
            TlsFailureKind::Handshake,
            format!("the server's answer is not TLS or broken TLS ({error})"),
        ),
        other => TlsFailure::new(TlsFailureKind::Handshake, other.to_string()),
    }
}

/// Alerts that servers send when they miss or refuse a client certificate. OpenSSL answers a
/// missing one in TLS 1.2 with a plain `handshake_failure`.
fn about_client(alert: AlertDescription) -> bool {
    use AlertDescription::*;
    matches!(
        alert,
        CertificateRequired
            | BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | UnknownCA
            | AccessDenied
            | HandshakeFailure
            | DecryptError
    )
}

/// Whether the cause may be that the server speaks only what rustls does not.
pub(crate) fn may_be_legacy(error: &Error) -> bool {
    use AlertDescription::*;
    match error {
        Error::AlertReceived(alert) => matches!(
            alert,
            HandshakeFailure
                | ProtocolVersion
                | InsufficientSecurity
                | InternalError
                | IllegalParameter
                | DecodeError
                | CloseNotify
                | UnexpectedMessage
        ),
        Error::PeerIncompatible(_) => true,
        _ => false,
    }
}

/// The alert as RFC 8446 writes it.
fn name(alert: AlertDescription) -> String {
    let debug = format!("{alert:?}");
    let mut text = String::with_capacity(debug.len() + 4);
    let mut before = None::<char>;
    for c in debug.chars() {
        if c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase()) {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        before = Some(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_as_in_the_standard() {
        assert_eq!(name(AlertDescription::HandshakeFailure), "handshake_failure");
        assert_eq!(name(AlertDescription::UnrecognisedName), "unrecognised_name");
        assert_eq!(name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(name(AlertDescription::ProtocolVersion), "protocol_version");
    }
}

//! Faults in words: what is wrong with one certificate or one signature, as operators read it.

use super::path::Link;
use super::signature::Strength;
use crate::cert::{CertFault, describe};
use crate::outcome::Reason;

/// A fault.
pub(crate) fn fault(reason: Reason, detail: impl Into<String>) -> CertFault {
    CertFault { reason, detail: detail.into() }
}

/// An RSA key below the 2048 bits that CA/Browser Forum BR 6.1.5 and NIST SP 800-131A demand.
pub(crate) fn short_key(link: &Link<'_>) -> Option<CertFault> {
    const SHORTEST_RSA_BITS: usize = 2048;
    let bits = describe::rsa_bits(link.x509.public_key())?;
    (bits < SHORTEST_RSA_BITS).then(|| {
        let detail = format!("the certificate of {} has an RSA key of {bits} bits", link.who());
        fault(Reason::TlsWeak, detail)
    })
}

/// A signature with an algorithm or a key that is not accepted.
pub(crate) fn signature_fault(link: &Link<'_>, strength: Option<Strength>) -> Option<CertFault> {
    let algorithm = &link.x509.signature_algorithm;
    let detail = format!(
        "the certificate of {} is signed with {}",
        link.who(),
        describe::signature(algorithm)
    );
    match strength? {
        Strength::Weak | Strength::Unchecked if describe::weak_hash(algorithm) => {
            Some(fault(Reason::TlsWeak, detail))
        }
        // The issuer's key is too short; that is told of the issuer, or of the root here.
        Strength::Weak => Some(fault(Reason::TlsWeak, format!("{detail} and a short key"))),
        Strength::Unchecked => {
            Some(fault(Reason::TlsInvalid, format!("{detail}, which cannot be checked")))
        }
        Strength::Strong | Strength::Forged => None,
    }
}

/// Where a chain without an anchor ends.
pub(crate) fn unknown_issuer_detail(end: &Link<'_>) -> String {
    if end.subject() == end.issuer() {
        format!("the chain ends in {}, which is not trusted", end.who())
    } else {
        format!("no certificate of the issuer {} is sent or trusted", end.issuer_text())
    }
}

/// A moment as RFC 3339 writes it.
pub(crate) fn day(moment: i64) -> String {
    match jiff::Timestamp::from_second(moment) {
        Ok(moment) => moment.to_string(),
        Err(_) => moment.to_string(),
    }
}

/// Errors that no other fault stands for.
pub(crate) fn breaks_a_rule(error: &webpki::Error) -> bool {
    use webpki::Error::*;
    matches!(
        error,
        BadDer
            | BadDerTime
            | CertDistrusted
            | EmptyEkuExtension
            | EndEntityUsedAsCa
            | ExtensionValueInvalid
            | InvalidCertValidity
            | InvalidNetworkMaskConstraint
            | InvalidSerialNumber
            | MalformedDnsIdentifier
            | MalformedExtensions
            | MalformedNameConstraint
            | MaximumNameConstraintComparisonsExceeded
            | MaximumPathBuildCallsExceeded
            | MaximumPathDepthExceeded
            | MaximumSignatureChecksExceeded
            | NameConstraintViolation
            | PathLenConstraintViolated
            | RequiredEkuNotFoundContext(_)
            | SignatureAlgorithmMismatch
            | TrailingData(_)
            | UnsupportedCertVersion
            | UnsupportedCriticalExtension
            | UnsupportedNameType
    )
}

/// A refusal of webpki for people.
pub(crate) fn invalid_detail(error: &webpki::Error) -> String {
    use webpki::Error::*;
    match error {
        RequiredEkuNotFoundContext(_) => "the certificate is not meant for a TLS server".into(),
        CaUsedAsEndEntity => "a CA certificate is used as the server's certificate".into(),
        EndEntityUsedAsCa => "a certificate that is not a CA's signs another one".into(),
        NameConstraintViolation => "the name is outside what the CA may sign".into(),
        PathLenConstraintViolated => {
            "there are more CAs on the path than one of them allows".into()
        }
        UnsupportedCriticalExtension => "the certificate has an unknown critical extension".into(),
        UnsupportedCertVersion => "the certificate is not of X.509 version 3".into(),
        InvalidCertValidity => "the certificate ends before it begins".into(),
        BadDer | BadDerTime | TrailingData(_) => "a certificate is badly encoded".into(),
        CertDistrusted => "a key of the path is distrusted".into(),
        other => format!("the chain is refused: {other:?}"),
    }
}

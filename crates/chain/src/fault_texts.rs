//! Faults in words: what is wrong with one certificate or one signature, as operators read it.

use crate::certificate::{Certificate, describe};
use crate::certification_path::PathCertificate;
use crate::fault::{ChainFault, ChainFaultKind};
use crate::signature::SignatureStrength;

/// Names of a certificate that are told when none of them fits.
const NAMES_TOLD: usize = 4;

pub(crate) fn fault(kind: ChainFaultKind, detail: impl Into<String>) -> ChainFault {
    ChainFault { kind, detail: detail.into() }
}

/// A certificate that is not valid at this moment (unix seconds).
pub(crate) fn out_of_date(certificate: &PathCertificate<'_>, now: i64) -> Option<ChainFault> {
    let (kind, state) = state_at(certificate.validity(), now)?;
    Some(fault(kind, format!("the certificate of {} {state}", certificate.who())))
}

/// A root from a file that is not valid at this moment (unix seconds). A root's dates are no part
/// of path validation (RFC 5280 section 6.1.1), so to us this is a warning.
pub(crate) fn root_out_of_date(root: &Certificate, now: i64) -> Option<ChainFault> {
    let (kind, state) = state_at((root.not_before, root.not_after), now)?;
    let detail = format!("the listed root {} {state}; browsers refuse it", root.subject);
    Some(fault(kind, detail))
}

fn state_at((not_before, not_after): (i64, i64), now: i64) -> Option<(ChainFaultKind, String)> {
    if now > not_after {
        return Some((ChainFaultKind::Expired, format!("expired on {}", rfc3339(not_after))));
    }
    (now < not_before).then(|| {
        (ChainFaultKind::NotYetValid, format!("is not valid before {}", rfc3339(not_before)))
    })
}

/// A leaf that is for `names` and not for the one that was asked for.
pub(crate) fn name_fault(
    leaf: &PathCertificate<'_>,
    names: &[String],
    asked: &str,
    error: &webpki::Error,
) -> ChainFault {
    let detail = match error {
        webpki::Error::CertNotValidForName(_) if names.is_empty() => {
            format!("the certificate of {} has no DNS name, so it is not for {asked}", leaf.who())
        }
        webpki::Error::CertNotValidForName(_) => {
            let mut told = names[..names.len().min(NAMES_TOLD)].join(", ");
            if names.len() > NAMES_TOLD {
                told.push_str(&format!(" and {} more", names.len() - NAMES_TOLD));
            }
            format!("the certificate is for {told}, not for {asked}")
        }
        other => format!("the certificate is not for {asked}: {}", invalid_detail(other)),
    };
    fault(ChainFaultKind::NameMismatch, detail)
}

/// An RSA key below the 2048 bits that CA/Browser Forum BR 6.1.5 and NIST SP 800-131A demand.
pub(crate) fn short_key(certificate: &PathCertificate<'_>) -> Option<ChainFault> {
    const SHORTEST_RSA_BITS: usize = 2048;
    let bits = describe::rsa_bits(certificate.x509.public_key())?;
    (bits < SHORTEST_RSA_BITS).then(|| {
        let detail =
            format!("the certificate of {} has an RSA key of {bits} bits", certificate.who());
        fault(ChainFaultKind::Weak, detail)
    })
}

/// A signature with an algorithm or a key that is not accepted.
pub(crate) fn signature_fault(
    certificate: &PathCertificate<'_>,
    strength: Option<SignatureStrength>,
) -> Option<ChainFault> {
    let algorithm = &certificate.x509.signature_algorithm;
    let detail = format!(
        "the certificate of {} is signed with {}",
        certificate.who(),
        describe::signature(algorithm)
    );
    match strength? {
        SignatureStrength::Weak | SignatureStrength::Unchecked
            if describe::weak_hash(algorithm) =>
        {
            Some(fault(ChainFaultKind::Weak, detail))
        }
        // The issuer's key is too short; that is told of the issuer, or of the root here.
        SignatureStrength::Weak => {
            Some(fault(ChainFaultKind::Weak, format!("{detail} and a short key")))
        }
        SignatureStrength::Unchecked => {
            Some(fault(ChainFaultKind::Invalid, format!("{detail}, which cannot be checked")))
        }
        SignatureStrength::Strong | SignatureStrength::Forged => None,
    }
}

/// Where a chain without an anchor ends.
pub(crate) fn unknown_issuer_detail(end: &PathCertificate<'_>) -> String {
    if end.subject() == end.issuer() {
        format!("the chain ends in {}, which is not trusted", end.who())
    } else {
        format!("no certificate of the issuer {} is sent or trusted", end.issuer_text())
    }
}

/// Where the issuer of a leaf that came alone is likely an intermediate below a listed root.
pub(crate) fn likely_missing_detail(
    leaf: &PathCertificate<'_>,
    root: &str,
    urls: &[String],
) -> String {
    let place = match urls.first() {
        Some(url) => format!("; the certificate says that it is at {url}"),
        None => String::new(),
    };
    format!(
        "the server sends its own certificate alone, and not that of its issuer {}, which is of the \
         same organisation as the listed root {root}{place}",
        leaf.issuer_text()
    )
}

/// A moment as RFC 3339 writes it.
pub(crate) fn rfc3339(moment: i64) -> String {
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

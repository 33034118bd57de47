//! Certificates as plain data: what a chain says of itself, and the faults it can have.

use crate::outcome::Reason;

/// A presented chain, leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// In the order the server sent them.
    pub certs: Vec<Certificate>,
}

/// What operators and metrics want to know of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// RFC 2253-like, most specific first, as Go's `pkix.Name.String` writes it.
    pub subject: String,
    /// As `subject`.
    pub issuer: String,
    /// Lowercase hex, leading zeros kept.
    pub serial: String,
    /// DNS names of the subject alternative name, in order.
    pub dns_names: Vec<String>,
    /// Lowercase hex SHA-256 of the DER.
    pub fingerprint_sha256: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// For people, such as `RSA 2048` or `ECDSA P-256`.
    pub key: String,
    /// For people, such as `sha256WithRSAEncryption`.
    pub signature: String,
}

/// One fault of a chain. The order of the variants' reasons in [`CertFault::ORDER`] decides which
/// one names the failure when there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFault {
    /// One of [`CertFault::ORDER`].
    pub reason: Reason,
    /// One sentence for a person.
    pub detail: String,
}

impl CertFault {
    /// First wins (DESIGN 4).
    pub const ORDER: [Reason; 9] = [
        Reason::TlsExpired,
        Reason::TlsNotYetValid,
        Reason::TlsNameMismatch,
        Reason::TlsUnknownIssuer,
        Reason::TlsChainIncomplete,
        Reason::TlsSelfSigned,
        Reason::TlsWeak,
        Reason::TlsInvalid,
        Reason::TlsRevoked,
    ];
}

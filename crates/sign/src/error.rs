//! Why files make no identity, or a message cannot be signed.

use der::asn1::ObjectIdentifier;

use crate::algorithms;

/// Half a sentence about a file or a key. It never quotes a key, a password or what a parser read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("holds no certificate in PEM or DER form")]
    NoCertificate,
    #[error("holds no private key in PEM or DER form (PKCS#8, PKCS#1 or SEC 1)")]
    NoPrivateKey,
    #[error("is no PKCS#12 file in DER form")]
    NoPkcs12,
    #[error("is encrypted, and no password is given")]
    PasswordMissing,
    #[error("cannot be opened with the password")]
    WrongPassword,
    /// The name where one is known, and the dotted numbers.
    #[error("uses {0}, which is not supported")]
    Unsupported(String),
    #[error("holds a private key that is damaged, or an RSA key of less than 2,048 bits")]
    UnusableKey,
    #[error("is not the key of the certificate")]
    KeyMismatch,
    #[error("a key on {curve} signs with {digests} here")]
    DigestOfCurve { curve: &'static str, digests: &'static str },
    #[error("the message could not be made: {0}")]
    Failed(&'static str),
}

impl SignError {
    pub(crate) fn unsupported(oid: ObjectIdentifier) -> SignError {
        SignError::Unsupported(match algorithms::name(&oid) {
            Some(name) => format!("{name} (OID {oid})"),
            None => format!("the algorithm with OID {oid}"),
        })
    }
}

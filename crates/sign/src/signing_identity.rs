//! A certificate, the certificates above it, and the key that belongs to it.

use std::fmt;

use crate::error::SignError;
use crate::pkcs12_file;
use crate::private_key::PrivateKey;
use crate::signer_certificate::SignerCertificate;

pub struct SigningIdentity {
    /// The signer's own first.
    chain: Vec<SignerCertificate>,
    key: PrivateKey,
}

/// The key stays out.
impl fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningIdentity({})", self.certificate().serial_hex())
    }
}

impl SigningIdentity {
    /// The key's own certificate may stand anywhere among `certificates`.
    pub fn new(
        certificates: Vec<SignerCertificate>,
        key: PrivateKey,
    ) -> Result<SigningIdentity, SignError> {
        let mut chain = certificates;
        let own = chain.iter().position(|certificate| certificate.public_key() == key.public_key());
        let own = own.ok_or(SignError::KeyMismatch)?;
        chain[..=own].rotate_right(1);
        Ok(SigningIdentity { chain, key })
    }

    /// Reads a file as browsers and certificate managers export it.
    pub fn of_pkcs12(file: &[u8], password: Option<&str>) -> Result<SigningIdentity, SignError> {
        let contents = pkcs12_file::read(file, password)?;
        let key = contents.keys.into_iter().next().ok_or(SignError::NoPrivateKey)?;
        if contents.certificates.is_empty() {
            return Err(SignError::NoCertificate);
        }
        SigningIdentity::new(contents.certificates, key)
    }

    pub fn certificate(&self) -> &SignerCertificate {
        &self.chain[0]
    }

    /// The signer's own certificate first.
    pub fn chain(&self) -> &[SignerCertificate] {
        &self.chain
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

//! The client's own certificate and key.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::failure::TlsFailure;
use crate::options::ClientCert;
use crate::pem_file::{certificates, read, unusable};

/// Reads the files and checks that they belong together.
pub(crate) fn load(
    files: &ClientCert,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFailure> {
    let chain = certificates(&files.cert)?;
    // The error's own text could quote the key.
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| unusable(&files.key, "holds no private key in PEM"))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| unusable(&files.key, "holds a private key that cannot be used"))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(unusable(&files.key, "is not the key of the client certificate"))
        }
        _ => Ok(identity),
    }
}

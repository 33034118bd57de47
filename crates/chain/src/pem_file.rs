//! PEM files that a configuration names.

use std::path::Path;

use base::files::read_regular;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::failure::{TlsFailure, TlsFailureKind};

/// Largest PEM file that is read: the roots of every browser together are below 1 MiB.
///
/// No row: files are the configuration's.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// At least one certificate, in the file's order.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let text = read(path)?;
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let ders = ders.map_err(|error| unusable(path, &format!("is not PEM: {error:?}")))?;
    if ders.is_empty() {
        return Err(unusable(path, "holds no certificate"));
    }
    Ok(ders)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsFailure> {
    read_regular(path, MAX_FILE_BYTES).map_err(|error| unusable(path, &error.to_string()))
}

/// The failure of a run that needs this file.
pub(crate) fn unusable(path: &Path, why: &str) -> TlsFailure {
    TlsFailure::new(TlsFailureKind::Internal, format!("{}: {why}", path.display()))
}

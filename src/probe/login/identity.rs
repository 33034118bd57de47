//! What a template may say of a certificate: public facts, read when they are needed so that a
//! renewed certificate counts at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::login::Identity;
use crate::outcome::{Failure, Reason};
use crate::template::IdentityField;

/// No certificate is larger.
const CERT_BYTES_MAX: u64 = 256 * 1024;

/// The identities of a flow.
#[derive(Default)]
pub(super) struct Identities(BTreeMap<Arc<str>, Identity>);

impl Identities {
    /// Nothing is read yet.
    pub(super) fn new(identities: &BTreeMap<Arc<str>, Identity>) -> Identities {
        Identities(identities.clone())
    }

    /// A field of the named certificate.
    pub(super) fn field(&self, name: &str, field: IdentityField) -> Result<String, Failure> {
        let missing = |why: &str| {
            Failure::new(Reason::SecretMissing, format!("certificate of identity {name}: {why}"))
        };
        let identity = self.0.get(name).ok_or_else(|| missing("is not configured"))?;
        read(&identity.cert, field).map_err(|why| missing(&why))
    }
}

fn read(path: &Path, field: IdentityField) -> Result<String, String> {
    let found = fs::metadata(path).map_err(|error| error.kind().to_string())?;
    // Opening a pipe would wait for somebody to write to it.
    if !found.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let size = found.len();
    if size > CERT_BYTES_MAX {
        return Err(format!("is larger than {CERT_BYTES_MAX} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.kind().to_string())?;
    let der = match x509_parser::pem::parse_x509_pem(&bytes) {
        Ok((_, pem)) => pem.contents,
        Err(_) => bytes,
    };
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|_| "is neither PEM nor DER".to_owned())?;
    Ok(match field {
        IdentityField::Serial => {
            certificate.raw_serial().iter().map(|b| format!("{b:02x}")).collect()
        }
        IdentityField::Subject => certificate.subject().to_string(),
        IdentityField::Issuer => certificate.issuer().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_its_serial_and_subject_from_pem_and_der() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.go.kr".into()]).unwrap();
        params.serial_number = Some(rcgen::SerialNumber::from(vec![0x0a, 0xff]));
        params.distinguished_name.push(rcgen::DnType::CommonName, "officer");
        let certificate = params.self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in
            [("c.pem", certificate.pem().into_bytes()), ("c.der", certificate.der().to_vec())]
        {
            let cert = dir.path().join(file);
            fs::write(&cert, content).unwrap();
            let identity = Identity { key: cert.clone(), cert };
            let identities = Identities::new(&BTreeMap::from([("officer".into(), identity)]));
            let field = |field| identities.field("officer", field).unwrap();
            assert_eq!(field(IdentityField::Serial), "0aff");
            assert!(field(IdentityField::Subject).contains("officer"));
        }
        let failure = Identities::default().field("x", IdentityField::Serial).err().unwrap();
        assert_eq!(failure.reason, Reason::SecretMissing);
    }
}

//! When the certificates end that the configuration names files of: of logins, of clients, and the
//! roots that are believed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::files::read_regular;
use chain::{Certificate, Roots, TlsClientOptions};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;

use crate::commands::days_until;
use crate::config::login::Identity;
use crate::config::{Config, Disk, Kind};
use crate::secret::Secret;
use crate::secrets;

/// Of a file of certificates, as when the configuration is loaded.
const PEM_BYTES_MAX: u64 = 4 << 20;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Use {
    /// A login signs with it.
    Identity,
    /// It is shown to servers.
    ClientCertificate,
    Root,
}

#[derive(Serialize)]
pub(super) struct PlannedEnd {
    #[serde(rename = "use")]
    pub(super) purpose: Use,
    /// The identity's name, or the file.
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) not_after: String,
    /// Whole days; negative once it has passed.
    pub(super) days_left: i64,
}

/// What ends first stands first.
pub(super) fn ends(config: &Config, now: Timestamp) -> Vec<PlannedEnd> {
    let mut files = BTreeSet::new();
    let mut identities: Vec<(&Arc<str>, &Identity)> = Vec::new();
    for target in &config.targets {
        match &target.kind {
            Kind::Http(http) => named_by(&http.client.tls, &mut files),
            Kind::Tls(tls) => named_by(&tls.tls, &mut files),
            Kind::Login(login) => {
                named_by(&login.client.tls, &mut files);
                // All sites of a service have the same ones.
                let new = login.identities.iter().filter(|of| !identities.contains(of));
                let new: Vec<_> = new.collect();
                identities.extend(new);
            }
        }
    }
    let of_files = files.iter().filter_map(|(purpose, file)| of_file(*purpose, file, now));
    let opened = identities.into_iter().filter_map(|(name, of)| of_identity(name, of, now));
    let mut ends: Vec<PlannedEnd> = of_files.chain(opened).collect();
    ends.sort_by(|a, b| (a.days_left, a.purpose, &a.name).cmp(&(b.days_left, b.purpose, &b.name)));
    ends
}

fn named_by(tls: &TlsClientOptions, files: &mut BTreeSet<(Use, PathBuf)>) {
    if let Some(client_cert) = &tls.client_cert {
        files.insert((Use::ClientCertificate, client_cert.cert.clone()));
    }
    match &tls.trust.roots {
        Roots::Webpki => {}
        Roots::File(file) | Roots::Both(file) => {
            files.insert((Use::Root, file.clone()));
        }
    }
}

/// Of several certificates the one that ends first; files that cannot be read were refused before.
fn of_file(purpose: Use, file: &Path, now: Timestamp) -> Option<PlannedEnd> {
    let pem = read_regular(file, PEM_BYTES_MAX).ok()?;
    let certs = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let certs = certs.filter_map(|der| Certificate::parse(&der));
    let first = certs.min_by_key(|cert| cert.not_after)?;
    end(purpose, &file.display().to_string(), &first.subject, first.not_after, now)
}

fn of_identity(name: &str, identity: &Identity, now: Timestamp) -> Option<PlannedEnd> {
    let password = identity.password.as_ref().map(secrets::read_source).transpose().ok()?;
    let opened = identity.open(&Disk, password.as_ref().map(Secret::expose)).ok()?;
    let certificate = opened.certificate();
    let subject = Certificate::parse(certificate.der())?.subject;
    end(Use::Identity, name, &subject, certificate.not_after(), now)
}

fn end(
    purpose: Use,
    name: &str,
    subject: &str,
    not_after: i64,
    now: Timestamp,
) -> Option<PlannedEnd> {
    Some(PlannedEnd {
        purpose,
        name: name.to_owned(),
        subject: subject.to_owned(),
        not_after: Timestamp::from_second(not_after).ok()?.to_string(),
        days_left: days_until(not_after, now),
    })
}

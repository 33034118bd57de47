//! The certificates that a flow may name. They are opened at load, so that a wrong password, a key
//! of another certificate or an unknown form of file is a problem with a line and not a failed run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sign::error::SignError;
use sign::private_key::PrivateKey;
use sign::signer_certificate::SignerCertificate;
use sign::signing_identity::SigningIdentity;

use crate::config::cache::PemUse;
use crate::config::names::KnownIdentity;
use crate::config::reading::{At, Fields};
use crate::config::{ClientCert, Files, SecretSource, client, secrets, value};

/// A certificate with its chain, or a key: the largest that were seen take 12 KiB.
const FILE_LIMIT: u64 = 256 << 10;

/// A certificate with its key, by where they are kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub files: IdentityFiles,
    /// What opens the key or the file.
    pub password: Option<SecretSource>,
}

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentityFiles {
    /// PEM or DER each.
    Pair {
        /// The signer's certificate; those above it may follow in PEM.
        cert: PathBuf,
        /// PKCS#8, plain or encrypted, PKCS#1 or SEC 1.
        key: PathBuf,
    },
    /// Both in one file (RFC 7292).
    Pkcs12(PathBuf),
}

/// What is wrong with an identity, and under which of its keys the cause is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProblem {
    key: &'static str,
    pub said: String,
}

impl Identity {
    /// The files that it is made of.
    pub fn files(&self) -> Vec<&Path> {
        let mut files = match &self.files {
            IdentityFiles::Pair { cert, key } => vec![cert.as_path(), key.as_path()],
            IdentityFiles::Pkcs12(file) => vec![file.as_path()],
        };
        if let Some(SecretSource::File(file)) = &self.password {
            files.push(file);
        }
        files
    }

    /// Reads the files and opens what the password protects, which takes the processor some
    /// milliseconds.
    pub fn open(
        &self,
        files: &dyn Files,
        password: Option<&str>,
    ) -> Result<SigningIdentity, IdentityProblem> {
        let file = |key: &'static str, path: &Path| {
            files.read(path, FILE_LIMIT).map_err(|said| IdentityProblem {
                key,
                said: format!("{}: {said}", path.display()),
            })
        };
        let wrong = |key: &'static str, path: &Path, error: SignError| {
            let key = match error {
                SignError::WrongPassword if password.is_some() => "password",
                _ => key,
            };
            let remedy = remedy(key, &error);
            IdentityProblem { key, said: format!("{} {error}; {remedy}", path.display()) }
        };
        match &self.files {
            IdentityFiles::Pair { cert, key } => {
                let certificates = SignerCertificate::read_all(&file("cert", cert)?)
                    .map_err(|error| wrong("cert", cert, error))?;
                let bytes = file("key", key)?;
                let opened =
                    PrivateKey::read(&bytes, password).map_err(|error| wrong("key", key, error))?;
                SigningIdentity::new(certificates, opened).map_err(|error| wrong("key", key, error))
            }
            IdentityFiles::Pkcs12(path) => {
                SigningIdentity::of_pkcs12(&file("pkcs12", path)?, password)
                    .map_err(|error| wrong("pkcs12", path, error))
            }
        }
    }
}

/// What to do about files that make no identity.
fn remedy(key: &str, error: &SignError) -> &'static str {
    match error {
        SignError::NoCertificate => "name the file of the certificate, such as signCert.der",
        SignError::NoPrivateKey => "name the file of the private key, such as signPri.key",
        SignError::NoPkcs12 => "two files are written as cert and key",
        SignError::PasswordMissing => "write password: { file: /run/secrets/... } beside it",
        SignError::WrongPassword if key == "password" => {
            "the secret must hold the password of this file and nothing else"
        }
        SignError::WrongPassword => "write password: { file: /run/secrets/... } beside it",
        SignError::Unsupported(_) => {
            "another encryption is given to a key by openssl pkcs8 -topk8 -v2 aes-256-cbc; a key \
             must be RSA or ECDSA"
        }
        SignError::KeyMismatch => {
            "signPri.key belongs to signCert.der of the same folder, kmPri.key to kmCert.der"
        }
        SignError::UnusableKey | SignError::DigestOfCurve { .. } | SignError::Failed(_) => {
            "have it exported or issued again"
        }
    }
}

/// The identities of a flow, and what its other keys may use of them.
pub(super) fn identities(
    fields: &Fields<'_>,
) -> (BTreeMap<Arc<str>, Identity>, BTreeMap<String, KnownIdentity>) {
    let (mut identities, mut known) = (BTreeMap::new(), BTreeMap::new());
    let used = fields.at.quietly("client_cert").and_then(|at| at.written());
    let entries = fields.take("identities").and_then(|at| at.entries()).unwrap_or_default();
    for (name, at) in entries {
        if let Err(said) = value::name(name) {
            at.problem(said);
        }
        let for_tls = used == Some(name);
        let (identity, facts) = identity(&at, for_tls).unzip();
        known.insert(name.to_owned(), facts.unwrap_or_default());
        identities.extend(identity.map(|identity| (Arc::from(name), identity)));
    }
    (identities, known)
}

fn identity(at: &At<'_>, for_tls: bool) -> Option<(Identity, KnownIdentity)> {
    let fields = at.fields(&["cert", "key", "password", "pkcs12"])?;
    let path = |key: &str| {
        let at = fields.need(key)?;
        Some(at.reading.document.resolve(&at.parse(read::some_text)?))
    };
    let files = match fields.present(&["cert", "key", "pkcs12"])[..] {
        ["pkcs12"] => IdentityFiles::Pkcs12(path("pkcs12")?),
        [.., "pkcs12"] => {
            at.problem("has pkcs12, which holds certificate and key; remove cert and key");
            return None;
        }
        _ => {
            let (cert, key) = (path("cert"), path("key"));
            IdentityFiles::Pair { cert: cert?, key: key? }
        }
    };
    let (password, value) = match fields.take("password") {
        Some(at) => {
            let (source, value) = secrets::reference(&at)?;
            (Some(source), Some(value))
        }
        None => (None, None),
    };
    let identity = Identity { files, password };
    let client_cert = if for_tls { Some(client_cert(&fields, &identity)?) } else { None };
    let load = at.reading.load;
    let open = || identity.open(load.files, value.as_deref());
    match load.cache.identity(&identity, open) {
        Ok(opened) => Some((identity, KnownIdentity { client_cert, opened: Some(opened) })),
        Err(problem) => {
            let place = fields.take(problem.key).unwrap_or_else(|| at.clone());
            place.problem(problem.said);
            None
        }
    }
}

/// What TLS is given: files in PEM that need no password.
fn client_cert(fields: &Fields<'_>, identity: &Identity) -> Option<ClientCert> {
    let needs = "a certificate for TLS is given as cert and key in PEM without a password";
    match (&identity.files, fields.take("password")) {
        (IdentityFiles::Pkcs12(_), _) => {
            fields.take("pkcs12")?.problem(needs);
            None
        }
        (_, Some(at)) => {
            at.problem(needs);
            None
        }
        (IdentityFiles::Pair { .. }, None) => {
            let cert = fields.need("cert").and_then(|at| client::pem(&at, PemUse::Certificates));
            let key = fields.need("key").and_then(|at| client::pem(&at, PemUse::Key));
            Some(ClientCert { cert: cert?, key: key? })
        }
    }
}

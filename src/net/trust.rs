//! Who is believed: trust anchors and our own certificates, read from files that change.
//!
//! [`Trusts::client`] makes the TLS configuration of one run. Everything in it that can be shared
//! is shared; what is new each time is the [`Witness`], which verifies the server and remembers
//! what it saw. Session resumption is always off: a resumed handshake shows no certificate.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::aia::Issuers;
use super::chains::Chains;
use super::revocation::Lists;
use super::watched::Watched;
pub use super::witness::Witness;
use crate::config::{ClientCert, Roots, TlsClientOptions, TrustOptions};
use crate::outcome::{Failure, Reason};
use crate::transport::fetch::Fetcher;

/// Trust anchors by options, loaded once and again when their files change.
pub struct Trusts {
    shared: Arc<Shared>,
    template: ClientConfig,
    pub(crate) issuers: Issuers,
    pub(crate) lists: Lists,
}

/// What witnesses share.
pub(crate) struct Shared {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) chains: Chains,
    anchors: Loaded<TrustOptions, Trust>,
    identities: Loaded<(PathBuf, PathBuf), CertifiedKey>,
}

type Loaded<K, T> = Mutex<HashMap<K, Watched<Arc<T>>>>;

/// Sets of files kept loaded. Reloads can bring ever new ones; past this all are read again.
const MAX_LOADED: usize = 4_096;

/// A loaded set of anchors.
pub struct Trust {
    /// Tells sets apart in caches.
    id: u64,
    /// Mozilla's first.
    anchors: Vec<TrustAnchor<'static>>,
    /// How many of them are Mozilla's.
    public: usize,
    /// SHA-256 of every certificate in the file of roots.
    listed: HashSet<[u8; 32]>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl Trusts {
    /// Nothing is read yet.
    pub fn new(fetcher: &Arc<Fetcher>) -> Trusts {
        let provider = Arc::new(provider());
        let mut template = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            // The versions are the provider's own, so they always fit it.
            .unwrap_or_else(|_| unreachable!("aws-lc-rs knows TLS 1.2 and 1.3"))
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        template.resumption = Resumption::disabled();
        let shared = Shared {
            provider,
            chains: Chains::default(),
            anchors: Mutex::default(),
            identities: Mutex::default(),
        };
        Trusts {
            shared: Arc::new(shared),
            template,
            issuers: Issuers::new(fetcher),
            lists: Lists::new(fetcher),
        }
    }

    /// The anchors for these options; `internal` when a file that was readable at load is not now.
    pub fn get(&self, options: &TrustOptions) -> Result<Arc<Trust>, Failure> {
        let file = match &options.roots {
            Roots::Webpki => None,
            Roots::File(path) | Roots::Both(path) => Some(path.as_path()),
        };
        let files: Vec<&Path> = file.into_iter().chain(options.intermediates.as_deref()).collect();
        let mut loaded = self.shared.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        // Looked up by reference first: the key is cloned only for options that are new.
        if let Some(watched) = loaded.get_mut(options) {
            return watched.current(&files, || Trust::load(options).map(Arc::new)).map(Arc::clone);
        }
        let mut watched = Watched::default();
        let trust =
            watched.current(&files, || Trust::load(options).map(Arc::new)).map(Arc::clone)?;
        loaded.insert(options.clone(), watched);
        Ok(trust)
    }

    /// A client configuration for one run (no session resumption) and the witness in it. `alpn`
    /// is left to the caller, as is `resumption` (HTTP puts a store there that marks the moment
    /// of the ClientHello).
    ///
    /// The name that is verified is `options.server_name` where there is one, else the name that
    /// the connection is made for.
    pub fn client(
        &self,
        options: &TlsClientOptions,
    ) -> Result<(ClientConfig, Arc<Witness>), Failure> {
        let trust = self.get(&options.trust)?;
        let identity = match &options.client_cert {
            Some(files) => Some(self.identity(files)?),
            None => None,
        };
        let witness = Witness::new(Arc::clone(&self.shared), trust, identity, options);
        let witness = Arc::new(witness);
        let mut config = self.template.clone();
        config.client_auth_cert_resolver = Arc::clone(&witness) as _;
        config.dangerous().set_certificate_verifier(Arc::clone(&witness) as _);
        Ok((config, witness))
    }

    fn identity(&self, files: &ClientCert) -> Result<Arc<CertifiedKey>, Failure> {
        let key = (files.cert.clone(), files.key.clone());
        let mut loaded = self.shared.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        let watched = loaded.entry(key).or_default();
        let load = || load_identity(files, &self.shared.provider).map(Arc::new);
        watched.current(&[&files.cert, &files.key], load).map(Arc::clone)
    }
}

/// Offers what browsers offer, in their order: AES with 128 bits first. Its hash is also the one
/// that processors have instructions for.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 0,
        _ => 1,
    });
    provider
}

impl Trust {
    fn load(options: &TrustOptions) -> Result<Trust, Failure> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let (public, file) = match &options.roots {
            Roots::Webpki => (webpki_roots::TLS_SERVER_ROOTS, None),
            Roots::File(path) => (&[] as &[_], Some(path)),
            Roots::Both(path) => (webpki_roots::TLS_SERVER_ROOTS, Some(path)),
        };
        let mut trust = Trust {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            anchors: public.to_vec(),
            public: public.len(),
            listed: HashSet::new(),
            intermediates: Vec::new(),
        };
        for der in file.map(|path| certificates(path)).transpose()?.unwrap_or_default() {
            trust.listed.insert(Sha256::digest(&der).into());
            if may_be_anchor(&der)
                && let Ok(anchor) = webpki::anchor_from_trusted_cert(&der)
            {
                trust.anchors.push(anchor.to_owned());
            }
        }
        if let Some(path) = &options.intermediates {
            trust.intermediates = certificates(path)?;
        }
        Ok(trust)
    }

    /// Tells this set from every other one in this process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    pub(crate) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// Which list an anchor came from.
    pub(crate) fn vouches(&self, anchor: usize) -> &'static str {
        if anchor < self.public { "webpki" } else { "file" }
    }

    /// Whether the file of roots holds this very certificate.
    pub(crate) fn lists(&self, der: &CertificateDer<'_>) -> bool {
        !self.listed.is_empty()
            && self.listed.contains(<[u8; 32]>::from(Sha256::digest(der)).as_slice())
    }
}

/// A server's own certificate may be listed to be accepted as it is, but that does not let its
/// key sign for others.
fn may_be_anchor(der: &CertificateDer<'_>) -> bool {
    match X509Certificate::from_der(der) {
        Ok((_, x509)) => match x509.basic_constraints() {
            Ok(Some(constraints)) => constraints.value.ca,
            Ok(None) => x509.subject() == x509.issuer(),
            Err(_) => false,
        },
        Err(_) => false,
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = read(path)?;
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let ders = ders.map_err(|error| broken(path, &format!("is not PEM: {error:?}")))?;
    if ders.is_empty() {
        return Err(broken(path, "holds no certificate"));
    }
    Ok(ders)
}

fn load_identity(files: &ClientCert, provider: &CryptoProvider) -> Result<CertifiedKey, Failure> {
    let chain = certificates(&files.cert)?;
    // The error's own text could quote the key.
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| broken(&files.key, "holds no private key in PEM"))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| broken(&files.key, "holds a private key that cannot be used"))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(broken(&files.key, "is not the key of the client certificate"))
        }
        _ => Ok(identity),
    }
}

/// Largest PEM file that is read: the roots of every browser together are below 1 MiB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    // Opening a pipe would wait for somebody to write to it.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(broken(path, "is not a regular file"));
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| broken(path, &error.to_string()))?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| broken(path, &error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(broken(path, "is larger than 4 MiB"));
    }
    Ok(text)
}

fn broken(path: &Path, what: &str) -> Failure {
    Failure::new(Reason::Internal, format!("{}: {what}", path.display()))
}

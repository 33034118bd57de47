//! The TLS configurations of clients, and what all of them share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::chain_cache::{ChainIndex, ChainMemory};
use crate::client_identity;
use crate::failure::TlsFailure;
use crate::fetch::Fetch;
use crate::issuers::IssuerCertificates;
use crate::options::{ClientCert, Roots, TlsClientOptions, TlsVersions, TrustOptions};
use crate::provider::crypto_provider;
use crate::recording_verifier::RecordingVerifier;
use crate::revocation::RevocationLists;
use crate::trust_anchors::TrustAnchors;
use crate::watched_files::WatchedFiles;

/// Makes the TLS configuration of each run. Everything in it that can be shared is shared: trust
/// anchors and client certificates are loaded once, and again when their files change. Memory is
/// bounded whatever servers present.
pub struct TlsClients {
    shared: Arc<VerifierShared>,
    classical: ClientConfig,
    post_quantum: ClientConfig,
    anchors: LoadedFiles<TrustOptions, TrustAnchors>,
    identities: LoadedFiles<(PathBuf, PathBuf), CertifiedKey>,
    pub(crate) issuers: IssuerCertificates,
    pub(crate) lists: RevocationLists,
}

/// Fetches that were refused, by what was to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedFetches {
    pub issuers: u64,
    pub lists: u64,
}

pub(crate) struct VerifierShared {
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    pub(crate) chains: ChainIndex,
}

type LoadedFiles<K, T> = Mutex<HashMap<K, WatchedFiles<Arc<T>>>>;

/// Sets of files kept loaded. Reloads can bring ever new ones; past this all are read again.
///
/// No row: files are the configuration's.
const MAX_LOADED: usize = 4_096;

impl TlsClients {
    /// Reads nothing yet: that happens when the first client is made.
    pub fn new(fetch: Arc<dyn Fetch>) -> TlsClients {
        let provider = crypto_provider(false);
        let shared = VerifierShared {
            algorithms: provider.signature_verification_algorithms,
            chains: ChainIndex::default(),
        };
        TlsClients {
            shared: Arc::new(shared),
            classical: template(provider, rustls::ALL_VERSIONS),
            post_quantum: template(crypto_provider(true), rustls::ALL_VERSIONS),
            anchors: Mutex::default(),
            identities: Mutex::default(),
            issuers: IssuerCertificates::new(&fetch),
            lists: RevocationLists::new(&fetch),
        }
    }

    /// The configuration of one run and the verifier in it. ALPN is left to the caller. Sessions
    /// are never resumed, because a resumed handshake shows no certificate; a caller may put a
    /// store into `resumption` that keeps none, such as the verifier, to learn of tickets.
    ///
    /// `memory` is that of the target: what is shown and fetched counts on its share.
    ///
    /// The name that is verified is `options.server_name` where there is one, else the name that
    /// the connection is made for. Fails with [`Internal`](crate::TlsFailureKind::Internal) when a
    /// file cannot be used.
    pub fn client(
        &self,
        options: &TlsClientOptions,
        memory: &Arc<ChainMemory>,
    ) -> Result<(ClientConfig, Arc<RecordingVerifier>), TlsFailure> {
        let anchors = self.anchors(&options.trust)?;
        let identity = match &options.client_cert {
            Some(files) => Some(self.identity(files)?),
            None => None,
        };
        let (shared, memory) = (Arc::clone(&self.shared), Arc::clone(memory));
        let verifier = RecordingVerifier::new(shared, memory, anchors, identity, options);
        let verifier = Arc::new(verifier);
        let template = if options.post_quantum { &self.post_quantum } else { &self.classical };
        let mut config = match options.versions {
            TlsVersions::Any => template.clone(),
            // Rarely asked for: not worth a template of its own.
            TlsVersions::Only12 => self::template(template.crypto_provider().clone(), &[&TLS12]),
            TlsVersions::Only13 => self::template(template.crypto_provider().clone(), &[&TLS13]),
        };
        config.client_auth_cert_resolver = Arc::clone(&verifier) as _;
        config.dangerous().set_certificate_verifier(Arc::clone(&verifier) as _);
        Ok((config, verifier))
    }

    /// Fetches that were refused since the start, because their target had too many.
    pub fn refused_fetches(&self) -> RefusedFetches {
        RefusedFetches { issuers: self.issuers.refused(), lists: self.lists.refused() }
    }

    pub(crate) fn anchors(&self, options: &TrustOptions) -> Result<Arc<TrustAnchors>, TlsFailure> {
        let file = match &options.roots {
            Roots::Webpki => None,
            Roots::File(path) | Roots::Both(path) => Some(path.as_path()),
        };
        let files: Vec<&Path> = file.into_iter().chain(options.intermediates.as_deref()).collect();
        let load = || TrustAnchors::load(options).map(Arc::new);
        let mut loaded = self.anchors.lock();
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        // The options are looked up by reference first: they are cloned only when they are new.
        if let Some(watched) = loaded.get_mut(options) {
            return watched.current(&files, load).map(Arc::clone);
        }
        let mut watched = WatchedFiles::default();
        let anchors = watched.current(&files, load).map(Arc::clone)?;
        loaded.insert(options.clone(), watched);
        Ok(anchors)
    }

    fn identity(&self, files: &ClientCert) -> Result<Arc<CertifiedKey>, TlsFailure> {
        let key = (files.cert.clone(), files.key.clone());
        let mut loaded = self.identities.lock();
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        let load = || client_identity::load(files, self.classical.crypto_provider()).map(Arc::new);
        let watched = loaded.entry(key).or_default();
        watched.current(&[&files.cert, &files.key], load).map(Arc::clone)
    }
}

/// A configuration that trusts no one; the verifier of each run takes the place of its roots.
fn template(
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        // The versions are the provider's own, so they always fit it.
        .unwrap_or_else(|_| unreachable!("aws-lc-rs knows TLS 1.2 and 1.3"))
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

//! The TLS configurations of clients, and what all of them share.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
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
use crate::options::{ClientCert, TlsClientOptions, TlsVersions, TrustOptions};
use crate::pem_file::unusable;
use crate::provider::crypto_provider;
use crate::recording_verifier::RecordingVerifier;
use crate::revocation::RevocationLists;
use crate::trust_anchors::TrustAnchors;
use crate::watched_files::WatchedFiles;

/// Makes the TLS configuration of each run. Everything in it that can be shared is shared: trust
/// anchors and client certificates are loaded once, and again when their files change. Memory is
/// bounded whatever servers present.
///
/// A file system may hang, so whoever makes a client reads no file: [`look_at_trust`](Self::look_at_trust)
/// and [`look_at_own`](Self::look_at_own) do, beside the runtime.
pub struct TlsClients {
    shared: Arc<VerifierShared>,
    classical: ClientConfig,
    post_quantum: ClientConfig,
    anchors: LoadedFiles<TrustOptions, TrustAnchors>,
    identities: LoadedFiles<ClientCert, CertifiedKey>,
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
    /// Reads nothing yet.
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

    /// Whether the files of these options are to be looked at before a client is made: where there are some,
    /// and none looked within the last second.
    pub fn must_look(&self, options: &TlsClientOptions) -> bool {
        let TlsClientOptions { trust, client_cert, .. } = options;
        let of_trust = trust.files().next().is_some() && is_due(&self.anchors, &**trust);
        of_trust || client_cert.as_ref().is_some_and(|own| is_due(&self.identities, own))
    }

    /// Looks at the files that say who is trusted, and reads them if they have changed. Blocks as long as
    /// their file system does; no lock is held meanwhile.
    pub fn look_at_trust(&self, trust: &TrustOptions) {
        let files: Vec<&Path> = trust.files().collect();
        look_at(&self.anchors, trust, &files, || TrustAnchors::load(trust).map(Arc::new));
    }

    /// As [`look_at_trust`](Self::look_at_trust), at the files of our own certificate.
    pub fn look_at_own(&self, own: &ClientCert) {
        let provider = self.classical.crypto_provider();
        let load = || client_identity::load(own, provider).map(Arc::new);
        look_at(&self.identities, own, &[&own.cert, &own.key], load);
    }

    /// The configuration of one run and the verifier in it, with what was found in the files last. ALPN is
    /// left to the caller. Sessions are never resumed, because a resumed handshake shows no certificate; a caller may put a
    /// store into `resumption` that keeps none, such as the verifier, to learn of tickets.
    ///
    /// `memory` is that of the target: what is shown and fetched counts on its share.
    ///
    /// The name that is verified is `options.server_name` where there is one, else the name that
    /// the connection is made for. Fails with [`Internal`](crate::TlsFailureKind::Internal) when a
    /// file could not be used, or was never seen because its file system hangs.
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

    fn anchors(&self, trust: &TrustOptions) -> Result<Arc<TrustAnchors>, TlsFailure> {
        match (known(&self.anchors, trust), trust.files().next()) {
            (Some(found), _) => found,
            (None, Some(file)) => Err(unseen(file)),
            (None, None) => {
                // Compiled in.
                self.look_at_trust(trust);
                known(&self.anchors, trust)
                    .unwrap_or_else(|| TrustAnchors::load(trust).map(Arc::new))
            }
        }
    }

    fn identity(&self, files: &ClientCert) -> Result<Arc<CertifiedKey>, TlsFailure> {
        known(&self.identities, files).unwrap_or_else(|| Err(unseen(&files.cert)))
    }
}

fn unseen(file: &Path) -> TlsFailure {
    unusable(file, "its file system did not answer in time")
}

fn known<K: Hash + Eq, T>(
    loaded: &LoadedFiles<K, T>,
    key: &K,
) -> Option<Result<Arc<T>, TlsFailure>> {
    loaded.lock().get(key).map(|watched| watched.value.clone())
}

fn is_due<K: Hash + Eq, T>(loaded: &LoadedFiles<K, T>, key: &K) -> bool {
    !loaded.lock().get(key).is_some_and(WatchedFiles::is_fresh)
}

fn look_at<K: Clone + Hash + Eq, T>(
    loaded: &LoadedFiles<K, T>,
    key: &K,
    files: &[&Path],
    load: impl FnOnce() -> Result<Arc<T>, TlsFailure>,
) {
    let before = loaded.lock().get(key).cloned();
    let found = WatchedFiles::read(before, files, load);
    let mut loaded = loaded.lock();
    if loaded.len() >= MAX_LOADED && !loaded.contains_key(key) {
        loaded.clear();
    }
    loaded.insert(key.clone(), found);
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

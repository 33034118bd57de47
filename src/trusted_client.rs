//! The client for what the operator named as trusted and nobody measures: `http://` and `https://`
//! controls, and our own daemon's health. What is measured or hostile goes by `transport`.
//!
//! The handshake accepts any certificate; whose it was is asked after the answer. A control's is
//! judged for the time that the control itself claims: a clock that is wrong by a year makes every
//! certificate look expired, and then the skew is what everybody wants to know.
//!
//! A connection is made for each request and closed after the head of the response, redirects are
//! not followed, and proxies of the environment are not asked. The caller minds the time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, IntoUrl, Method, RequestBuilder};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::build_info::USER_AGENT;

/// Chains longer than this prove nothing; webpki would refuse them as well.
///
/// No row: the operator trusts whom it asks.
const CHAIN_MAX: usize = 16;

/// Asks one server, and remembers who answered last.
pub struct TrustedClient {
    client: Client,
    witness: Arc<Witness>,
}

impl TrustedClient {
    /// `names` tells the builder how names become addresses.
    pub fn new(
        names: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<TrustedClient, reqwest::Error> {
        let provider = chain::crypto_provider(false);
        let algorithms = provider.signature_verification_algorithms;
        let witness = Arc::new(Witness { algorithms, last: Mutex::default() });
        let mut tls = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            // The versions are the provider's own, so they always fit it.
            .unwrap_or_else(|_| unreachable!("aws-lc-rs knows TLS 1.2 and 1.3"))
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_no_client_auth();
        // A resumed handshake shows no certificate.
        tls.resumption = Resumption::disabled();
        let client = names(Client::builder())
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()?;
        Ok(TrustedClient { client, witness })
    }

    /// A request that is still to be sent.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Whether these roots vouch for the last certificate and its name at a time.
    pub fn is_proven(&self, roots: &RootCertStore, at: SystemTime) -> bool {
        let last = self.witness.last.lock();
        let (Some(shown), Ok(at)) = (&*last, at.duration_since(UNIX_EPOCH)) else { return false };
        let at = UnixTime::since_unix_epoch(at);
        let algorithms = self.witness.algorithms.all;
        ParsedCertificate::try_from(&shown.leaf)
            .and_then(|leaf| {
                let rest = &shown.rest;
                verify_server_cert_signed_by_trust_anchor(&leaf, roots, rest, at, algorithms)?;
                verify_server_name(&leaf, &shown.name)
            })
            .is_ok()
    }

    /// The last certificate, without those that vouch for it.
    pub fn shown(&self) -> Option<CertificateDer<'static>> {
        self.witness.last.lock().as_ref().map(|shown| shown.leaf.clone())
    }
}

/// Accepts whoever has the key of the certificate, and remembers what the last one showed.
#[derive(Debug)]
struct Witness {
    algorithms: WebPkiSupportedAlgorithms,
    last: Mutex<Option<Shown>>,
}

#[derive(Debug)]
struct Shown {
    name: ServerName<'static>,
    leaf: CertificateDer<'static>,
    rest: Vec<CertificateDer<'static>>,
}

impl Witness {}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let rest = rest.iter().take(CHAIN_MAX).map(|cert| cert.clone().into_owned()).collect();
        let (name, leaf) = (name.to_owned(), leaf.clone().into_owned());
        *self.last.lock() = Some(Shown { name, leaf, rest });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

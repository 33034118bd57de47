//! Who answered over TLS, decided after the answer.
//!
//! The handshake accepts any certificate. Whether it was a good one is asked later and for the
//! time that the server itself claims: a clock that is wrong by a year makes every certificate
//! look expired, and then the skew is what everybody wants to know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Chains longer than this prove nothing; webpki would refuse them as well.
const CHAIN_MAX: usize = 16;

/// Remembers what the last handshake of one control showed.
#[derive(Debug)]
pub(super) struct Identity {
    strict: Arc<WebPkiServerVerifier>,
    last: Mutex<Option<Presented>>,
}

#[derive(Debug)]
struct Presented {
    name: ServerName<'static>,
    leaf: CertificateDer<'static>,
    rest: Vec<CertificateDer<'static>>,
}

impl Identity {
    /// A client configuration that accepts everybody, and what it saw.
    pub(super) fn client(
        roots: &Arc<RootCertStore>,
    ) -> Result<(ClientConfig, Arc<Identity>), rustls::client::VerifierBuilderError> {
        let provider = chain::crypto_provider(false);
        let strict =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider))
                .build()?;
        let identity = Arc::new(Identity { strict, last: Mutex::new(None) });
        let versions = rustls::DEFAULT_VERSIONS;
        let Ok(builder) =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)
        else {
            // The ring provider has suites of both versions.
            return Err(rustls::client::VerifierBuilderError::NoRootAnchors);
        };
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&identity) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok((config, identity))
    }

    /// Whether the last handshake's certificate was valid for its name at a time.
    pub(super) fn is_proven(&self, at: SystemTime) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(seen), Ok(at)) = (&*last, at.duration_since(UNIX_EPOCH)) else { return false };
        let at = UnixTime::since_unix_epoch(at);
        self.strict.verify_server_cert(&seen.leaf, &seen.rest, &seen.name, &[], at).is_ok()
    }
}

impl ServerCertVerifier for Identity {
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
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Presented { name, leaf, rest });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

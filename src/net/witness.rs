//! A witness verifies the server in one run and remembers what it saw.
//!
//! rustls asks a `ServerCertVerifier` first for the chain and then for the signature of the
//! handshake. The refusal is spoken at the second question, which names the protocol version;
//! nothing of ours is sent in between, and rustls goes on only with a proof of the second check.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, NamedGroup, SignatureScheme};

use super::chains::Known;
use super::trust::{Shared, Trust};
use super::verdict::{Case, Judgement};
use crate::cert::CertFault;
use crate::config::{Revocation, TlsClientOptions};
use crate::outcome::{Failure, Reason, TlsFacts};

/// Remembers one handshake; of several in one run, the last.
pub struct Witness {
    pub(crate) shared: Arc<Shared>,
    pub(crate) trust: Arc<Trust>,
    identity: Option<Arc<CertifiedKey>>,
    /// Overrides the name that the connection is made for.
    name: Option<String>,
    pub(crate) revocation: Revocation,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) presented: Option<Presented>,
    pub(crate) version: Option<&'static str>,
    /// The server asked for our certificate.
    pub(crate) asked: bool,
    /// The server sent a session ticket (TLS 1.3), so it is content with the handshake.
    ticket: bool,
}

/// A chain and what was found of it.
pub(crate) struct Presented {
    pub(crate) known: Arc<Known>,
    pub(crate) judgement: Arc<Judgement>,
    pub(crate) name: ServerName<'static>,
    /// Kept of a refused chain, to judge it again with a fetched intermediate.
    pub(crate) message: Vec<CertificateDer<'static>>,
}

impl Seen {
    fn first_fault(&self) -> Option<Failure> {
        let fault = self.presented.as_ref()?.judgement.faults.first()?;
        Some(Failure::new(fault.reason, fault.detail.clone()))
    }
}

impl Witness {
    pub(crate) fn new(
        shared: Arc<Shared>,
        trust: Arc<Trust>,
        identity: Option<Arc<CertifiedKey>>,
        options: &TlsClientOptions,
    ) -> Witness {
        let name = options.server_name.clone();
        let revocation = options.revocation;
        Witness { shared, trust, identity, name, revocation, seen: Mutex::default() }
    }

    /// Forgets the last handshake. To be called when the same configuration is used for another
    /// one (a redirect), at its ClientHello.
    pub fn restart(&self) {
        *self.seen() = Seen::default();
    }

    /// What was presented and found so far. `None` when no certificate came.
    pub fn facts(&self) -> Option<TlsFacts> {
        let seen = self.seen();
        let presented = seen.presented.as_ref()?;
        let judgement = &presented.judgement;
        Some(TlsFacts {
            version: seen.version,
            cipher: None,
            chain: Some(Arc::clone(&presented.known.chain)),
            path: judgement.path.clone(),
            path_not_after: judgement.path_not_after,
            faults: judgement.faults.clone(),
            trusted_by: judgement.trusted_by,
        })
    }

    /// The failure of a handshake that ended with `error`: the first fault of the chain when there
    /// is one, else what the alert or the rustls error says.
    pub fn failure(&self, error: &Error) -> Failure {
        let seen = self.seen();
        if let Some(failure) = seen.first_fault() {
            return failure;
        }
        let client = match (seen.asked, &self.identity) {
            (false, _) => super::alert::Client::NotAsked,
            (true, None) => super::alert::Client::HasNone,
            (true, Some(_)) => super::alert::Client::Showed,
        };
        super::alert::failure(error, client)
    }

    /// Whether the server asked for a client certificate.
    pub fn was_asked(&self) -> bool {
        self.seen().asked
    }

    /// Whether a TLS 1.3 session ticket came, which a server sends only when it has accepted the
    /// client. Only known where the witness is the session store.
    pub fn has_ticket(&self) -> bool {
        self.seen().ticket
    }

    /// The first fault of the chain as a failure.
    pub(crate) fn first_fault(&self) -> Option<Failure> {
        self.seen().first_fault()
    }

    /// What was found of the chain.
    pub(crate) fn judgement(&self) -> Option<Arc<Judgement>> {
        self.seen().presented.as_ref().map(|presented| Arc::clone(&presented.judgement))
    }

    /// Adds what only the network could tell.
    pub(crate) fn add_fault(&self, reason: Reason, detail: &str) {
        if let Some(presented) = &mut self.seen().presented {
            let mut judgement = Judgement::clone(&presented.judgement);
            judgement.faults.push(CertFault { reason, detail: detail.to_owned() });
            judgement.faults.sort_by_key(CertFault::rank);
            presented.judgement = Arc::new(judgement);
        }
    }

    /// Judges the chain once more, with issuers that were not sent.
    pub(crate) fn judge_again(&self, fetched: &[CertificateDer<'static>]) {
        if let Some(presented) = &mut self.seen().presented {
            let case = Case {
                message: &presented.message,
                known: &presented.known,
                trust: &self.trust,
                fetched,
                name: &presented.name,
                now: UnixTime::now(),
            };
            presented.judgement = case.judge();
        }
    }

    /// Judges a chain.
    pub(crate) fn look(
        &self,
        message: Vec<CertificateDer<'_>>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) {
        let name = self.expected(name);
        let known = self.shared.chains.know(&message);
        let case = Case {
            message: &message,
            known: &known,
            trust: &self.trust,
            fetched: &[],
            name: &name,
            now,
        };
        let judgement = case.judge();
        let kept = if judgement.faults.is_empty() { Vec::new() } else { message };
        let message = kept.into_iter().map(CertificateDer::into_owned).collect();
        self.seen().presented = Some(Presented { known, judgement, name, message });
    }

    /// The name to verify: without a trailing dot, which names the same host (RFC 1034).
    fn expected(&self, name: &ServerName<'_>) -> ServerName<'static> {
        let text = match &self.name {
            Some(name) => name.clone(),
            None => name.to_str().into_owned(),
        };
        let text = text.strip_suffix('.').unwrap_or(&text);
        ServerName::try_from(text.to_owned()).unwrap_or_else(|_| name.to_owned())
    }

    fn verdict(&self) -> Result<(), Error> {
        let seen = self.seen();
        let Some(presented) = &seen.presented else {
            return Err(Error::NoCertificatesPresented);
        };
        let Some(fault) = presented.judgement.faults.first() else { return Ok(()) };
        Err(Error::InvalidCertificate(match fault.reason {
            Reason::TlsExpired => CertificateError::Expired,
            Reason::TlsNotYetValid => CertificateError::NotValidYet,
            Reason::TlsNameMismatch => CertificateError::NotValidForName,
            Reason::TlsInvalid => CertificateError::BadEncoding,
            _ => CertificateError::UnknownIssuer,
        }))
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let message = std::iter::once(end_entity).chain(intermediates);
        let message = message.map(|der| CertificateDer::from(der.as_ref())).collect();
        self.look(message, server_name, now);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.seen().version = Some("TLS 1.2");
        self.verdict()?;
        let algorithms = &self.shared.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.seen().version = Some("TLS 1.3");
        self.verdict()?;
        let algorithms = &self.shared.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.shared.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.seen().asked = true;
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

/// Keeps no session: a resumed handshake shows no certificate. It only notices tickets.
impl ClientSessionStore for Witness {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.seen().ticket = true;
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

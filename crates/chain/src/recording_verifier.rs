//! Verifies the server of one handshake and records what it saw.
//!
//! rustls asks a `ServerCertVerifier` first for the chain and then for the signature of the
//! handshake. The refusal is given at the second question, which names the protocol version;
//! nothing of ours is sent in between, and rustls goes on only with a proof of the second check.

use std::borrow::Cow;
use std::fmt;
use std::iter::once;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, NamedGroup, SignatureScheme};

use crate::alert::{self, ClientCertState};
use crate::certification_path::PathCertificate;
use crate::chain_cache::{ChainMemory, DecodedChain};
use crate::clients::VerifierShared;
use crate::facts::TlsFacts;
use crate::failure::TlsFailure;
use crate::fault::{ChainFault, ChainFaultKind};
use crate::fault_texts::likely_missing_detail;
use crate::fetch::FetchReach;
use crate::options::{Judgement, Revocation, TlsClientOptions};
use crate::pointers::issuer_urls;
use crate::report::ChainReport;
use crate::staple::{OcspStaple, OcspStatus};
use crate::trust_anchors::TrustAnchors;
use crate::verification::{Verification, recall};

/// Whether an address is one of this machine.
type IsHere = fn(IpAddr) -> bool;

/// The verifier of one run. Of several handshakes it records the last.
pub struct RecordingVerifier {
    shared: Arc<VerifierShared>,
    pub(crate) memory: Arc<ChainMemory>,
    anchors: Arc<TrustAnchors>,
    identity: Option<Arc<CertifiedKey>>,
    /// In place of the name that the connection is made for.
    name: Option<ServerName<'static>>,
    pub(crate) revocation: Revocation,
    judgement: Judgement,
    /// Where the site was reached, and who knows which addresses are ours.
    site: OnceLock<(IpAddr, IsHere)>,
    record: Mutex<HandshakeRecord>,
}

impl fmt::Debug for RecordingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingVerifier").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct HandshakeRecord {
    presented: Option<PresentedChain>,
    version: Option<&'static str>,
    /// The server asked for a client certificate.
    asked: bool,
    /// The server sent a session ticket (TLS 1.3), so it is content with the handshake.
    ticket: bool,
}

/// A chain and what was found of it.
struct PresentedChain {
    decoded: Arc<DecodedChain>,
    report: Arc<ChainReport>,
    /// What was stapled to it.
    staple: Option<OcspStaple>,
    /// Kept only of a chain that was refused.
    refused: Option<RefusedChain>,
}

/// What is needed to verify a chain again, with fetched issuers.
struct RefusedChain {
    message: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
}

impl HandshakeRecord {
    fn first_fault(&self) -> Option<&ChainFault> {
        self.presented.as_ref()?.report.faults.first()
    }
}

impl RecordingVerifier {
    pub(crate) fn new(
        shared: Arc<VerifierShared>,
        memory: Arc<ChainMemory>,
        anchors: Arc<TrustAnchors>,
        identity: Option<Arc<CertifiedKey>>,
        options: &TlsClientOptions,
    ) -> RecordingVerifier {
        let name = options.server_name.as_deref();
        // What is no name at all is refused by the connection itself.
        let name = name.and_then(|name| ServerName::try_from(undotted(name).to_owned()).ok());
        let TlsClientOptions { revocation, judgement, .. } = *options;
        RecordingVerifier {
            shared,
            memory,
            anchors,
            identity,
            name,
            revocation,
            judgement,
            site: OnceLock::new(),
            record: Mutex::default(),
        }
    }

    /// The site was reached at this address. Certificates of one that is on this machine may send us there,
    /// which is asked only when something is fetched.
    pub fn site_is_at(&self, address: IpAddr, is_here: IsHere) {
        let _ = self.site.set((address, is_here));
    }

    pub(crate) fn reach(&self) -> FetchReach {
        match self.site.get() {
            Some((address, is_here)) if is_here(*address) => FetchReach::Anywhere,
            _ => FetchReach::Elsewhere,
        }
    }

    /// Forgets the last handshake. To be called when the same configuration is used for another
    /// one (a redirect), at its ClientHello.
    pub fn restart(&self) {
        *self.record.lock() = HandshakeRecord::default();
    }

    /// What was presented and found so far. `None` when no certificate came.
    pub fn facts(&self) -> Option<TlsFacts> {
        let record = self.record.lock();
        let presented = record.presented.as_ref()?;
        let report = &presented.report;
        Some(TlsFacts {
            version: record.version,
            cipher: None,
            chain: Some(Arc::clone(&presented.decoded.chain)),
            path: report.path.clone(),
            path_not_after: report.path_not_after,
            faults: report.faults.clone(),
            trusted_by: report.trusted_by,
            root: report.root.clone(),
            staple: presented.staple.clone(),
        })
    }

    /// The failure of a handshake that ended with `error`: the first fault of the chain when there
    /// is one, else what the alert or the rustls error says.
    pub fn failure(&self, error: &Error) -> TlsFailure {
        let record = self.record.lock();
        if let Some(fault) = record.first_fault() {
            return fault.into();
        }
        let client = match (record.asked, &self.identity) {
            (false, _) => ClientCertState::NotAsked,
            (true, None) => ClientCertState::HasNone,
            (true, Some(_)) => ClientCertState::Showed,
        };
        alert::failure(error, client)
    }

    /// Whether the server asked for a client certificate.
    pub fn was_asked(&self) -> bool {
        self.record.lock().asked
    }

    /// Whether a TLS 1.3 session ticket came, which a server sends only when it has accepted the
    /// client. Only known where the verifier is the session store.
    pub fn has_ticket(&self) -> bool {
        self.record.lock().ticket
    }

    /// The first fault of the chain as a failure.
    pub(crate) fn first_fault(&self) -> Option<TlsFailure> {
        self.record.lock().first_fault().map(TlsFailure::from)
    }

    pub(crate) fn report(&self) -> Option<Arc<ChainReport>> {
        self.record.lock().presented.as_ref().map(|presented| Arc::clone(&presented.report))
    }

    /// What a verified staple says of the server's certificate.
    pub(crate) fn stapled(&self) -> Option<OcspStatus> {
        self.record.lock().presented.as_ref()?.staple.as_ref()?.proven()
    }

    /// Adds a fault that only the network could tell.
    pub(crate) fn add_fault(&self, kind: ChainFaultKind, detail: &str) {
        if let Some(presented) = &mut self.record.lock().presented {
            let report = Arc::make_mut(&mut presented.report);
            report.faults.push(ChainFault { kind, detail: detail.to_owned() });
            report.faults.sort_by_key(|fault| fault.kind);
        }
    }

    /// Verifies a refused chain once more, with issuers that were not sent.
    pub(crate) fn verify_again(&self, fetched: &[CertificateDer<'static>]) {
        if let Some(presented) = &mut self.record.lock().presented
            && let Some(refused) = &presented.refused
        {
            let verification = Verification {
                message: &refused.message,
                decoded: &presented.decoded,
                anchors: &self.anchors,
                fetched,
                name: &refused.name,
                now: UnixTime::now(),
            };
            presented.report = verification.report();
        }
    }

    /// Verifies a chain and records what was found. `name` is the one the connection is made for.
    pub(crate) fn look(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        staple: &[u8],
        now: UnixTime,
    ) {
        let name = match &self.name {
            Some(name) => Cow::Borrowed(name),
            None => expected(name),
        };
        let decoded = self.shared.chains.decode(&self.memory, once(leaf).chain(issuers));
        let mut presented = match recall(leaf, &decoded, &self.anchors, &name, now) {
            Some(report) => PresentedChain { decoded, report, staple: None, refused: None },
            None => self.verify(once(leaf).chain(issuers), decoded, &name, now),
        };
        if !staple.is_empty() {
            let subject = presented.report.revocable.first();
            presented.staple = Some(OcspStaple::read(staple, subject, now));
        }
        self.record.lock().presented = Some(presented);
    }

    /// What other servers sent on paths to the same roots.
    pub(crate) fn seen_intermediates(&self) -> Vec<CertificateDer<'static>> {
        self.anchors.seen.all()
    }

    /// Says of an unknown issuer that it is a missing intermediate, where the names tell it: the
    /// server sends nothing but its own certificate, and a root of the file is of the same
    /// organisation as the issuer. Roots sign no servers; who lists one means to trust what is below it.
    pub(crate) fn suspect_missing_intermediate(&self) {
        let mut record = self.record.lock();
        let Some(presented) = &mut record.presented else { return };
        let Some(RefusedChain { message, .. }) = &presented.refused else { return };
        let [leaf] = message.as_slice() else { return };
        let Some(leaf) = PathCertificate::parse(leaf, Some(0)) else { return };
        let Some(root) = self.anchors.listed_root_of_organisation(leaf.x509.issuer()) else {
            return;
        };
        let urls = issuer_urls(&leaf.x509);
        let detail = likely_missing_detail(&leaf, root, &urls);
        let report = Arc::make_mut(&mut presented.report);
        for fault in &mut report.faults {
            if fault.kind == ChainFaultKind::UnknownIssuer {
                *fault =
                    ChainFault { kind: ChainFaultKind::ChainIncomplete, detail: detail.clone() };
            }
        }
        report.faults.sort_by_key(|fault| fault.kind);
    }

    fn verify<'a>(
        &self,
        message: impl Iterator<Item = &'a CertificateDer<'a>>,
        decoded: Arc<DecodedChain>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> PresentedChain {
        let message: Vec<_> = message.map(|der| CertificateDer::from(der.as_ref())).collect();
        let verification = Verification {
            message: &message,
            decoded: &decoded,
            anchors: &self.anchors,
            fetched: &[],
            name,
            now,
        };
        let report = verification.report();
        let refused = (!report.faults.is_empty()).then(|| RefusedChain {
            message: message.into_iter().map(CertificateDer::into_owned).collect(),
            name: name.to_owned(),
        });
        PresentedChain { decoded, report, staple: None, refused }
    }

    fn refuse_faults(&self) -> Result<(), Error> {
        let record = self.record.lock();
        if record.presented.is_none() {
            return Err(Error::NoCertificatesPresented);
        }
        if self.judgement == Judgement::Noted {
            return Ok(());
        }
        let Some(fault) = record.first_fault() else { return Ok(()) };
        // The error decides which alert the server gets.
        Err(Error::InvalidCertificate(match fault.kind {
            ChainFaultKind::Expired => CertificateError::Expired,
            ChainFaultKind::NotYetValid => CertificateError::NotValidYet,
            ChainFaultKind::NameMismatch => CertificateError::NotValidForName,
            ChainFaultKind::Invalid => CertificateError::BadEncoding,
            _ => CertificateError::UnknownIssuer,
        }))
    }
}

/// The name to verify: without a trailing dot, which names the same host (RFC 1034).
fn expected<'a>(name: &'a ServerName<'a>) -> Cow<'a, ServerName<'a>> {
    let text = name.to_str();
    let undotted = undotted(&text);
    if undotted.len() == text.len() {
        return Cow::Borrowed(name);
    }
    match ServerName::try_from(undotted.to_owned()) {
        Ok(undotted) => Cow::Owned(undotted),
        Err(_) => Cow::Borrowed(name),
    }
}

fn undotted(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.look(end_entity, intermediates, server_name, ocsp_response, now);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.record.lock().version = Some("TLS 1.2");
        self.refuse_faults()?;
        verify_tls12_signature(message, cert, dss, &self.shared.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.record.lock().version = Some("TLS 1.3");
        self.refuse_faults()?;
        verify_tls13_signature(message, cert, dss, &self.shared.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.shared.algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for RecordingVerifier {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.record.lock().asked = true;
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

/// Keeps no session: a resumed handshake shows no certificate. It only notices tickets.
impl ClientSessionStore for RecordingVerifier {
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
        self.record.lock().ticket = true;
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

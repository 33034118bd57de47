//! What is asked once a handshake is over, because only the network can tell it.
//!
//! After a success: is a certificate revoked ([`TlsClients::confirm`], which believes a verified OCSP
//! staple first)? After a failure: is the
//! issuer only missing, does the server speak nothing newer than rustls can
//! ([`TlsClients::explain`])? Both end by the run's deadline, and both record what they found in
//! the verifier, so its [`facts`](RecordingVerifier::facts) are to be read afterwards.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use base::error_chain::find;
use futures_util::future::BoxFuture;
use rustls::pki_types::{ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::alert;
use crate::clients::TlsClients;
use crate::failure::{IoCause, TlsFailure, TlsFailureKind};
use crate::fault::ChainFaultKind;
use crate::legacy;
use crate::options::Revocation;
use crate::recording_verifier::RecordingVerifier;
use crate::report::ChainReport;
use crate::revocation::RevocationStatus;
use crate::staple::OcspStatus;

/// The server of a failed handshake, for a second look at it.
pub struct Peer<'a> {
    /// The server name that was sent, or the address literal.
    pub name: &'a str,
    /// Opens another connection to where the handshake failed. It is polled only when a second
    /// look can tell more.
    pub connect: BoxFuture<'a, io::Result<Box<dyn ByteStream>>>,
}

impl fmt::Debug for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("name", &self.name).finish_non_exhaustive()
    }
}

pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Issuers fetched for one chain, one above the other.
///
/// Limit: issuers fetched for one chain, one above the other.
/// Share: of each handshake.
/// Full: the issuer is unknown.
/// Filled: of_many_missing_intermediates_three_are_fetched
const MAX_MISSING: usize = 3;

/// Longest time for one of them: a run has better things to wait for.
const ISSUER_TIME: Duration = Duration::from_secs(5);

impl TlsClients {
    /// Asks whether a certificate of the accepted path is revoked.
    ///
    /// `Ok` holds warnings: a listed root that is out of date, and under
    /// [`Revocation::Soft`] a list that cannot be had. `Err` says that a certificate is revoked,
    /// or under [`Revocation::Hard`] that it cannot be found out.
    pub async fn confirm(
        &self,
        verifier: &RecordingVerifier,
        deadline: Instant,
    ) -> Result<Vec<TlsFailure>, TlsFailure> {
        let Some(report) = verifier.report() else { return Ok(Vec::new()) };
        let mut warnings = Vec::new();
        warnings.extend(report.root_out_of_date(UnixTime::now()));
        warnings.extend(self.check_revocation(verifier, &report, deadline).await?);
        Ok(warnings)
    }

    async fn check_revocation(
        &self,
        verifier: &RecordingVerifier,
        report: &ChainReport,
        deadline: Instant,
    ) -> Result<Option<TlsFailure>, TlsFailure> {
        let policy = verifier.revocation;
        if policy == Revocation::Off {
            return Ok(None);
        }
        let stapled = verifier.stapled();
        let mut path = report.revocable.as_slice();
        if let [leaf, issuers @ ..] = path {
            if stapled == Some(OcspStatus::Revoked) {
                let detail = format!(
                    "the certificate of {} is revoked, says the OCSP response that the server stapled",
                    leaf.who
                );
                return Err(revoked(verifier, detail));
            }
            // Who names no list has said it in another way.
            if stapled == Some(OcspStatus::Good) && leaf.urls.is_empty() {
                path = issuers;
            }
        }
        let (owner, reach) = (verifier.memory.owner, verifier.reach());
        match self.lists.ask(owner, path, policy, reach, deadline).await {
            RevocationStatus::Good => Ok(None),
            RevocationStatus::Revoked(detail) => Err(revoked(verifier, detail)),
            RevocationStatus::Unavailable(why) => {
                let detail = format!("revocation cannot be checked: {why}");
                let failure = TlsFailure::new(TlsFailureKind::RevocationUnavailable, detail);
                if policy == Revocation::Hard { Err(failure) } else { Ok(Some(failure)) }
            }
        }
    }

    /// The failure of a broken handshake, after a second look where one can tell more. `peer` is
    /// `None` where the server cannot be reached again, as through a proxy.
    pub async fn explain(
        &self,
        verifier: &RecordingVerifier,
        broken: BrokenHandshake,
        peer: Option<Peer<'_>>,
        deadline: Instant,
    ) -> TlsFailure {
        if broken.failure.kind == TlsFailureKind::Chain(ChainFaultKind::UnknownIssuer) {
            return self.find_issuer(verifier, broken.failure, deadline).await;
        }
        let (true, Some(peer)) = (broken.may_be_legacy, peer) else { return broken.failure };
        let name = peer.name;
        let Some(offer) = legacy::ask(peer, deadline).await else { return broken.failure };
        if let Ok(name) = ServerName::try_from(name)
            && let [leaf, issuers @ ..] = offer.message.as_slice()
        {
            verifier.look(leaf, issuers, &name, &[], UnixTime::now());
        }
        let detail = format!(
            "the server takes {} with {}, which modern clients refuse, and nothing newer",
            offer.version, offer.suite
        );
        TlsFailure::new(TlsFailureKind::Legacy, detail)
    }

    /// Looks for the issuer among those that other servers sent, then fetches what the chain points to,
    /// as a browser would, and verifies again. Where neither helps, names may tell.
    async fn find_issuer(
        &self,
        verifier: &RecordingVerifier,
        failure: TlsFailure,
        deadline: Instant,
    ) -> TlsFailure {
        let mut fetched = verifier.seen_intermediates();
        if !fetched.is_empty() {
            verifier.verify_again(&fetched);
        }
        for _ in 0..MAX_MISSING {
            let Some(report) = verifier.report() else { break };
            let deadline = deadline.min(Instant::now() + ISSUER_TIME);
            let (owner, reach) = (verifier.memory.owner, verifier.reach());
            let issuers = self.issuers.fetch(owner, &report.issuer_urls, reach, deadline).await;
            let Some(issuers) = issuers else { break };
            fetched.extend(issuers.iter().cloned());
            verifier.verify_again(&fetched);
        }
        verifier.suspect_missing_intermediate();
        verifier.first_fault().unwrap_or(failure)
    }
}

fn revoked(verifier: &RecordingVerifier, detail: String) -> TlsFailure {
    verifier.add_fault(ChainFaultKind::Revoked, &detail);
    TlsFailure::new(TlsFailureKind::Chain(ChainFaultKind::Revoked), detail)
}

/// A handshake that failed, as far as it can be told without asking the network.
#[derive(Debug, Clone)]
pub struct BrokenHandshake {
    failure: TlsFailure,
    /// The cause may be that the server speaks nothing that rustls does.
    may_be_legacy: bool,
}

impl RecordingVerifier {
    /// Names what ended a handshake. The error may be wrapped: a rustls error is looked for in its
    /// sources. [`TlsClients::explain`] makes the failure of it.
    pub fn broken(&self, error: &(dyn Error + 'static)) -> BrokenHandshake {
        if let Some(error) = find::<rustls::Error>(error) {
            let failure = self.failure(error);
            // When a chain was refused, or our certificate, the versions and suites did fit.
            let may_be_legacy =
                failure.kind == TlsFailureKind::Handshake && alert::may_be_legacy(error);
            return BrokenHandshake { failure, may_be_legacy };
        }
        if let Some(error) = find::<io::Error>(error) {
            let cause = IoCause::from(error);
            let detail = format!("the connection broke during the handshake: {error}");
            let failure = TlsFailure::new(TlsFailureKind::Io(cause), detail);
            // Old servers and middleboxes hang up on a ClientHello they do not understand.
            return BrokenHandshake { failure, may_be_legacy: cause.is_closed() };
        }
        let detail = format!("the handshake failed: {error}");
        let failure = TlsFailure::new(TlsFailureKind::Handshake, detail);
        BrokenHandshake { failure, may_be_legacy: false }
    }
}

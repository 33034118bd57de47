//! What is asked once a handshake is over, because only the network can tell it.
//!
//! After a success: is a certificate revoked ([`Trusts::confirm`])? After a failure: is the issuer
//! only missing, does the server speak nothing newer than rustls can ([`Trusts::explain`])? Both
//! end by the run's deadline, and both write what they found into the witness, so its
//! [`facts`](Witness::facts) are to be read afterwards.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use tokio::time::Instant;

use super::revocation::Status;
use super::trust::{Trusts, Witness};
use super::{alert, legacy};
use crate::config::Revocation;
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason};
use crate::transport::dial;

/// The server of a failed handshake, for a second look at it. Not available through a proxy.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Where it was connected to.
    pub address: SocketAddr,
    /// The server name that was sent, or the address literal.
    pub name: &'a str,
}

/// Issuers fetched for one chain, one above the other.
const MAX_MISSING: usize = 3;

/// Longest time for one of them: a run has better things to wait for.
const ISSUER_TIME: Duration = Duration::from_secs(5);

impl Trusts {
    /// Asks whether a certificate of the accepted path is revoked. `Ok(Some(_))` is a warning
    /// (`tls_revocation_unavailable` under `revocation: soft`); `Err` is `tls_revoked`, or the
    /// same unavailability under `revocation: hard`.
    pub async fn confirm(
        &self,
        witness: &Witness,
        deadline: &Deadline,
    ) -> Result<Option<Failure>, Failure> {
        let policy = witness.revocation;
        if policy == Revocation::Off {
            return Ok(None);
        }
        let Some(path) = witness.judgement() else { return Ok(None) };
        match self.lists.ask(&path.listed, policy, deadline).await {
            Status::Good => Ok(None),
            Status::Revoked(detail) => {
                witness.add_fault(Reason::TlsRevoked, &detail);
                Err(Failure::new(Reason::TlsRevoked, detail))
            }
            Status::Unavailable(why) => {
                let failure = Failure::new(
                    Reason::TlsRevocationUnavailable,
                    format!("revocation cannot be checked: {why}"),
                );
                if policy == Revocation::Hard { Err(failure) } else { Ok(Some(failure)) }
            }
        }
    }

    /// The failure of a broken handshake, after a second look where one can tell more.
    pub async fn explain(
        &self,
        witness: &Witness,
        broken: Broken,
        peer: Option<Peer<'_>>,
        deadline: &Deadline,
    ) -> Failure {
        if broken.failure.reason == Reason::TlsUnknownIssuer {
            return self.find_issuer(witness, broken.failure, deadline).await;
        }
        let (Legacy::Possible, Some(peer)) = (broken.legacy, peer) else { return broken.failure };
        let Some(offer) = legacy::ask(peer.address, peer.name, deadline).await else {
            return broken.failure;
        };
        if let Ok(name) = ServerName::try_from(peer.name)
            && !offer.message.is_empty()
        {
            witness.look(offer.message, &name, UnixTime::now());
        }
        let detail = format!(
            "the server takes {} with {}, which modern clients refuse, and nothing newer",
            offer.version, offer.suite
        );
        Failure::new(Reason::TlsLegacy, detail)
    }

    /// Fetches the issuers that the chain points to, as a browser would, and judges again.
    async fn find_issuer(
        &self,
        witness: &Witness,
        failure: Failure,
        deadline: &Deadline,
    ) -> Failure {
        let mut fetched = Vec::new();
        for _ in 0..MAX_MISSING {
            let urls = witness.judgement().map(|j| j.issuer_urls.clone()).unwrap_or_default();
            let deadline = deadline.at_most(Instant::now() + ISSUER_TIME);
            let Some(issuers) = self.issuers.fetch(&urls, &deadline).await else { break };
            fetched.extend(issuers.iter().cloned());
            witness.judge_again(&fetched);
        }
        witness.first_fault().unwrap_or(failure)
    }
}

/// A handshake that failed, as far as it can be told without asking anyone.
#[derive(Debug, Clone)]
pub struct Broken {
    failure: Failure,
    legacy: Legacy,
}

/// Whether the cause may be that the server speaks nothing that rustls does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Legacy {
    Possible,
    No,
}

impl Witness {
    /// Names what ended a handshake. The error may be wrapped: a rustls error is looked for in
    /// its sources. [`Trusts::explain`] makes the failure of it.
    pub fn broken(&self, error: &(dyn Error + 'static)) -> Broken {
        let (failure, possible) = match (rustls_error(error), find::<io::Error>(error)) {
            (Some(error), _) => (self.failure(error), alert::may_be_legacy(error)),
            (None, Some(error)) => {
                let detail = format!("the connection broke during the handshake: {error}");
                // Old servers and middleboxes hang up on a ClientHello they do not understand.
                (Failure::new(dial::reason(error), detail), true)
            }
            (None, None) => {
                let detail = format!("the handshake failed: {error}");
                (Failure::new(Reason::TlsHandshake, detail), false)
            }
        };
        // A chain was refused, or our certificate: the versions and suites did fit.
        let fits =
            possible && matches!(failure.reason, Reason::TlsHandshake | Reason::ConnectionReset);
        Broken { failure, legacy: if fits { Legacy::Possible } else { Legacy::No } }
    }
}

/// The rustls error in an error's sources, also where an `io::Error` wraps it.
pub fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    find::<rustls::Error>(error)
}

/// How deep an error's sources are followed.
const MAX_SOURCES: usize = 16;

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    for _ in 0..MAX_SOURCES {
        let error = next?;
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // `source` of an io::Error skips the error that it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

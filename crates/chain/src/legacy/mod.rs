//! A second look at a server that rustls cannot speak with.
//!
//! rustls has no TLS 1.1 and older, no RSA key exchange and no CBC suites, for good reasons, and
//! old e-government servers have nothing else. To the operator "handshake failure" says little, so
//! a ClientHello is written by hand that offers exactly what rustls lacks. A server that takes it
//! up answers with its version, its suite and, all of it in plaintext up to TLS 1.2, its
//! certificates. Nothing is ever sent after that.

mod hello;
mod reader;
mod suites;

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use self::reader::{FlightReader, ReadProgress};
use crate::after_handshake::Peer;

/// What an old server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LegacyOffer {
    /// `TLS 1.0`, for people.
    pub(crate) version: String,
    /// IANA name of the suite it chose.
    pub(crate) suite: String,
    /// Its certificates, leaf first; empty when it did not get that far.
    pub(crate) message: Vec<CertificateDer<'static>>,
}

/// Longest time for the second look: it must not double the cost of every failing run.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a server what it offers that rustls does not speak. `None` when it offers nothing of
/// that kind, or does not answer in time.
pub(crate) async fn ask(peer: Peer<'_>, deadline: Instant) -> Option<LegacyOffer> {
    let deadline = deadline.min(Instant::now() + PATIENCE);
    timeout_at(deadline, exchange(peer)).await.ok()?
}

async fn exchange(peer: Peer<'_>) -> Option<LegacyOffer> {
    let mut stream = peer.connect.await.ok()?;
    stream.write_all(&hello::client_hello(peer.name)).await.ok()?;
    stream.flush().await.ok()?;
    let mut reader = FlightReader::default();
    let mut bytes = vec![0u8; 4096];
    loop {
        let length = stream.read(&mut bytes).await.ok()?;
        // A connection that ends early has shown what it had to show.
        match reader.push(&bytes[..length]) {
            ReadProgress::Wants if length > 0 => {}
            ReadProgress::Wants | ReadProgress::Ended => return reader.offer(),
        }
    }
}

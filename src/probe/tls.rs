//! One TLS handshake, and everything it shows: the chain and its faults, version, cipher, the
//! kernel's counters. No application data is sent.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chain::{ChainMemory, FetchReach, RecordingVerifier, TlsFacts};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use crate::config::{DialOptions, TlsOptions};
use crate::deadline::Deadline;
use crate::outcome::{Facts, Failure, Reason};
use crate::probe::addresses::{self, Look, Looked};
use crate::probe::surroundings::Surroundings;
use crate::probe::{Probe, render, tls_expect};
use crate::transport::stream::Stream;
use crate::transport::tls::ascii_name;
use crate::transport::{
    ClientTls, Endpoint, Handshake, Pinned, Purpose, ReadCounters, Recorder, Transport,
};

/// In TLS 1.3 a server judges our certificate after the handshake has ended on our side. It has
/// this long, and at least three times what the handshake took, to say no.
const OBJECTION_TIME: Duration = Duration::from_millis(250);

/// Looks at one server's certificate.
pub struct TlsProbe {
    options: Arc<TlsOptions>,
    dial: DialOptions,
    /// Sent as SNI and verified.
    name: String,
    surroundings: Arc<Surroundings>,
    memory: Arc<ChainMemory>,
}

impl TlsProbe {
    /// The probe of one endpoint.
    pub fn new(
        options: &Arc<TlsOptions>,
        dial: &DialOptions,
        surroundings: &Arc<Surroundings>,
    ) -> TlsProbe {
        let name = options.tls.server_name.as_deref().unwrap_or(&options.host);
        TlsProbe {
            name: ascii_name(name),
            options: Arc::clone(options),
            dial: dial.clone(),
            surroundings: Arc::clone(surroundings),
            memory: Arc::default(),
        }
    }

    async fn look(&self, facts: &mut Facts, deadline: &Deadline) -> Result<(), Failure> {
        let (host, route) = (&self.options.host, &self.options.route);
        let secrets: Vec<_> =
            route.proxy.iter().flat_map(|proxy| proxy.secrets()).cloned().collect();
        self.surroundings.look_at_files(&secrets, &self.options.tls, deadline).await;
        let looks = addresses::looks(
            &self.surroundings.resolvers,
            &self.dial,
            route,
            host,
            facts,
            deadline,
        )
        .await?;
        let Some(looks) = looks else {
            return self.look_at(&self.dial, None, facts, deadline).await;
        };
        let looked = looks.into_iter().map(|Look { dial, address }| {
            let look = async move {
                let mut facts = Facts::default();
                let result = self.look_at(&dial, address, &mut facts, deadline).await;
                Looked { address, family: dial.ip, facts, result }
            };
            look.boxed()
        });
        let looked = join_all(looked).await;
        addresses::conclude(route.addresses, looked, facts)
    }

    async fn look_at(
        &self,
        dial: &DialOptions,
        pinned: Option<IpAddr>,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let mut recorder = Recorder::new(facts);
        let shaken = self.shake(dial, pinned, &mut recorder, deadline).await;
        recorder.finish();
        shaken?;
        // Fetching a revocation list is our own business and not the server's slowness.
        let elapsed = facts.phases.named().iter().filter_map(|(_, phase)| *phase).sum();
        let TlsOptions { expect, warn, .. } = &*self.options;
        let skew = self.surroundings.clock_skew();
        let mismatch =
            |expect| facts.tls.as_ref().and_then(|tls| tls_expect::mismatch(expect, tls, skew));
        if let Some(failure) = mismatch(expect) {
            return Err(failure);
        }
        facts.warnings.extend(mismatch(warn));
        if let Some(limit) = expect.time.filter(|limit| elapsed >= limit.lt) {
            return Err(too_slow(elapsed, limit.lt));
        }
        if let Some(limit) = warn.time.filter(|limit| elapsed >= limit.lt) {
            facts.warnings.push(too_slow(elapsed, limit.lt));
        }
        Ok(())
    }

    async fn shake(
        &self,
        dial: &DialOptions,
        pinned: Option<IpAddr>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let route = &self.options.route;
        let proxy = render::proxy(&self.surroundings.secrets, route.proxy.as_deref())?;
        let clients = &self.surroundings.tls_clients;
        let transport = Transport {
            resolvers: &self.surroundings.resolvers,
            dial,
            route,
            pinned: pinned.map(|address| Pinned { host: &self.options.host, address }),
            tls: Some(ClientTls { clients, options: &self.options.tls, memory: &self.memory }),
            proxy: proxy.as_ref(),
            counters: ReadCounters::Yes,
            reach: FetchReach::Anywhere,
        };
        let alpn: Vec<&[u8]> = self.options.alpn.iter().map(String::as_bytes).collect();
        let endpoint = Endpoint {
            host: &self.options.host,
            port: self.options.port,
            tls: Some(Handshake {
                name: &self.name,
                own_name: true,
                alpn: &alpn,
                starttls: self.options.starttls,
            }),
            purpose: Purpose::Bytes,
            is_home: true,
        };
        let start = Instant::now();
        let mut connection = transport.open(&endpoint, recorder, deadline).await?;
        let (Stream::Tls(tls), Some(verifier)) = (&mut connection.stream, &connection.verifier)
        else {
            return Err(Failure::new(Reason::Internal, "the connection is without TLS"));
        };
        let judged = judged_by_server(tls, verifier, start.elapsed()).await;
        recorder.watch.stop();
        if let Err(error) = judged {
            let broken = verifier.broken(&error);
            let failure = clients.explain(verifier, broken, None, deadline.at()).boxed().await;
            recorder.facts.tls = verifier.facts();
            return Err(failure.into());
        }
        let suite = tls.get_ref().1.negotiated_cipher_suite();
        // A close_notify fits into the empty send buffer; the peer's is not waited for.
        let _ = tls.shutdown().now_or_never();
        // rustls marks the suites of TLS 1.3 by its own prefix.
        let cipher = suite.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"));
        let confirmed = clients.confirm(verifier, deadline.at()).await;
        recorder.facts.tls = verifier.facts().map(|tls| TlsFacts { cipher, ..tls });
        recorder.facts.warnings.extend(confirmed?.into_iter().map(Failure::from));
        Ok(())
    }
}

impl Probe for TlsProbe {
    fn attempt<'a>(
        &'a self,
        facts: &'a mut Facts,
        deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.look(facts, deadline).boxed()
    }
}

/// Waits for what the server says of our certificate, if it asked for one.
async fn judged_by_server(
    tls: &mut TlsStream<Stream>,
    verifier: &RecordingVerifier,
    elapsed: Duration,
) -> io::Result<()> {
    let version = tls.get_ref().1.protocol_version();
    if !verifier.was_asked() || version != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    let patience = OBJECTION_TIME.max(3 * elapsed);
    match timeout_at(Instant::now() + patience, objection(tls, verifier)).await {
        Ok(objection) => objection,
        Err(_silence) => Ok(()),
    }
}

/// Waits until the server refuses our certificate, or says anything else: a session ticket, data
/// or an orderly end mean that it was accepted.
async fn objection(tls: &mut TlsStream<Stream>, verifier: &RecordingVerifier) -> io::Result<()> {
    let mut bytes = [0u8; 1];
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *tls).poll_read(context, &mut buffer) {
            Poll::Pending if verifier.has_ticket() => Poll::Ready(Ok(())),
            // An end without close_notify is no refusal either.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    })
    .await
}

fn too_slow(elapsed: Duration, limit: Duration) -> Failure {
    let detail =
        format!("took {:.3} s, the limit is {:.3} s", elapsed.as_secs_f64(), limit.as_secs_f64());
    Failure::new(Reason::TooSlow, detail)
}

//! One TLS handshake, and everything it shows: the chain and its faults, version, cipher, the
//! kernel's counters.
//!
//! Unlike an HTTP probe this one dials by itself, so nothing between it and the socket hides what
//! happened. It sends no application data.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chain::{RecordingVerifier, TlsFacts};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Deadline, Expired, Probe};
use crate::config::{DialOptions, TlsOptions};
use crate::net::{Net, dial, tcp_info};
use crate::outcome::{Facts, Failure, Reason};

/// In TLS 1.3 a server judges our certificate after the handshake has ended on our side. It has
/// this long, and at least three times what the handshake took, to say no.
const OBJECTION_TIME: Duration = Duration::from_millis(250);

/// Looks at one server's certificate.
pub struct TlsProbe {
    options: TlsOptions,
    dial: DialOptions,
    /// Sent as SNI and verified.
    name: String,
    net: Arc<Net>,
}

impl TlsProbe {
    /// The probe of one endpoint.
    pub fn new(options: &TlsOptions, dial: &DialOptions, net: &Arc<Net>) -> TlsProbe {
        let name = options.tls.server_name.as_deref().unwrap_or(&options.host);
        TlsProbe {
            name: ascii_name(name),
            options: options.clone(),
            dial: dial.clone(),
            net: Arc::clone(net),
        }
    }

    async fn look(&self, facts: &mut Facts, deadline: &Deadline) -> Result<(), Failure> {
        let mut stream = self.connect(facts, deadline).await?;
        self.handshake(&mut stream, facts, deadline).await?;
        // Fetching a revocation list is our own business and not the server's slowness.
        let elapsed = facts.phases.named().iter().filter_map(|(_, phase)| *phase).sum();
        if let Some(limit) = self.options.expect_time.filter(|limit| elapsed >= limit.lt) {
            return Err(too_slow(elapsed, limit.lt));
        }
        if let Some(limit) = self.options.warn_time.filter(|limit| elapsed >= limit.lt) {
            facts.warnings.push(too_slow(elapsed, limit.lt));
        }
        Ok(())
    }

    async fn connect(&self, facts: &mut Facts, deadline: &Deadline) -> Result<TcpStream, Failure> {
        let start = Instant::now();
        let addresses = deadline.within(self.net.resolvers.lookup(&self.options.host, &self.dial));
        let addresses = addresses.await;
        facts.phases.resolve = Some(start.elapsed());
        facts.dns_lookup = facts.phases.resolve;
        let addresses = addresses.map_err(|Expired| {
            Failure::new(Reason::DnsTimeout, format!("{}: no answer in time", self.options.host))
        })??;

        let start = Instant::now();
        let connected = dial::connect(&addresses, self.options.port, deadline).await;
        facts.phases.connect = Some(start.elapsed());
        match connected {
            Ok((stream, address)) => {
                facts.address = Some(address);
                Ok(stream)
            }
            Err(unconnected) => {
                facts.address = unconnected.address;
                Err(unconnected.failure)
            }
        }
    }

    async fn handshake(
        &self,
        stream: &mut TcpStream,
        facts: &mut Facts,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let (mut config, verifier) = self.net.trust.client(&self.options.tls)?;
        config.alpn_protocols =
            self.options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = Resumption::store(Arc::clone(&verifier) as _);
        let name = ServerName::try_from(self.name.clone()).map_err(|_| {
            Failure::new(Reason::Internal, format!("{} is not a server name", self.name))
        })?;
        let peer = stream.peer_addr().ok().map(|address| dial::peer(address, &self.name));

        let start = Instant::now();
        let shaken = deadline.within(shake(config, name, stream, &verifier)).await;
        facts.phases.tls = Some(start.elapsed());
        facts.tcp = tcp_info::of(stream);
        let result = match shaken {
            Ok(Ok(cipher)) => {
                let confirmed = self.net.trust.confirm(&verifier, deadline.at()).await;
                facts.tls = verifier.facts().map(|tls| TlsFacts { cipher, ..tls });
                confirmed.map_err(Failure::from)
            }
            Ok(Err(error)) => {
                let failure = self
                    .net
                    .trust
                    .explain(&verifier, verifier.broken(&error), peer, deadline.at())
                    .await;
                facts.tls = verifier.facts();
                Err(failure.into())
            }
            Err(Expired) => {
                facts.tls = verifier.facts();
                let detail = "the server did not finish the handshake in time";
                Err(Failure::new(Reason::TlsTimeout, detail))
            }
        };
        facts.warnings.extend(result?.into_iter().map(Failure::from));
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

/// One handshake to its real end; gives the cipher suite's IANA name.
async fn shake(
    config: ClientConfig,
    name: ServerName<'static>,
    stream: &mut TcpStream,
    verifier: &RecordingVerifier,
) -> io::Result<Option<String>> {
    let start = Instant::now();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let version = tls.get_ref().1.protocol_version();
    if verifier.was_asked() && version == Some(ProtocolVersion::TLSv1_3) {
        let patience = OBJECTION_TIME.max(3 * start.elapsed());
        match timeout_at(Instant::now() + patience, objection(&mut tls, verifier)).await {
            Ok(objection) => objection?,
            Err(_silence) => {}
        }
    }
    let suite = tls.get_ref().1.negotiated_cipher_suite();
    // A close_notify fits into the empty send buffer; nobody waits for the peer's.
    let _ = tls.shutdown().now_or_never();
    // rustls marks the suites of TLS 1.3 by its own prefix.
    Ok(suite.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")))
}

/// Waits until the server refuses our certificate, or says anything else: a session ticket, data
/// or an orderly end mean that it was accepted.
async fn objection(
    tls: &mut TlsStream<&mut TcpStream>,
    verifier: &RecordingVerifier,
) -> io::Result<()> {
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

/// A name as it is sent: IDNA in ASCII, without the trailing dot, which rustls and servers do not
/// expect. What is no name at all is left for the handshake to refuse.
fn ascii_name(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    match url::Host::parse(name) {
        Ok(url::Host::Domain(ascii)) => ascii,
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sent_in_ascii_and_without_the_trailing_dot() {
        assert_eq!(ascii_name("www.gov.kr."), "www.gov.kr");
        assert_eq!(ascii_name("정부24.한국"), "xn--24-hr2jq36a.xn--3e0b707e");
        assert_eq!(ascii_name("2001:db8::1"), "2001:db8::1");
        assert_eq!(ascii_name("192.0.2.1"), "192.0.2.1");
    }
}

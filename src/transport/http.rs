//! HTTP over the connections of one run: which request goes over which connection, and which may
//! be sent again.

use std::sync::Arc;

use bytes::Bytes;
use chain::RecordingVerifier;
use futures_util::FutureExt;
use http::header::HeaderMap;
use http::{Method, Response, StatusCode};
use hyper::body::{Frame, Incoming};
use rustls::CipherSuite;
use url::{Position, Url};

use super::failure::{self, Http2Refusal};
use super::link::{Key, Link};
use super::phase::Phase;
use super::proxy;
use super::stream::Stream;
use super::{Endpoint, Handshake, Purpose, Recorder, Transport};
use crate::config::HttpVersions;
use crate::deadline::{Deadline, Expired};
use crate::outcome::{Failure, Reason};

/// Connections kept at once; a login meets this many hosts at most.
///
/// Limit: connections that a login keeps.
/// Share: of each run.
/// Full: the oldest is closed.
/// Filled: connections_of_a_run_to_many_hosts_are_closed
const KEPT_MAX: usize = 8;

/// ALPN names (RFC 7301).
const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// Whether connections outlive a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each request has its own.
    Fresh,
    /// The next request to the same authority may reuse one, as a browser's would.
    Kept,
}

/// Whether a request may be sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// On a kept connection that turns out to be closed, or when the server refused it before
    /// anything was processed, it is sent again on a new one, as browsers do.
    Allowed,
    /// It holds a secret: it goes over a connection that was not used before, and once.
    Never,
}

pub struct Message<'a> {
    pub method: Method,
    /// What to ask for. Without user name, password and fragment.
    pub url: &'a Url,
    /// A `Host` is added where there is none.
    pub headers: HeaderMap,
    /// As it is sent.
    pub body: Bytes,
    /// SNI and the name to verify, when it is not the URL's host.
    pub server_name: Option<&'a str>,
    /// Whether this goes to the authority that the options are about.
    pub is_home: bool,
    /// Whether it may be sent more than once.
    pub repeat: Repeat,
}

/// The connections of a run, and the requests over them.
pub struct Client<'a> {
    transport: Transport<'a>,
    versions: HttpVersions,
    connections: Connections,
    /// The last one is in use. Boxed, because links are moved between futures, which are to be
    /// small.
    #[allow(clippy::vec_box)]
    open: Vec<Box<Link>>,
    /// Authorities that asked for HTTP/1.1 in this run.
    http1_only: Vec<String>,
}

impl<'a> Client<'a> {
    /// Nothing is connected yet.
    pub fn new(
        transport: Transport<'a>,
        versions: HttpVersions,
        connections: Connections,
    ) -> Client<'a> {
        Client { transport, versions, connections, open: Vec::new(), http1_only: Vec::new() }
    }

    /// The verifier of the connection in use, where it has TLS.
    pub fn verifier(&self) -> Option<&Arc<RecordingVerifier>> {
        self.open.last()?.verifier.as_ref()
    }

    /// The cipher suite of the connection in use, where it has TLS.
    pub fn cipher(&self) -> Option<CipherSuite> {
        self.open.last()?.cipher
    }

    /// Allows a body of so many bytes, and the framing it comes in.
    pub fn expect_body(&self, bytes: u64) {
        if let Some(link) = self.open.last() {
            link.expect_body(bytes);
        }
    }

    /// The next piece of the body of the last response; `None` at its end.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Frame<Bytes>, Failure>> {
        let link = self.open.last_mut()?;
        let frame = link.frame(body).await?;
        Some(frame.map_err(|error| {
            if link.meter.is_exceeded() {
                return failure::endless(Phase::Transfer);
            }
            failure::exchanging(&error, Phase::Transfer, link.verifier.as_deref())
        }))
    }

    /// What a browser would show and a strict client would not, of the last response.
    /// `read_to_close` says that the end of the connection was the end of the body.
    pub fn flaws(&self, read_to_close: bool) -> Vec<Failure> {
        let Some(link) = self.open.last() else { return Vec::new() };
        let told = |detail: &str| Failure::new(Reason::ProtocolError, detail);
        let mut flaws: Vec<Failure> =
            link.meter.take_flaws().into_iter().map(|flaw| told(flaw.detail())).collect();
        if read_to_close && link.meter.is_cut() {
            flaws.push(told(
                "the body ended with the connection and without TLS close_notify, so it may be \
                 cut off (RFC 9112 section 9.8)",
            ));
        }
        flaws
    }

    /// Writes down the counters of the connection in use.
    pub fn count(&self, recorder: &mut Recorder<'_>) {
        if let Some(now) = self.open.last().and_then(|link| link.counters()) {
            recorder.facts.tcp = Some(now);
        }
    }

    /// Sends a request and awaits the head of its final response. The connection in use stays open
    /// until the next request, so that the body can be read and the socket be looked at.
    pub async fn send(
        &mut self,
        message: &Message<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Response<Incoming>, Failure> {
        if self.connections == Connections::Fresh {
            self.close_all();
        }
        let mut key = self.key(message);
        let may_reuse = message.repeat == Repeat::Allowed && !self.open.is_empty();
        let kept = if may_reuse { self.kept(&key).boxed().await } else { None };
        let mut may_ask_again = message.repeat == Repeat::Allowed;
        if let Some(link) = kept {
            recorder.watch.enter(Phase::Processing);
            recorder.facts.tls = link.verifier.as_ref().and_then(|verifier| verifier.facts());
            match self.over(link, message, recorder, deadline).await {
                // A server that was about to close says so by 408; browsers ask again.
                Ok(response) if response.status() != StatusCode::REQUEST_TIMEOUT => {
                    return Ok(response);
                }
                Ok(_) => {}
                Err(lost) if lost.may_be_repeated => {
                    may_ask_again = lost.refusal.is_none();
                    self.heed(lost.refusal, &mut key)?;
                }
                Err(lost) => return Err(lost.failure),
            }
        }
        let link = self.connect(&key, message, recorder, deadline).await?;
        let lost = match self.over(link, message, recorder, deadline).await {
            Ok(response) => return Ok(response),
            Err(lost) => lost,
        };
        if lost.refusal.is_none() || !may_ask_again {
            return Err(lost.failure);
        }
        self.heed(lost.refusal, &mut key)?;
        let again = async {
            let link = self.connect(&key, message, recorder, deadline).await?;
            self.over(link, message, recorder, deadline).await.map_err(|lost| lost.failure)
        };
        again.boxed().await
    }

    /// Does for the next attempt what a refusal asks for.
    fn heed(&mut self, refusal: Option<Http2Refusal>, key: &mut Key) -> Result<(), Failure> {
        match refusal {
            Some(Http2Refusal::WantsHttp1) if self.versions == HttpVersions::Http2 => {
                let detail = "the server asks for HTTP/1.1";
                Err(Failure::new(Reason::HttpVersion, detail))
            }
            Some(Http2Refusal::WantsHttp1) => {
                self.http1_only.push(key.origin.clone());
                key.http2 = false;
                Ok(())
            }
            Some(Http2Refusal::Unprocessed) | None => Ok(()),
        }
    }

    /// A kept connection that is free for this request.
    async fn kept(&mut self, key: &Key) -> Option<Box<Link>> {
        let at = self.open.iter().rposition(|link| link.key == *key)?;
        let mut link = self.open.remove(at);
        link.is_free().await.then_some(link)
    }

    fn key(&self, message: &Message<'_>) -> Key {
        let origin = message.url[..Position::BeforePath].to_owned();
        let http2 = match self.versions {
            HttpVersions::Http1 => false,
            HttpVersions::Http2 => true,
            HttpVersions::Any => !self.http1_only.contains(&origin),
        };
        Key {
            http2,
            server_name: message.server_name.map(str::to_owned),
            is_home: message.is_home,
            origin,
        }
    }

    async fn connect(
        &mut self,
        key: &Key,
        message: &Message<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Box<Link>, Failure> {
        let url = message.url;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_secure = url.scheme() == "https";
        let name = message.server_name.unwrap_or(host);
        let alpn: &[&[u8]] = match (key.http2, self.versions) {
            (true, HttpVersions::Http2) => &[H2],
            (true, _) => &[H2, HTTP_1_1],
            (false, _) => &[HTTP_1_1],
        };
        let handshake = Handshake {
            name: name.strip_suffix('.').unwrap_or(name),
            own_name: message.is_home,
            alpn,
            starttls: None,
        };
        let endpoint = Endpoint {
            host,
            port: url.port_or_known_default().unwrap_or_default(),
            tls: is_secure.then_some(handshake),
            purpose: if is_secure { Purpose::Bytes } else { Purpose::PlainHttp },
            is_home: message.is_home,
        };
        let opened = self.transport.open(&endpoint, recorder, deadline).await;
        if recorder.watch.phases().connect.is_some() {
            // Also where there is no connection: the phase was due and took no time, as
            // blackbox_exporter has it.
            recorder.watch.enter(Phase::Processing);
        }
        let connection = opened?;
        let negotiated = match &connection.stream {
            Stream::Tls(tls) if is_secure => Some(tls.get_ref().1.alpn_protocol() == Some(H2)),
            _ => None,
        };
        let speaks_http2 = match (negotiated, self.versions) {
            (Some(false), HttpVersions::Http2) => return Err(failure::no_http2()),
            (Some(negotiated), _) => negotiated,
            (None, versions) => versions == HttpVersions::Http2,
        };
        let spoken = Link::speak(connection, key.clone(), speaks_http2);
        match deadline.within(spoken).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(error)) => Err(failure::exchanging(&error, Phase::Processing, None)),
            Err(Expired) => Err(failure::expired(Phase::Processing)),
        }
    }

    /// Sends over a connection, which is then the one in use. Of two to the same place the older
    /// one is closed.
    async fn over(
        &mut self,
        link: Box<Link>,
        message: &Message<'_>,
        recorder: &mut Recorder<'_>,
        deadline: &Deadline,
    ) -> Result<Response<Incoming>, Lost> {
        let same = self.open.iter().position(|open| open.key == link.key);
        let oldest = (self.open.len() >= KEPT_MAX).then_some(0);
        if let Some(at) = same.or(oldest) {
            self.open.remove(at).close();
        }
        let was_used = link.is_used;
        recorder.peer = link.peer;
        self.open.push(link);
        let Some(link) = self.open.last_mut() else {
            return Err(Failure::new(Reason::Internal, "there is no connection").into());
        };
        let sent = deadline.within(link.send(message)).await;
        if let Some(now) = link.counters() {
            recorder.facts.tcp = Some(now);
        }
        if let Some(verifier) = &link.verifier {
            recorder.facts.tls = verifier.facts();
        }
        let lost = match sent {
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                return match proxy::own_answer(status, response.headers()) {
                    Some(failure) if link.forwarded_by.is_some() => Err(failure.into()),
                    _ => Ok(response),
                };
            }
            Ok(Err(error)) => {
                let verifier = link.verifier.as_deref();
                let failure = failure::exchanging(&*error, Phase::Processing, verifier);
                // Browsers repeat what failed on a used connection before a byte came: the server
                // had closed it.
                let may_be_repeated = was_used
                    && !link.meter.has_received()
                    && failure.reason == Reason::ConnectionReset;
                let refusal = failure::http2_refusal(&*error);
                Lost { failure, may_be_repeated: may_be_repeated || refusal.is_some(), refusal }
            }
            Err(Expired) => failure::expired(Phase::Processing).into(),
        };
        // It is of no use any more.
        if let Some(link) = self.open.pop() {
            link.close();
        }
        Err(lost)
    }

    fn close_all(&mut self) {
        self.open.drain(..).for_each(|link| link.close());
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        self.close_all();
    }
}

/// A request without a response.
struct Lost {
    failure: Failure,
    /// Another connection may do better, and asking again does no harm.
    may_be_repeated: bool,
    refusal: Option<Http2Refusal>,
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Lost {
        Lost { failure, may_be_repeated: false, refusal: None }
    }
}

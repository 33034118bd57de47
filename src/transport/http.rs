//! HTTP over the connections of one run: hyper's connections, polled in the run's own task.
//!
//! A spawned connection would switch tasks several times for each answer, and would go on when its
//! run is over. Here whoever waits for a response drives the connection that brings it, over a
//! stream that bounds what a server may send.

use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::task::noop_waker_ref;
use http::header::{ACCEPT, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::{Position, Url};

use super::failure::{self, Http2Refusal};
use super::limited::{Endless, Limited, Meter};
use super::phase::Phase;
use super::proxy::Forwarder;
use super::stream::Stream;
use super::tcp_info::Counters;
use super::{Connection, Endpoint, Handshake, Purpose, Recorder, Transport};
use crate::config::HttpVersions;
use crate::deadline::{Deadline, Expired};
use crate::net::trust::Witness;
use crate::outcome::{Failure, Reason, TcpFacts};

/// Header lines of a response. Browsers take more than hyper's 100; nobody needs this many.
const MAX_HEADERS: usize = 256;
/// Bytes of a head: of an HTTP/2 header list, or of hyper's buffer for an HTTP/1.1 head.
const MAX_HEAD: u32 = 256 * 1024;
/// Bytes received before a final response: its head and all interim ones.
const BEFORE_RESPONSE_MAX: u64 = 1 << 20;
/// Bytes of a body that an HTTP/2 server may send before we look at its head.
const HTTP2_WINDOW: u32 = 2 << 20;
/// How many times larger than its content a body may come. A server that sends single bytes, each
/// in a frame of its own, needs ten.
const FRAMING_MAX: u64 = 16;
/// Connections kept at once; a login meets this many hosts at most.
const KEPT_MAX: usize = 8;
/// A connection whose response was read to the end is free again within microseconds.
const FREE_AGAIN: Duration = Duration::from_millis(50);

/// ALPN names (RFC 7301).
const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// What went wrong underneath, for [`failure`].
type ExchangeError = Box<dyn Error + Send + Sync>;

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

/// One request.
pub struct Message<'a> {
    /// Its method.
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
    pub fn verifier(&self) -> Option<&Arc<Witness>> {
        self.open.last()?.verifier.as_ref()
    }

    /// Allows a body of so many bytes, and the framing it comes in.
    pub fn expect_body(&self, bytes: u64) {
        if let Some(link) = self.open.last() {
            let framed = bytes.saturating_mul(FRAMING_MAX);
            link.meter.allow(framed.saturating_add(BEFORE_RESPONSE_MAX));
        }
    }

    /// The next piece of the body of the last response; `None` at its end.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Frame<Bytes>, Failure>> {
        let link = self.open.last_mut()?;
        let frame = link.driver.along(body.frame()).await?;
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
        if let Some(link) = kept {
            recorder.watch.enter(Phase::Processing);
            recorder.facts.tls = link.verifier.as_ref().and_then(|verifier| verifier.facts());
            match self.over(link, message, recorder, deadline).await {
                Ok(response) => return Ok(response),
                Err(lost) if lost.may_be_repeated => {}
                Err(lost) => return Err(lost.failure),
            }
        }
        let link = self.connect(&key, message, recorder, deadline).await?;
        let lost = match self.over(link, message, recorder, deadline).await {
            Ok(response) => return Ok(response),
            Err(lost) => lost,
        };
        match lost.refusal.filter(|_| message.repeat == Repeat::Allowed) {
            None => return Err(lost.failure),
            Some(Http2Refusal::WantsHttp1) if self.versions == HttpVersions::Http2 => {
                let detail = "the server asks for HTTP/1.1";
                return Err(Failure::new(Reason::HttpVersion, detail));
            }
            Some(Http2Refusal::WantsHttp1) => {
                self.http1_only.push(key.origin.clone());
                key.http2 = false;
            }
            Some(Http2Refusal::Unprocessed) => {}
        }
        let again = async {
            let link = self.connect(&key, message, recorder, deadline).await?;
            self.over(link, message, recorder, deadline).await.map_err(|lost| lost.failure)
        };
        again.boxed().await
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
                let wants_authentication =
                    response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
                if wants_authentication && link.forwarded_by.is_some() {
                    let detail = "the proxy wants authentication (status 407)";
                    return Err(Failure::new(Reason::ProxyFailed, detail).into());
                }
                return Ok(response);
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

/// Which requests may share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// Scheme, host and port.
    origin: String,
    server_name: Option<String>,
    is_home: bool,
    /// Whether HTTP/2 was offered.
    http2: bool,
}

/// A connection that speaks HTTP.
struct Link {
    key: Key,
    sender: Sender,
    driver: Driver,
    meter: Arc<Meter>,
    counters: Option<Counters>,
    verifier: Option<Arc<Witness>>,
    forwarded_by: Option<Forwarder>,
    is_used: bool,
    /// Whether there is something to say before the connection is closed: TLS and HTTP/2 have it.
    says_goodbye: bool,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

type Io = TokioIo<Limited<Stream>>;

impl Link {
    async fn speak(
        connection: Connection,
        key: Key,
        speaks_http2: bool,
    ) -> Result<Box<Link>, hyper::Error> {
        let Connection { stream, counters, verifier, forwarded_by } = connection;
        let says_goodbye = speaks_http2 || matches!(stream, Stream::Tls(_));
        let meter = Arc::new(Meter::default());
        let stream = TokioIo::new(Limited::new(stream, Arc::clone(&meter)));
        meter.allow(BEFORE_RESPONSE_MAX + u64::from(HTTP2_WINDOW));
        let (sender, driver) = if speaks_http2 {
            let tasks = Tasks::default();
            let mut builder = http2::Builder::new(tasks.clone());
            builder.max_header_list_size(MAX_HEAD).initial_stream_window_size(HTTP2_WINDOW);
            let (sender, connection) = builder.handshake(stream).await?;
            let driver = Driver::Http2(Box::new(Mutex::new(Http2Driver {
                connection: Ok(connection),
                tasks,
                running: Vec::new(),
            })));
            (Sender::Http2(sender), driver)
        } else {
            let mut builder = http1::Builder::new();
            builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD as usize);
            let (sender, connection) = builder.handshake(stream).await?;
            (Sender::Http1(sender), Driver::Http1(connection))
        };
        Ok(Box::new(Link {
            key,
            sender,
            driver,
            meter,
            counters,
            verifier,
            forwarded_by,
            is_used: false,
            says_goodbye,
        }))
    }

    fn counters(&self) -> Option<TcpFacts> {
        self.counters.as_ref()?.read()
    }

    /// Whether another request may be sent.
    async fn is_free(&mut self) -> bool {
        let Link { sender, driver, .. } = self;
        let free = async {
            match sender {
                Sender::Http1(sender) => driver.along(sender.ready()).await,
                Sender::Http2(sender) => driver.along(sender.ready()).await,
            }
        };
        matches!(timeout(FREE_AGAIN, free).await, Ok(Ok(())))
    }

    async fn send(&mut self, message: &Message<'_>) -> Result<Response<Incoming>, ExchangeError> {
        let request = self.request(message)?;
        let is_http1 = matches!(self.sender, Sender::Http1(_));
        self.meter.expect_response(is_http1);
        self.meter.allow(BEFORE_RESPONSE_MAX + if is_http1 { 0 } else { u64::from(HTTP2_WINDOW) });
        self.is_used = true;
        let Link { sender, driver, .. } = self;
        let sent = match sender {
            Sender::Http1(sender) => driver.along(sender.try_send_request(request)).await,
            Sender::Http2(sender) => driver.along(sender.try_send_request(request)).await,
        };
        sent.map_err(|error| self.cause(error))
    }

    /// "Closed" is what it came to; what closed it says more.
    fn cause(&mut self, error: TrySendError<Request<Full<Bytes>>>) -> ExchangeError {
        if self.meter.is_exceeded() {
            return Endless.into();
        }
        let error = error.into_error();
        let ended = match &mut self.driver {
            Driver::Ended(ended) if error.is_closed() || error.is_canceled() => ended.take(),
            _ => None,
        };
        ended.unwrap_or(error).into()
    }

    fn request(&self, message: &Message<'_>) -> Result<Request<Full<Bytes>>, ExchangeError> {
        // Whole where the other end needs it, as a proxy does.
        let is_whole = matches!(self.sender, Sender::Http2(_)) || self.forwarded_by.is_some();
        let text = match is_whole {
            true => message.url.as_str(),
            false => &message.url[Position::BeforePath..Position::AfterQuery],
        };
        let mut uri: Uri = text.parse()?;
        let mut headers = message.headers.clone();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if matches!(self.sender, Sender::Http2(_)) {
            // HTTP/2 has the authority in place of `Host` (RFC 9113 section 8.3.1).
            if let Some(host) = headers.remove(HOST) {
                let mut parts = uri.into_parts();
                parts.authority = Some(host.as_bytes().try_into()?);
                uri = parts.try_into()?;
            }
        } else {
            if !headers.contains_key(HOST) {
                headers.insert(HOST, HeaderValue::try_from(authority(message.url))?);
            }
            if let Some(proxy) = &self.forwarded_by {
                headers
                    .extend(proxy.authorization.clone().map(|value| (PROXY_AUTHORIZATION, value)));
            }
        }
        let mut request = Request::new(Full::new(message.body.clone()));
        *request.method_mut() = message.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Says goodbye, as far as that does not block: TLS's close_notify. The FIN comes by itself when
    /// the socket is closed.
    fn close(self: Box<Self>) {
        let Link { sender, mut driver, says_goodbye, .. } = *self;
        drop(sender);
        if says_goodbye {
            let _ = driver.poll(&mut Context::from_waker(noop_waker_ref()));
        }
    }
}

/// What must be polled for anything to come or go.
#[allow(clippy::large_enum_variant)] // Nearly all are HTTP/1, and a link is boxed as a whole.
enum Driver {
    Http1(http1::Connection<Io, Full<Bytes>>),
    /// The lock is never taken: it makes the driver `Sync`.
    Http2(Box<Mutex<Http2Driver>>),
    /// And what ended it.
    Ended(Option<hyper::Error>),
}

impl Driver {
    /// Waits for something that this connection brings.
    async fn along<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            if let Poll::Ready(ended) = self.poll(cx) {
                *self = Driver::Ended(ended.err());
            }
            work.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Driver::Http1(connection) => Pin::new(connection).poll(cx),
            Driver::Http2(driver) => {
                driver.get_mut().unwrap_or_else(PoisonError::into_inner).poll(cx)
            }
            Driver::Ended(_) => Poll::Pending,
        }
    }
}

struct Http2Driver {
    /// Hyper's side, or how it ended.
    connection: Result<http2::Connection<Io, Full<Bytes>, Tasks>, Option<hyper::Error>>,
    tasks: Tasks,
    running: Vec<BoxFuture<'static, ()>>,
}

impl Http2Driver {
    /// Ends when nothing is running any more: a response may still be on its way to its receiver
    /// when the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        if let Ok(connection) = &mut self.connection
            && let Poll::Ready(ended) = Pin::new(connection).poll(cx)
        {
            self.connection = Err(ended.err());
        }
        loop {
            self.running.retain_mut(|task| task.as_mut().poll(cx).is_pending());
            let new = self.tasks.take();
            if new.is_empty() {
                break;
            }
            self.running.extend(new);
        }
        match &mut self.connection {
            Err(ended) if self.running.is_empty() => Poll::Ready(ended.take().map_or(Ok(()), Err)),
            _ => Poll::Pending,
        }
    }
}

/// Takes what hyper would spawn for an HTTP/2 connection, to be polled with it.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Tasks {
    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(task));
    }
}

/// `host` or `host:port`, as `Host` and `:authority` have it.
pub fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::BeforePath].to_owned()
}

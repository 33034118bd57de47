//! One connection that speaks HTTP/1.1 or HTTP/2: hyper's, polled by whoever waits for its answer.
//!
//! A spawned connection would switch tasks several times for each answer, and would go on when its
//! run is over.

use std::error::Error;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chain::RecordingVerifier;
use futures_util::future::{BoxFuture, poll_fn};
use futures_util::task::noop_waker_ref;
use http::header::{ACCEPT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::CipherSuite;
use tokio::time::timeout;
use url::{Position, Url};

use super::Connection;
use super::failure;
use super::http::Message;
use super::limited::{Endless, Limited, Meter};
use super::proxy::Forwarder;
use super::stream::Stream;
use super::tcp_info::Counters;
use crate::outcome::TcpFacts;

/// Bytes of a head: of an HTTP/2 header list, or of hyper's buffer for an HTTP/1.1 head.
///
/// Limit: bytes of a response head.
/// Share: of each response.
/// Full: it breaks the protocol.
/// Filled: garbage_and_huge_heads_break_the_protocol
const MAX_HEAD: u32 = 256 * 1024;
/// Bytes received before a final response: its head and all interim ones.
///
/// Limit: bytes of a head and all interim ones.
/// Share: of each response.
/// Full: it breaks the protocol.
/// Filled: interim_responses_without_end_are_left_early
const BEFORE_RESPONSE_MAX: u64 = 1 << 20;
/// Bytes of a body that an HTTP/2 server may send before we look at its head.
const HTTP2_WINDOW: u32 = 2 << 20;
/// How many times larger than its content a body may come. A server that sends single bytes, each
/// in a frame of its own, needs ten.
///
/// Limit: times its content that a body may come in.
/// Share: of each response.
/// Full: it breaks the protocol.
/// Filled: the_framing_of_a_body_does_not_go_on_for_ever
const FRAMING_MAX: u64 = 16;
/// A connection whose response was read to the end is free again within microseconds.
const FREE_AGAIN: Duration = Duration::from_millis(50);

/// What went wrong underneath, for [`failure`].
pub(super) type ExchangeError = Box<dyn Error + Send + Sync>;

/// Which requests may share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Scheme, host and port.
    pub(super) origin: String,
    pub(super) server_name: Option<String>,
    pub(super) is_home: bool,
    /// Whether HTTP/2 was offered.
    pub(super) http2: bool,
}

/// A connection that speaks HTTP.
pub(super) struct Link {
    pub(super) key: Key,
    /// Whom it goes to, where that is not up to a proxy.
    pub(super) peer: Option<IpAddr>,
    sender: Sender,
    driver: Driver,
    pub(super) meter: Arc<Meter>,
    counters: Option<Counters>,
    pub(super) verifier: Option<Arc<RecordingVerifier>>,
    pub(super) forwarded_by: Option<Forwarder>,
    pub(super) cipher: Option<CipherSuite>,
    pub(super) is_used: bool,
    /// Whether there is something to say before the connection is closed: TLS and HTTP/2 have it.
    says_goodbye: bool,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

type Io = TokioIo<Limited<Stream>>;

impl Link {
    pub(super) async fn speak(
        connection: Connection,
        key: Key,
        speaks_http2: bool,
    ) -> Result<Box<Link>, hyper::Error> {
        let Connection { stream, peer, counters, verifier, forwarded_by } = connection;
        let says_goodbye = speaks_http2 || matches!(stream, Stream::Tls(_));
        let cipher = match &stream {
            Stream::Tls(tls) => {
                tls.get_ref().1.negotiated_cipher_suite().map(|suite| suite.suite())
            }
            _ => None,
        };
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
            builder.max_buf_size(MAX_HEAD as usize);
            let (sender, connection) = builder.handshake(stream).await?;
            (Sender::Http1(sender), Driver::Http1(connection))
        };
        Ok(Box::new(Link {
            key,
            peer,
            sender,
            driver,
            meter,
            counters,
            verifier,
            forwarded_by,
            cipher,
            is_used: false,
            says_goodbye,
        }))
    }

    pub(super) fn counters(&self) -> Option<TcpFacts> {
        self.counters.as_ref()?.read()
    }

    /// Allows a body of so many bytes, and the framing it comes in.
    pub(super) fn expect_body(&self, bytes: u64) {
        let framed = bytes.saturating_mul(FRAMING_MAX);
        self.meter.allow(framed.saturating_add(BEFORE_RESPONSE_MAX));
    }

    /// The next piece of a body that this connection brings.
    pub(super) async fn frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        self.driver.along(body.frame()).await
    }

    /// Whether another request may be sent.
    pub(super) async fn is_free(&mut self) -> bool {
        let Link { sender, driver, .. } = self;
        let free = async {
            // What came while nobody listened (a goodbye, a stray answer) is found before the
            // request goes out, as in browsers.
            driver.look().await;
            match sender {
                Sender::Http1(sender) => driver.along(sender.ready()).await,
                Sender::Http2(sender) => driver.along(sender.ready()).await,
            }
        };
        matches!(timeout(FREE_AGAIN, free).await, Ok(Ok(())))
    }

    pub(super) async fn send(
        &mut self,
        message: &Message<'_>,
    ) -> Result<Response<Incoming>, ExchangeError> {
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
        let mut response = sent.map_err(|error| self.cause(error))?;
        add_lines(&self.meter.take_surplus(), response.headers_mut())?;
        Ok(response)
    }

    /// "Closed" is what it came to; what closed it says more.
    fn cause(&mut self, error: TrySendError<Request<Full<Bytes>>>) -> ExchangeError {
        if self.meter.is_exceeded() {
            return Endless.into();
        }
        let error = error.into_error();
        let ended = match &mut self.driver {
            Driver::Ended(ended) => {
                let is_worthless = error.is_closed() || error.is_canceled();
                ended.take_if(|ended| is_worthless || failure::is_goodbye(ended))
            }
            Driver::Http2(driver) => driver.get_mut().goodbye(),
            Driver::Http1(_) => None,
        };
        ended.unwrap_or(error).into()
    }

    fn request(&self, message: &Message<'_>) -> Result<Request<Full<Bytes>>, ExchangeError> {
        // Whole where the other end needs it, as a proxy does.
        let is_whole = matches!(self.sender, Sender::Http2(_)) || self.forwarded_by.is_some();
        let text = if is_whole {
            message.url.as_str()
        } else {
            &message.url[Position::BeforePath..Position::AfterQuery]
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
    pub(super) fn close(self: Box<Self>) {
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

    /// Lets the connection notice what has come.
    async fn look(&mut self) {
        poll_fn(|cx| {
            if let Poll::Ready(ended) = self.poll(cx) {
                *self = Driver::Ended(ended.err());
            }
            Poll::Ready(())
        })
        .await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Driver::Http1(connection) => Pin::new(connection).poll(cx),
            Driver::Http2(driver) => driver.get_mut().poll(cx),
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
    /// What the server said as it ended the connection. It is told when another stream is asked
    /// for, which the connection does by itself.
    fn goodbye(&mut self) -> Option<hyper::Error> {
        if let Ok(connection) = &mut self.connection {
            let mut context = Context::from_waker(noop_waker_ref());
            if let Poll::Ready(ended) = Pin::new(connection).poll(&mut context) {
                self.connection = Err(ended.err());
            }
        }
        let ended = self.connection.as_mut().err()?;
        ended.take_if(|ended| failure::is_goodbye(ended))
    }

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
        std::mem::take(&mut self.0.lock())
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lock().push(Box::pin(task));
    }
}

/// Adds header lines that are known to be good.
fn add_lines(lines: &[u8], headers: &mut HeaderMap) -> Result<(), ExchangeError> {
    for line in lines.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = HeaderValue::from_bytes(value[1..].trim_ascii())?;
        headers.try_append(HeaderName::from_bytes(name)?, value)?;
    }
    Ok(())
}

/// `host` or `host:port`, as `Host` and `:authority` have it.
fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::BeforePath].to_owned()
}

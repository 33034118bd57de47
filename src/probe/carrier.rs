//! Carries a run's requests over the connections that reqwest makes.
//!
//! reqwest knows how to connect: names, addresses, proxies, TLS. But it hides what comes over the
//! connection and sets no limit there: a server that sends interim responses for ever occupies a
//! worker and is never left. So its connector hands each connection over, and here hyper speaks
//! over it, through a stream that bounds and interrupts it.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use crate::net::paced::{Allowance, Endless, Paced};
use crate::probe::client::Connections;

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

/// What went wrong underneath, for [`classify`](crate::probe::classify).
pub type CarryError = Box<dyn Error + Send + Sync>;

/// What a connection must be able to do.
pub trait Stream: Read + Write + Send + Unpin {}
impl<S: Read + Write + Send + Unpin> Stream for S {}

/// A connection as the connector made it.
pub struct Opened {
    /// With TLS and through the proxy, as the case may be.
    pub stream: Box<dyn Stream>,
    /// Which protocol was negotiated.
    pub protocol: Protocol,
    /// To whom the request is spoken.
    pub hearer: Hearer,
}

/// What is spoken over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// To whom a request is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearer {
    /// The server.
    Server,
    /// A proxy that wants the whole URL, as plain HTTP over an HTTP proxy has it.
    Proxy,
}

/// Where the connector leaves a connection.
#[derive(Default)]
pub struct Handover(Mutex<Option<Opened>>);

/// What reqwest is told when its connection was taken away.
#[derive(Debug, thiserror::Error)]
#[error("the connection was handed over")]
pub struct HandedOver;

impl Handover {
    /// Takes a connection away from reqwest.
    pub fn leave(&self, opened: Opened) -> HandedOver {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        HandedOver
    }

    fn collect(&self) -> Option<Opened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// One request.
pub struct Message<'a> {
    /// Its method.
    pub method: Method,
    /// Whom to connect to, and what to ask for.
    pub url: &'a Url,
    /// A `Host` is added where there is none.
    pub headers: HeaderMap,
    /// As it is sent.
    pub body: Bytes,
}

/// The connections of a run.
pub struct Carrier {
    connections: Connections,
    /// The last one is in use.
    open: Vec<Open>,
}

struct Open {
    /// Scheme, host and port.
    origin: String,
    sender: Sender,
    hearer: Hearer,
    allowance: Arc<Allowance>,
    /// What ended it.
    ended: oneshot::Receiver<hyper::Error>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Carrier {
    /// Without connections.
    pub fn new(connections: Connections) -> Carrier {
        Carrier { connections, open: Vec::new() }
    }

    /// Closes what is open.
    pub fn clear(&mut self) {
        self.open.clear();
    }

    /// Allows a body of so many bytes, and the framing it comes in.
    pub fn expect_body(&self, bytes: u64) {
        if let Some(open) = self.open.last() {
            let framed = bytes.saturating_mul(FRAMING_MAX);
            open.allowance.set(framed.saturating_add(BEFORE_RESPONSE_MAX));
        }
    }

    /// Whether the last connection was left because the server sent without end.
    pub fn was_endless(&self) -> bool {
        self.open.last().is_some_and(|open| open.allowance.is_exceeded())
    }

    /// Sends a request and awaits the head of its final response. The connection in use stays open
    /// until the next request, so that it can be looked at.
    pub async fn send(
        &mut self,
        (client, handover): (&reqwest::Client, &Handover),
        message: Message<'_>,
    ) -> Result<Response<Incoming>, CarryError> {
        let origin = message.url.origin().ascii_serialization();
        if self.connections == Connections::Fresh {
            self.open.clear();
        }
        if let Some(at) = self.open.iter().position(|open| open.origin == origin) {
            let mut open = self.open.remove(at);
            if open.is_free().await {
                // What the server closed in the meantime gives the request back.
                match self.over(open, &message).await {
                    Ok(response) => return Ok(response),
                    Err(Unsent::Returned(_)) => {}
                    Err(Unsent::Lost(error)) => return Err(error),
                }
            }
        }
        let connecting = client.execute(reqwest::Request::new(Method::GET, message.url.clone()));
        let opened = match (connecting.await, handover.collect()) {
            (_, Some(opened)) => opened,
            (Err(error), None) => return Err(error.into()),
            (Ok(_), None) => return Err("the connector kept its connection".into()),
        };
        let open = Open::speak(opened, origin).await?;
        self.over(open, &message).await.map_err(|unsent| match unsent {
            Unsent::Returned(error) | Unsent::Lost(error) => error,
        })
    }

    async fn over(
        &mut self,
        open: Open,
        message: &Message<'_>,
    ) -> Result<Response<Incoming>, Unsent> {
        if self.open.len() >= KEPT_MAX {
            self.open.remove(0);
        }
        self.open.push(open);
        match self.open.last_mut() {
            Some(open) => open.send(message).await,
            None => Err(Unsent::Lost("no connection".into())),
        }
    }
}

/// Why there is no response.
enum Unsent {
    /// Nothing of the request was sent.
    Returned(CarryError),
    /// The server may have acted on it.
    Lost(CarryError),
}

impl Open {
    async fn speak(opened: Opened, origin: String) -> Result<Open, CarryError> {
        let Opened { stream, protocol, hearer } = opened;
        let allowance = Arc::new(Allowance::default());
        let stream = Paced::new(TokioIo::new(stream), Arc::clone(&allowance));
        let stream = TokioIo::new(stream);
        allowance.set(BEFORE_RESPONSE_MAX + u64::from(HTTP2_WINDOW));
        let (sender, ended) = match protocol {
            Protocol::Http1 => {
                let mut builder = http1::Builder::new();
                builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD as usize);
                let (sender, connection) = builder.handshake(stream).await?;
                (Sender::Http1(sender), drive(connection))
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.max_header_list_size(MAX_HEAD).initial_stream_window_size(HTTP2_WINDOW);
                let (sender, connection) = builder.handshake(stream).await?;
                (Sender::Http2(sender), drive(connection))
            }
        };
        Ok(Open { origin, sender, hearer, allowance, ended })
    }

    /// Whether another request may be sent.
    async fn is_free(&mut self) -> bool {
        let free = match &mut self.sender {
            Sender::Http1(sender) => timeout(FREE_AGAIN, sender.ready()).await,
            Sender::Http2(sender) => timeout(FREE_AGAIN, sender.ready()).await,
        };
        matches!(free, Ok(Ok(())))
    }

    async fn send(&mut self, message: &Message<'_>) -> Result<Response<Incoming>, Unsent> {
        let request = self.request(message).map_err(Unsent::Lost)?;
        let window = match self.sender {
            Sender::Http1(_) => 0,
            Sender::Http2(_) => u64::from(HTTP2_WINDOW),
        };
        self.allowance.set(BEFORE_RESPONSE_MAX + window);
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        match sent {
            Ok(response) => Ok(response),
            Err(error) => Err(self.unsent(error).await),
        }
    }

    async fn unsent(&mut self, mut error: TrySendError<Request<Full<Bytes>>>) -> Unsent {
        let returned = error.take_message().is_some();
        let error = error.into_error();
        if self.allowance.is_exceeded() {
            return Unsent::Lost(Endless.into());
        }
        // "Closed" is what it came to; what closed it says more.
        let error = match error.is_closed() || error.is_canceled() {
            true => timeout(FREE_AGAIN, &mut self.ended).await.ok().and_then(Result::ok),
            false => None,
        }
        .unwrap_or(error);
        match returned {
            true => Unsent::Returned(error.into()),
            false => Unsent::Lost(error.into()),
        }
    }

    fn request(&self, message: &Message<'_>) -> Result<Request<Full<Bytes>>, CarryError> {
        let mut uri: Uri = message.url.as_str().parse()?;
        let mut headers = message.headers.clone();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if matches!(self.sender, Sender::Http1(_)) {
            if !headers.contains_key(HOST) {
                headers.insert(HOST, HeaderValue::try_from(authority(message.url))?);
            }
            if self.hearer == Hearer::Server {
                uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
            }
        }
        let mut request = Request::new(Full::new(message.body.clone()));
        *request.method_mut() = message.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Keeps a connection going for as long as its sender or a body is wanted, and tells what ended it.
fn drive<C>(connection: C) -> oneshot::Receiver<hyper::Error>
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let (ending, ended) = oneshot::channel();
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            let _ = ending.send(error);
        }
    });
    ended
}

/// `host` or `host:port`, as `Host` and `:authority` have it.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

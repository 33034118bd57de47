//! The web server of the tests, on a loopback port of its own, with three faces:
//!
//! - [`Site`] sends exactly the bytes that a test says, also what real servers refuse to do;
//! - [`Routes`] answers by method and path, over plain HTTP or TLS, and keeps every request;
//! - [`Target`] answers whoever asks from another process: it does not need the test's own runtime.
//!
//! A `Site` and `Routes` run in the runtime of the test that starts them and end with it.

use std::collections::HashMap;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A server without a library between: to each connection's request, by its number from 0 and its path, it
/// sends what the function says and closes. It does not need the test's own runtime.
pub(crate) fn sending(
    answer: impl Fn(usize, &str) -> String + Send + Sync + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for (turn, stream) in listener.incoming().flatten().enumerate() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut writing = stream.try_clone().unwrap();
                let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.by_ref().take_while(|line| !line.is_empty()).count();
                let path = first.split(' ').nth(1).unwrap_or_default();
                let _ = writing.write_all(answer(turn, path).as_bytes());
            });
        }
    });
    address
}

/// Hands each connection, by its number from 1, to a function; ends with all of them.
async fn accept<F, Fut>(listener: TcpListener, serve: F)
where
    F: Fn(usize, TcpStream) -> Fut + Send,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut connection = 0;
    let mut tasks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connection += 1;
        tasks.spawn(serve(connection, stream));
    }
}

/// Reads one request with its body; `None` when there is none any more. What was read of half a
/// request stays in `bytes`.
async fn read(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Option<Asked> {
    let mut buffer = [0; 16384];
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(asked) = head.and_then(|head| Asked::parse(bytes, head + 4)) {
            bytes.drain(..asked.raw.len());
            return Some(asked);
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection of the site it came on.
    pub(crate) connection: usize,
    /// Path and query as they were sent.
    target: String,
    raw: Vec<u8>,
}

impl Asked {
    /// `None` while the body is not whole.
    fn parse(bytes: &[u8], body_at: usize) -> Option<Asked> {
        let head = String::from_utf8_lossy(&bytes[..body_at]).into_owned();
        let mut lines = head.lines();
        let mut words = lines.next()?.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let body = bytes.get(body_at..body_at + length)?.to_vec();
        let raw = bytes[..body_at + length].to_vec();
        let (path, query) = (path.to_owned(), query.to_owned());
        Some(Asked { method, path, query, headers, body, connection: 0, target, raw })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.header("cookie")?.split("; ");
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of an urlencoded body in UTF-8.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(&self.body);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// A server whose connections are scripts.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Hands every connection to a script.
    pub(crate) async fn scripted<F, Fut>(script: F) -> Site
    where
        F: Fn(Visitor) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(accept(listener, move |_, stream| {
            script(Visitor { stream, seen: Arc::clone(&seen) })
        }));
        Site { address, requests }
    }

    /// Reads a request and answers with these bytes, then closes.
    pub(crate) async fn answering(response: impl Into<Vec<u8>>) -> Site {
        let response = response.into();
        Site::scripted(move |mut visitor| {
            let response = response.clone();
            async move {
                visitor.request().await;
                visitor.send(&response).await;
                visitor.close().await;
            }
        })
        .await
    }

    /// Answers by path: the function gets the request's head and body as text.
    pub(crate) async fn routed(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Site {
        let answer = Arc::new(answer);
        Site::scripted(move |mut visitor| {
            let answer = Arc::clone(&answer);
            async move {
                let request = visitor.request().await;
                visitor.send(answer(&request).as_bytes()).await;
                visitor.close().await;
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far, head and body as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// One connection to a [`Site`].
pub(crate) struct Visitor {
    pub(crate) stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Visitor {
    /// Reads one request as text, its body included when it has a `Content-Length`; half a request
    /// from a client that left. Whoever sends two at once is answered as if it were one.
    pub(crate) async fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        match read(&mut self.stream, &mut bytes).await {
            Some(asked) => {
                let text = String::from_utf8_lossy(&[asked.raw, bytes].concat()).into_owned();
                self.seen.lock().unwrap().push(text.clone());
                text
            }
            None => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Sends bytes; a client that is gone is no error.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Says goodbye and waits for the client to do so too, so that no reset overtakes the answer.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        self.silence().await;
    }

    /// Sends a FIN and goes on reading.
    pub(crate) async fn close_own_half(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Says nothing until the client leaves.
    pub(crate) async fn silence(mut self) {
        let mut buffer = [0; 1024];
        while matches!(self.stream.read(&mut buffer).await, Ok(read) if read > 0) {}
    }
}

/// A complete response with a body.
pub(crate) fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A redirect without a body.
pub(crate) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} R\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// What a route answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    delay: Duration,
    manner: Manner,
}

/// How a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Whole,
    /// The connection is closed without a word.
    HungUp,
    /// It stays open and silent.
    Silent,
    /// 200 and bytes without an end.
    Endless,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        let (headers, body) = (Vec::new(), Vec::new());
        Reply { status, headers, body, delay: Duration::ZERO, manner: Manner::Whole }
    }

    pub(crate) fn html(text: impl Into<String>) -> Reply {
        let mut reply = Reply::status(200).header("Content-Type", "text/html; charset=utf-8");
        reply.body = text.into().into_bytes();
        reply
    }

    /// 200 with this body, of no type.
    pub(crate) fn bytes(body: Vec<u8>) -> Reply {
        Reply { body, ..Reply::status(200) }
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Reply {
        Reply::status(302).header("Location", to)
    }

    pub(crate) fn hang_up() -> Reply {
        Reply { manner: Manner::HungUp, ..Reply::status(0) }
    }

    pub(crate) fn silence() -> Reply {
        Reply { manner: Manner::Silent, ..Reply::status(0) }
    }

    pub(crate) fn endless() -> Reply {
        Reply { manner: Manner::Endless, ..Reply::status(200) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_status(self, status: u16) -> Reply {
        Reply { status, ..self }
    }

    pub(crate) fn after(self, delay: Duration) -> Reply {
        Reply { delay, ..self }
    }

    /// `None` when the connection is over.
    async fn send(self, stream: &mut (impl AsyncWrite + Unpin), method: &str) -> Option<()> {
        // How slow the server is, as the test says; no test waits by it.
        tokio::time::sleep(self.delay).await;
        match self.manner {
            Manner::Whole => {}
            Manner::HungUp => return None,
            Manner::Silent => std::future::pending().await,
            Manner::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
                while stream.write_all(&[0x30; 4096]).await.is_ok() {}
                return None;
            }
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        if method != "HEAD" {
            bytes.extend_from_slice(&self.body);
        }
        stream.write_all(&bytes).await.ok()?;
        stream.flush().await.ok()
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// Answers by method and path; everything else is 404. More may be added while it is served.
#[derive(Default, Clone)]
pub(crate) struct Routes {
    answers: Arc<Mutex<HashMap<(String, String), Answer>>>,
    /// Each connection is closed after its answer, which does not say so.
    closes: bool,
}

impl Routes {
    pub(crate) fn new() -> Routes {
        Routes::default()
    }

    pub(crate) fn on(
        self,
        method: &str,
        path: &str,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Routes {
        self.answers.lock().unwrap().insert((method.to_owned(), path.to_owned()), Arc::new(answer));
        self
    }

    /// Closes each connection after its answer without announcing it.
    pub(crate) fn that_close(self) -> Routes {
        Routes { closes: true, ..self }
    }

    pub(crate) async fn serve(self) -> RoutedSite {
        self.serve_at(Ipv4Addr::LOCALHOST.into(), None).await
    }

    /// On another loopback address: for the prober another host.
    pub(crate) async fn serve_at(self, ip: IpAddr, tls: Option<TlsAcceptor>) -> RoutedSite {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (routes, seen) = (self.clone(), Arc::clone(&asked));
        let serving = tokio::spawn(accept(listener, move |connection, stream| {
            let (routes, seen, tls) = (routes.clone(), Arc::clone(&seen), tls.clone());
            async move {
                stream.set_nodelay(true).unwrap();
                let _ = match tls {
                    None => routes.converse(stream, &seen, connection).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => routes.converse(stream, &seen, connection).await,
                        Err(_) => None,
                    },
                };
            }
        }));
        RoutedSite { address, scheme, routes: self, asked, serving }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let key = (asked.method.clone(), asked.path.clone());
        let answer = self.answers.lock().unwrap().get(&key).cloned();
        match answer {
            Some(answer) => answer(asked),
            None => Reply::html("<h1>nothing here</h1>").with_status(404),
        }
    }

    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        seen: &Mutex<Vec<Asked>>,
        connection: usize,
    ) -> Option<()> {
        let mut bytes = Vec::new();
        loop {
            let asked = Asked { connection, ..read(&mut stream, &mut bytes).await? };
            seen.lock().unwrap().push(asked.clone());
            self.answer(&asked).send(&mut stream, &asked.method).await?;
            if self.closes {
                let _ = stream.shutdown().await;
                return None;
            }
        }
    }
}

/// Routes that are served. Ends when it is dropped.
pub(crate) struct RoutedSite {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    routes: Routes,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl RoutedSite {
    /// Answers GET of a path with this from now on.
    pub(crate) fn put(&self, path: &str, reply: Reply) {
        let _ = self.routes.clone().on("GET", path, move |_| reply.clone());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `GET /x`, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    /// The paths asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// The requests of one kind.
    pub(crate) fn of(&self, method: &str, path: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.method == method && asked.path == path);
        asked
    }
}

impl Drop for RoutedSite {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Where targets run: their tests have no runtime, or block the only thread of one. They end with
/// the process.
static TARGETS: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

/// A server to be probed by another process: answers as told, or holds a request until it is
/// released.
pub(crate) struct Target {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
    asked: Arc<Mutex<String>>,
}

impl Target {
    /// Answers at once, with status 200 until told otherwise.
    pub(crate) fn answering(body: &'static str) -> Target {
        Target::serve(body, None)
    }

    /// Does not answer a request before [`Held::release`].
    pub(crate) fn holding() -> (Target, Held) {
        let released = Arc::new(Semaphore::new(0));
        (Target::serve("held", Some(Arc::clone(&released))), Held { released })
    }

    fn serve(body: &'static str, released: Option<Arc<Semaphore>>) -> Target {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let target = Target {
            address: listener.local_addr().unwrap(),
            status: Arc::new(AtomicU16::new(200)),
            requests: Arc::default(),
            asked: Arc::default(),
        };
        let (status, requests) = (Arc::clone(&target.status), Arc::clone(&target.requests));
        let asked = Arc::clone(&target.asked);
        TARGETS.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let serve = |_: usize, mut stream: TcpStream| {
                let (status, requests) = (Arc::clone(&status), Arc::clone(&requests));
                let (asked, released) = (Arc::clone(&asked), released.clone());
                async move {
                    let Some(request) = read(&mut stream, &mut Vec::new()).await else { return };
                    *asked.lock().unwrap() = request.target;
                    requests.fetch_add(1, Ordering::SeqCst);
                    if let Some(released) = released
                        && let Ok(permit) = released.acquire().await
                    {
                        permit.forget();
                    }
                    let reply = Reply::html(body).header("Connection", "close");
                    let reply = reply.with_status(status.load(Ordering::SeqCst));
                    let _ = reply.send(&mut stream, &request.method).await;
                }
            };
            accept(listener, serve).await;
        });
        target
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Path and query of the last request, as they were sent.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Releases held requests, one a call, and all of them when it is dropped, so that a failed test ends.
pub(crate) struct Held {
    released: Arc<Semaphore>,
}

impl Held {
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.released.close();
    }
}

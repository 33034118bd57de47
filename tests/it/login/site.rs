//! A web site made for one test: routes are closures, every request is kept, and an answer may be
//! late or never come. Spoken by hand over the socket, so that "the server closed the connection
//! without a word" can be said too.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

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
}

impl Asked {
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

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    delay: Duration,
    silent: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        let (headers, body) = (Vec::new(), Vec::new());
        Reply { status, headers, body, delay: Duration::ZERO, silent: false }
    }

    pub(crate) fn html(text: impl Into<String>) -> Reply {
        let mut reply = Reply::status(200).header("Content-Type", "text/html; charset=utf-8");
        reply.body = text.into().into_bytes();
        reply
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Reply {
        Reply::status(302).header("Location", to)
    }

    /// Closes the connection without a word.
    pub(crate) fn hang_up() -> Reply {
        Reply { silent: true, ..Reply::status(0) }
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
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running site. Ends when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

/// Routes before the site runs.
#[derive(Default, Clone)]
pub(crate) struct Routes(HashMap<(String, String), Answer>);

impl Routes {
    pub(crate) fn new() -> Routes {
        Routes::default()
    }

    pub(crate) fn on(
        mut self,
        method: &str,
        path: &str,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Routes {
        self.0.insert((method.to_owned(), path.to_owned()), Arc::new(answer));
        self
    }

    pub(crate) async fn serve(self) -> Site {
        self.serve_at(Ipv4Addr::LOCALHOST.into(), None).await
    }

    /// On another loopback address: for the prober another host.
    pub(crate) async fn serve_at(self, ip: IpAddr, tls: Option<TlsAcceptor>) -> Site {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let serving = tokio::spawn(accept(listener, self, Arc::clone(&asked), tls));
        Site { address, scheme, asked, serving }
    }
}

impl Site {
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

    /// The requests of one kind.
    pub(crate) fn of(&self, method: &str, path: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.method == method && asked.path == path);
        asked
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(
    listener: TcpListener,
    routes: Routes,
    asked: Arc<Mutex<Vec<Asked>>>,
    tls: Option<TlsAcceptor>,
) {
    let mut connection = 0;
    // Connections end with the site.
    let mut tasks = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connection += 1;
        stream.set_nodelay(true).unwrap();
        let (routes, asked, tls) = (routes.clone(), Arc::clone(&asked), tls.clone());
        tasks.spawn(async move {
            match tls {
                None => converse(stream, &routes, &asked, connection).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => converse(stream, &routes, &asked, connection).await,
                    Err(_) => None,
                },
            }
        });
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    routes: &Routes,
    asked: &Mutex<Vec<Asked>>,
    connection: usize,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream, connection).await?;
        asked.lock().unwrap().push(request.clone());
        let key = (request.method.clone(), request.path.clone());
        let reply = match routes.0.get(&key) {
            Some(answer) => answer(&request),
            None => Reply::html("<h1>nothing here</h1>").with_status(404),
        };
        // How slow the server is, as the test says; no test waits by it.
        tokio::time::sleep(reply.delay).await;
        if reply.silent {
            return None;
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len()));
        let mut bytes = head.into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&reply.body);
        }
        stream.get_mut().write_all(&bytes).await.ok()?;
        stream.get_mut().flush().await.ok()?;
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, connection: usize) -> Option<Asked> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut asked = Asked { method, path, query, headers, body: Vec::new(), connection };
    let length = asked.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    asked.body = vec![0; length];
    stream.read_exact(&mut asked.body).await.ok()?;
    Some(asked)
}

//! Web servers that do exactly what a test says, byte by byte: what real servers refuse to do.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on a port of its own. It ends with the test's runtime.
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
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let visitor = Visitor { stream, seen: Arc::clone(&seen) };
                let script = Arc::clone(&script);
                tokio::spawn(async move { script(visitor).await });
            }
        });
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
    /// Reads one request, its body included when it has a `Content-Length`.
    pub(crate) async fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16384];
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                });
                if body.len() >= length.unwrap_or(0) {
                    self.seen.lock().unwrap().push(text.clone());
                    return text;
                }
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// Sends bytes; a client that is gone is no error.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Says goodbye and waits for the client to do so too, so that no reset overtakes the answer.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        let mut buffer = [0; 1024];
        while matches!(self.stream.read(&mut buffer).await, Ok(read) if read > 0) {}
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

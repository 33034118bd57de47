//! Fetches certificates and revocation lists over plain HTTP: the only requests that this program
//! makes on its own account. Who is asked is written in certificates, that is, by strangers, so
//! everything has a limit and the answer is never shown to anyone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::Client;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

use crate::probe::carrier::{Carrier, Handover, Message, Protocol};
use crate::probe::client::{Connections, no_tls};
use crate::probe::clock::{Alpn, ConnectHook, Counters};

/// The whole of one fetch. CAs answer in well under a second.
const FETCH_TIME: Duration = Duration::from_secs(10);

/// Redirects followed.
const MAX_REDIRECTS: usize = 2;

/// Fetches at a time. A fleet of probes starts with as many lists to fetch as there are issuers.
const MAX_FETCHES: usize = 8;

/// Who we are.
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("bongsu/", env!("CARGO_PKG_VERSION")));

/// Makes a connection for each fetch.
#[derive(Clone)]
pub(crate) struct Fetcher {
    permits: Arc<Semaphore>,
}

impl Fetcher {
    pub(crate) fn new() -> Fetcher {
        Fetcher { permits: Arc::new(Semaphore::new(MAX_FETCHES)) }
    }

    /// The body at an `http:` address, at most `limit` bytes; else one sentence why not.
    pub(crate) async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let _permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        match timeout(FETCH_TIME, Fetcher::follow(url, limit)).await {
            Ok(fetched) => fetched.map_err(|why| format!("{url}: {why}")),
            Err(_) => Err(format!("{url}: it took longer than {} s", FETCH_TIME.as_secs())),
        }
    }

    async fn follow(url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let handover = Arc::new(Handover::default());
        let client = Client::builder()
            .tls_backend_preconfigured(no_tls().map_err(|failure| failure.detail)?)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connector_layer(ConnectHook {
                clock: Arc::default(),
                alpn: Alpn::Any,
                counters: Counters::Unwanted,
                unless_negotiated: Protocol::Http1,
                handover: Arc::clone(&handover),
            })
            .build()
            .map_err(|_| "there is no HTTP client")?;
        let mut carrier = Carrier::new(Connections::Fresh);
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        for _ in 0..=MAX_REDIRECTS {
            if url.scheme() != "http" {
                return Err("a redirect to something other than http".to_owned());
            }
            let message = Message {
                method: Method::GET,
                url: &url,
                headers: HeaderMap::from_iter([(USER_AGENT, OURSELVES)]),
                body: Bytes::new(),
            };
            let sent = carrier.send((&client, &handover), message).await;
            let response = sent.map_err(|error| innermost(&*error))?;
            match target(&url, &response) {
                Some(next) => url = next?,
                None => return body(&carrier, response, limit).await,
            }
        }
        Err("too many redirects".to_owned())
    }
}

impl chain::Fetch for Fetcher {
    fn get(&self, url: String, limit: usize) -> BoxFuture<'static, Result<Vec<u8>, String>> {
        let fetcher = self.clone();
        async move { fetcher.get(&url, limit).await }.boxed()
    }
}

/// Where a redirect leads; `None` for any other answer.
fn target(from: &Url, response: &Response<Incoming>) -> Option<Result<Url, String>> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok();
    let next = location.and_then(|location| from.join(location).ok());
    Some(next.ok_or_else(|| "a redirect to no URL".to_owned()))
}

async fn body(
    carrier: &Carrier,
    mut response: Response<Incoming>,
    limit: usize,
) -> Result<Vec<u8>, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("status {}", response.status().as_u16()));
    }
    carrier.expect_body(limit as u64);
    let mut body = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        let frame = frame.map_err(|error| innermost(&error))?;
        let Some(piece) = frame.data_ref() else { continue };
        if body.len() + piece.len() > limit {
            return Err(format!("more than {limit} bytes"));
        }
        body.extend_from_slice(piece);
    }
    Ok(body)
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_sends_without_end_is_left_early() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let heads = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
            while stream.write_all(heads.as_bytes()).is_ok() {}
        });
        let fetcher = Fetcher::new();
        let error = fetcher.get(&format!("http://{address}/ca.crl"), 1 << 20).await.unwrap_err();
        assert!(error.contains("the server sends without end"), "{error}");
    }
}

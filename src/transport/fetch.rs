//! Fetches certificates and revocation lists over plain HTTP and LDAP: the only requests that this program
//! makes on its own account. Who is asked is written in certificates, that is, by strangers, so
//! everything has a limit and the answer is never shown to anyone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chain::{Fetch, FetchReach};
use futures_util::future::BoxFuture;
use http::header::{HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use url::Url;

use super::http::{Client, Connections, Message, Repeat};
use super::ldap::LdapUrl;
use super::resolve::Resolvers;
use super::{Endpoint, Purpose, ReadCounters, Recorder, Transport, ldap};
use crate::build_info;
use crate::config::{DialOptions, HttpVersions, RouteOptions};
use crate::deadline::{Deadline, Expired};
use crate::outcome::Facts;

/// The whole of one fetch. CAs answer in well under a second.
const FETCH_TIME: Duration = Duration::from_secs(10);

/// Limit: redirects of one fetch.
/// Share: of each fetch.
/// Full: the fetch fails.
/// Filled: an_issuer_that_cannot_be_fetched_leaves_it_unknown_in_time
const MAX_REDIRECTS: usize = 2;

const OURSELVES: HeaderValue = HeaderValue::from_static(build_info::USER_AGENT);

/// Makes a connection for each fetch.
#[derive(Clone)]
pub struct Fetcher {
    resolvers: Arc<Resolvers>,
}

impl Fetch for Fetcher {
    fn get(
        &self,
        url: String,
        limit: usize,
        reach: FetchReach,
    ) -> BoxFuture<'static, Result<Vec<u8>, String>> {
        let fetcher = self.clone();
        Box::pin(async move { fetcher.get(&url, limit, reach).await })
    }
}

impl Fetcher {
    pub fn new(resolvers: &Arc<Resolvers>) -> Fetcher {
        Fetcher { resolvers: Arc::clone(resolvers) }
    }

    /// What is at an `http:` or `ldap:` address, at most `limit` bytes; else one sentence why not.
    pub(crate) async fn get(
        &self,
        url: &str,
        limit: usize,
        reach: FetchReach,
    ) -> Result<Vec<u8>, String> {
        let deadline = Deadline::after(FETCH_TIME);
        let fetch = async {
            match chain::is_ldap(url) {
                true => self.search(url, limit, reach, &deadline).await,
                false => self.follow(url, limit, reach, &deadline).await,
            }
        };
        match deadline.within(fetch).await {
            Ok(fetched) => fetched.map_err(|why| format!("{url}: {why}")),
            Err(Expired) => Err(format!("{url}: it took longer than {} s", FETCH_TIME.as_secs())),
        }
    }

    async fn search(
        &self,
        url: &str,
        limit: usize,
        reach: FetchReach,
        deadline: &Deadline,
    ) -> Result<Vec<u8>, String> {
        let url = LdapUrl::parse(url)?;
        let (dial, route) = (DialOptions::default(), RouteOptions::default());
        let endpoint = Endpoint {
            host: &url.host,
            port: url.port,
            tls: None,
            purpose: Purpose::Bytes,
            is_home: true,
        };
        let mut facts = Facts::default();
        let mut recorder = Recorder::new(&mut facts);
        let opened =
            self.transport(&dial, &route, reach).open(&endpoint, &mut recorder, deadline).await;
        let mut connection = opened.map_err(|failure| failure.detail)?;
        ldap::fetch(&mut connection.stream, &url, limit).await
    }

    /// Straight to the server, without TLS.
    fn transport<'a>(
        &'a self,
        dial: &'a DialOptions,
        route: &'a RouteOptions,
        reach: FetchReach,
    ) -> Transport<'a> {
        Transport {
            resolvers: &self.resolvers,
            dial,
            route,
            pinned: None,
            tls: None,
            proxy: None,
            counters: ReadCounters::No,
            reach,
        }
    }

    async fn follow(
        &self,
        url: &str,
        limit: usize,
        reach: FetchReach,
        deadline: &Deadline,
    ) -> Result<Vec<u8>, String> {
        let (dial, route) = (DialOptions::default(), RouteOptions::default());
        let transport = self.transport(&dial, &route, reach);
        let mut client = Client::new(transport, HttpVersions::Http1, Connections::Fresh);
        let mut facts = Facts::default();
        let mut recorder = Recorder::new(&mut facts);
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
                server_name: None,
                is_home: true,
                repeat: Repeat::Allowed,
            };
            let sent = client.send(&message, &mut recorder, deadline).await;
            let response = sent.map_err(|failure| failure.detail)?;
            match target(&url, &response) {
                Some(next) => url = next?,
                None => return body(&mut client, response, limit).await,
            }
        }
        Err("too many redirects".to_owned())
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
    client: &mut Client<'_>,
    mut response: Response<Incoming>,
    limit: usize,
) -> Result<Vec<u8>, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("status {}", response.status().as_u16()));
    }
    client.expect_body(limit as u64);
    let mut body = Vec::new();
    while let Some(frame) = client.frame(response.body_mut()).await {
        let frame = frame.map_err(|failure| failure.detail)?;
        let Some(piece) = frame.data_ref() else { continue };
        if body.len() + piece.len() > limit {
            return Err(format!("more than {limit} bytes"));
        }
        body.extend_from_slice(piece);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_answer_beyond_its_limit_is_refused() {
        const LIMIT: usize = 10_000;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap();
                let bytes = LIMIT + usize::from(request[..read].starts_with(b"GET /large"));
                let body = "x".repeat(bytes);
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
            }
        });
        let fetcher = Fetcher::new(&Arc::default());
        let fits =
            fetcher.get(&format!("http://{address}/ca.crl"), LIMIT, FetchReach::Anywhere).await;
        assert_eq!(fits.unwrap().len(), LIMIT);
        let error = fetcher
            .get(&format!("http://{address}/large.crl"), LIMIT, FetchReach::Anywhere)
            .await
            .unwrap_err();
        assert!(error.ends_with("more than 10000 bytes"), "{error}");
    }

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
        let fetcher = Fetcher::new(&Arc::default());
        let error = fetcher
            .get(&format!("http://{address}/ca.crl"), 1 << 20, FetchReach::Anywhere)
            .await
            .unwrap_err();
        assert!(error.contains("without end"), "{error}");
    }
}

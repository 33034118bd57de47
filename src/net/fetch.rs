//! Fetches certificates and revocation lists over plain HTTP: the only requests that this program
//! makes on its own account. Who is asked is written in certificates, that is, by strangers, so
//! everything has a limit and the answer is never shown to anyone.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, StatusCode};
use tokio::sync::Semaphore;

/// The whole of one fetch. CAs answer in well under a second.
const FETCH_TIME: Duration = Duration::from_secs(10);

/// Redirects followed.
const MAX_REDIRECTS: usize = 2;

/// Fetches at a time. A fleet of probes starts with as many lists to fetch as there are issuers.
const MAX_FETCHES: usize = 8;

/// The one HTTP client for this.
pub(crate) struct Fetcher {
    client: Option<Client>,
    permits: Semaphore,
}

impl Fetcher {
    /// `tls` is never used, as only `http:` is followed, but the client wants one.
    pub(crate) fn new(tls: rustls::ClientConfig) -> Fetcher {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::custom(follow))
            .pool_max_idle_per_host(0)
            .timeout(FETCH_TIME)
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            .build();
        Fetcher { client: client.ok(), permits: Semaphore::new(MAX_FETCHES) }
    }

    /// The body at an `http:` address, at most `limit` bytes; else one sentence why not.
    pub(crate) async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let client = self.client.as_ref().ok_or("there is no HTTP client")?;
        let _permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        let failed = |error: reqwest::Error| format!("{url}: {}", innermost(&error));
        let mut response = client.get(url).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(format!("{url}: status {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                return Err(format!("{url}: more than {limit} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.url().scheme() != "http" {
        return attempt.error("a redirect to something other than http");
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

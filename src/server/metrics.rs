//! `/metrics`: the text format, version 0.0.4, written to the client as it is made.

use std::io::{self, Write};
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Site;
use super::connections::ClientConnection;
use crate::config::Config;
use crate::metrics::{self, Daemon, Gone};
use crate::results::LatestResults;

/// Where the numbers come from.
pub struct Sources {
    pub results: Arc<LatestResults>,
    pub daemon: Arc<Daemon>,
    pub config: watch::Receiver<Arc<Config>>,
}

impl Sources {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let snapshot = self.results.snapshot(Instant::now());
        let mut broken = None;
        let written = metrics::write(&snapshot, &self.daemon, &mut |chunk| {
            out.write_all(&chunk).map_err(|error| {
                broken = Some(error);
                Gone
            })
        });
        match (written, broken) {
            (Ok(()), _) => Ok(()),
            (Err(Gone), error) => Err(error.unwrap_or(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

pub(super) async fn metrics(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    headers: HeaderMap,
) -> Response {
    let shown = Arc::clone(&site);
    let write = move |out: &mut dyn Write| shown.sources.write(out);
    site.writers.answer(&client, &headers, metrics::CONTENT_TYPE, write).await
}

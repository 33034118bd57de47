//! `/metrics`: the text format, version 0.0.4.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::Site;

/// Prometheus 3 refuses a scrape without an exact type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let exposition = Arc::clone(&site.exposition);
    site.writers.answer(&headers, TEXT_FORMAT, move |out| exposition(out))
}

//! Pages: each is made by a blocking thread, a few at a time and in fair turns.
//!
//! Seventeen thousand rows are sorted, written and compressed for a page. Whoever asks for many at once, and
//! whether he waits for them or not, is to take neither the probes' processor nor other readers' time.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::connections::ClientConnection;
use super::fair_turns::{FairTurns, TurnLimits};

/// Of two cores one is left to the probes for most of the time; a page takes tens of milliseconds.
///
/// Limit: pages that are made at a time.
/// Share: of all.
/// Full: the next one waits.
/// Filled: readers_without_end_keep_nobody_waiting
const TURNS_MAX: usize = 2;
/// People behind one gateway, after a page that paged them all.
///
/// Limit: requests for a page that wait for their turn.
/// Share: of each address.
/// Full: the oldest gets 503.
/// Filled: requests_for_pages_wait_in_a_bounded_room
const WAITING_MAX: usize = 32;

/// The places for pages.
pub(super) struct PageTurns(Arc<FairTurns>);

impl PageTurns {
    pub(super) fn new() -> PageTurns {
        PageTurns(FairTurns::new(TurnLimits { turns: TURNS_MAX, waiting: WAITING_MAX }))
    }

    /// Answers with what `make` makes; 503 when newer requests of the same address took its place.
    pub(super) async fn answer(
        &self,
        client: &ClientConnection,
        make: impl FnOnce() -> Response + Send + 'static,
    ) -> Response {
        let Some(turn) = self.0.take(client).await else {
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            let text = "too many requests of your address wait for a page\n";
            return (StatusCode::SERVICE_UNAVAILABLE, later, text).into_response();
        };
        let made = tokio::task::spawn_blocking(move || {
            let page = make();
            // Not sooner where the reader has left: the work goes on.
            drop(turn);
            page
        });
        made.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::super::connections::ClientAddress;
    use super::*;

    #[tokio::test]
    async fn requests_for_pages_wait_in_a_bounded_room() {
        let pages = PageTurns::new();
        let client = ClientConnection::alone(ClientAddress::of(Ipv4Addr::LOCALHOST.into()));
        let mut taken = Vec::new();
        for _ in 0..TURNS_MAX {
            taken.push(pages.0.take(&client).await.unwrap());
        }
        let page = || StatusCode::OK.into_response();
        let mut waiting: Vec<_> =
            (0..WAITING_MAX + 1).map(|_| Box::pin(pages.answer(&client, page))).collect();
        for request in &mut waiting {
            assert!(request.now_or_never().is_none());
        }
        let oldest = waiting.remove(0).now_or_never();
        assert_eq!(oldest.map(|answer| answer.status()), Some(StatusCode::SERVICE_UNAVAILABLE));
        drop(taken);
        for answer in join_all(waiting).await {
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }
}

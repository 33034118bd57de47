//! Long answers: written by a blocking thread, sent in chunks while it writes.
//!
//! Seventeen thousand probes are a hundred megabytes of exposition. The thread is held back by a
//! bounded channel, so that an answer costs the memory of a few chunks, and it gives up on a
//! client that does not read. Encoding runs beside the probes, never on their threads.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Long answers at once: two replicas of Prometheus, a person, and one to spare.
///
/// Limit: long answers at a time.
/// Share: of all.
/// Full: 503.
/// Filled: clients_that_do_not_read_hold_their_places_and_a_few_chunks
const WRITERS_MAX: usize = 4;
/// A chunk: large enough that handing it over costs nothing.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks waiting for the client.
///
/// Limit: chunks of 64 KiB that wait for a client.
/// Share: of each long answer.
/// Full: the writer waits, and gives up.
/// Filled: clients_that_do_not_read_hold_their_places_and_a_few_chunks
const CHUNKS_WAITING: usize = 4;
/// How long a client may leave a chunk lying. As long as the default scrape timeout.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(10);

/// The places for long answers.
pub(super) struct Writers {
    places: Arc<Semaphore>,
}

impl Writers {
    pub(super) fn new() -> Writers {
        Writers { places: Arc::new(Semaphore::new(WRITERS_MAX)) }
    }

    /// Answers with what `write` writes; 503 when every place is taken.
    pub(super) fn answer(
        &self,
        request: &HeaderMap,
        content_type: &'static str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Response {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            let text = format!("{WRITERS_MAX} answers of this size are being written already\n");
            return (StatusCode::SERVICE_UNAVAILABLE, later, text).into_response();
        };
        let compressed = accepts_gzip(request);
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut chunks = Chunks { sender, runtime, filled: Vec::with_capacity(CHUNK_BYTES) };
            let written = if compressed {
                // The level that saves most per millisecond; Prometheus is on the same network.
                let mut encoder = GzEncoder::new(&mut chunks, Compression::fast());
                write(&mut encoder).and_then(|()| encoder.finish().map(drop))
            } else {
                write(&mut chunks)
            };
            chunks.end(written);
            drop(place);
        });
        let body = Body::from_stream(stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        }));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Collects small writes into chunks.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    filled: Vec<u8>,
}

impl Chunks {
    fn send(&self, chunk: io::Result<Bytes>) -> io::Result<()> {
        match self.runtime.block_on(timeout(CHUNK_TIMEOUT, self.sender.send(chunk))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client went away")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")),
        }
    }

    /// An answer that could not be finished must not look finished: the error breaks the
    /// connection off.
    fn end(mut self, written: io::Result<()>) {
        let ended = written.and_then(|()| self.flush());
        if let Err(error) = ended {
            tracing::debug!(%error, "answer broken off");
            let _ = self.send(Err(error));
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.filled.extend_from_slice(bytes);
        if self.filled.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.filled.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.filled, Vec::with_capacity(CHUNK_BYTES));
        self.send(Ok(full.into()))
    }
}

/// Whether the client asks for gzip (RFC 9110 section 12.5.3; a weight of zero is a refusal).
pub(super) fn accepts_gzip(request: &HeaderMap) -> bool {
    request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
            name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn clients_that_do_not_read_hold_their_places_and_a_few_chunks() {
        let writers = Writers::new();
        let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let answer = || {
            let written = Arc::clone(&written);
            writers.answer(&HeaderMap::new(), "text/plain", move |out| {
                loop {
                    out.write_all(&[b'x'; 1024])?;
                    written.fetch_add(1024, std::sync::atomic::Ordering::Relaxed);
                }
            })
        };
        let unread: Vec<Response> = (0..WRITERS_MAX).map(|_| answer()).collect();
        assert_eq!(answer().status(), StatusCode::SERVICE_UNAVAILABLE);
        let full = WRITERS_MAX * (CHUNKS_WAITING + 1) * CHUNK_BYTES;
        let filled = async {
            while written.load(std::sync::atomic::Ordering::Relaxed) < full - WRITERS_MAX * 1024 {
                tokio::task::yield_now().await;
            }
        };
        timeout(CHUNK_TIMEOUT, filled).await.unwrap();
        assert!(written.load(std::sync::atomic::Ordering::Relaxed) <= full);
        drop(unread);
        let free = async {
            while answer().status() != StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        timeout(CHUNK_TIMEOUT, free).await.unwrap();
    }

    #[test]
    fn gzip_is_used_when_asked_for_and_not_refused() {
        for (value, wanted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]);
            assert_eq!(accepts_gzip(&headers), wanted, "{value}");
        }
    }
}

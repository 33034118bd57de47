//! Long answers: written by a blocking thread, sent in chunks while it writes.
//!
//! Seventeen thousand probes are a hundred megabytes of exposition. The thread is held back by a
//! bounded channel, so that an answer costs the memory of a few chunks, and it gives up on a
//! client that does not read: after a while by itself, and sooner when somebody else needs the place.
//! Encoding runs beside the probes, never on their threads.

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
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::connections::ClientConnection;
use super::fair_turns::{FairTurn, FairTurns, TurnLimits};

/// Long answers at once: two replicas of Prometheus, a person, and one to spare.
///
/// Limit: long answers at a time.
/// Share: of all.
/// Full: the client that has kept its answer waiting longest is left, or the next one waits.
/// Filled: clients_that_do_not_read_give_way_to_one_that_does
const WRITERS_MAX: usize = 4;
/// More are not of a Prometheus.
///
/// Limit: requests for a long answer that wait for their turn.
/// Share: of each address.
/// Full: the oldest gets 503.
/// Filled: requests_for_long_answers_wait_in_a_bounded_room
const WAITING_MAX: usize = 16;
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
/// How long in all a client may have kept its answer waiting when its place is needed. A scraper
/// that reads has used up nothing of it; one that does not must not delay another by a second.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a request waits for its turn before it is told to come back.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often somebody who waits looks whether a place can be made.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The places for long answers.
pub(super) struct Writers {
    turns: Arc<FairTurns>,
    answers: Mutex<Vec<Arc<LongAnswer>>>,
}

/// One that is being written.
struct LongAnswer {
    client: Arc<ClientConnection>,
    /// How long the client has kept it waiting, and since when it does now.
    waited: Mutex<WaitedForClient>,
    left: CancellationToken,
}

#[derive(Default)]
struct WaitedForClient {
    before: Duration,
    since: Option<Instant>,
}

impl LongAnswer {
    fn of(client: &Arc<ClientConnection>) -> Arc<LongAnswer> {
        let (waited, left) = (Mutex::default(), CancellationToken::new());
        Arc::new(LongAnswer { client: Arc::clone(client), waited, left })
    }

    fn waited(&self) -> Duration {
        let waited = self.waited.lock();
        waited.before + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begins_to_wait(&self) {
        self.waited.lock().since = Some(Instant::now());
    }

    fn goes_on(&self) {
        let before = self.waited();
        *self.waited.lock() = WaitedForClient { before, since: None };
    }
}

impl Writers {
    pub(super) fn new() -> Writers {
        let turns = FairTurns::new(TurnLimits { turns: WRITERS_MAX, waiting: WAITING_MAX });
        Writers { turns, answers: Mutex::default() }
    }

    /// Answers with what `write` writes; 503 when no place was found in time.
    pub(super) async fn answer(
        &self,
        client: &Arc<ClientConnection>,
        request: &HeaderMap,
        content_type: &'static str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Response {
        let Some(turn) = self.turn(client).await else {
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            let text = format!("{WRITERS_MAX} answers of this size are being written already\n");
            return (StatusCode::SERVICE_UNAVAILABLE, later, text).into_response();
        };
        let answer = LongAnswer::of(client);
        {
            let mut answers = self.answers.lock();
            answers.retain(|other| Arc::strong_count(other) > 1);
            answers.push(Arc::clone(&answer));
        }
        let compressed = accepts_gzip(request);
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        let (runtime, under_way) = (Handle::current(), client.begin());
        tokio::task::spawn_blocking(move || {
            let filled = Vec::with_capacity(CHUNK_BYTES);
            let mut chunks = Chunks { sender, runtime, filled, answer };
            let written = if compressed {
                // The level that saves most per millisecond; Prometheus is on the same network.
                let mut encoder = GzEncoder::new(&mut chunks, Compression::fast());
                write(&mut encoder).and_then(|()| encoder.finish().map(drop))
            } else {
                write(&mut chunks)
            };
            chunks.end(written, &turn);
            drop((under_way, turn));
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

    async fn turn(&self, client: &ClientConnection) -> Option<FairTurn> {
        let deadline = Instant::now() + TURN_TIMEOUT;
        let mut turn = std::pin::pin!(self.turns.take(client));
        while Instant::now() < deadline {
            if !self.turns.are_free() {
                self.make_a_place();
            }
            if let Ok(turn) = timeout(LOOK_AGAIN, turn.as_mut()).await {
                return turn;
            }
        }
        None
    }

    /// Leaves the client that has kept its answer waiting longest, if that is too long.
    fn make_a_place(&self) {
        let mut answers = self.answers.lock();
        let slowest = answers.iter().enumerate().max_by_key(|(_, answer)| answer.waited());
        if let Some((position, answer)) = slowest
            && answer.waited() >= PATIENCE
        {
            answer.left.cancel();
            answers.remove(position);
        }
    }
}

/// Collects small writes into chunks.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    filled: Vec<u8>,
    answer: Arc<LongAnswer>,
}

impl Chunks {
    fn send(&self, chunk: Bytes) -> io::Result<()> {
        self.answer.begins_to_wait();
        let sent = self.runtime.block_on(async {
            tokio::select! {
                sent = timeout(CHUNK_TIMEOUT, self.sender.send(Ok(chunk))) => sent,
                () = self.answer.left.cancelled() => {
                    return Err(io::Error::other("the client is slow, and its place was needed"));
                }
            }
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client does not read"))?
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away"))
        });
        self.answer.goes_on();
        sent
    }

    /// An answer that could not be finished must not look finished, so the connection is broken off.
    fn end(mut self, written: io::Result<()>, turn: &FairTurn) {
        if let Err(error) = written.and_then(|()| self.flush()) {
            tracing::debug!(%error, "answer broken off");
            turn.ended_badly();
            self.answer.client.break_off();
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
        self.send(full.into())
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
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::super::connections::ClientAddress;
    use super::*;

    fn client() -> Arc<ClientConnection> {
        ClientConnection::alone(ClientAddress::of(Ipv4Addr::LOCALHOST.into()))
    }

    /// An answer without end, of which `written` counts the bytes.
    async fn endless(
        writers: &Writers,
        client: &Arc<ClientConnection>,
        written: &Arc<AtomicUsize>,
    ) -> Response {
        let written = Arc::clone(written);
        let write = move |out: &mut dyn Write| {
            loop {
                out.write_all(&[b'x'; 1024])?;
                written.fetch_add(1024, Ordering::Relaxed);
            }
        };
        writers.answer(client, &HeaderMap::new(), "text/plain", write).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn clients_that_do_not_read_hold_their_places_and_a_few_chunks() {
        let (writers, written) = (Writers::new(), Arc::default());
        let mut unread = Vec::new();
        for _ in 0..WRITERS_MAX {
            unread.push(endless(&writers, &client(), &written).await);
        }
        let full = WRITERS_MAX * (CHUNKS_WAITING + 1) * CHUNK_BYTES;
        let filled = async {
            while written.load(Ordering::Relaxed) < full - WRITERS_MAX * 1024 {
                tokio::task::yield_now().await;
            }
        };
        timeout(CHUNK_TIMEOUT, filled).await.unwrap();
        assert!(written.load(Ordering::Relaxed) <= full);
        drop(unread);
        let all_free = async {
            while writers.answers.lock().iter().any(|answer| Arc::strong_count(answer) > 1) {
                tokio::task::yield_now().await;
            }
        };
        timeout(CHUNK_TIMEOUT, all_free).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn clients_that_do_not_read_give_way_to_one_that_does() {
        let (writers, written) = (Writers::new(), Arc::default());
        let slow: Vec<_> = (0..WRITERS_MAX).map(|_| client()).collect();
        let mut unread = Vec::new();
        for client in &slow {
            unread.push(endless(&writers, client, &written).await);
        }
        let before = Instant::now();
        let write = |out: &mut dyn Write| out.write_all(b"short");
        let answer = writers.answer(&client(), &HeaderMap::new(), "text/plain", write).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(before.elapsed() < TURN_TIMEOUT);
        let left = slow.iter().filter(|client| client.is_broken_off()).count();
        assert_eq!(left, 1, "one place was needed");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_for_long_answers_wait_in_a_bounded_room() {
        let writers = Writers::new();
        let asking = client();
        let mut taken = Vec::new();
        for _ in 0..WRITERS_MAX {
            taken.push(writers.turns.take(&asking).await.unwrap());
        }
        let mut waiting: Vec<_> =
            (0..WAITING_MAX + 1).map(|_| Box::pin(writers.turn(&asking))).collect();
        for turn in &mut waiting {
            assert!(turn.now_or_never().is_none());
        }
        let before = Instant::now();
        assert!(waiting.remove(0).await.is_none());
        assert!(before.elapsed() < LOOK_AGAIN, "the oldest does not wait for its time");
        assert!(waiting.remove(0).await.is_none());
        assert!(before.elapsed() >= TURN_TIMEOUT, "nobody reads, and nobody was slow");
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

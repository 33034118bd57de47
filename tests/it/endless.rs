//! Servers that follow the protocol and never come to an end: each run of such a target ends by
//! itself and early, and while it goes on, no other probe of the same worker waits for it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bongsu::config::HttpVersions;
use bongsu::outcome::Reason;

use crate::support::visit::{Visit, detail, reason};

/// CPU time that one turn of a connection may take of its worker, in a build without optimisation
/// on a busy machine. Without limits it was as long as the run.
const STRETCH_MAX: Duration = Duration::from_secs(1);
/// What a server may have written when it is left: the program's limits and the kernel's buffers.
const SENT_MAX: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(15);

/// A server that reads a request, sends a beginning and then one piece for ever.
struct Endless {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Endless {
    fn sending(beginning: impl Into<Vec<u8>>, piece: impl AsRef<[u8]>) -> Endless {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent);
        let beginning = beginning.into();
        let pieces = piece.as_ref().repeat((64 << 10) / piece.as_ref().len());
        // On a thread of its own, so that the worker's time is the client's alone.
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&beginning);
                while stream.write_all(&pieces).is_ok() {
                    count.fetch_add(pieces.len() as u64, Ordering::Relaxed);
                }
            }
        });
        Endless { address, sent }
    }

    fn visit(&self) -> Visit {
        Visit::to(format!("http://{}/", self.address)).within(PATIENCE)
    }
}

/// CPU time of this thread.
fn spent() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Runs against the server, and the longest time for which nothing else had the worker.
async fn harm(visit: Visit) -> (bongsu::outcome::Outcome, Duration) {
    let mut run = Box::pin(visit.run());
    let (mut longest, mut before) = (Duration::ZERO, spent());
    loop {
        tokio::select! {
            biased;
            // What is measured is how late this comes; nothing is waited for.
            () = tokio::time::sleep(Duration::from_millis(1)) => {
                let now = spent();
                longest = longest.max(now - before);
                before = now;
            }
            outcome = &mut run => return (outcome, longest.max(spent() - before)),
        }
    }
}

/// Whether the run ended because of the server's endlessness, and harmed nobody.
async fn ends(name: &str, server: Endless, visit: Visit, said: &str) {
    let (outcome, longest) = harm(visit).await;
    let sent = server.sent.load(Ordering::Relaxed);
    assert_eq!(reason(&outcome), Reason::ProtocolError, "{name}: {outcome:?}");
    assert!(detail(&outcome).contains(said), "{name}: {}", detail(&outcome));
    assert!(outcome.elapsed < PATIENCE, "{name}");
    assert!(longest < STRETCH_MAX, "{name}: the worker was held for {longest:?}");
    assert!(sent < SENT_MAX, "{name}: {sent} bytes were taken");
}

#[tokio::test]
async fn interim_responses_without_end_are_left_early() {
    for head in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    ] {
        let server = Endless::sending("", head);
        let visit = server.visit();
        ends(head.trim_end(), server, visit, "more than 1 MiB before a final response").await;
    }
}

#[tokio::test]
async fn empty_lines_before_the_head_do_not_go_on_for_ever() {
    let server = Endless::sending("", "\r\n");
    let visit = server.visit();
    ends("empty lines", server, visit, "").await;
}

#[tokio::test]
async fn the_framing_of_a_body_does_not_go_on_for_ever() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let extended = format!("{chunked}5;");
    let trailed = format!("{chunked}5\r\nhello\r\n0\r\n");
    for (name, beginning, piece) in [
        ("a chunk extension", extended.as_str(), "a=b;"),
        ("trailers", trailed.as_str(), "X-A: b\r\n"),
        ("extensions of small chunks", chunked, "1;abcdefghijklmnopqrstuvwxyz=\r\nx\r\n"),
    ] {
        let server = Endless::sending(beginning, piece);
        let visit = server.visit().with(|options| options.body_limit = 64 << 10);
        let (outcome, longest) = harm(visit).await;
        let sent = server.sent.load(Ordering::Relaxed);
        let reason = reason(&outcome);
        assert!(
            matches!(reason, Reason::ProtocolError | Reason::BodyTooLarge),
            "{name} {reason:?}"
        );
        assert!(longest < STRETCH_MAX, "{name}: the worker was held for {longest:?}");
        assert!(sent < SENT_MAX, "{name}: {sent} bytes were taken");
    }
}

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u8;
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

#[tokio::test]
async fn http2_frames_without_end_are_left_early() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;
    const CONTINUATION: u8 = 9;
    const END_HEADERS: u8 = 4;
    let hello = frame(SETTINGS, 0, 0, b"");
    let ok = [hello.clone(), frame(HEADERS, END_HEADERS, 1, b"\x88")].concat();
    let unended = [hello.clone(), frame(HEADERS, 0, 1, b"\x88")].concat();
    for (name, beginning, piece) in [
        ("PING", &hello, frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", &hello, frame(SETTINGS, 0, 0, b"")),
        ("informational HEADERS", &hello, frame(HEADERS, END_HEADERS, 1, b"\x08\x03100")),
        ("an unknown frame", &hello, frame(0xbb, 0, 0, b"hello")),
        ("CONTINUATION", &unended, frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b")),
        ("empty CONTINUATION", &unended, frame(CONTINUATION, 0, 1, b"")),
        ("empty DATA", &ok, frame(DATA, 0, 1, b"")),
        ("PING in a body", &ok, frame(PING, 1, 0, &[7; 8])),
        ("WINDOW_UPDATE in a body", &ok, frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0])),
    ] {
        let server = Endless::sending(beginning.clone(), piece);
        let visit = server.visit().with(|options| {
            options.client.versions = HttpVersions::Http2;
            options.body_limit = 64 << 10;
        });
        ends(name, server, visit, "").await;
    }
}

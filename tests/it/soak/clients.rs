//! Those who ask `/metrics` all the time, some that do not read what they asked for, and some that never
//! end their question.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const READING: usize = 20;
/// Fewer than there are places for long answers, which it has for a quarter of a minute each.
const NOT_READING: usize = 2;
const HALF_ASKING: usize = 8;
/// Of an answer, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long those stay who do not read: longer than a chunk may lie.
const HELD: Duration = Duration::from_secs(15);
/// As `Retry-After` says when every place for a long answer is taken.
const LATER: Duration = Duration::from_secs(1);

/// What was asked for and what came, of one client or of all.
#[derive(Debug, Default, Clone)]
pub(super) struct Answered {
    whole: u64,
    told_to_wait: u64,
    broken: Vec<String>,
    slowest: Duration,
    /// The fewest whole answers that one client had.
    fewest: u64,
}

impl Answered {
    pub(super) fn are_good(&self) -> bool {
        self.broken.is_empty() && self.fewest > 0
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {READING} clients of /metrics {} whole answers (at least {} each), {} told to wait, slowest \
             {:.1} s; {} broken {:?}",
            self.whole,
            self.fewest,
            self.told_to_wait,
            self.slowest.as_secs_f64(),
            self.broken.len(),
            self.broken.first()
        )
    }
}

pub(super) struct Clients {
    over: Arc<AtomicBool>,
    reading: Vec<JoinHandle<Answered>>,
}

impl Clients {
    pub(super) fn start(address: SocketAddr, every: Duration) -> Clients {
        let over = Arc::new(AtomicBool::new(false));
        let reading = (0..READING).map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || read_again_and_again(address, every, &over))
        });
        let reading = reading.collect();
        const WHOLE: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let half = &WHOLE[..WHOLE.len() / 2];
        for said in [[WHOLE].repeat(NOT_READING), [half].repeat(HALF_ASKING)].concat() {
            let over = Arc::clone(&over);
            thread::spawn(move || leave(address, said, &over));
        }
        Clients { over, reading }
    }

    pub(super) fn stop(self) -> Answered {
        self.over.store(true, Ordering::SeqCst);
        let mut all = Answered { fewest: u64::MAX, ..Answered::default() };
        for client in self.reading {
            let one = client.join().unwrap();
            all.whole += one.whole;
            all.told_to_wait += one.told_to_wait;
            all.fewest = all.fewest.min(one.whole);
            all.slowest = all.slowest.max(one.slowest);
            all.broken.extend(one.broken);
        }
        all
    }
}

fn read_again_and_again(address: SocketAddr, every: Duration, over: &AtomicBool) -> Answered {
    let mut answered = Answered::default();
    while !over.load(Ordering::SeqCst) {
        let start = Instant::now();
        match scrape(address) {
            Ok(Some(_)) => answered.whole += 1,
            Ok(None) => answered.told_to_wait += 1,
            Err(error) => answered.broken.push(error.to_string()),
        }
        answered.slowest = answered.slowest.max(start.elapsed());
        thread::sleep(every);
    }
    answered
}

/// One `/metrics`, whole; `None` when every place for a long answer was taken.
fn scrape(address: SocketAddr) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0 has no chunks, so that the text stands as it is; a broken one ends with a reset.
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    match text.split(' ').nth(1) {
        Some("200") => Ok(Some(text)),
        Some("503") => Ok(None),
        _ => Err(io::Error::other(text.lines().next().unwrap_or("no answer").to_owned())),
    }
}

/// One `/metrics`, asked for until there is a place.
pub(super) fn metrics(address: SocketAddr) -> String {
    let deadline = Instant::now() + 4 * PATIENCE;
    loop {
        if let Some(text) = scrape(address).unwrap() {
            return text;
        }
        assert!(Instant::now() < deadline, "there is never a place for /metrics");
        thread::sleep(LATER);
    }
}

/// Says this and neither more nor reads, and goes away a while later; then again.
fn leave(address: SocketAddr, said: &str, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst)
        && let Ok(mut stream) = TcpStream::connect(address)
    {
        let _ = stream.write_all(said.as_bytes());
        thread::sleep(HELD);
    }
}

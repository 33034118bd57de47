//! Log lines on their way to standard error, which may be a pipe that nobody reads. They wait in a
//! bounded queue and a thread of its own writes them; what does not fit is left out and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Of all lines that wait: some seconds of a daemon that loses every target at once.
///
/// Limit: bytes of log lines that wait.
/// Share: of all.
/// Full: further ones are left out and counted.
/// Filled: lines_are_left_out_and_counted_and_everything_else_goes_on
pub const QUEUE_BYTES_MAX: usize = 2 << 20;

/// Lines that wait.
///
/// Limit: log lines that wait.
/// Share: of all.
/// Full: further ones are left out and counted.
/// Filled: lines_that_nobody_reads_are_bounded_in_number_and_bytes
pub const QUEUE_LINES_MAX: usize = 16_384;

/// Of one line; a longer one is cut.
///
/// Limit: bytes of one log line.
/// Share: of each line.
/// Full: it is cut.
/// Filled: lines_that_nobody_reads_are_bounded_in_number_and_bytes
pub const LINE_BYTES_MAX: usize = 16 << 10;

/// Lines that were left out since the start.
static DROPPED: AtomicU64 = AtomicU64::new(0);
static WAITING: AtomicUsize = AtomicUsize::new(0);
static SENDER: OnceLock<SyncSender<Vec<u8>>> = OnceLock::new();
/// Whether the thread has written everything.
static IDLE: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

/// Lines that were left out since the start.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Starts the thread that writes to standard error. A second call is without effect.
pub fn start() {
    let (sender, receiver) = sync_channel(QUEUE_LINES_MAX);
    let writing = std::thread::Builder::new().name("log".into()).spawn(move || {
        write_all(&receiver, &mut io::stderr());
    });
    // Without a thread lines are written by whoever has them.
    if writing.is_ok() {
        let _ = SENDER.set(sender);
    }
}

/// Waits, for a time, until every line is written.
pub fn flush(limit: Duration) {
    let (lock, idle) = &IDLE;
    let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let waits = |_: &mut ()| WAITING.load(Ordering::Acquire) > 0;
    drop(idle.wait_timeout_while(guard, limit, waits));
}

/// Takes whole lines.
#[derive(Debug, Clone, Copy)]
pub struct LogLines;

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(sender) = SENDER.get() else { return io::stderr().write(line) };
        if !offer(sender, &WAITING, line) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets a line wait; false when there is no room.
fn offer(sender: &SyncSender<Vec<u8>>, waiting: &AtomicUsize, line: &[u8]) -> bool {
    let mut kept = line[..line.len().min(LINE_BYTES_MAX)].to_vec();
    if kept.len() < line.len() {
        // In whole characters, and still one line.
        let text = String::from_utf8_lossy(&kept);
        kept = format!("{}...\n", text.trim_end_matches('\u{fffd}')).into_bytes();
    }
    let bytes = kept.len();
    let before = waiting.fetch_add(bytes, Ordering::AcqRel);
    let fits = before + bytes <= QUEUE_BYTES_MAX && sender.try_send(kept).is_ok();
    if !fits {
        waiting.fetch_sub(bytes, Ordering::AcqRel);
    }
    fits
}

fn write_all(lines: &Receiver<Vec<u8>>, out: &mut impl Write) {
    let mut told = 0;
    for line in lines {
        // A reader that went away does not come back, and is no reason to end.
        let _ = out.write_all(&line);
        WAITING.fetch_sub(line.len(), Ordering::AcqRel);
        let dropped = dropped();
        if dropped > told {
            let lines = dropped - told;
            told = dropped;
            tracing::warn!(lines, "log lines were left out, because nobody read them in time");
        }
        let (lock, idle) = &IDLE;
        drop(lock.lock());
        idle.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers lines that nobody reads; how many were taken, and their bytes.
    fn filled(line: &[u8]) -> (usize, usize) {
        let (sender, _receiver) = sync_channel(QUEUE_LINES_MAX);
        let waiting = AtomicUsize::new(0);
        let taken = (0..2 * QUEUE_LINES_MAX).filter(|_| offer(&sender, &waiting, line)).count();
        (taken, waiting.into_inner())
    }

    #[test]
    fn lines_that_nobody_reads_are_bounded_in_number_and_bytes() {
        assert_eq!(filled(b"a line\n"), (QUEUE_LINES_MAX, 7 * QUEUE_LINES_MAX));
        let (taken, bytes) = filled(&[b'x'; 60 << 10]);
        assert!(bytes <= QUEUE_BYTES_MAX && bytes > QUEUE_BYTES_MAX / 2, "{bytes}");
        assert_eq!(bytes / taken, LINE_BYTES_MAX + 4, "each is cut");
    }
}

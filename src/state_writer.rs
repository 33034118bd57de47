//! Writes one file of the state directory from a thread of its own, because disks wait. Nobody holds
//! a lock meanwhile, and of several contents that wait only the newest is written.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::state_dir;

/// A write that takes longer counts as failed until it has ended: what it holds would be lost now.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// Dropping waits for the last content this long.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// The newest content of a file, and the thread that writes it.
pub struct StateWriter {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    slot: Mutex<Slot>,
    /// The slot has changed.
    changed: Condvar,
    /// Everything is on the disk, or could not be written.
    settled: Notify,
}

#[derive(Default)]
struct Slot {
    /// What is to be written next.
    content: Option<Vec<u8>>,
    /// Since when something is not on the disk yet.
    since: Option<Instant>,
    failure: Option<io::ErrorKind>,
    closed: bool,
}

impl StateWriter {
    /// Starts the thread. The error is the system's, which has no thread to give.
    pub fn start(path: PathBuf) -> io::Result<StateWriter> {
        let shared = Arc::new(Shared {
            path,
            slot: Mutex::default(),
            changed: Condvar::new(),
            settled: Notify::new(),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("state".into()).spawn(move || of_thread.write_all())?;
        Ok(StateWriter { shared })
    }

    /// Has this content written soon. Never waits.
    pub fn put(&self, content: Vec<u8>) {
        let mut slot = self.shared.lock();
        slot.content = Some(content);
        slot.since.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
    }

    /// Waits, for a time, until everything is written or was found not to be writable.
    pub async fn settled(&self, limit: Duration) {
        let settled = async {
            loop {
                let mut notified = std::pin::pin!(self.shared.settled.notified());
                notified.as_mut().enable();
                if self.shared.lock().since.is_none() {
                    return;
                }
                notified.await;
            }
        };
        // What is not written by then is told by `failure`.
        let _ = timeout(limit, settled).await;
    }

    /// The same for a thread that may block.
    pub fn settle(&self, limit: Duration) {
        let is_open = |slot: &mut Slot| slot.since.is_some();
        drop(self.shared.changed.wait_timeout_while(self.shared.lock(), limit, is_open));
    }

    /// Why the newest content is not on the disk; none while it may still come to be.
    pub fn failure(&self) -> Option<io::ErrorKind> {
        let slot = self.shared.lock();
        let hangs = slot.since.is_some_and(|since| since.elapsed() > WRITE_MAX);
        slot.failure.or(hangs.then_some(io::ErrorKind::TimedOut))
    }
}

impl Drop for StateWriter {
    fn drop(&mut self) {
        self.settle(LAST_WRITE);
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self) {
        while let Some(content) = self.next() {
            let written = state_dir::replace(&self.path, &content);
            let failure = written.as_ref().err().map(io::Error::kind);
            let before = {
                let mut slot = self.lock();
                if slot.content.is_none() {
                    slot.since = None;
                }
                std::mem::replace(&mut slot.failure, failure)
            };
            self.changed.notify_all();
            self.settled.notify_waiters();
            if let Err(error) = written
                && failure != before
            {
                tracing::error!(
                    file = %self.path.display(), %error,
                    "held accounts cannot be written to the state directory; a restart would forget \
                     the newest"
                );
            }
        }
    }

    fn next(&self) -> Option<Vec<u8>> {
        let waits = |slot: &mut Slot| slot.content.is_none() && !slot.closed;
        let slot = self.changed.wait_while(self.lock(), waits);
        slot.unwrap_or_else(PoisonError::into_inner).content.take()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn the_newest_content_is_on_the_disk_when_it_is_settled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        let writer = StateWriter::start(path.clone()).unwrap();
        for number in 0..100 {
            writer.put(number.to_string().into_bytes());
        }
        writer.settled(WRITE_MAX).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "99");
        fs::create_dir(dir.path().join("x.json.new")).unwrap();
        writer.put(b"lost".to_vec());
        writer.settle(WRITE_MAX);
        assert!(writer.failure().is_some());
        fs::remove_dir(dir.path().join("x.json.new")).unwrap();
        writer.put(b"last".to_vec());
        drop(writer);
        assert_eq!(fs::read_to_string(&path).unwrap(), "last");
    }
}

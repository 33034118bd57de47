//! What processes with one state directory tell each other: whose turn it is to use an account, and
//! which one-time code was sent last. A run by hand beside a daemon neither ends the daemon's session nor
//! uses up its code.
//!
//! Each account and each code has a small file, which is locked while it is used; the kernel unlocks it
//! when its process ends, however that happens. Where the directory cannot be written nobody else is
//! seen, as without it.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::fnv::Fnv1a64;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::ledger::AccountKey;

/// Between two looks at an account that another process uses.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A local file takes milliseconds. A disk that waits is not to keep logins back: then it is as if there
/// were no other process.
const DISK_PATIENCE: Duration = Duration::from_millis(500);

/// Threads that may wait for the disk at a time.
///
/// No row: the files are our own.
const LOOKS_MAX: usize = 8;

/// A time-step is a number of at most twenty digits.
///
/// No row: the file is our own.
const STEP_BYTES_MAX: u64 = 20;

/// The other processes of a state directory.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    directory: PathBuf,
    looks: Arc<Semaphore>,
}

/// While this lives, no other process uses the account.
#[derive(Debug)]
pub(super) struct SharedTurn {
    /// `None` where nothing could be locked.
    _file: Option<File>,
}

impl Neighbours {
    pub(super) fn of(directory: &Path) -> Neighbours {
        Neighbours { directory: directory.to_owned(), looks: Arc::new(Semaphore::new(LOOKS_MAX)) }
    }

    /// Asks the disk, beside the runtime; `None` when it does not answer or cannot.
    async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let asked = async {
            let place = Arc::clone(&self.looks).acquire_owned().await.ok()?;
            let look = move || {
                let _place = place;
                look()
            };
            spawn_blocking(look).await.ok()?.ok()
        };
        timeout(DISK_PATIENCE, asked).await.ok()?
    }

    /// Waits until no other process uses the account at its host.
    pub(super) async fn turn(&self, key: &AccountKey) -> SharedTurn {
        let path = self.file("turn", &[&key.account, &key.host]);
        loop {
            let path = path.clone();
            let tried = self.ask(move || {
                let file = open(&path)?;
                match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                    Err(Errno::WOULDBLOCK) => Ok(None),
                    locked => locked.map(|()| Some(file)).map_err(io::Error::from),
                }
            });
            match tried.await {
                Some(None) => sleep(LOOK_EVERY).await,
                Some(file) => return SharedTurn { _file: file },
                None => return SharedTurn { _file: None },
            }
        }
    }

    /// Takes a time-step of a TOTP secret; an error is the next step that may be used.
    pub(super) async fn use_step(&self, secret: &str, step: u64) -> Result<(), u64> {
        let path = self.file("code", &[secret]);
        let used = self.ask(move || {
            let mut file = open(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            let mut text = String::new();
            Read::by_ref(&mut file).take(STEP_BYTES_MAX).read_to_string(&mut text)?;
            match text.parse::<u64>() {
                Ok(last) if last >= step => return Ok(Err(last.saturating_add(1))),
                _ => {}
            }
            file.rewind()?;
            file.set_len(0)?;
            write!(file, "{step}")?;
            io::Result::Ok(Ok(()))
        });
        used.await.unwrap_or(Ok(()))
    }

    /// Names of secrets and hosts may hold what names of files may not.
    fn file(&self, kind: &str, names: &[&str]) -> PathBuf {
        let mut hash = Fnv1a64::default();
        // Writing into a hash cannot fail.
        let _ = writeln!(hash, "{names:?}");
        self.directory.join(format!("{kind}-{:016x}", hash.hash()))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    // Whoever put something else there is not waited for.
    options
        .custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_processes_take_turns_and_send_no_code_twice() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (Neighbours::of(directory.path()), Neighbours::of(directory.path()));
        let key = AccountKey { account: "user".into(), host: "a.go.kr".into() };
        let elsewhere = AccountKey { host: "b.go.kr".into(), ..key.clone() };
        let turn = one.turn(&key).await;
        let _elsewhere = other.turn(&elsewhere).await;
        let waiting = tokio::spawn({
            let (other, key) = (other.clone(), key.clone());
            async move { other.turn(&key).await }
        });
        assert_eq!(one.use_step("otp", 9).await, Ok(()));
        assert!(!waiting.is_finished());
        drop(turn);
        waiting.await.unwrap();
        assert_eq!(other.use_step("otp", 9).await, Err(10));
        assert_eq!(other.use_step("another", 9).await, Ok(()));
        assert_eq!(other.use_step("otp", 10).await, Ok(()));
        assert_eq!(one.use_step("otp", 9).await, Err(11));
    }

    #[tokio::test]
    async fn where_nothing_can_be_written_nobody_is_waited_for() {
        let nowhere = Neighbours::of(Path::new("/nonexistent"));
        let key = AccountKey { account: "user".into(), host: "a.go.kr".into() };
        let _turn = nowhere.turn(&key).await;
        let _again = nowhere.turn(&key).await;
        assert_eq!(nowhere.use_step("otp", 9).await, Ok(()));
    }
}

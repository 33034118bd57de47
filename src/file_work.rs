//! Looks at files beside the runtime. A file system may wait for a server that is gone, and then for ever:
//! no worker and no lock waits with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::files::read_regular;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long somebody waits for a file. A disk that is well answers in a hundredth of it.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// What is under way, one piece of work for each file: a file that hangs keeps one thread.
#[derive(Default)]
pub struct FileWork {
    /// Bounded by the files that the configuration names; those that nobody looks at leave.
    under_way: Mutex<BTreeMap<PathBuf, Arc<FileTurn>>>,
}

/// Whose turn it is at a file.
struct FileTurn {
    place: Arc<Semaphore>,
    /// Somebody has waited in vain since the work that is under way began.
    is_late: AtomicBool,
}

impl FileTurn {
    fn hangs(&self) -> bool {
        self.is_late.load(Ordering::Relaxed) && self.place.available_permits() == 0
    }
}

/// What is said of a file that was not read in time: half a sentence, as of one that cannot be.
pub fn unanswered() -> String {
    format!("its file system did not answer within {} ms", PATIENCE.as_millis())
}

impl FileWork {
    /// What `work` finds out about a file, once who was before it is through; `None` when that takes longer
    /// than `patience`, and at once while somebody has waited in vain for the work that is under way, which
    /// goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        file: &Path,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.turn(file);
        if turn.hangs() {
            return None;
        }
        let of_work = Arc::clone(&turn);
        let done = async {
            let place = Arc::clone(&of_work.place).acquire_owned().await.ok()?;
            of_work.is_late.store(false, Ordering::Relaxed);
            let of_thread = spawn_blocking(move || {
                let done = work();
                drop((of_work, place));
                done
            });
            of_thread.await.ok()
        };
        let in_time = timeout(patience, done).await;
        if in_time.is_err() {
            turn.is_late.store(true, Ordering::Relaxed);
        }
        in_time.ok()?
    }

    /// The content of a regular file of at most `max` bytes, for [`PATIENCE`]. The error is half a sentence.
    pub async fn read(&self, file: &Path, max: u64) -> Result<Vec<u8>, String> {
        let of_thread = file.to_owned();
        match self.run(file, PATIENCE, move || read_regular(&of_thread, max)).await {
            Some(read) => read.map_err(|error| error.to_string()),
            None => Err(unanswered()),
        }
    }

    fn turn(&self, file: &Path) -> Arc<FileTurn> {
        let mut under_way = self.under_way.lock();
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        let (place, is_late) = (Arc::new(Semaphore::new(1)), AtomicBool::new(false));
        let turn = under_way.entry(file.to_owned());
        Arc::clone(turn.or_insert_with(|| Arc::new(FileTurn { place, is_late })))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_file_that_hangs_keeps_one_thread_and_nobody_else() {
        let files = FileWork::default();
        let (release, held) = mpsc::channel::<()>();
        let began = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&began);
        let hang = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            held.recv().is_ok()
        };
        let hanging = Path::new("hanging");
        assert_eq!(files.run(hanging, PATIENCE, hang).await, None);
        let counted = Arc::clone(&began);
        let second = files.run(hanging, PATIENCE, move || counted.fetch_add(1, Ordering::SeqCst));
        assert_eq!(second.now_or_never(), Some(None), "nobody waits for a file that hangs");
        assert_eq!(began.load(Ordering::SeqCst), 1);
        assert_eq!(files.run(Path::new("other"), PATIENCE, || 7).await, Some(7));
        let turn = files.turn(hanging);
        release.send(()).unwrap();
        drop(turn.place.acquire().await.unwrap());
        drop(turn);
        assert_eq!(files.run(hanging, PATIENCE, || 8).await, Some(8));
        files.turn(Path::new("a third"));
        assert_eq!(files.under_way.lock().len(), 1, "nobody looks at the others any more");
    }
}

//! Looks at files beside the runtime. A file system may wait for a server that is gone, and then for ever:
//! no worker and no lock waits with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    under_way: Mutex<BTreeMap<PathBuf, Arc<Semaphore>>>,
}

impl FileWork {
    /// What `work` finds out about a file, once who was before it is through; `None` when that takes longer
    /// than `patience`. The work itself goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        file: &Path,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.turn(file);
        let done = async {
            let turn = turn.acquire_owned().await.ok()?;
            let of_thread = spawn_blocking(move || {
                let done = work();
                drop(turn);
                done
            });
            of_thread.await.ok()
        };
        timeout(patience, done).await.ok()?
    }

    fn turn(&self, file: &Path) -> Arc<Semaphore> {
        let mut under_way = self.under_way.lock();
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        let turn = under_way.entry(file.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1)));
        Arc::clone(turn)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

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
        assert_eq!(second.await, None, "it waits for the first");
        assert_eq!(began.load(Ordering::SeqCst), 1);
        assert_eq!(files.run(Path::new("other"), PATIENCE, || 7).await, Some(7));
        release.send(()).unwrap();
        assert_eq!(files.run(hanging, PATIENCE, || 8).await, Some(8));
        files.turn(Path::new("a third"));
        assert_eq!(files.under_way.lock().len(), 1, "nobody looks at the others any more");
    }
}

//! A value made from files, made again when one of them changes.
//!
//! The files are asked with `stat` at each look: there is no watcher to lose events, and a file that is
//! renamed into place is noticed by its inode.

use std::path::Path;
use std::time::{Duration, Instant};

use base::files::{FileStamp, UnreadableFile};

use crate::failure::TlsFailure;
use crate::pem_file::unusable;

/// How long a look at files is of use. Whoever looks asks another thread, which costs a run more than the
/// look itself.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What came of the files when they were looked at last, and their state then.
#[derive(Clone)]
pub(crate) struct WatchedFiles<T> {
    stamps: Vec<FileStamp>,
    looked_at: Instant,
    pub(crate) value: Result<T, TlsFailure>,
}

impl<T> WatchedFiles<T> {
    /// As the files are now: what is known of them already, unless one has changed.
    pub(crate) fn read(
        before: Option<WatchedFiles<T>>,
        files: &[&Path],
        load: impl FnOnce() -> Result<T, TlsFailure>,
    ) -> WatchedFiles<T> {
        let looked_at = Instant::now();
        let stamp = |path: &&Path| {
            let unseen = |error| unusable(path, &UnreadableFile::from(error).to_string());
            FileStamp::of(path).map_err(unseen)
        };
        let stamps = match files.iter().map(stamp).collect::<Result<Vec<_>, _>>() {
            Ok(stamps) => stamps,
            Err(unseen) => {
                return WatchedFiles { stamps: Vec::new(), looked_at, value: Err(unseen) };
            }
        };
        match before.filter(|before| before.value.is_ok() && before.stamps == stamps) {
            Some(before) => WatchedFiles { looked_at, ..before },
            None => WatchedFiles { stamps, looked_at, value: load() },
        }
    }

    /// Whether its files were looked at within the last second.
    pub(crate) fn is_fresh(&self) -> bool {
        self.looked_at.elapsed() < LOOK_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_look_is_of_use_for_a_second_and_finds_what_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        fs::write(&file, "one").unwrap();
        let read = || Ok(fs::read_to_string(&file).unwrap());
        let first = WatchedFiles::read(None, &[&file], read);
        assert!(first.is_fresh());
        let a_second_ago = first.looked_at.checked_sub(LOOK_INTERVAL).unwrap();
        let stale = WatchedFiles { looked_at: a_second_ago, ..first };
        assert!(!stale.is_fresh());
        let again = || unreachable!("nothing has changed");
        let again: WatchedFiles<String> = WatchedFiles::read(Some(stale), &[&file], again);
        assert!(again.is_fresh(), "a look that finds nothing new is a look");
        fs::write(&file, "another").unwrap();
        assert_eq!(WatchedFiles::read(Some(again), &[&file], read).value, Ok("another".to_owned()));
    }
}

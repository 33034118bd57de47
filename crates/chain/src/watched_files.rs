//! A value made from files, made again when one of them changes.
//!
//! The files are asked with `stat` at each look, which costs a microsecond: there is no watcher to
//! lose events, and a file that is renamed into place is noticed by its inode.

use std::path::Path;

use base::files::{FileStamp, UnreadableFile};

use crate::failure::TlsFailure;
use crate::pem_file::unusable;

/// What came of the files when they were looked at last, and their state then.
#[derive(Clone)]
pub(crate) struct WatchedFiles<T> {
    stamps: Vec<FileStamp>,
    pub(crate) value: Result<T, TlsFailure>,
}

impl<T> WatchedFiles<T> {
    /// As the files are now: what is known of them already, unless one has changed.
    pub(crate) fn read(
        before: Option<WatchedFiles<T>>,
        files: &[&Path],
        load: impl FnOnce() -> Result<T, TlsFailure>,
    ) -> WatchedFiles<T> {
        let stamp = |path: &&Path| {
            let unseen = |error| unusable(path, &UnreadableFile::from(error).to_string());
            FileStamp::of(path).map_err(unseen)
        };
        let stamps = match files.iter().map(stamp).collect::<Result<Vec<_>, _>>() {
            Ok(stamps) => stamps,
            Err(unseen) => return WatchedFiles { stamps: Vec::new(), value: Err(unseen) },
        };
        match before.filter(|before| before.value.is_ok() && before.stamps == stamps) {
            Some(before) => before,
            None => WatchedFiles { stamps, value: load() },
        }
    }
}

//! A value made from files, made again when one of them changes.
//!
//! The files are asked with `stat` at each use, which costs a microsecond: there is no watcher to
//! lose events, and a file that is renamed into place is noticed by its inode.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::failure::TlsFailure;
use crate::pem_file::unusable;

/// The value and the state of the files it was made from.
pub(crate) struct WatchedFiles<T> {
    loaded: Option<(Vec<FileStamp>, T)>,
}

impl<T> Default for WatchedFiles<T> {
    fn default() -> WatchedFiles<T> {
        WatchedFiles { loaded: None }
    }
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl FileStamp {
    fn of(path: &Path) -> Result<FileStamp, TlsFailure> {
        let meta = fs::metadata(path).map_err(|error| unusable(path, &error.to_string()))?;
        Ok(FileStamp {
            inode: meta.ino(),
            size: meta.size(),
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
        })
    }
}

impl<T> WatchedFiles<T> {
    /// The value as the files are now. An error leaves nothing loaded.
    pub(crate) fn current(
        &mut self,
        files: &[&Path],
        load: impl FnOnce() -> Result<T, TlsFailure>,
    ) -> Result<&T, TlsFailure> {
        let stamps = files.iter().map(|path| FileStamp::of(path)).collect::<Result<Vec<_>, _>>()?;
        let value = match self.loaded.take() {
            Some((old, value)) if old == stamps => value,
            _ => load()?,
        };
        Ok(&self.loaded.insert((stamps, value)).1)
    }
}

//! A value made from files, made again when one of them changes.
//!
//! The files are asked with `stat` at each use, which costs a microsecond: there is no watcher to
//! lose events, and a file that is renamed into place is noticed by its inode.

use std::path::Path;

use base::files::{FileStamp, UnreadableFile};

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

impl<T> WatchedFiles<T> {
    /// The value as the files are now. An error leaves nothing loaded.
    pub(crate) fn current(
        &mut self,
        files: &[&Path],
        load: impl FnOnce() -> Result<T, TlsFailure>,
    ) -> Result<&T, TlsFailure> {
        let stamp = |path: &&Path| {
            let unseen = |error| unusable(path, &UnreadableFile::from(error).to_string());
            FileStamp::of(path).map_err(unseen)
        };
        let stamps = files.iter().map(stamp).collect::<Result<Vec<_>, _>>()?;
        let value = match self.loaded.take() {
            Some((old, value)) if old == stamps => value,
            _ => load()?,
        };
        Ok(&self.loaded.insert((stamps, value)).1)
    }
}

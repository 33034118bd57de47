//! A value made from files, made again when one of them changes.
//!
//! Asked with `stat` at each use, which costs a microsecond: no watcher to lose events, and a
//! file that is renamed into place is noticed by its inode.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::outcome::{Failure, Reason};

/// The value and the state of the files it was made from.
pub(crate) struct Watched<T> {
    loaded: Option<(Vec<Stamp>, T)>,
}

impl<T> Default for Watched<T> {
    fn default() -> Watched<T> {
        Watched { loaded: None }
    }
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Stamp, Failure> {
        let meta = fs::metadata(path).map_err(|error| {
            Failure::new(Reason::Internal, format!("{}: {error}", path.display()))
        })?;
        Ok(Stamp {
            inode: meta.ino(),
            size: meta.size(),
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
        })
    }
}

impl<T> Watched<T> {
    /// The value as the files are now.
    pub(crate) fn current(
        &mut self,
        files: &[&Path],
        load: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<&T, Failure> {
        let stamps = files.iter().map(|path| Stamp::of(path)).collect::<Result<Vec<_>, _>>()?;
        let value = match self.loaded.take() {
            Some((old, value)) if old == stamps => value,
            _ => load()?,
        };
        Ok(&self.loaded.insert((stamps, value)).1)
    }
}

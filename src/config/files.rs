//! What the loader may touch outside its text: files, globs and the environment, behind one
//! trait, so that text can be loaded without any of them.

use std::io;
use std::path::{Path, PathBuf};

use base::files::{UnreadableFile, read_regular};

/// More than any hand-written or generated file needs (17,000 probes are about 3 MiB); a device
/// or a log given by mistake ends here.
pub const FILE_LIMIT: u64 = 16 << 20;

/// At most this many files by `include`.
pub(super) const FILES_MAX: usize = 1_000;

/// The surroundings of a configuration.
pub trait Files {
    /// The bytes of a file, at most `limit`. The error is half a sentence without the path.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String>;
    /// The files that match, in byte order of their names.
    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, String>;
    fn variable(&self, name: &str) -> Option<String>;
}

#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        read_regular(path, limit).map_err(|error| error.to_string())
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        let pattern = pattern.to_str().ok_or("the path is not UTF-8")?;
        let paths = glob::glob(pattern).map_err(|error| error.msg.to_string())?;
        let mut found = Vec::new();
        for path in paths.take(FILES_MAX + 1) {
            found.push(
                path.map_err(|error| UnreadableFile::from(io::Error::from(error)).to_string())?,
            );
        }
        found.sort();
        Ok(found)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// No surroundings at all: for text that must stand alone.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Files for Nothing {
    fn read(&self, _path: &Path, _limit: u64) -> Result<Vec<u8>, String> {
        Err("no such file".into())
    }
    fn glob(&self, _pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(Vec::new())
    }
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

//! A configuration from standard input: `bongsu check -`, for editors and pipelines.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::{CONFIG_BYTES_MAX, Disk, Files, ReadError};

/// How the text is called in messages. Relative paths in it start where we stand.
const NAME: &str = "<stdin>";

/// The disk, and a text that was read from standard input.
pub(super) struct WithStandardInput {
    text: Vec<u8>,
}

impl WithStandardInput {
    /// Reads to the end; returns how the text is called.
    pub(super) fn read() -> Result<(&'static Path, WithStandardInput), ReadError> {
        let wrong = |said: String| ReadError::whole(PathBuf::from(NAME), said);
        let mut text = Vec::new();
        io::stdin()
            .take(CONFIG_BYTES_MAX + 1)
            .read_to_end(&mut text)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        if text.len() as u64 > CONFIG_BYTES_MAX {
            return Err(wrong(format!("is larger than {} MiB", CONFIG_BYTES_MAX >> 20)));
        }
        Ok((Path::new(NAME), WithStandardInput { text }))
    }
}

impl Files for WithStandardInput {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        if path == Path::new(NAME) { Ok(self.text.clone()) } else { Disk.read(path, limit) }
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Disk.glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        Disk.variable(name)
    }
}

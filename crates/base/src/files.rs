//! Reading files that an operator named, and noticing that they changed.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a file was not read. As text it is half a sentence about the file, without its path and
/// without the operating system's error number, which differs between machines.
#[derive(Debug)]
pub enum UnreadableFile {
    Io(io::Error),
    Directory,
    /// A FIFO, socket or device.
    Irregular,
    /// The limit in bytes.
    TooLarge(u64),
}

impl fmt::Display for UnreadableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use io::ErrorKind;
        match self {
            UnreadableFile::Directory => f.write_str("is a directory; name a file in it"),
            UnreadableFile::Irregular => {
                f.write_str("is no regular file (a FIFO, socket or device); name a file")
            }
            UnreadableFile::TooLarge(max) => write!(f, "is larger than {} KiB", max >> 10),
            UnreadableFile::Io(error) => match error.kind() {
                ErrorKind::NotFound => f.write_str("no such file"),
                ErrorKind::PermissionDenied => {
                    f.write_str("permission denied for the user that runs bongsu")
                }
                ErrorKind::NotADirectory => f.write_str("a part of the path is not a directory"),
                _ => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for UnreadableFile {}

impl From<io::Error> for UnreadableFile {
    fn from(error: io::Error) -> UnreadableFile {
        match error.kind() {
            io::ErrorKind::IsADirectory => UnreadableFile::Directory,
            _ => UnreadableFile::Io(error),
        }
    }
}

/// The content of a regular file of at most `max` bytes, which is a whole number of KiB.
///
/// What the path stands for is looked at before it is opened, because to open a FIFO waits for whoever
/// writes to it and to open a device may do something; without blocking, in case it is exchanged
/// in between.
pub fn read_regular(path: &Path, max: u64) -> Result<Vec<u8>, UnreadableFile> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(UnreadableFile::Directory);
    }
    if !found.is_file() {
        return Err(UnreadableFile::Irregular);
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(UnreadableFile::TooLarge(max));
    }
    Ok(bytes)
}

/// What changes when a file is written, or when another is renamed into its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl FileStamp {
    pub fn of(path: &Path) -> io::Result<FileStamp> {
        let found = fs::metadata(path)?;
        let modified = (found.mtime(), found.mtime_nsec());
        Ok(FileStamp { inode: found.ino(), size: found.size(), modified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, [7; 1024]).unwrap();
        assert_eq!(read_regular(&path, 1024).unwrap(), [7; 1024]);
        fs::write(&path, [7; 1025]).unwrap();
        let refused = read_regular(&path, 1024).unwrap_err();
        assert_eq!(refused.to_string(), "is larger than 1 KiB");
    }

    #[test]
    fn what_is_no_file_is_named_and_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let said = |path: &Path| read_regular(path, 1024).unwrap_err().to_string();
        assert_eq!(said(directory.path()), "is a directory; name a file in it");
        assert_eq!(said(&directory.path().join("none")), "no such file");
        let device = said(Path::new("/dev/zero"));
        assert_eq!(device, "is no regular file (a FIFO, socket or device); name a file");
    }

    #[test]
    fn a_file_renamed_into_place_has_another_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let (path, new) = (directory.path().join("file"), directory.path().join("new"));
        fs::write(&path, "a").unwrap();
        fs::write(&new, "b").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        let before = FileStamp::of(&path).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_ne!(FileStamp::of(&path).unwrap(), before);
    }
}

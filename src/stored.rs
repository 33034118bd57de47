//! Files of the state directory: read whole and at most so large, replaced as a whole.
//!
//! A file is replaced by a rename, so a crash leaves the old one or the new one. Nobody but the
//! owner may read it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The bytes of a file; `None` when there is none. What is no file (to open a FIFO would wait for
/// whoever writes to it) or too large is an error of the kind `InvalidData`: the content is
/// damaged, the directory is not.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let damaged = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    if !found.is_file() {
        return Err(damaged("it is no regular file".into()));
    }
    let mut bytes = Vec::new();
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(damaged(format!("it is larger than {bytes_max} bytes")));
    }
    Ok(Some(bytes))
}

/// Makes `bytes` the content of the file.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, "new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    // A link in place of the draft is an error: what it leads to is not ours to overwrite.
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&draft, path)
}

/// Keeps a file that cannot be understood under another name, for whoever wants to look.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, "damaged");
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert_eq!(read(&path, 9).unwrap(), None);
        replace(&path, b"123456789").unwrap();
        replace(&path, b"12").unwrap();
        assert_eq!(read(&path, 9).unwrap().unwrap(), b"12");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(set_aside(&path).unwrap(), dir.path().join("x.json.damaged"));
    }

    #[test]
    fn what_is_no_file_is_damaged_and_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("x.json");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for (path, limit) in [(fifo.as_path(), 9), (dir.path(), 9), (Path::new("/dev/zero"), 9)] {
            let error = read(path, limit).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{}", path.display());
        }
        // A draft that somebody made a FIFO is an error, and not the end of everything.
        let target = dir.path().join("y");
        let draft = dir.path().join("y.new");
        assert!(std::process::Command::new("mkfifo").arg(&draft).status().unwrap().success());
        assert!(replace(&target, b"1").is_err());
    }
}

//! Files of the state directory: read whole and at most so large, replaced as a whole.
//!
//! A file is replaced by a rename, so a crash leaves the old one or the new one. Nobody but the
//! owner may read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base::files::{UnreadableFile, read_regular};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The bytes of a file; `None` when there is none. What is no file or too large is an error of the
/// kind `InvalidData`: the content is damaged, the directory is not.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match read_regular(path, bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(UnreadableFile::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(UnreadableFile::Io(error)) => Err(error),
        Err(damage) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it {damage}"))),
    }
}

/// Makes `bytes` the content of the file. What stands in the place of the draft, left by a crash or
/// a link to somebody's file, is not written to: a draft is always a new file.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, "new");
    remove(&draft)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let replaced = file
        .write_all(bytes)
        .and_then(|()| file.sync_data())
        .and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        // Half a draft on a full disk is of no use to anybody.
        let _ = remove(&draft);
    }
    replaced
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A state directory that is ours as long as this lives: two processes would overwrite each
/// other's files, and forget which accounts are held.
#[derive(Debug)]
pub struct Claim {
    /// Locked. The kernel unlocks it when we end, however that happens.
    _directory: File,
}

impl Claim {
    /// Claims a directory; `None` when another process has. The lock is on the directory itself,
    /// so that nothing has to be written, and some network file systems cannot do that: there it
    /// is only told in the log.
    pub fn take(directory: &Path) -> io::Result<Option<Claim>> {
        let opened = File::open(directory)?;
        if !opened.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => tracing::warn!(
                directory = %directory.display(), error = %io::Error::from(error),
                "the state directory cannot be locked; let no other bongsu use it"
            ),
            Ok(()) => {}
        }
        Ok(Some(Claim { _directory: opened }))
    }
}

/// Keeps a file that cannot be understood under another name, for whoever wants to look. Returns where
/// it is now: where it was, when it could not be moved.
pub fn set_aside(path: &Path) -> PathBuf {
    let aside = beside(path, "damaged");
    if fs::rename(path, &aside).is_ok() { aside } else { path.to_owned() }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

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
        assert_eq!(set_aside(&path), dir.path().join("x.json.damaged"));
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
    }

    #[test]
    fn a_draft_is_a_new_file_whatever_stood_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let (path, draft) = (dir.path().join("x.json"), dir.path().join("x.json.new"));
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "not ours").unwrap();
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o666)).unwrap();
        for what in ["a hard link", "a symbolic link", "what everybody may read", "a FIFO"] {
            match what {
                "a hard link" => fs::hard_link(&elsewhere, &draft).unwrap(),
                "a symbolic link" => symlink(&elsewhere, &draft).unwrap(),
                "a FIFO" => {
                    let made = std::process::Command::new("mkfifo").arg(&draft).status();
                    assert!(made.unwrap().success());
                }
                _ => assert!(fs::copy(&elsewhere, &draft).is_ok()),
            }
            replace(&path, b"ours").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"ours", "{what}");
            assert_eq!(fs::read(&elsewhere).unwrap(), b"not ours", "{what}");
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{what}");
            assert!(!draft.exists(), "{what}");
        }
        fs::create_dir(&draft).unwrap();
        assert!(replace(&path, b"again").is_err(), "a directory is not removed");
        assert_eq!(fs::read(&path).unwrap(), b"ours");
    }

    #[test]
    fn a_directory_is_claimed_once() {
        let dir = tempfile::tempdir().unwrap();
        let claim = Claim::take(dir.path()).unwrap().unwrap();
        assert!(Claim::take(dir.path()).unwrap().is_none());
        drop(claim);
        assert!(Claim::take(dir.path()).unwrap().is_some());
        assert!(Claim::take(Path::new("/dev/null")).is_err());
        assert!(Claim::take(&dir.path().join("missing")).is_err());
    }
}

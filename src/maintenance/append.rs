//! Appends to the file of windows that were opened by hand, and reads it. Writers take turns by a lock on
//! the file, and a reader waits until none writes: nobody sees half a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use base::files::read_regular;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Unit};
use read::ReadError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::record::{FILE_MAX_BYTES, RecordedWindow, Signature, WorkRecords};
use crate::config::WindowTarget;

/// A line is written in less than a millisecond; who holds the lock for longer hangs.
const LOCK_WAIT: Duration = Duration::from_secs(5);

const LOCK_RETRY: Duration = Duration::from_millis(20);

const HEADER: &str =
    "# Written by bongsu maintenance, one line for each change. Nothing in it is ever changed.\n";

/// Why nothing was written, or nothing read.
#[derive(Debug, thiserror::Error)]
pub enum WorkFileError {
    #[error("{}", .0.report("nothing was changed"))]
    Wrong(#[from] ReadError),
    #[error("it {0}")]
    Unreadable(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("another process has locked it for {LOCK_WAIT:?}; try again")]
    Locked,
    #[error("it is full ({} KiB); move it away, and the next window begins a new one", FILE_MAX_BYTES >> 10)]
    Full,
    /// The change does not fit to what is in the file.
    #[error("{0}")]
    Refused(String),
}

/// One change, to be written as one line.
#[derive(Debug)]
pub enum WorkChange {
    Add(RecordedWindow),
    End { name: String, ended: Signature },
}

/// Reads the file; one that does not exist has no windows.
pub fn read(path: &Path) -> Result<WorkRecords, WorkFileError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(WorkRecords::default()),
        Ok(found) if found.is_file() => {
            let file = File::open(path)?;
            lock(&file, Turn::Reader)?;
            // Locked for as long as it is open.
            let read = records(path);
            drop(file);
            read
        }
        // Says what it is.
        _ => records(path),
    }
}

/// Appends the change that is made of what the file has.
pub fn append(
    path: &Path,
    change: impl FnOnce(&WorkRecords) -> Result<WorkChange, String>,
) -> Result<WorkChange, WorkFileError> {
    // To open a FIFO would wait for its other end.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(WorkFileError::Unreadable("is no regular file".into()));
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    lock(&file, Turn::Writer)?;
    let records = records(path)?;
    let change = change(&records).map_err(WorkFileError::Refused)?;
    let size = file.metadata()?.len();
    let mut text = if size == 0 { HEADER.to_owned() } else { String::new() };
    text.push_str(&line(&change));
    if size + text.len() as u64 > FILE_MAX_BYTES {
        return Err(WorkFileError::Full);
    }
    if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
        // Half a line on a full disk would make all of the file unreadable.
        let _ = file.set_len(size);
        return Err(error.into());
    }
    Ok(change)
}

fn records(path: &Path) -> Result<WorkRecords, WorkFileError> {
    let bytes = read_regular(path, FILE_MAX_BYTES)
        .map_err(|error| WorkFileError::Unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| WorkFileError::Unreadable("is not UTF-8".to_owned()))?;
    Ok(WorkRecords::parse(path, &text)?)
}

#[derive(Clone, Copy)]
enum Turn {
    Reader,
    Writer,
}

fn lock(file: &File, turn: Turn) -> Result<(), WorkFileError> {
    let operation = match turn {
        Turn::Reader => FlockOperation::NonBlockingLockShared,
        Turn::Writer => FlockOperation::NonBlockingLockExclusive,
    };
    let began = Instant::now();
    loop {
        match flock(file, operation) {
            Err(Errno::WOULDBLOCK) if began.elapsed() < LOCK_WAIT => {
                std::thread::sleep(LOCK_RETRY);
            }
            Err(Errno::WOULDBLOCK) => return Err(WorkFileError::Locked),
            // Without locks two writers could still not mix their lines: each is one write.
            Err(_) | Ok(()) => return Ok(()),
        }
    }
}

fn line(change: &WorkChange) -> String {
    match change {
        WorkChange::Add(window) => {
            let RecordedWindow { name, targets, kind, from, until, opened, ended: _ } = window;
            let targets: Vec<String> = targets.iter().map(spoken).collect();
            format!(
                "- {{ add: {}, targets: [{}], kind: {}, from: {}, until: {}, {} }}\n",
                quoted(name),
                targets.iter().map(|target| quoted(target)).collect::<Vec<_>>().join(", "),
                kind.as_str(),
                quoted(&instant(*from)),
                quoted(&instant(*until)),
                signed(opened)
            )
        }
        WorkChange::End { name, ended } => {
            format!("- {{ end: {}, {} }}\n", quoted(name), signed(ended))
        }
    }
}

fn signed(signature: &Signature) -> String {
    let Signature { by, why, at } = signature;
    format!("by: {}, why: {}, at: {}", quoted(by), quoted(why), quoted(&instant(*at)))
}

/// `tax`, `saeol/seocho`.
pub fn spoken(target: &WindowTarget) -> String {
    match &target.site {
        Some(site) => format!("{}/{site}", target.service),
        None => target.service.to_string(),
    }
}

/// A text of JSON is one of YAML, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// To the second, in Korea's time.
fn instant(at: Timestamp) -> String {
    let second = at.round(Unit::Second).unwrap_or(at);
    let korea = TimeZone::fixed(Offset::constant(9));
    second.to_zoned(korea).strftime("%FT%T%:z").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::config::WindowKind;
    use crate::maintenance::record::target;

    fn add(name: &str, why: &str) -> WorkChange {
        let now: Timestamp = "2026-12-08T05:10:00Z".parse().unwrap();
        WorkChange::Add(RecordedWindow {
            name: name.to_owned(),
            targets: vec![target("tax").unwrap(), target("saeol/seocho").unwrap()],
            kind: WindowKind::Announced,
            from: now,
            until: now + 2.hours(),
            opened: Signature { by: "홍길동".into(), why: why.to_owned(), at: now },
            ended: None,
        })
    }

    #[test]
    fn what_is_appended_is_read_whatever_the_reason_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("work.yml");
        assert_eq!(read(&path).unwrap(), WorkRecords::default(), "no file");
        for (name, why) in [("a", "디스크 \"교체\": {x}, # y"), ("b", "\\ ' & * ! | > % @ ` ~")]
        {
            let WorkChange::Add(written) = append(&path, |_| Ok(add(name, why))).unwrap() else {
                panic!()
            };
            assert_eq!(read(&path).unwrap().windows.last().unwrap(), &written);
        }
        let before = fs::read_to_string(&path).unwrap();
        let ended = || Signature {
            by: "김".into(),
            why: "끝".into(),
            at: "2026-12-08T06:00:00Z".parse().unwrap(),
        };
        append(&path, |_| Ok(WorkChange::End { name: "a".into(), ended: ended() })).unwrap();
        let after = fs::read_to_string(&path).unwrap();
        assert!(after.starts_with(&before) && after.starts_with(HEADER), "{after}");
        assert_eq!(read(&path).unwrap().windows[0].ended, Some(ended()));
        let refused = append(&path, |_| Err("no".into())).unwrap_err();
        assert_eq!(refused.to_string(), "no");
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }

    #[test]
    fn a_full_or_damaged_file_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("work.yml");
        let mut full = "#".repeat(FILE_MAX_BYTES as usize - 10);
        full.push('\n');
        for (text, said) in [(&*full, "it is full"), ("- { add: x", "work.yml"), ("\u{0}", "")] {
            fs::write(&path, text).unwrap();
            let error = append(&path, |_| Ok(add("a", "b"))).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let fifo = directory.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(append(&fifo, |_| Ok(add("a", "b"))).unwrap_err().to_string().contains("regular"));
    }

    /// Fifty writers at once: each line is whole.
    #[test]
    fn writers_take_turns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("work.yml");
        std::thread::scope(|scope| {
            for number in 0..50 {
                let path = &path;
                scope.spawn(move || append(path, |_| Ok(add(&format!("w{number}"), "x"))).unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().windows.len(), 50);
    }
}

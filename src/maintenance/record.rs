//! The file of windows that were opened by hand: `bongsu maintenance` appends to it, the daemon reads it.
//! Nothing in it is ever changed, so that it is also the record of who did what, when and why.
//!
//! ```yaml
//! - { add: disk, targets: ["tax"], kind: emergency, from: "2026-12-08T14:10:00+09:00", until: "2026-12-08T16:10:00+09:00", by: "홍길동", why: "디스크 교체", at: "2026-12-08T14:09:32+09:00" }
//! - { end: disk, by: "홍길동", why: "끝남", at: "2026-12-08T15:02:10+09:00" }
//! ```

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use read::{At, Fields, Notes, ReadError, Value, some_text};

use crate::config::{WINDOW_DAYS_MAX, Window, WindowKind, WindowTarget, WindowTime, name_of};

/// Three thousand windows; a file that is full is moved away and begun anew.
pub const FILE_MAX_BYTES: u64 = 1 << 20;

/// Windows that are open or to come, each of which is a few series. More are a plan, and belong in
/// the configuration.
pub const OPEN_MAX: usize = 100;

/// Characters of who and why, which stand on the page and in reports.
const TEXT_CHARS_MAX: usize = 200;

/// A window that is over stays in the metrics for as long as rules look back.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_hours(1);

const ADD_KEYS: &[&str] = &["add", "targets", "kind", "from", "until", "by", "why", "at"];
const END_KEYS: &[&str] = &["end", "by", "why", "at"];

/// Who did something, why, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub by: String,
    pub why: String,
    pub at: Timestamp,
}

/// A window that somebody opened, and perhaps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedWindow {
    pub name: String,
    pub targets: Vec<WindowTarget>,
    pub kind: WindowKind,
    pub from: Timestamp,
    pub until: Timestamp,
    pub opened: Signature,
    pub ended: Option<Signature>,
}

impl RecordedWindow {
    /// First moment after it.
    pub fn end(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.until, |ended| ended.at.min(self.until))
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        self.end() <= now
    }

    /// As the configuration has windows; none when it ended before it began.
    fn window(&self) -> Option<Window> {
        let (from, until) = (self.from, self.end());
        (from < until).then(|| Window {
            name: Arc::from(self.name.as_str()),
            targets: self.targets.clone(),
            reason: Some(self.opened.why.clone()),
            kind: self.kind,
            when: WindowTime::Once { from, until },
        })
    }
}

/// Everything that the file says, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkRecords {
    pub windows: Vec<RecordedWindow>,
}

impl WorkRecords {
    /// Reads the text of a file; `path` is what messages say.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its line.
    pub fn parse(path: &Path, text: &str) -> Result<WorkRecords, ReadError> {
        let root = read::parse(text).map_err(|error| error.within(path.to_owned()))?;
        let notes = Notes::default();
        let at = At::root(&root, &notes);
        // A file of comments.
        let found = match root.value {
            Value::Null => Some(WorkRecords::default()),
            _ => of_file(&at),
        };
        notes.settle(path, found)
    }

    /// Those that are not over, or only just.
    pub fn in_force(&self, now: Timestamp) -> Vec<Window> {
        let late = now.saturating_sub(SHOWN_AFTER).unwrap_or(now);
        let current = self.windows.iter().filter(|window| !window.is_over(late));
        current.filter_map(RecordedWindow::window).collect()
    }

    /// Of this name, and not over.
    pub fn open(&self, name: &str, now: Timestamp) -> Option<&RecordedWindow> {
        self.windows.iter().find(|window| window.name == name && !window.is_over(now))
    }
}

/// A text that one line holds and a page shows.
///
/// # Errors
///
/// Half a sentence about the text.
pub fn line_of_text(text: &str) -> Result<String, String> {
    let text = some_text(text)?;
    if text.chars().any(char::is_control) {
        return Err("has line breaks or other control characters; write one line".into());
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("is longer than {TEXT_CHARS_MAX} characters"));
    }
    Ok(text)
}

/// From when to when a window may last.
///
/// # Errors
///
/// Half a sentence about the end.
pub fn check_length(from: Timestamp, until: Timestamp) -> Result<(), String> {
    if until <= from {
        return Err("is not after its beginning".into());
    }
    if until.duration_since(from).as_secs() > WINDOW_DAYS_MAX * 24 * 3600 {
        return Err(format!("makes the window longer than {WINDOW_DAYS_MAX} days"));
    }
    Ok(())
}

fn of_file(root: &At<'_, &Notes>) -> Option<WorkRecords> {
    let mut records = WorkRecords::default();
    for item in root.items()? {
        match item.quietly("end").is_some() {
            true => end(&item, &mut records),
            false => records.windows.extend(add(&item)),
        }
    }
    Some(records)
}

fn add(at: &At<'_, &Notes>) -> Option<RecordedWindow> {
    let fields = at.fields(ADD_KEYS)?;
    let name = fields.need("add").and_then(|at| at.parse(name_of));
    let targets = fields.need("targets").map(|at| {
        let items = at.one_or_many();
        if items.is_empty() {
            at.problem("is an empty list; name the services it covers");
        }
        items.iter().filter_map(|item| item.parse(target)).collect()
    });
    let kind = fields.need("kind").and_then(|at| at.parse(WindowKind::named));
    let from = fields.need("from").and_then(|at| at.parse(instant));
    let until = fields.need("until").and_then(|at| Some((at.parse(instant)?, at)));
    let opened = signature(&fields);
    let (from, (until, until_at)) = (from?, until?);
    until_at.settle(check_length(from, until))?;
    Some(RecordedWindow {
        name: name?,
        targets: targets?,
        kind: kind?,
        from,
        until,
        opened: opened?,
        ended: None,
    })
}

fn end(at: &At<'_, &Notes>, records: &mut WorkRecords) {
    let Some(fields) = at.fields(END_KEYS) else { return };
    let name = fields.need("end").and_then(|at| Some((at.parse(name_of)?, at)));
    let (Some((name, name_at)), Some(ended)) = (name, signature(&fields)) else { return };
    // Names come again; the last one is meant.
    match records.windows.iter_mut().rev().find(|window| window.name == name) {
        Some(window) => window.ended = Some(ended),
        None => name_at.problem(format!("no window above is called \"{name}\"")),
    }
}

fn signature(fields: &Fields<'_, &Notes>) -> Option<Signature> {
    let text = |key| fields.need(key).and_then(|at| at.parse(line_of_text));
    let (by, why) = (text("by"), text("why"));
    let at = fields.need("at").and_then(|at| at.parse(instant));
    Some(Signature { by: by?, why: why?, at: at? })
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is no instant; write one such as 2026-12-08T14:10:00+09:00")
    })
}

/// `tax`, `saeol/seocho`.
///
/// # Errors
///
/// Half a sentence about the text.
pub fn target(text: &str) -> Result<WindowTarget, String> {
    let (service, site) = match text.split_once('/') {
        Some((service, site)) => (service, Some(site)),
        None => (text, None),
    };
    Ok(WindowTarget {
        service: name_of(service)?.into(),
        site: site.map(name_of).transpose()?.map(Arc::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "- { add: disk, targets: [tax, saeol/seocho], kind: emergency, from: \
                        \"2026-12-08T14:10:00+09:00\", until: \"2026-12-08T16:10:00+09:00\", by: 홍길동, \
                        why: 디스크 교체, at: \"2026-12-08T14:09:32+09:00\" }\n";
    const END: &str = "- { end: disk, by: 김철수, why: 끝남, at: \"2026-12-08T15:02:10+09:00\" }\n";

    fn read(text: &str) -> Result<WorkRecords, String> {
        WorkRecords::parse(Path::new("work.yml"), text).map_err(|error| error.to_string())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_is_in_force_until_it_is_ended_and_an_hour_beyond_for_the_rules() {
        let open = read(DISK).unwrap();
        let now = at("2026-12-08T15:10:00+09:00");
        let [window] = &open.in_force(now)[..] else { panic!("{open:?}") };
        assert_eq!((&*window.name, window.kind), ("disk", WindowKind::Emergency));
        assert_eq!(window.reason.as_deref(), Some("디스크 교체"));
        assert_eq!(window.targets[1].site.as_deref(), Some("seocho"));
        let until = at("2026-12-08T16:10:00+09:00");
        assert_eq!(window.when, WindowTime::Once { from: at("2026-12-08T14:10:00+09:00"), until });
        assert!(open.open("disk", now).is_some());
        assert_eq!(open.in_force(at("2026-12-08T17:09:59+09:00")).len(), 1);
        assert_eq!(open.in_force(at("2026-12-08T17:10:00+09:00")), []);

        let ended = read(&format!("{DISK}{END}")).unwrap();
        assert!(ended.open("disk", now).is_none());
        let [window] = &ended.in_force(now)[..] else { panic!("{ended:?}") };
        let WindowTime::Once { until, .. } = window.when else { panic!() };
        assert_eq!(until, at("2026-12-08T15:02:10+09:00"));
        assert_eq!(ended.windows[0].ended.as_ref().unwrap().by, "김철수");
    }

    #[test]
    fn a_name_comes_again_and_a_window_that_never_began_is_none() {
        let again = DISK.replace("2026-12-08", "2026-12-09");
        let records = read(&format!("# by hand\n{DISK}{END}{again}")).unwrap();
        let [first, second] = &records.windows[..] else { panic!("{records:?}") };
        assert_eq!((first.ended.is_some(), second.ended.is_some()), (true, false));
        let never = END.replace("15:02:10", "14:00:00");
        let records = read(&format!("{DISK}{never}")).unwrap();
        assert_eq!(records.in_force(at("2026-12-08T14:20:00+09:00")), []);
        for empty in ["", "# nothing yet\n"] {
            assert_eq!(read(empty).unwrap(), WorkRecords::default());
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let said = |text: &str| read(text).unwrap_err();
        for (wrong, line) in [
            (DISK.replace("by: 홍길동, ", ""), "1:3  [0]: \"by\" is missing"),
            (DISK.replace("emergency", "emergancy"), "did you mean \"emergency\"?"),
            (DISK.replace("16:10:00", "13:10:00"), "[0].until: is not after its beginning"),
            (DISK.replace("12-08T16", "12-28T16").replace("12-08T14:10", "11-08T14:10"), "31 days"),
            (
                DISK.replace("\"2026-12-08T14:10:00+09:00\"", "soon"),
                "[0].from: \"soon\" is no instant",
            ),
            (DISK.replace("디스크 교체", "\"a\\nb\""), "[0].why: has line breaks"),
            (DISK.replace("디스크 교체", &"가".repeat(201)), "longer than 200 characters"),
            (END.to_owned(), "[0].end: no window above is called \"disk\""),
            ("services: []\n".to_owned(), "expected a list"),
            (DISK.replace("targets: [tax, saeol/seocho]", "targets: []"), "empty list"),
            (DISK.replace("why:", "wyh:"), "did you mean \"why\"?"),
        ] {
            assert!(said(&wrong).contains(line), "{line}: {}", said(&wrong));
        }
    }
}

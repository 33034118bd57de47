//! From the text of a drill to a [`Drill`], or to everything that is wrong with it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::timeline::{Change, Drill, DrillText, Event};
use super::tree::{self, TreeNode, TreePlace, TreeValue};
use crate::faults::{Fault, FaultKind};
use crate::mistake::Mistake;
use crate::system::SimulatedSystem;
use crate::systems;

/// Many times the size of a timeline of days with an event every few minutes.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;
const DEFAULT_ZONE: &str = "Asia/Seoul";
/// Ten minutes of the drill in a second: a day in two and a half minutes.
const DEFAULT_SPEED: f64 = 600.0;
/// Accepted speeds. Beyond this all events of a day happen between two updates of the page.
pub const SPEED_RANGE: std::ops::RangeInclusive<f64> = 0.1..=100_000.0;

/// A drill that cannot be played, with every problem in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillError {
    file: PathBuf,
    problems: Vec<DrillProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DrillProblem {
    place: Option<TreePlace>,
    path: String,
    message: String,
}

impl fmt::Display for DrillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}, nothing was started", self.file.display())?;
        for problem in &self.problems {
            let place = problem.place.map(|(line, column)| format!("{line}:{column}  "));
            write!(f, "\n  {}", place.unwrap_or_default())?;
            if !problem.path.is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for DrillError {}

impl Drill {
    pub fn read(path: &Path) -> Result<Drill, DrillError> {
        let whole = |message: String| DrillError {
            file: path.to_owned(),
            problems: vec![DrillProblem { place: None, path: String::new(), message }],
        };
        let bytes = read_limited(path).map_err(|error| {
            let others = if path.exists() { String::new() } else { neighbours(path) };
            whole(format!("{error}{others}"))
        })?;
        if bytes.len() as u64 > FILE_LIMIT_BYTES {
            return Err(whole(format!("is larger than {} KiB", FILE_LIMIT_BYTES >> 10)));
        }
        let text = String::from_utf8(bytes).map_err(|_| whole("is not UTF-8 text".into()))?;
        Drill::parse(path, &text)
    }

    /// Reads a text. Messages call it `name`.
    pub fn parse(name: &Path, text: &str) -> Result<Drill, DrillError> {
        let mut reader = DrillReader { problems: Vec::new(), zone: TimeZone::UTC };
        let drill = match tree::parse(text) {
            Ok(root) => reader.drill(&root),
            Err((place, message)) => {
                reader.problems.push(DrillProblem { place, path: String::new(), message });
                None
            }
        };
        match drill {
            Some(drill) if reader.problems.is_empty() => Ok(drill),
            _ => {
                reader.problems.sort_by_key(|problem| problem.place);
                Err(DrillError { file: name.to_owned(), problems: reader.problems })
            }
        }
    }
}

/// At most one byte more than a drill may have.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: to open a FIFO waits for whoever writes to it.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::other("is a directory; name a file in it"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("is no regular file (a FIFO, socket or device); name a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_LIMIT_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The drills beside a file that does not exist, else those of the usual place.
fn neighbours(path: &Path) -> String {
    let directory = match path.parent() {
        Some(parent) if parent.is_dir() => parent,
        _ => Path::new("config/lab"),
    };
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| path.display().to_string())
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return format!("; there are no drills in {} either", directory.display());
    }
    let given = path.display().to_string();
    let mistake = Mistake::unknown("drill", &given, names.iter().map(String::as_str));
    format!("; {mistake}")
}

/// Collects problems while it reads; `None` stands for a problem that was noted.
struct DrillReader {
    problems: Vec<DrillProblem>,
    zone: TimeZone,
}

impl DrillReader {
    fn drill(&mut self, root: &TreeNode) -> Option<Drill> {
        const KEYS: &[&str] =
            &["title_ko", "title_en", "timezone", "starts", "ends", "speed", "events"];
        let map = self.map(root, "", KEYS)?;
        let title = DrillText { ko: self.text(&map, "title_ko"), en: self.text(&map, "title_en") };
        self.zone = self.optional(&map, "timezone", DEFAULT_ZONE, |name| {
            TimeZone::get(name).map_err(|_| format!("no time zone named \"{name}\""))
        })?;
        let speed = self.optional(&map, "speed", &DEFAULT_SPEED.to_string(), speed);
        let starts = self.required(&map, "starts", DrillReader::time);
        let ends = self.required(&map, "ends", DrillReader::time);
        let events = self.required(&map, "events", |reader, node, path| {
            let items = reader.list(node, path)?;
            let each = |(index, item)| reader.event(item, &format!("{path}[{index}]"));
            Some(items.iter().enumerate().filter_map(each).collect::<Vec<_>>())
        });
        let (speed, starts, ends, events) = (speed?, starts?, ends?, events?);
        if ends <= starts {
            self.problem(root.place, "ends", "is not after starts");
        }
        let mut before = starts;
        for (index, (place, event)) in events.iter().enumerate() {
            if event.at < before || event.at > ends {
                let said = "is before the event above, before starts or after ends";
                self.problem(*place, &format!("events[{index}].at"), said);
            }
            before = before.max(event.at);
        }
        let events = events.into_iter().map(|(_, event)| event).collect();
        Some(Drill { title, zone: self.zone.clone(), starts, ends, speed, events })
    }

    fn event(&mut self, node: &TreeNode, path: &str) -> Option<(TreePlace, Event)> {
        const KEYS: &[&str] = &["at", "systems", "set", "clear", "note_ko", "note_en"];
        let map = self.map(node, path, KEYS)?;
        let place = map.at("at").map_or(node.place, |node| node.place);
        let at = self.required(&map, "at", DrillReader::time);
        let note = DrillText { ko: self.text(&map, "note_ko"), en: self.text(&map, "note_en") };
        let mut systems: Vec<&'static SimulatedSystem> = Vec::new();
        for (item, path) in self.words(&map, "systems") {
            match systems::select(&item.1) {
                Ok(found) => systems.extend(found),
                Err(mistake) => self.problem(item.0, &path, &mistake.to_string()),
            }
        }
        let mut changes = Vec::new();
        for (item, path) in self.words(&map, "clear") {
            match FaultKind::find_or_all(&item.1) {
                Ok(None) => changes.extend(systems.iter().map(|system| Change::ClearAll(system))),
                Ok(Some(kind)) => {
                    changes.extend(systems.iter().map(|system| Change::Clear(system, kind)));
                }
                Err(mistake) => self.problem(item.0, &path, &mistake.to_string()),
            }
        }
        for (item, path) in self.words(&map, "set") {
            match Fault::parse(&item.1) {
                Ok(fault) => {
                    changes.extend(systems.iter().map(|system| Change::Set(system, fault)));
                }
                Err(mistake) => self.problem(item.0, &path, &mistake.to_string()),
            }
        }
        let switches = map.at("set").or(map.at("clear"));
        match (switches, map.at("systems")) {
            (Some(node), None) => self.problem(node.place, path, "switches faults of no systems"),
            (None, Some(node)) => {
                self.problem(node.place, path, "names systems and neither sets nor clears a fault");
            }
            _ => {}
        }
        Some((place, Event { at: at?, note, changes }))
    }

    fn time(&mut self, node: &TreeNode, path: &str) -> Option<Timestamp> {
        let text = self.scalar(node, path)?;
        let civil: Result<DateTime, _> = text.trim().replace(' ', "T").parse();
        let zoned = civil.ok().and_then(|civil| civil.to_zoned(self.zone.clone()).ok());
        if zoned.is_none() {
            let said = format!("\"{text}\" is not a time; write 2023-11-17T01:42");
            self.problem(node.place, path, &said);
        }
        zoned.map(|zoned| zoned.timestamp())
    }

    fn problem(&mut self, place: TreePlace, path: &str, message: &str) {
        self.problems.push(DrillProblem {
            place: Some(place),
            path: path.to_owned(),
            message: message.to_owned(),
        });
    }

    fn map<'n>(&mut self, node: &'n TreeNode, path: &str, keys: &[&str]) -> Option<Map<'n>> {
        let TreeValue::Map(pairs) = &node.value else {
            self.problem(
                node.place,
                path,
                &format!("expected a mapping, found {}", node.describe()),
            );
            return None;
        };
        for (index, (key, place, _)) in pairs.iter().enumerate() {
            if !keys.contains(&key.as_str()) {
                let mistake = Mistake::unknown("key", key, keys.iter().copied());
                self.problem(*place, path, &mistake.to_string());
            } else if pairs[..index].iter().any(|(other, ..)| other == key) {
                self.problem(*place, path, &format!("\"{key}\" is there twice"));
            }
        }
        Some(Map { node, path: path.to_owned(), pairs })
    }

    fn list<'n>(&mut self, node: &'n TreeNode, path: &str) -> Option<&'n [TreeNode]> {
        let TreeValue::List(items) = &node.value else {
            self.problem(node.place, path, &format!("expected a list, found {}", node.describe()));
            return None;
        };
        Some(items)
    }

    fn scalar<'n>(&mut self, node: &'n TreeNode, path: &str) -> Option<&'n str> {
        let TreeValue::Scalar(text) = &node.value else {
            self.problem(node.place, path, &format!("expected text, found {}", node.describe()));
            return None;
        };
        Some(text)
    }

    fn required<T>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        read: impl FnOnce(&mut DrillReader, &TreeNode, &str) -> Option<T>,
    ) -> Option<T> {
        match map.at(key) {
            Some(node) => read(self, node, &map.path_of(key)),
            None => {
                self.problem(map.node.place, &map.path, &format!("\"{key}\" is missing"));
                None
            }
        }
    }

    fn optional<T>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        default: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(node) = map.at(key) else { return read(default).ok() };
        let path = map.path_of(key);
        let text = self.scalar(node, &path)?;
        read(text).map_err(|said| self.problem(node.place, &path, &said)).ok()
    }

    /// Text that every drill and event has.
    fn text(&mut self, map: &Map<'_>, key: &str) -> String {
        let read = |reader: &mut DrillReader, node: &TreeNode, path: &str| {
            reader.scalar(node, path).map(|text| text.trim().to_owned())
        };
        self.required(map, key, read).unwrap_or_default()
    }

    /// A word or a list of words, each with its place and path.
    fn words(&mut self, map: &Map<'_>, key: &str) -> Vec<((TreePlace, String), String)> {
        let Some(node) = map.at(key) else { return Vec::new() };
        let path = map.path_of(key);
        let items = match &node.value {
            TreeValue::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut words = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = if items.len() > 1 { format!("{path}[{index}]") } else { path.clone() };
            if let Some(text) = self.scalar(item, &path) {
                words.push(((item.place, text.trim().to_owned()), path));
            }
        }
        words
    }
}

/// A mapping whose keys have been checked.
struct Map<'n> {
    node: &'n TreeNode,
    path: String,
    pairs: &'n [(String, TreePlace, TreeNode)],
}

impl<'n> Map<'n> {
    fn at(&self, key: &str) -> Option<&'n TreeNode> {
        self.pairs.iter().find(|(name, ..)| name == key).map(|(_, _, node)| node)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(speed) if SPEED_RANGE.contains(&speed) => Ok(speed),
        _ => Err(format!(
            "\"{text}\" is not a speed from {} to {}",
            SPEED_RANGE.start(),
            SPEED_RANGE.end()
        )),
    }
}

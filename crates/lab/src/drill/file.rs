//! From the text of a drill to a [`Drill`], or to everything that is wrong with it.

use std::path::Path;

use base::files::read_regular;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use read::{Notes, ReadError, some_text};

use super::timeline::{Change, Drill, DrillText, Event};
use crate::faults::{Fault, FaultKind};
use crate::mistake::Mistake;
use crate::systems;

/// Many times the size of a timeline of days with an event every few minutes.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;
const DEFAULT_ZONE: &str = "Asia/Seoul";
/// Ten minutes of the drill in a second: a day in two and a half minutes.
const DEFAULT_SPEED: f64 = 600.0;
/// Accepted speeds. Beyond this all events of a day happen between two updates of the page.
pub const SPEED_RANGE: std::ops::RangeInclusive<f64> = 0.1..=100_000.0;

type At<'a> = read::At<'a, &'a Notes>;
type Fields<'a> = read::Fields<'a, &'a Notes>;

impl Drill {
    pub fn read(path: &Path) -> Result<Drill, ReadError> {
        let whole = |message: String| ReadError::whole(path.to_owned(), message);
        let bytes = read_regular(path, FILE_LIMIT_BYTES).map_err(|error| {
            let others = if path.exists() { String::new() } else { neighbours(path) };
            whole(format!("{error}{others}"))
        })?;
        let text = String::from_utf8(bytes).map_err(|_| whole("is not UTF-8 text".into()))?;
        Drill::parse(path, &text)
    }

    /// Reads a text. Messages call it `name`.
    pub fn parse(name: &Path, text: &str) -> Result<Drill, ReadError> {
        let root = read::parse(text).map_err(|error| error.within(name.to_owned()))?;
        let notes = Notes::default();
        let drill = drill(&At::root(&root, &notes));
        notes.settle(name, drill)
    }
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

fn drill(root: &At<'_>) -> Option<Drill> {
    const KEYS: &[&str] =
        &["title_ko", "title_en", "timezone", "starts", "ends", "speed", "events"];
    let fields = root.fields(KEYS)?;
    let title = text(&fields, "title_ko", "title_en");
    let zone = match fields.take("timezone") {
        Some(at) => at.parse(zone)?,
        None => zone(DEFAULT_ZONE).ok()?,
    };
    let speed = fields.take("speed").map_or(Some(DEFAULT_SPEED), |at| at.parse(speed));
    let time = |at: At<'_>| at.parse(|text| time(text, &zone));
    let starts = fields.need("starts").and_then(time);
    let ends = fields.need("ends").and_then(time);
    let events: Option<Vec<_>> = fields.need("events").and_then(|at| at.items()).map(|items| {
        items.iter().filter_map(|item| event(&item.fields(EVENT_KEYS)?, &zone)).collect()
    });
    let (title, speed, starts, ends, events) = (title?, speed?, starts?, ends?, events?);
    if ends <= starts {
        fields.take("ends")?.problem("is not after starts");
    }
    let mut before = starts;
    for (at, event) in &events {
        if event.at < before || event.at > ends {
            at.problem("is before the event above, before starts or after ends");
        }
        before = before.max(event.at);
    }
    let events = events.into_iter().map(|(_, event)| event).collect();
    Some(Drill { title, zone, starts, ends, speed, events })
}

const EVENT_KEYS: &[&str] = &["at", "systems", "set", "clear", "note_ko", "note_en"];

/// An event, and what says when it happens.
fn event<'a>(fields: &Fields<'a>, zone: &TimeZone) -> Option<(At<'a>, Event)> {
    let when = fields.need("at");
    let at = when.as_ref().and_then(|when| when.parse(|text| time(text, zone)));
    let note = text(fields, "note_ko", "note_en");
    let systems: Vec<_> = each(fields, "systems", systems::select).into_iter().flatten().collect();
    let mut changes = Vec::new();
    for kind in each(fields, "clear", FaultKind::find_or_all) {
        changes.extend(systems.iter().map(|system| match kind {
            None => Change::ClearAll(system),
            Some(kind) => Change::Clear(system, kind),
        }));
    }
    for fault in each(fields, "set", Fault::parse) {
        changes.extend(systems.iter().map(|system| Change::Set(system, fault)));
    }
    match (fields.has("set") || fields.has("clear"), fields.has("systems")) {
        (true, false) => fields.at.problem("switches faults of no systems"),
        (false, true) => fields.at.problem("names systems and neither sets nor clears a fault"),
        _ => {}
    }
    Some((when?, Event { at: at?, note: note?, changes }))
}

/// A word or a list of words, each as `reader` understands it.
fn each<T>(fields: &Fields<'_>, key: &str, reader: impl Fn(&str) -> Result<T, Mistake>) -> Vec<T> {
    let words = fields.take(key).map(|at| at.one_or_many()).unwrap_or_default();
    let reader = |text: &str| reader(text).map_err(|mistake| mistake.to_string());
    words.iter().filter_map(|at| at.parse(reader)).collect()
}

fn text(fields: &Fields<'_>, ko: &str, en: &str) -> Option<DrillText> {
    let text = |key| fields.need(key)?.parse(some_text).map(|text| text.trim().to_owned());
    let (ko, en) = (text(ko), text(en));
    Some(DrillText { ko: ko?, en: en? })
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("no time zone named \"{name}\""))
}

fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let civil: Result<DateTime, _> = text.trim().replace(' ', "T").parse();
    let zoned = civil.ok().and_then(|civil| civil.to_zoned(zone.clone()).ok());
    let zoned = zoned.ok_or_else(|| format!("\"{text}\" is not a time; write 2023-11-17T01:42"))?;
    Ok(zoned.timestamp())
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

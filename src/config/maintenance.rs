//! Windows of maintenance: once, every week, or every month.
//!
//! ```yaml
//! - { name: patch-2026-12, targets: [saeol, saeol/seocho], from: 2026-12-05T20:00, until: 2026-12-06T02:00, timezone: Asia/Seoul }
//! - { name: weekly, targets: [gov24], every: sunday 02:00-04:00, timezone: Asia/Seoul }
//! ```
//!
//! `every` also takes `daily 02:00-02:30`, several days, `saturday sunday 02:00-04:00`, and whole
//! ones, `sunday 00:00-24:00`; and of a month `first sunday 02:00 for 4h`, to `fourth`, or `last`.
//! `kind: emergency` is work that was not announced: it is shown, and what is down counts as down.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::reading::{At, ConfigValue, Fields};
use super::service::Estate;
use super::{Weeks, Window, WindowKind, WindowTarget, WindowTime, value};

pub(super) const KEYS: &[&str] =
    &["name", "targets", "from", "until", "every", "timezone", "reason", "kind"];

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// A longer window is a service that was switched off; it hides every outage it covers.
pub const DAYS_MAX: i64 = 31;

/// Reads the windows of all files.
pub(super) fn windows(lists: &[At<'_>], estate: &Estate) -> Vec<Window> {
    let mut names: HashMap<String, String> = HashMap::new();
    let mut windows = Vec::new();
    for list in lists {
        for at in list.items().unwrap_or_default() {
            windows.extend(window(&at, estate, &mut names));
        }
    }
    windows
}

fn window(at: &At<'_>, estate: &Estate, names: &mut HashMap<String, String>) -> Option<Window> {
    let fields = at.fields(KEYS)?;
    let name = fields.need("name").and_then(|at| at.parse(value::name).map(|name| (at, name)));
    if let Some((at, name)) = &name {
        if let Some(first) = names.get(name) {
            at.problem(format!("{first} is called \"{name}\" already; give it its own name"));
        }
        names.entry(name.clone()).or_insert_with(|| fields.at.path());
    }
    let targets = fields.need("targets").map(|at| targets(&at, estate));
    let reason = fields.text("reason");
    let kind =
        fields.take("kind").map_or(Some(WindowKind::default()), |at| at.parse(WindowKind::named));
    let when = when(&fields);
    Some(Window { name: Arc::from(name?.1), targets: targets?, reason, kind: kind?, when: when? })
}

fn targets(at: &At<'_>, estate: &Estate) -> Vec<WindowTarget> {
    let items = at.one_or_many();
    if items.is_empty() {
        at.problem("is an empty list; name the services it covers");
    }
    items.iter().filter_map(|item| target(item, estate)).collect()
}

fn target(at: &At<'_>, estate: &Estate) -> Option<WindowTarget> {
    let text = at.text()?;
    let (service, site) = match text.split_once('/') {
        Some((service, site)) => (service, Some(site)),
        None => (&*text, None),
    };
    if !at.known_service(service) {
        return None;
    }
    if let Some(site) = site {
        let Some(sites) = estate.sites.get(service) else {
            at.problem(format!("\"{service}\" has no sites; write \"{service}\" alone"));
            return None;
        };
        if sites.is_empty() {
            return None;
        }
        if !sites.contains(site) {
            let hint = at.reading.load.hint(site, sites.iter().map(|site| &**site));
            at.problem(format!("\"{service}\" has no site \"{site}\"{hint}"));
            return None;
        }
    }
    Some(WindowTarget { service: service.into(), site: site.map(Arc::from) })
}

/// `from` and `until`, or `every`.
fn when(fields: &Fields<'_>) -> Option<WindowTime> {
    let zone = fields.need("timezone").and_then(|at| at.parse(zone));
    let once = fields.present(&["from", "until"]);
    if fields.has("every") != once.is_empty() {
        fields.at.problem("needs either from and until, or every");
        return None;
    }
    if let Some(at) = fields.take("every") {
        let Recurrence { days, weeks, start, end } = at.parse(every)?;
        return Some(WindowTime::Weekly { days, weeks, start, end, zone: zone? });
    }
    let from = fields.need("from").and_then(|at| at.parse(local).map(|time| (at, time)));
    let until = fields.need("until").and_then(|at| at.parse(local).map(|time| (at, time)));
    let ((from_at, from), (until_at, until)) = (from?, until?);
    let Some(zone) = zone else {
        if until <= from {
            until_at.problem("is not after from");
        }
        return None;
    };
    let from = from_at.settle(instant(&zone, from, Edge::Start));
    let until = until_at.settle(instant(&zone, until, Edge::End));
    let (from, until) = (from?, until?);
    if until <= from {
        until_at.problem("is not after from");
        return None;
    }
    if until.duration_since(from).as_secs() > DAYS_MAX * 24 * 3600 {
        until_at.problem(format!(
            "makes the window longer than {DAYS_MAX} days; write enabled: false on the service \
             instead"
        ));
        return None;
    }
    Some(WindowTime::Once { from, until })
}

/// What people write for Korean time and no database knows. The nearest name to the first of them
/// is `EST`, which is 14 hours off.
const KOREAN: [&str; 6] = ["KST", "KDT", "KST-9", "KST9", "UTC+9", "GMT+9"];

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        if KOREAN.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return format!("no time zone is called \"{text}\"; did you mean \"Asia/Seoul\"?");
        }
        let names: Vec<String> =
            jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let hint = read::hint(text, names.iter().map(String::as_str));
        let hint = if hint.is_empty() { "; write one such as Asia/Seoul" } else { &hint };
        format!("no time zone is called \"{text}\"{hint}")
    })
}

/// `2026-12-05T20:00`.
fn local(text: &str) -> Result<DateTime, String> {
    let wrong = || format!("\"{text}\" is not a local time; write one such as 2026-12-05T20:00");
    let zoned = text.ends_with('Z') || text.contains('+');
    if zoned || !text.contains(['T', ' ']) {
        return Err(wrong());
    }
    text.parse::<DateTime>().map_err(|_| wrong())
}

/// Which side of a window a local time is.
#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

/// The instant of a local time. A time that the clocks skip does not exist; of one that comes
/// twice the window takes both.
fn instant(zone: &TimeZone, local: DateTime, edge: Edge) -> Result<Timestamp, String> {
    let ambiguous = zone.to_ambiguous_zoned(local);
    let zoned = match (ambiguous.offset(), edge) {
        (AmbiguousOffset::Gap { .. }, _) => {
            let next = local.checked_add(1.hour()).unwrap_or(local);
            return Err(format!(
                "{local} does not exist in that time zone: the clocks skip it; write a time \
                 before it, or {next}"
            ));
        }
        (_, Edge::Start) => ambiguous.earlier(),
        (_, Edge::End) => ambiguous.later(),
    };
    zoned
        .map(|zoned| zoned.timestamp())
        .map_err(|_| format!("{local} is outside the years that can be reckoned with"))
}

/// When a window comes again.
struct Recurrence {
    days: Vec<Weekday>,
    weeks: Weeks,
    start: Time,
    end: Time,
}

const WEEKS: [(&str, Weeks); 5] = [
    ("first", Weeks::Nth(1)),
    ("second", Weeks::Nth(2)),
    ("third", Weeks::Nth(3)),
    ("fourth", Weeks::Nth(4)),
    ("last", Weeks::Last),
];

/// `sunday 02:00-04:00`, `first sunday 02:00 for 4h`.
fn every(text: &str) -> Result<Recurrence, String> {
    let wrong = || {
        format!(
            "\"{text}\" is not a time that comes again; write one such as sunday 02:00-04:00, \
             daily 02:00-02:30 or first sunday 02:00 for 4h"
        )
    };
    let (when, length) = match text.trim().split_once(" for ") {
        Some((when, length)) => (when, Some(length)),
        None => (text.trim(), None),
    };
    let (days, hours) = when.rsplit_once(' ').ok_or_else(wrong)?;
    let (start, end) = match length {
        Some(length) => {
            let start = clock(hours).map_err(|_| wrong())?;
            (start, after(start, length)?)
        }
        None => range(hours)?.ok_or_else(wrong)?,
    };
    let (weeks, days) = match days.split_once(' ') {
        Some((first, rest)) => match WEEKS.iter().find(|(name, _)| *name == first) {
            Some((_, weeks)) => (*weeks, rest),
            None => (Weeks::Every, days),
        },
        None => (Weeks::Every, days),
    };
    if weeks != Weeks::Every && days.contains("daily") {
        return Err("of a month write one day, such as first sunday".into());
    }
    let days = weekdays(days)?;
    if days.is_empty() {
        return Err(wrong());
    }
    if weeks != Weeks::Every && days.len() > 1 {
        return Err("of a month write one day; give each day a window of its own".into());
    }
    Ok(Recurrence { days, weeks, start, end })
}

/// The end of what starts at a time of day and lasts for `4h`, `90m` or `1h 30m`.
fn after(start: Time, length: &str) -> Result<Time, String> {
    let wrong = || {
        format!("\"{length}\" is no length of a window; write one such as 4h or 90m, at most 24h")
    };
    let length = humantime::parse_duration(length.trim()).map_err(|_| wrong())?;
    let day = std::time::Duration::from_secs(24 * 3600);
    if length.is_zero() || length > day || length.as_secs() % 60 != 0 {
        return Err(wrong());
    }
    let length = jiff::SignedDuration::try_from(length).map_err(|_| wrong())?;
    Ok(start.wrapping_add(length))
}

/// `02:00-04:00`; none where there is no hyphen.
fn range(hours: &str) -> Result<Option<(Time, Time)>, String> {
    let Some((start, end)) = hours.split_once('-') else { return Ok(None) };
    if start == "24:00" {
        return Err("24:00 is an end; as a start write 00:00 of the next day".into());
    }
    let (start, end) = (clock(start)?, clock(end)?);
    // Written out, `00:00-24:00` is the whole day; of equal times nobody knows what is meant.
    if start == end && !hours.ends_with("-24:00") {
        return Err(format!("{hours} is no time at all; write when it ends"));
    }
    Ok(Some((start, end)))
}

/// `sunday`, `saturday sunday`, `daily`.
fn weekdays(days: &str) -> Result<Vec<Weekday>, String> {
    let mut found = Vec::new();
    for day in days.split([' ', ',']).filter(|day| !day.is_empty()) {
        let day = day.to_ascii_lowercase();
        if day == "daily" {
            found.extend(DAYS.map(|(_, day)| day));
            continue;
        }
        match DAYS.iter().find(|(name, _)| *name == day) {
            Some((_, day)) => found.push(*day),
            None => {
                let names = DAYS.iter().map(|(name, _)| *name).chain(["daily"]);
                return Err(format!("no day is called \"{day}\"{}", read::hint(&day, names)));
            }
        }
    }
    let before = found.len();
    found.sort_by_key(|day| day.to_monday_zero_offset());
    found.dedup();
    if found.len() != before {
        return Err("names a day twice".into());
    }
    Ok(found)
}

/// `02:00`; `24:00` is the next midnight.
fn clock(text: &str) -> Result<Time, String> {
    let wrong = || format!("\"{text}\" is not a time of day; write one such as 02:00");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    if hours.len() != 2 || minutes.len() != 2 {
        return Err(wrong());
    }
    let hours: i8 = hours.parse().map_err(|_| wrong())?;
    let minutes: i8 = minutes.parse().map_err(|_| wrong())?;
    let hours = if (hours, minutes) == (24, 0) { 0 } else { hours };
    Time::new(hours, minutes, 0, 0).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekly_times_name_days_and_hours() {
        let Recurrence { days, weeks, start, end } = every("sunday 02:00-04:00").unwrap();
        assert_eq!((days, start.hour(), end.hour()), (vec![Weekday::Sunday], 2, 4));
        assert_eq!(weeks, Weeks::Every);
        assert_eq!(every("daily 23:00-24:00").unwrap().days.len(), 7);
        let Recurrence { start, end, .. } = every("sunday 00:00-24:00").unwrap();
        assert_eq!((start, end), (Time::midnight(), Time::midnight()), "a whole day");
        assert_eq!(every("sunday, saturday 02:00-04:00").unwrap().days.len(), 2);
        assert!(every("sundya 02:00-04:00").err().unwrap().contains("\"sunday\""));
        for wrong in [
            "",
            "sunday",
            "02:00-04:00",
            "sunday 2-4",
            "sunday 02:00-25:00",
            "sunday 02:00-02:00",
            "sunday 00:00-00:00",
            "sunday 24:00-24:00",
            "sunday sunday 02:00-03:00",
            "sunday 02:60-03:00",
            "first sunday",
            "first 02:00-04:00",
            "fifth sunday 02:00-04:00",
            "first sunday saturday 02:00-04:00",
            "last daily 02:00-04:00",
            "sunday 02:00-04:00 for 2h",
            "sunday 02:00 for 25h",
            "sunday 02:00 for 0h",
            "sunday 02:00 for 90s",
            "sunday 02:00 for soon",
        ] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn monthly_times_name_the_week_of_the_month() {
        let read = |text: &str| {
            let Recurrence { days, weeks, start, end } = every(text).unwrap();
            (days[0], weeks, start.to_string(), end.to_string())
        };
        let (two, six) = ("02:00:00".to_owned(), "06:00:00".to_owned());
        let first = (Weekday::Sunday, Weeks::Nth(1), two.clone(), six.clone());
        assert_eq!(read("first sunday 02:00 for 4h"), first);
        assert_eq!(read("first sunday 02:00-06:00"), first);
        assert_eq!(read("last friday 02:00 for 4h"), (Weekday::Friday, Weeks::Last, two, six));
        let (_, weeks, start, end) = read("fourth monday 23:00 for 1h 30m");
        assert_eq!((weeks, &*start, &*end), (Weeks::Nth(4), "23:00:00", "00:30:00"));
        let (_, weeks, start, end) = read("sunday 02:00 for 24h");
        assert_eq!((weeks, &*start, &*end), (Weeks::Every, "02:00:00", "02:00:00"));
    }

    #[test]
    fn a_time_the_clocks_skip_is_refused_and_one_that_comes_twice_is_taken_whole() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let gap = local("2026-03-08T02:30").unwrap();
        assert!(instant(&zone, gap, Edge::Start).unwrap_err().contains("does not exist"));
        let fold = local("2026-11-01T01:30").unwrap();
        let start = instant(&zone, fold, Edge::Start).unwrap();
        let end = instant(&zone, fold, Edge::End).unwrap();
        assert_eq!(end.duration_since(start).as_secs(), 3600);
    }
}

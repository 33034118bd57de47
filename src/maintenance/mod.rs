//! Windows of maintenance: is one active at an instant, and when did it start or will it?
//!
//! Pure functions of a window and an instant, so that every scrape can ask. A window never stops
//! a probe: it only travels as a metric, and the rules decide what it excuses, for which they need
//! the start (a window must not hide an outage that began before it; 2023-11-17).
//!
//! Weekly windows are local times. When clocks are set forward over one, the missing time is
//! taken as the same distance after the change (RFC 5545 section 3.3.5), and a window whose start
//! would then lie after its end keeps its length and starts earlier. When clocks are set back, the
//! first of the two is meant.

pub mod append;
pub mod record;

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::config::{Weeks, Window, WindowKind, WindowTime};

/// The longest occurrence is 24 h and starts at most on the day before; two days back cover a
/// zone's change of a whole day as well.
const DAYS_BACK: i32 = 2;

/// The next occurrence of a monthly window is at most five weeks away, or ten when a change of
/// clocks swallows one.
const DAYS_AHEAD: i32 = 71;

/// One time that a window is open: from `start`, until before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Occurrence {
    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

/// The occurrence that is open at `now`, else the next one; of a window that is over for good,
/// the last. With two open at once it is the one that started first.
pub fn occurrence(when: &WindowTime, now: Timestamp) -> Option<Occurrence> {
    match when {
        &WindowTime::Once { from, until } => Some(Occurrence { start: from, end: until }),
        WindowTime::Weekly { zone, .. } => {
            let today = zone.to_datetime(now).date();
            (-DAYS_BACK..=DAYS_AHEAD)
                .filter_map(|days| today.checked_add(days.days()).ok())
                .filter_map(|date| weekly(when, date))
                .find(|occurrence| now < occurrence.end)
        }
    }
}

/// Whether a window is open at `now`.
pub fn is_active(when: &WindowTime, now: Timestamp) -> bool {
    occurrence(when, now).is_some_and(|occurrence| occurrence.contains(now))
}

/// The occurrence that starts on a local date, if it is one of the window's days.
fn weekly(when: &WindowTime, date: Date) -> Option<Occurrence> {
    let WindowTime::Weekly { days, weeks, start, end, zone } = when else { return None };
    let in_week = match weeks {
        Weeks::Every => true,
        Weeks::Nth(nth) => (date.day() - 1) / 7 + 1 == *nth,
        Weeks::Last => date.day() + 7 > date.days_in_month(),
    };
    if !in_week || !days.contains(&date.weekday()) {
        return None;
    }
    let last = if end <= start { date.tomorrow().ok()? } else { date };
    let (from, until) = (date.to_datetime(*start), last.to_datetime(*end));
    let end = instant(zone, until)?;
    let start = match instant(zone, from)? {
        start if start < end => start,
        _ => zone.to_ambiguous_timestamp(from).earlier().ok()?,
    };
    Some(Occurrence { start, end })
}

/// Of a time that clocks skip, as far after the change; of one they show twice, the first.
fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// A window as it concerns one service or one site of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRow {
    pub name: Arc<str>,
    pub service: Arc<str>,
    /// The one site it covers; `None` is the whole service.
    pub site: Option<Arc<str>>,
    pub kind: WindowKind,
    pub active: bool,
    /// Start of the open occurrence, else of the next one, else of the last one.
    pub start: Timestamp,
    /// First instant after the same occurrence.
    pub end: Timestamp,
}

/// Every window with everything it covers, in the file's order.
pub fn rows(windows: &[Window], now: Timestamp) -> Vec<WindowRow> {
    let mut rows = Vec::new();
    for window in windows {
        let Some(occurrence) = occurrence(&window.when, now) else { continue };
        rows.extend(window.targets.iter().map(|target| WindowRow {
            name: Arc::clone(&window.name),
            service: Arc::clone(&target.service),
            site: target.site.clone(),
            kind: window.kind,
            active: occurrence.contains(now),
            start: occurrence.start,
            end: occurrence.end,
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::{Time, Weekday, date, time};
    use proptest::prelude::*;

    use super::*;
    use crate::config::WindowTarget;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(local: DateTime, zone: &TimeZone) -> Timestamp {
        zone.to_timestamp(local).unwrap()
    }

    fn at_utc(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn weekly_on(days: &[Weekday], times: (Time, Time), zone: &TimeZone) -> WindowTime {
        let (start, end) = times;
        let weeks = Weeks::Every;
        WindowTime::Weekly { days: days.to_vec(), weeks, start, end, zone: zone.clone() }
    }

    const DAILY: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    #[test]
    fn a_window_begins_with_its_start_and_ends_before_its_end() {
        let (from, until) = (at_utc("2026-12-05T11:00:00Z"), at_utc("2026-12-05T17:00:00Z"));
        let once = WindowTime::Once { from, until };
        let states = ["10:59:59", "11:00:00", "16:59:59", "17:00:00"]
            .map(|time| is_active(&once, at_utc(&format!("2026-12-05T{time}Z"))));
        assert_eq!(states, [false, true, true, false]);
        let over = occurrence(&once, at_utc("2030-01-01T00:00:00Z"));
        assert_eq!(over, Some(Occurrence { start: from, end: until }), "it still says when");
    }

    #[test]
    fn sunday_morning_in_seoul_is_saturday_evening_in_utc() {
        let seoul = zone("Asia/Seoul");
        let weekly = weekly_on(&[Weekday::Sunday], (time(2, 0, 0, 0), time(4, 0, 0, 0)), &seoul);
        let open = Occurrence {
            start: at_utc("2026-12-05T17:00:00Z"),
            end: at_utc("2026-12-05T19:00:00Z"),
        };
        for now in ["2026-11-29T00:00:00Z", "2026-12-05T17:00:00Z", "2026-12-05T18:59:59Z"] {
            assert_eq!(occurrence(&weekly, at_utc(now)), Some(open), "{now}");
        }
        assert!(!is_active(&weekly, open.end));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_starts_on() {
        let seoul = zone("Asia/Seoul");
        let weekly = weekly_on(&[Weekday::Thursday], (time(22, 0, 0, 0), time(5, 0, 0, 0)), &seoul);
        // 2026-12-31 is a Thursday: over midnight, into the next year.
        let states = [
            date(2026, 12, 31).at(4, 0, 0, 0),
            date(2026, 12, 31).at(22, 0, 0, 0),
            date(2027, 1, 1).at(0, 0, 0, 0),
            date(2027, 1, 1).at(4, 59, 59, 0),
            date(2027, 1, 1).at(5, 0, 0, 0),
            date(2027, 1, 1).at(22, 0, 0, 0),
        ]
        .map(|local| is_active(&weekly, at(local, &seoul)));
        assert_eq!(states, [false, true, true, true, false, false]);
    }

    #[test]
    fn equal_times_are_a_whole_day() {
        let seoul = zone("Asia/Seoul");
        let noon = time(12, 0, 0, 0);
        let weekly = weekly_on(&[Weekday::Monday], (noon, noon), &seoul);
        let found = occurrence(&weekly, at_utc("2026-12-07T04:00:00Z")).unwrap();
        assert_eq!(found.end.duration_since(found.start), SignedDuration::from_hours(24));
        assert!(is_active(
            &weekly_on(&DAILY, (noon, noon), &seoul),
            at_utc("2026-12-09T03:00:00Z")
        ));
    }

    #[test]
    fn a_time_that_clocks_skip_is_taken_after_the_change() {
        // 2026-03-08 02:00 -> 03:00 in New York (UTC-5 -> UTC-4).
        let york = zone("America/New_York");
        let on = |start, end| {
            let weekly = weekly_on(&[Weekday::Sunday], (start, end), &york);
            occurrence(&weekly, at_utc("2026-03-07T12:00:00Z")).unwrap()
        };
        let both = on(time(2, 15, 0, 0), time(2, 45, 0, 0));
        assert_eq!(both.start, at_utc("2026-03-08T07:15:00Z"));
        assert_eq!(both.end, at_utc("2026-03-08T07:45:00Z"));
        let around = on(time(1, 30, 0, 0), time(3, 30, 0, 0));
        let length = around.end.duration_since(around.start);
        assert_eq!(length, SignedDuration::from_hours(1), "an hour is missing");
        let turned = on(time(2, 30, 0, 0), time(3, 15, 0, 0));
        assert_eq!(turned.start, at_utc("2026-03-08T06:30:00Z"));
        assert_eq!(turned.end, at_utc("2026-03-08T07:15:00Z"), "45 minutes, as announced");
    }

    #[test]
    fn of_a_time_that_clocks_show_twice_the_first_is_meant() {
        // 2026-11-01 02:00 -> 01:00 in New York (UTC-4 -> UTC-5).
        let york = zone("America/New_York");
        let times = (time(1, 0, 0, 0), time(1, 30, 0, 0));
        let weekly = weekly_on(&[Weekday::Sunday], times, &york);
        let found = occurrence(&weekly, at_utc("2026-10-31T12:00:00Z")).unwrap();
        assert_eq!(found.start, at_utc("2026-11-01T05:00:00Z"));
        assert_eq!(found.end, at_utc("2026-11-01T05:30:00Z"));
    }

    /// Every month of twelve years, by a calendar that is counted through day by day.
    #[test]
    fn a_monthly_window_is_the_nth_or_the_last_of_its_days() {
        let seoul = zone("Asia/Seoul");
        let (start, end) = (time(22, 0, 0, 0), time(2, 0, 0, 0));
        for day in DAILY {
            for weeks in [Weeks::Nth(1), Weeks::Nth(2), Weeks::Nth(3), Weeks::Nth(4), Weeks::Last] {
                let days = vec![day];
                let when = WindowTime::Weekly { days, weeks, start, end, zone: seoul.clone() };
                // Past the end of what begins on the last day of 2023.
                let mut now = at(date(2024, 1, 1).at(12, 0, 0, 0), &seoul);
                for month in 0..144_i16 {
                    let first = date(2024 + month / 12, (month % 12) as i8 + 1, 1);
                    let such = first.series(1.day()).take_while(|at| at.month() == first.month());
                    let such: Vec<Date> = such.filter(|date| date.weekday() == day).collect();
                    let expected = match weeks {
                        Weeks::Nth(nth) => such[nth as usize - 1],
                        _ => such[such.len() - 1],
                    };
                    let found = occurrence(&when, now).unwrap();
                    assert_eq!(
                        found.start,
                        at(expected.at(22, 0, 0, 0), &seoul),
                        "{day:?} {weeks:?}"
                    );
                    assert_eq!(found.end, at(expected.tomorrow().unwrap().at(2, 0, 0, 0), &seoul));
                    assert!(found.contains(found.start) && !found.contains(found.end));
                    now = found.end;
                }
            }
        }
    }

    #[test]
    fn rows_name_every_service_and_site_a_window_covers() {
        let from = at_utc("2026-12-05T11:00:00Z");
        let covers = |service: &str, site: Option<&str>| WindowTarget {
            service: service.into(),
            site: site.map(Into::into),
        };
        let window = Window {
            name: "patch".into(),
            targets: vec![covers("gov24", None), covers("saeol", Some("seocho"))],
            reason: None,
            kind: WindowKind::Emergency,
            when: WindowTime::Once { from, until: at_utc("2026-12-05T17:00:00Z") },
        };
        let rows = rows(&[window], from);
        let row = |service: &str, site: Option<&str>| WindowRow {
            name: "patch".into(),
            service: service.into(),
            site: site.map(Into::into),
            kind: WindowKind::Emergency,
            active: true,
            start: from,
            end: at_utc("2026-12-05T17:00:00Z"),
        };
        assert_eq!(rows, [row("gov24", None), row("saeol", Some("seocho"))]);
    }

    fn any_time() -> impl Strategy<Value = Time> {
        (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| time(hour, minute, 0, 0))
    }

    fn any_days() -> impl Strategy<Value = Vec<Weekday>> {
        proptest::sample::subsequence(DAILY.to_vec(), 1..=7)
    }

    /// 2009 to 2030, so that Samoa's missing day of 2011 and every change of clocks is in it.
    fn any_instant() -> impl Strategy<Value = Timestamp> {
        (1_230_768_000_i64..1_893_456_000)
            .prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Without changes of clocks a window is a range of local minutes of the week.
        #[test]
        fn in_seoul_a_window_is_a_range_of_the_week(
            days in any_days(), start in any_time(), end in any_time(), now in any_instant(),
        ) {
            let seoul = zone("Asia/Seoul");
            let minute = |time: Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
            let local = seoul.to_datetime(now);
            let this = i64::from(local.date().weekday().to_monday_zero_offset()) * 1_440
                + minute(local.time());
            let length = (minute(end) - minute(start) - 1).rem_euclid(1_440) + 1;
            let expected = days.iter().any(|day| {
                let begins = i64::from(day.to_monday_zero_offset()) * 1_440 + minute(start);
                (this - begins).rem_euclid(7 * 1_440) < length
            });
            prop_assert_eq!(is_active(&weekly_on(&days, (start, end), &seoul), now), expected);
        }

        /// Elsewhere: active exactly within an occurrence of some day, and the next start is the
        /// earliest that is to come.
        #[test]
        fn a_window_is_active_exactly_within_its_occurrences(
            days in any_days(),
            times in (any_time(), any_time()),
            now in any_instant(),
            place in proptest::sample::select(vec![
                "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia",
                "Asia/Seoul",
            ]),
        ) {
            let zone = zone(place);
            let when = weekly_on(&days, times, &zone);
            let today = zone.to_datetime(now).date();
            let all: Vec<Occurrence> = (-40_i32..40)
                .filter_map(|offset| weekly(&when, today.checked_add(offset.days()).unwrap()))
                .collect();
            prop_assert!(all.iter().all(|one| one.start < one.end));
            let active = all.iter().any(|one| one.start <= now && now < one.end);
            prop_assert_eq!(is_active(&when, now), active);
            let found = occurrence(&when, now).unwrap();
            let next = all.iter().filter(|one| now < one.end).map(|one| one.start).min();
            prop_assert_eq!(Some(found.start), next);
        }
    }
}

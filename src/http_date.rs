//! Dates in HTTP headers (RFC 9110 section 5.6.7): one reader for every header that holds one.
//!
//! A recipient must read three forms, and servers mix them. So words are told apart by what they
//! look like and not by where they stand. The day of the week says nothing that the date does not,
//! so a wrong one is no fault; a time zone that is not known makes the date worthless and is one.

use jiff::civil;
use jiff::{Span, Timestamp};

/// Longer is no date.
///
/// No row: nothing of a date is kept.
const BYTES_MAX: usize = 64;

/// A year of two digits that seems further ahead than this is of the century before.
const YEARS_AHEAD_MAX: i64 = 50;

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What the words of a date said so far.
#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<Year>,
    time: Option<Time>,
    /// Seconds east of Greenwich.
    zone: Option<i64>,
    weekday: Option<()>,
}

#[derive(Clone, Copy)]
enum Year {
    Whole(i16),
    /// Of a century that is to be found out.
    Short(i16),
}

#[derive(Clone, Copy)]
struct Time {
    hour: i8,
    minute: i8,
    second: i8,
    /// A leap second is one more than the clock can say.
    leap: i64,
}

/// The moment that a date names. `now` decides about the century of a year of two digits.
pub fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text.len() > BYTES_MAX {
        return None;
    }
    if let Some(moment) = preferred(text.as_bytes()) {
        return Some(moment);
    }
    let mut parts = Parts::default();
    let words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    for word in words {
        if let Some(east) = word.strip_prefix('+') {
            put(&mut parts.zone, offset(east))?;
        } else if let Some(west) = word.strip_prefix('-') {
            put(&mut parts.zone, offset(west).map(|seconds| -seconds))?;
        } else {
            // 06-Nov-94
            word.split('-').try_for_each(|piece| parts.take(piece))?;
        }
    }
    parts.moment(now)
}

/// The form that nearly all servers send, at a glance: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn preferred(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 29] = text.try_into().ok()?;
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0i16, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0'))
        })
    };
    let small = |from: usize| number(from, from + 2).map(|number| number as i8);
    let named = |names: &[&str], from: usize| {
        names
            .iter()
            .position(|name| text[from..from + 3].eq_ignore_ascii_case(&name.as_bytes()[..3]))
    };
    let separated =
        [(3, b','), (4, b' '), (7, b' '), (11, b' '), (16, b' '), (19, b':'), (22, b':')]
            .iter()
            .all(|&(at, byte)| text[at] == byte);
    if !separated || &text[25..] != b" GMT" || named(&DAYS, 0).is_none() {
        return None;
    }
    let (day, month, year) = (small(5)?, named(&MONTHS, 8)? as i8 + 1, number(12, 16)?);
    let local = civil::DateTime::new(year, month, day, small(17)?, small(20)?, small(23)?, 0);
    jiff::tz::Offset::UTC.to_timestamp(local.ok()?).ok()
}

/// Fills a place that may be filled once.
fn put<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    let value = value?;
    place.is_none().then(|| *place = Some(value))
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        let number = || word.parse::<i16>().ok();
        match word.as_bytes() {
            [] => None,
            bytes if bytes.contains(&b':') => put(&mut self.time, time(word)),
            bytes if bytes.iter().all(u8::is_ascii_digit) => match (bytes.len(), self.day) {
                (1 | 2, None) => put(&mut self.day, number()?.try_into().ok()),
                (2, Some(_)) => put(&mut self.year, number().map(Year::Short)),
                (4, _) => put(&mut self.year, number().map(Year::Whole)),
                _ => None,
            },
            _ => self.take_name(&word.to_ascii_lowercase()),
        }
    }

    fn take_name(&mut self, word: &str) -> Option<()> {
        let named = |name: &&str| name.starts_with(word) && (word.len() == 3 || *name == word);
        if let Some(month) = MONTHS.iter().position(named) {
            return put(&mut self.month, i8::try_from(month + 1).ok());
        }
        if DAYS.iter().any(named) {
            return put(&mut self.weekday, Some(()));
        }
        matches!(word, "gmt" | "utc" | "ut" | "z").then(|| put(&mut self.zone, Some(0)))?
    }

    fn moment(self, now: Timestamp) -> Option<Timestamp> {
        let Time { hour, minute, second, leap } = self.time?;
        let (day, month) = (self.day?, self.month?);
        let at = |year: i16| {
            let local = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
            let local = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
            Timestamp::from_second(local + leap - self.zone.unwrap_or(0)).ok()
        };
        match self.year? {
            Year::Whole(year) => at(year),
            Year::Short(year) => {
                let today = now.to_zoned(jiff::tz::TimeZone::UTC);
                let limit = today.checked_add(Span::new().years(YEARS_AHEAD_MAX)).ok()?;
                let year = today.year() / 100 * 100 + year;
                // A 29 February may be in one of the two centuries only.
                match at(year) {
                    Some(then) if then <= limit.timestamp() => Some(then),
                    _ => at(year - 100),
                }
            }
        }
    }
}

/// `8:49:37`. RFC 5322 allows second 60.
fn time(word: &str) -> Option<Time> {
    let mut fields = word.split(':').map(|field| {
        let fits = matches!(field.len(), 1 | 2) && field.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| field.parse::<i8>().ok())?
    });
    let (hour, minute, second) = (fields.next()??, fields.next()??, fields.next()??);
    if fields.next().is_some() {
        return None;
    }
    let leap = i64::from(second == 60);
    Some(Time { hour, minute, second: second.min(60) - leap as i8, leap }).filter(|_| second <= 60)
}

/// `0900`, in seconds.
fn offset(digits: &str) -> Option<i64> {
    let fits = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = fits.then(|| digits.parse::<i64>().ok())??;
    let (hours, minutes) = (number / 100, number % 100);
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(text: &str) -> Option<i64> {
        let now = "2026-11-28T00:00:00Z".parse().unwrap();
        parse(text, now).map(Timestamp::as_second)
    }

    #[test]
    fn all_three_forms_are_read_and_a_wrong_weekday_is_no_fault() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            // What servers make of them.
            "sun, 06 nov 1994 08:49:37 gmt",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 8:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 17:49:37 +0900",
            "Sun, 06 Nov 1994 03:49:37 -0500",
            "Sun Nov  6 08:49:37 GMT 1994",
            "Sunday, 06 November 1994 08:49:37 GMT",
            "  Sun, 06 Nov 1994 08:49:37 GMT ",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        let year =
            |text: &str| seconds(text).map(|s| Timestamp::from_second(s).unwrap().to_string());
        let says = |text: &str, expected: &str| {
            assert_eq!(year(text).as_deref(), Some(expected), "{text}");
        };
        says("Friday, 27-Nov-76 00:00:00 GMT", "2076-11-27T00:00:00Z");
        says("Sunday, 29-Nov-76 00:00:00 GMT", "1976-11-29T00:00:00Z");
        says("Thursday, 01-Jan-70 00:00:00 GMT", "2070-01-01T00:00:00Z");
        says("Friday, 31-Dec-99 23:59:59 GMT", "1999-12-31T23:59:59Z");
        says("Saturday, 28-Nov-26 00:00:00 GMT", "2026-11-28T00:00:00Z");
    }

    #[test]
    fn what_names_no_moment_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "yesterday",
            "Sun, 06 Nov 1994",
            "08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37 KST",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06 Nov 07 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 N 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37 +9",
            "Sun, 06 Nov 1994 08:49:37 +0960",
            "일, 06 11월 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_one_after() {
        assert_eq!(seconds("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_is_a_date_or_none(text in "[-+ ,:0-9A-Za-z가]{0,70}") {
            let _ = seconds(&text);
        }

        #[test]
        fn every_moment_survives_all_forms(second in 0_i64..4_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            for form in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", "%A, %d-%b-%Y %T GMT"] {
                let text = at.strftime(form).to_string();
                prop_assert_eq!(seconds(&text), Some(second), "{}", text);
            }
        }
    }
}

//! A calendar month of Korea, as contracts count it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{ToSpan, Zoned};

use super::span::{HOUR, Millis, Span, timestamp};

/// Korea has had no summer time since 1988, so that every hour of a month is 60 minutes.
const KST: Offset = Offset::constant(9);

/// The zone of everything that a report says.
pub fn korea() -> TimeZone {
    TimeZone::fixed(KST)
}

/// A month, and what of it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    first: Date,
    whole: Span,
    /// Until the end of the month, or until now in a month that is running.
    pub past: Span,
}

impl Month {
    /// The month that begins with a date, seen from an instant.
    ///
    /// # Errors
    ///
    /// It has not begun yet.
    pub fn new(first: Date, now: Timestamp) -> Result<Month, String> {
        let first = first.first_of_month();
        let next = first.saturating_add(1.month());
        let whole = Span { from: midnight(first), until: midnight(next) };
        let now = now.as_millisecond();
        if now <= whole.from {
            return Err(format!("{} has not begun yet", first.strftime("%Y-%m")));
        }
        let past = Span { from: whole.from, until: whole.until.min(now) };
        Ok(Month { first, whole, past })
    }

    /// `2026-11`.
    pub fn name(&self) -> String {
        self.first.strftime("%Y-%m").to_string()
    }

    /// As `service:down_minutes:increase1m` labels it: `11`.
    pub fn number(&self) -> i8 {
        self.first.month()
    }

    pub fn is_over(&self) -> bool {
        self.past == self.whole
    }

    /// Milliseconds of the whole month.
    pub fn length(&self) -> Millis {
        self.whole.length()
    }

    /// The hours of what is over; the last may be shorter.
    pub fn hours(&self) -> Vec<Span> {
        let mut hours = Vec::new();
        let mut from = self.past.from;
        while from < self.past.until {
            let until = (from + HOUR).min(self.past.until);
            hours.push(Span { from, until });
            from = until;
        }
        hours
    }
}

fn midnight(date: Date) -> Millis {
    // A date of a flag is between the years 1 and 9999, which Timestamp covers.
    date.to_zoned(korea()).map_or(0, |zoned: Zoned| zoned.timestamp().as_millisecond())
}

/// An instant in Korea's time; empty outside of any calendar.
pub fn local(at: Millis, format: &str) -> String {
    timestamp(at).map(|at| at.to_zoned(korea()).strftime(format).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::span::MINUTE;
    use super::*;

    fn month(year: i16, number: i8, now: &str) -> Month {
        Month::new(date(year, number, 1), now.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_month_has_its_own_minutes_and_begins_at_midnight_in_korea() {
        let now = "2030-01-01T00:00:00Z";
        let minutes = |year, number| month(year, number, now).length() / MINUTE;
        assert_eq!(minutes(2026, 2), 40_320);
        assert_eq!(minutes(2028, 2), 41_760);
        assert_eq!([minutes(2026, 3), minutes(2026, 10)], [44_640; 2], "no summer time");
        assert_eq!(minutes(2026, 11), 43_200);
        let march = month(2026, 3, now);
        assert_eq!(local(march.past.from, "%F %T"), "2026-03-01 00:00:00");
        assert_eq!(timestamp(march.past.from).unwrap().to_string(), "2026-02-28T15:00:00Z");
        assert!(march.is_over());
        assert_eq!(march.hours().len(), 744);
    }

    #[test]
    fn a_running_month_ends_now_and_a_coming_one_is_none() {
        let running = month(2026, 11, "2026-11-01T01:30:00Z");
        assert!(!running.is_over());
        assert_eq!(running.hours().len(), 11);
        assert_eq!(running.past.length(), 10 * HOUR + 30 * MINUTE);
        assert_eq!(running.length(), 43_200 * MINUTE);
        let coming = Month::new(date(2026, 12, 1), "2026-11-30T14:59:59Z".parse().unwrap());
        assert_eq!(coming.unwrap_err(), "2026-12 has not begun yet");
    }
}

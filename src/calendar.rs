//! The time of day, as far as calendars go. A clock that is set beyond them is a fault of ours, and no
//! reason to panic: what writes dates does.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// 1 December 9999. Dates in HTTP end with that year (RFC 9110 section 5.6.7), and what is reckoned from
/// now on has a month left.
const LAST: i64 = 253_399_622_400;

/// The time of our clock, or the nearest to it that has a date.
pub fn now() -> Timestamp {
    nearest(SystemTime::now())
}

/// Whether the time of our clock has a date in HTTP: it is neither before 1970 nor beyond 9999.
pub fn has_now() -> bool {
    has(SystemTime::now())
}

fn has(time: SystemTime) -> bool {
    time >= UNIX_EPOCH && Timestamp::try_from(time).is_ok_and(|time| time.as_second() < LAST)
}

fn nearest(time: SystemTime) -> Timestamp {
    if time < UNIX_EPOCH {
        return Timestamp::UNIX_EPOCH;
    }
    let last = Timestamp::from_second(LAST).unwrap_or(Timestamp::MAX);
    Timestamp::try_from(time).map_or(last, |time| time.min(last))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_beyond_calendars_has_the_nearest_date() {
        let after = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let before = UNIX_EPOCH - Duration::from_secs(1);
        for (time, expected, is_known) in [
            (before, "1970-01-01T00:00:00Z", false),
            (UNIX_EPOCH, "1970-01-01T00:00:00Z", true),
            (after(1_800_000_000), "2027-01-15T08:00:00Z", true),
            (after(LAST as u64 - 1), "9999-11-30T23:59:59Z", true),
            (after(LAST as u64), "9999-12-01T00:00:00Z", false),
            (after(400_000_000_000), "9999-12-01T00:00:00Z", false),
            (after(i64::MAX as u64), "9999-12-01T00:00:00Z", false),
        ] {
            assert_eq!((nearest(time).to_string(), has(time)), (expected.to_owned(), is_known));
        }
    }
}

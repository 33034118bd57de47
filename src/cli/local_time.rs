//! A time as an operator writes it: a day and a time of day, in the zone that the flag speaks of.

use jiff::civil::{Date, DateTime};

const EXAMPLE: &str = "2026-11-30T02:00";

/// Bytes of a day, behind which the time of day follows.
const DAY: usize = 10;

/// Reads it. A zone is refused: it would be passed over, and the time would be another one.
pub(super) fn local_time(text: &str) -> Result<DateTime, String> {
    let day = text.get(..DAY).is_some_and(|day| day.parse::<Date>().is_ok());
    let of_day = text.get(DAY + 1..).unwrap_or_default();
    if day && of_day.contains(|c: char| !c.is_ascii_digit() && !":.".contains(c)) {
        return Err(format!("it has a zone; write the local time without one, as in {EXAMPLE}"));
    }
    text.parse().map_err(|_| format!("it is no day with a time; write {EXAMPLE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_day_and_no_zone() {
        let expected: DateTime = EXAMPLE.parse().unwrap();
        for text in ["2026-11-30T02:00", "2026-11-30 02:00", "2026-11-30T02:00:00"] {
            assert_eq!(local_time(text), Ok(expected), "{text}");
        }
        for zone in [
            "2026-11-30T02:00+09:00",
            "2026-11-30T02:00-05",
            "2026-11-30 02:00 KST",
            "2026-11-30T02:00Z",
            "2026-11-30T02:00[Asia/Seoul]",
        ] {
            assert!(local_time(zone).unwrap_err().starts_with("it has a zone"), "{zone}");
        }
        for none in ["02:00", "tomorrow", "2026-11-31 02:00", "11/30 02:00", "새벽 2시", ""] {
            assert!(local_time(none).unwrap_err().starts_with("it is no day"), "{none}");
        }
    }
}

//! Times as people read them: every page in one zone, which is named after each.
//!
//! It is the zone of `TZ` where that is set, and Korea's where it is not: most servers are set to
//! UTC, and nobody reads that at night. `/api/v1/status` and the log are for programs, and stay
//! with UTC.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Where the services and their operators are.
const AT_HOME: &str = "Asia/Seoul";

/// The zone of the pages.
#[derive(Debug, Clone)]
pub struct LocalTime(TimeZone);

impl LocalTime {
    /// In the zone of this name, as `TZ` has it (`Asia/Seoul`, `:Asia/Seoul`, `KST-9`); a name that
    /// nobody knows is told to the log.
    pub fn named(name: Option<&str>) -> LocalTime {
        let name = name.map(|name| name.trim_start_matches(':')).filter(|name| !name.is_empty());
        let zone = name.and_then(|name| {
            let found = TimeZone::get(name).or_else(|_| TimeZone::posix(name));
            if found.is_err() {
                tracing::warn!(name, "TZ names no time zone, pages show Korean time");
            }
            found.ok()
        });
        // The zones are compiled in, so that Korea's is found.
        LocalTime(zone.or_else(|| TimeZone::get(AT_HOME).ok()).unwrap_or(TimeZone::UTC))
    }

    /// To the second.
    pub(super) fn second(&self, time: SystemTime) -> String {
        Timestamp::try_from(time).map(|time| self.text(time, "%F %T %Z")).unwrap_or_default()
    }

    /// To the minute.
    pub fn minute(&self, time: Timestamp) -> String {
        self.text(time, "%F %H:%M %Z")
    }

    /// The instant of a local time; of one that comes twice the first.
    ///
    /// # Errors
    ///
    /// The clocks skip it.
    pub fn instant(&self, local: DateTime) -> Result<Timestamp, String> {
        let ambiguous = self.0.to_ambiguous_zoned(local);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(format!("{local} does not exist here: the clocks skip it"));
        }
        ambiguous.earlier().map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
    }

    fn text(&self, time: Timestamp, format: &str) -> String {
        time.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_tz_is_understood_and_korea_is_the_default() {
        let time: Timestamp = "2026-12-05T17:00:00Z".parse().unwrap();
        for (name, wanted) in [
            (None, "2026-12-06 02:00 KST"),
            (Some(""), "2026-12-06 02:00 KST"),
            (Some(":Asia/Seoul"), "2026-12-06 02:00 KST"),
            (Some("KST-9"), "2026-12-06 02:00 KST"),
            (Some("UTC"), "2026-12-05 17:00 UTC"),
            (Some("Europe/Berlin"), "2026-12-05 18:00 CET"),
            (Some("No/Where"), "2026-12-06 02:00 KST"),
        ] {
            assert_eq!(LocalTime::named(name).minute(time), wanted, "{name:?}");
        }
    }
}

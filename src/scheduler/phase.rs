//! When a target is due: arithmetic on the monotonic clock, without a clock of its own.
//!
//! A target's slots are `origin + offset + k * interval`. The origin is the moment the target was
//! taken on; the offset is a hash of its id. So after a restart, on another replica or next to
//! other targets the same probe keeps the same place among its neighbours, and the load has the
//! same even shape.
//!
//! Targets that are rechecked have an origin that all vantages share: a multiple of the interval on
//! the wall clock ([`WallClock`]). Two vantages must agree before anybody is paged, and so they see
//! a failure in the same second instead of up to an interval apart. The clock is read once, at the
//! start, and may be set afterwards: a wrong one costs only that. Logins, which are not rechecked,
//! stay apart, so that vantages do not sign in together.
//!
//! An offset lies anywhere in the interval, or probes of long intervals would run in one burst
//! every time. So that a new target is not unknown for an hour, one with a long interval has one
//! early slot within the first [`FIRST_LOOK`], a whole number of those before its first place on
//! the grid.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::fnv::fnv1a_64;
use tokio::time::Instant;

use crate::config::TargetId;

/// Every target has had its first run this long after start, unless its interval is shorter still.
pub const FIRST_LOOK: Duration = Duration::from_secs(30);

/// Slots begin at multiples of this, so that the runs of one moment share a wakeup and find each
/// other's code in the processor's caches. Short beside any interval and any network.
const TICK_MILLIS: u64 = 16;

/// What the wall clock showed at one moment; from then on the monotonic clock counts.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    at: Instant,
    unix: Duration,
}

impl WallClock {
    pub fn read() -> WallClock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallClock::showing(unix, Instant::now())
    }

    /// A clock that showed `unix`, the time since 1970, at an instant.
    pub fn showing(unix: Duration, at: Instant) -> WallClock {
        WallClock { at, unix }
    }

    /// How long before `instant` the last multiple of the interval was.
    fn since_slot(&self, interval: Duration, instant: Instant) -> Duration {
        let unix = self.unix + instant.saturating_duration_since(self.at);
        Duration::from_millis(u64::try_from(unix.as_millis()).unwrap_or(0) % whole_millis(interval))
    }
}

/// The slots of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The first slot on the grid: origin plus offset.
    base: Instant,
    /// The first slot of all, at or before `base`.
    first: Instant,
    interval: Duration,
}

impl Grid {
    /// The slots of a target that is taken on at `origin`. `interval` is positive.
    pub fn new(id: &TargetId, interval: Duration, origin: Instant) -> Grid {
        Grid::begin(offset(id, interval), interval, origin)
    }

    /// The same for a target whose slots are `k * interval + offset` on a clock that others share.
    pub fn shared(id: &TargetId, interval: Duration, origin: Instant, clock: &WallClock) -> Grid {
        let (offset, since) = (offset(id, interval), clock.since_slot(interval, origin));
        let ahead = offset.checked_sub(since).unwrap_or((offset + interval).saturating_sub(since));
        Grid::begin(ahead, interval, origin)
    }

    /// The first place on the grid is `ahead` of the origin.
    fn begin(ahead: Duration, interval: Duration, origin: Instant) -> Grid {
        let look = Duration::from_millis(ahead.as_millis() as u64 % whole_millis(FIRST_LOOK));
        Grid { base: origin + ahead, first: origin + ahead.min(look), interval }
    }

    pub fn first(&self) -> Instant {
        self.first
    }

    /// The first slot on the grid after an instant.
    pub fn after(&self, instant: Instant) -> Instant {
        match instant.checked_duration_since(self.base) {
            Some(since) => self.base + times(self.interval, whole(since, self.interval) + 1),
            None => self.base,
        }
    }

    /// The slot to run for when `due` could not be run until `now`: the last one that has come,
    /// and how many were passed over for it. `due` is a slot at or before `now`.
    pub fn catch_up(&self, due: Instant, now: Instant) -> (Instant, u64) {
        let next = self.after(due);
        match now.checked_duration_since(next) {
            Some(late) => {
                let more = whole(late, self.interval);
                (next + times(self.interval, more), more + 1)
            }
            None => (due, 0),
        }
    }
}

/// The place of a target in its interval, a multiple of [`TICK_MILLIS`].
fn offset(id: &TargetId, interval: Duration) -> Duration {
    let place = fnv1a_64(id.to_string().as_bytes()) % whole_millis(interval);
    Duration::from_millis(place - place % TICK_MILLIS)
}

fn whole_millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// How often `interval` fits into `span`.
fn whole(span: Duration, interval: Duration) -> u64 {
    u64::try_from(span.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// `Duration * u32` is too small for a short interval over months.
fn times(interval: Duration, count: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(service: &str) -> TargetId {
        TargetId { service: service.into(), probe: "front".into(), site: None }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_offset_is_the_same_in_every_process_and_release() {
        // Written down so that a change of the hash or of the id's text is noticed.
        assert_eq!(offset(&id("gov24"), secs(30)), Duration::from_millis(27_904));
        let site = TargetId { site: Some("seocho".into()), ..id("saeol") };
        assert_eq!(offset(&site, secs(30)), Duration::from_millis(24_448));
    }

    #[test]
    fn a_short_interval_starts_on_its_grid() {
        let origin = Instant::now();
        for number in 0..1_000 {
            let grid = Grid::new(&id(&number.to_string()), secs(20), origin);
            assert!(grid.first() < origin + secs(20));
            assert_eq!(grid.after(grid.first()), grid.first() + secs(20));
        }
    }

    #[test]
    fn a_long_interval_looks_early_and_never_twice_in_a_row() {
        let origin = Instant::now();
        let mut early = 0;
        for number in 0..1_000 {
            let grid = Grid::new(&id(&number.to_string()), secs(300), origin);
            assert!(grid.first() < origin + FIRST_LOOK);
            let second = grid.after(grid.first()) - grid.first();
            assert!((FIRST_LOOK..=secs(300)).contains(&second), "{second:?}");
            early += u32::from(second < secs(300));
        }
        assert!(early > 800, "{early} of 1000 have an early look");
    }

    #[test]
    fn vantages_that_started_apart_share_the_slots_of_a_wall_clock() {
        let start = Instant::now();
        for (number, later) in [0, 1, 7_300, 29_999, 30_000, 1_234_567].into_iter().enumerate() {
            let id = id(&number.to_string());
            for interval in [secs(20), secs(30), secs(300)] {
                let unix = Duration::from_millis(1_700_152_937_123);
                let there = WallClock::showing(unix, start);
                let second = start + Duration::from_millis(later);
                let here = WallClock::showing(unix + Duration::from_millis(later), second);
                let (one, other) = (
                    Grid::shared(&id, interval, start, &there),
                    Grid::shared(&id, interval, second, &here),
                );
                assert!(other.first() >= second && other.first() < second + interval);
                let next = other.after(second + interval);
                assert_eq!(one.after(next - Duration::from_millis(1)), next);
            }
        }
    }

    #[test]
    fn slots_fill_the_interval_evenly() {
        let origin = Instant::now();
        let mut tenths = [0; 10];
        for number in 0..17_000 {
            let grid = Grid::new(&id(&format!("saeol-{number}")), secs(300), origin);
            tenths[((grid.base - origin).as_secs() / 30) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (1_550..1_850).contains(count)), "{tenths:?}");
    }

    #[test]
    fn catching_up_names_the_last_slot_and_counts_the_others() {
        let origin = Instant::now();
        let grid = Grid::new(&id("gov24"), secs(10), origin);
        let due = grid.first();
        let almost = due + secs(10) - Duration::from_nanos(1);
        assert_eq!(grid.catch_up(due, due), (due, 0));
        assert_eq!(grid.catch_up(due, almost), (due, 0));
        assert_eq!(grid.catch_up(due, due + secs(10)), (due + secs(10), 1));
        assert_eq!(grid.catch_up(due, due + secs(59)), (due + secs(50), 5));
    }

    #[test]
    fn a_millisecond_interval_survives_a_year() {
        let origin = Instant::now();
        let grid = Grid::new(&id("gov24"), Duration::from_millis(1), origin);
        let year = secs(365 * 24 * 3600);
        assert_eq!(grid.after(origin + year), origin + year + Duration::from_millis(1));
    }
}

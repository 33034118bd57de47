//! Whether our clock is wrong, where no control tells the time: by the certificates that all targets
//! showed. Those in use are valid today, whoever issued them. When those of unrelated issuers are
//! invalid by our clock together, and there is a time at which all of them are valid, then it is our
//! clock that left that time.
//!
//! A certificate that was valid by this same clock and ran out has ended, and is no sign of anything.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chain::{ChainFaultKind, TlsFacts};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::own_clock;
use crate::config::TargetId;
use crate::outcome::{Failure, Outcome, Reason};

/// Issuers that have to agree. One alone may have forgotten to renew what it issues.
const ISSUERS_MIN: usize = 2;
/// How far a clock may be set that is still the same clock: leap seconds, a correction after start.
const SAME_CLOCK: u64 = 60;
/// A chain that was shown longer ago says nothing of today.
const MEMORY: Duration = Duration::from_secs(3_600);
/// At the start nothing is known of our clock, and a failure may be the first of many. For so long it
/// is not known whether others follow ...
const START: Duration = Duration::from_secs(60);
/// ... and each failure waits this long for them, unless a valid certificate speaks for our clock.
const WAIT_AT_START: Duration = Duration::from_secs(5);

/// What targets showed, one chain for each.
pub(super) struct DatedChains {
    seen: Mutex<HashMap<TargetId, DatedChain>>,
    added: Notify,
    began: Instant,
}

/// When a chain is valid, and where it comes from. There is nothing else wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DatedChain {
    /// Its first certificate.
    leaf: u64,
    issuer: u64,
    /// Unix seconds.
    from: i64,
    /// The last second.
    until: i64,
    seen: Instant,
    /// The clock by which it was valid when it was last shown.
    valid_by: Option<ClockOffset>,
    /// It was found to be invalid by a clock that nothing spoke against.
    is_theirs: bool,
}

/// Our clock at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OurClock {
    /// Unix seconds.
    now: i64,
    pub(super) offset: ClockOffset,
}

/// How far a clock is ahead of the time since the machine started. It changes when somebody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockOffset(i64);

impl ClockOffset {
    /// How far the clock was set since, in seconds.
    pub(super) fn moved_since(self, before: ClockOffset) -> i64 {
        self.0.saturating_sub(before.0)
    }
}

/// That our clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockFault {
    chains: usize,
    issuers: usize,
    /// A time at which they all were valid, unix seconds.
    likely: i64,
}

impl DatedChains {
    pub(super) fn new() -> DatedChains {
        DatedChains { seen: Mutex::default(), added: Notify::new(), began: Instant::now() }
    }

    /// Notes what this target showed, and turns a failure that comes of our clock into
    /// [`Reason::ClockWrong`].
    pub(super) async fn judge(&self, target: &TargetId, outcome: &mut Outcome, ended: Instant) {
        let clock = OurClock::read();
        let set = own_clock::set_by(outcome, ended.elapsed());
        let Some(chain) = outcome.facts.tls.as_ref().and_then(|tls| DatedChain::of(tls, clock))
        else {
            return;
        };
        let chain = self.note(target, chain);
        self.added.notify_waiters();
        let Err(failure) = &outcome.result else { return };
        if !own_clock::is_about_dates(failure) || chain.has_ended(clock) || chain.is_theirs {
            return;
        }
        if own_clock::is_off(set) && chain.is_valid_at(clock.now) {
            own_clock::judge_set_meanwhile(outcome);
            return;
        }
        match self.fault_in_time(clock).await {
            Some(fault) if chain.is_valid_at(fault.likely) => {
                outcome.result = Err(fault.explain(failure, clock));
            }
            _ => self.is_theirs(target),
        }
    }

    /// Of a chain that was valid by some clock before, that is kept.
    fn note(&self, target: &TargetId, mut chain: DatedChain) -> DatedChain {
        let mut seen = self.seen.lock();
        if let Some(before) = seen.get(target)
            && before.leaf == chain.leaf
        {
            chain.valid_by = chain.valid_by.or(before.valid_by);
            chain.is_theirs = before.is_theirs && chain.valid_by.is_none();
        }
        seen.insert(target.clone(), chain.clone());
        chain
    }

    fn is_theirs(&self, target: &TargetId) {
        if let Some(chain) = self.seen.lock().get_mut(target) {
            chain.is_theirs = chain.valid_by.is_none();
        }
    }

    async fn fault_in_time(&self, clock: OurClock) -> Option<ClockFault> {
        let end = Instant::now() + WAIT_AT_START;
        loop {
            let added = self.added.notified();
            let (fault, is_confirmed) = {
                let mut seen = self.seen.lock();
                seen.retain(|_, chain| chain.seen.elapsed() < MEMORY);
                let is_confirmed = seen.values().any(|chain| chain.is_valid_at(clock.now));
                (fault(seen.values(), clock), is_confirmed)
            };
            let knows_enough = is_confirmed || self.began.elapsed() >= START;
            if fault.is_some() || knows_enough || timeout_at(end, added).await.is_err() {
                return fault;
            }
        }
    }
}

/// Whether these chains show that a clock is wrong.
fn fault<'c>(chains: impl Iterator<Item = &'c DatedChain>, clock: OurClock) -> Option<ClockFault> {
    let (valid, invalid): (Vec<_>, Vec<_>) = chains.partition(|chain| chain.is_valid_at(clock.now));
    let suspects: Vec<_> =
        invalid.into_iter().filter(|chain| !chain.has_ended(clock) && !chain.is_theirs).collect();
    let likely = busiest(&suspects)?;
    let of_that_time = || suspects.iter().filter(|chain| chain.is_valid_at(likely));
    let issuers = of_that_time().map(|chain| chain.issuer).collect::<HashSet<_>>().len();
    let chains = of_that_time().count();
    // What is valid now and was not then speaks for our clock.
    let against = valid.iter().filter(|chain| !chain.is_valid_at(likely)).count();
    let is_wrong = issuers >= ISSUERS_MIN && chains > 2 * against && 4 * chains >= valid.len();
    is_wrong.then_some(ClockFault { chains, issuers, likely })
}

/// A time at which as many of them are valid as can be.
fn busiest(chains: &[&DatedChain]) -> Option<i64> {
    let begins = chains.iter().map(|chain| (chain.from, 1));
    let ends = chains.iter().map(|chain| (chain.until.saturating_add(1), -1));
    let mut changes: Vec<(i64, i64)> = begins.chain(ends).collect();
    changes.sort_unstable();
    let mut valid = 0;
    let counted = changes.into_iter().map(|(time, change)| {
        valid += change;
        (valid, std::cmp::Reverse(time))
    });
    counted.max().map(|(_, std::cmp::Reverse(time))| time)
}

impl DatedChain {
    /// None where there is no chain, or where something else is wrong with it.
    fn of(tls: &TlsFacts, clock: OurClock) -> Option<DatedChain> {
        let is_date = |kind| matches!(kind, ChainFaultKind::Expired | ChainFaultKind::NotYetValid);
        if !tls.faults.iter().all(|fault| is_date(fault.kind)) {
            return None;
        }
        let certificates = || own_clock::on_path(tls);
        let from = certificates().map(|certificate| certificate.not_before).max()?;
        let until = certificates().map(|certificate| certificate.not_after).min()?;
        let leaf = hashed(&certificates().next()?.fingerprint_sha256);
        let issuer = hashed(&certificates().last()?.issuer);
        let (seen, valid_by, is_theirs) = (Instant::now(), None, false);
        let mut chain = DatedChain { leaf, issuer, from, until, seen, valid_by, is_theirs };
        chain.valid_by = chain.is_valid_at(clock.now).then_some(clock.offset);
        Some(chain)
    }

    fn is_valid_at(&self, time: i64) -> bool {
        (self.from..=self.until).contains(&time)
    }

    /// Whether it was valid by this same clock and is no longer.
    fn has_ended(&self, clock: OurClock) -> bool {
        !self.is_valid_at(clock.now)
            && self.valid_by.is_some_and(|by| by.0.abs_diff(clock.offset.0) <= SAME_CLOCK)
    }
}

fn hashed(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl OurClock {
    pub(super) fn read() -> OurClock {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let now = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => seconds(after),
            Err(before) => -seconds(before.duration()),
        };
        let offset = ClockOffset(now.saturating_sub(clock_gettime(ClockId::Boottime).tv_sec));
        OurClock { now, offset }
    }
}

impl ClockFault {
    fn explain(self, found: &Failure, clock: OurClock) -> Failure {
        let without_step = Failure { step: None, ..found.clone() };
        let day =
            |seconds| Timestamp::from_second(seconds).map(|time| time.strftime("%F").to_string());
        let (ours, likely) = (
            day(clock.now).unwrap_or_else(|_| "of no known year".into()),
            day(self.likely).unwrap_or_else(|_| "another day".into()),
        );
        let ClockFault { chains, issuers, .. } = self;
        Failure {
            step: found.step.clone(),
            ..Failure::new(
                Reason::ClockWrong,
                format!(
                    "our clock says {ours}, when the certificates of {chains} probes from {issuers} \
                     unrelated issuers are not valid, and on {likely} all of them were; the run had \
                     {without_step}"
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const TODAY: i64 = 20_000 * DAY;

    fn clock(days_ahead: i64) -> OurClock {
        OurClock { now: TODAY + days_ahead * DAY, offset: ClockOffset(days_ahead * DAY) }
    }

    /// Days from today.
    fn chain(issuer: u64, from: i64, until: i64) -> DatedChain {
        let (from, until) = (TODAY + from * DAY, TODAY + until * DAY);
        let (seen, valid_by, is_theirs) = (Instant::now(), None, false);
        DatedChain { leaf: issuer, issuer, from, until, seen, valid_by, is_theirs }
    }

    fn shown_by(clock: OurClock, mut chain: DatedChain) -> DatedChain {
        chain.valid_by = chain.is_valid_at(clock.now).then_some(clock.offset);
        chain
    }

    #[test]
    fn a_clock_that_jumps_a_year_is_found_at_once() {
        let shown: Vec<_> = [chain(1, -50, 40), chain(2, -3, 90), chain(3, -100, 900)]
            .map(|chain| shown_by(clock(0), chain))
            .into();
        for days in [-365, 365] {
            let found = fault(shown.iter(), clock(days)).expect("a fault");
            assert_eq!((found.chains >= 2, found.issuers >= 2), (true, true), "{found:?}");
            assert!((TODAY - 3 * DAY..=TODAY + 40 * DAY).contains(&found.likely), "{found:?}");
        }
        assert_eq!(fault(shown.iter(), clock(0)), None);
    }

    #[test]
    fn a_clock_that_is_wrong_from_the_start_is_found_by_two_issuers() {
        let first = [chain(1, -50, 40), chain(1, -20, 70)];
        assert_eq!(fault(first.iter(), clock(365)), None, "one issuer may have forgotten all");
        let all = [chain(1, -50, 40), chain(1, -20, 70), chain(2, -1, 80)];
        let found = fault(all.iter(), clock(365)).expect("a fault");
        assert_eq!((found.chains, found.issuers), (3, 2));
        // One that had really expired is not of that time.
        assert!(!chain(3, -400, -10).is_valid_at(found.likely));
    }

    #[test]
    fn what_runs_out_together_by_the_same_clock_has_ended() {
        let shown = [chain(1, -90, 1), chain(2, -30, 1)].map(|chain| shown_by(clock(0), chain));
        let tomorrow = OurClock { now: clock(0).now + DAY + 1, offset: clock(0).offset };
        assert!(shown.iter().all(|chain| chain.has_ended(tomorrow)));
        assert_eq!(fault(shown.iter(), tomorrow), None);
    }

    #[test]
    fn a_few_expired_ones_beside_many_that_are_valid_are_expired() {
        let expired = [chain(1, -400, -10), chain(2, -300, -5), chain(3, -200, -1)];
        let recent = (10..20).map(|issuer| chain(issuer, -2, 90));
        let all: Vec<_> = expired.into_iter().chain(recent).collect();
        assert_eq!(fault(all.iter(), clock(0)), None, "the valid ones were not valid then");
        let old = (10..40).map(|issuer| chain(issuer, -3_000, 3_000));
        let all: Vec<_> = all.into_iter().take(3).chain(old).collect();
        assert_eq!(fault(all.iter(), clock(0)), None, "they are too few");
    }

    #[test]
    fn the_time_is_one_at_which_most_are_valid() {
        let chains = [chain(1, -10, 10), chain(2, 5, 20), chain(3, 8, 9), chain(4, 100, 200)];
        assert_eq!(busiest(&chains.iter().collect::<Vec<_>>()), Some(TODAY + 8 * DAY));
        assert_eq!(busiest(&[]), None);
    }
}

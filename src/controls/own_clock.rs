//! Whether a failure comes of our own clock. A certificate that is valid by the controls' clock and not
//! by ours says nothing of the service; one that is invalid by both is the service's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chain::{Certificate, TlsFacts};

use crate::outcome::{Failure, Outcome, Reason};
use crate::probe::surroundings::SKEW_MAX;
use crate::probe::tls_expect::MIN_DAYS_LEFT;

/// Whether dates decided it, so that a wrong clock could have caused it: of certificates (RFC 5280
/// section 4.1.2.5), of which some days are to be left, and of revocation lists (section 5.1.2.5).
pub(super) fn is_about_dates(failure: &Failure) -> bool {
    match failure.reason {
        Reason::TlsExpired | Reason::TlsNotYetValid | Reason::TlsRevocationUnavailable => true,
        // The only miss, because it comes last. Nobody knew of the clock when the days were counted.
        Reason::TlsMismatch => failure.detail.starts_with(MIN_DAYS_LEFT),
        _ => false,
    }
}

/// Whether anything that was found depends on the clock.
pub(super) fn concerns(outcome: &Outcome) -> bool {
    match &outcome.result {
        Err(failure) => is_about_dates(failure),
        Ok(()) => outcome.facts.warnings.iter().any(is_about_dates),
    }
}

/// By how many seconds our clock was set forward since a run began, which ended `since` ago.
pub(super) fn set_by(outcome: &Outcome, since: Duration) -> i64 {
    let took = outcome.elapsed + outcome.facts.phases.wait.unwrap_or_default() + since;
    let took = i64::try_from(took.as_secs()).unwrap_or(i64::MAX);
    seconds(SystemTime::now()).saturating_sub(seconds(outcome.started_at)).saturating_sub(took)
}

/// Whether a clock that is off by so many seconds may have decided anything.
pub(super) fn is_off(seconds: i64) -> bool {
    seconds.unsigned_abs() > SKEW_MAX.as_secs()
}

/// Turns what comes of our clock, which is ahead by `skew` seconds and was set by `set` since the run
/// began, into [`Reason::ClockWrong`]: a failure, or the only warnings that there are.
pub(super) fn judge(outcome: &mut Outcome, skew: f64, set: i64) {
    let skew = skew as i64;
    // By what it was ahead when the run began: that clock has judged.
    let skew_then = skew.saturating_sub(set);
    if !is_off(skew) && !is_off(skew_then) {
        return;
    }
    let theirs = seconds(outcome.started_at).saturating_sub(skew_then);
    let tls = outcome.facts.tls.as_ref();
    let is_ours = |failure: &Failure| match failure.reason {
        Reason::TlsExpired | Reason::TlsNotYetValid => {
            !tls.is_some_and(|tls| is_invalid_at(tls, theirs))
        }
        _ => is_about_dates(failure),
    };
    replace(&mut outcome.result, &mut outcome.facts.warnings, is_ours, |found| {
        wrong(found, if is_off(skew_then) { skew_then } else { skew })
    });
}

/// As [`judge`], where no control tells the time and our clock was set while the run went on.
pub(super) fn judge_set_meanwhile(outcome: &mut Outcome) {
    let is_ours = |failure: &Failure| is_about_dates(failure);
    replace(&mut outcome.result, &mut outcome.facts.warnings, is_ours, |found| {
        explained(found, "our clock was set while the run went on")
    });
}

/// As [`judge`], where no control tells the time and our clock has no date: whatever dates decided is ours.
pub(super) fn judge_undated(outcome: &mut Outcome) {
    let is_ours = |failure: &Failure| is_about_dates(failure);
    replace(&mut outcome.result, &mut outcome.facts.warnings, is_ours, |found| {
        explained(found, "our clock is before 1970 or beyond 9999")
    });
}

fn replace(
    result: &mut Result<(), Failure>,
    warnings: &mut Vec<Failure>,
    is_ours: impl Fn(&Failure) -> bool,
    ours: impl Fn(&Failure) -> Failure,
) {
    match result {
        Err(failure) if is_ours(failure) => *result = Err(ours(failure)),
        Err(_) => {}
        Ok(()) => {
            let (excused, others): (Vec<_>, Vec<_>) = warnings.drain(..).partition(is_ours);
            if let (Some(first), true) = (excused.first(), others.is_empty()) {
                *result = Err(ours(first));
            }
            *warnings = others;
        }
    }
}

/// Whether a certificate is not valid then.
fn is_invalid_at(tls: &TlsFacts, time: i64) -> bool {
    on_path(tls)
        .any(|certificate| !(certificate.not_before..=certificate.not_after).contains(&time))
}

/// The certificates of the path, or of the whole chain where there is no path.
pub(super) fn on_path(tls: &TlsFacts) -> impl Iterator<Item = &Certificate> {
    let presented = tls.chain.as_ref().map_or(&[][..], |chain| &chain.certs);
    presented
        .iter()
        .enumerate()
        .filter(|(position, _)| tls.path.is_empty() || tls.path.contains(position))
        .map(|(_, certificate)| certificate)
        .chain(tls.root.as_deref())
}

fn wrong(found: &Failure, skew: i64) -> Failure {
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let by = skew.unsigned_abs();
    explained(found, &format!("our clock is {by} s {direction} that of the controls"))
}

fn explained(found: &Failure, clock: &str) -> Failure {
    let without_step = Failure { step: None, ..found.clone() };
    let detail = format!("{clock}; the run had {without_step}");
    Failure { step: found.step.clone(), ..Failure::new(Reason::ClockWrong, detail) }
}

/// Since 1970, negative before it.
fn seconds(time: SystemTime) -> i64 {
    let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => whole(before.duration()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chain::Chain;

    use super::*;
    use crate::outcome::Facts;

    const DAY: i64 = 86_400;
    const YEAR: i64 = 365 * DAY;

    /// A run of a moment ago that found a certificate expired, by a clock that was ahead. In truth it is
    /// good for so many days.
    fn expired(ahead: i64, days_left: i64) -> Outcome {
        let now = seconds(SystemTime::now());
        let text = String::new;
        let certificate = Certificate {
            subject: text(),
            issuer: text(),
            serial: text(),
            dns_names: Vec::new(),
            fingerprint_sha256: text(),
            public_key_sha256: text(),
            not_before: now - 3 * YEAR,
            not_after: now + days_left * DAY,
            key: text(),
            key_bits: None,
            signature: text(),
        };
        let chain = Some(Arc::new(Chain { certs: vec![certificate] }));
        let tls = Some(TlsFacts { chain, ..TlsFacts::default() });
        Outcome {
            started_at: UNIX_EPOCH + Duration::from_secs((now + ahead).unsigned_abs()),
            elapsed: Duration::ZERO,
            result: Err(Failure::new(Reason::TlsExpired, "as found")),
            facts: Facts { tls, ..Facts::default() },
        }
    }

    #[test]
    fn a_run_is_judged_by_the_clock_that_it_had() {
        for (ahead_then, ahead_now, days_left, expected) in [
            (0, 0, -1, Reason::TlsExpired),
            (YEAR, YEAR, 9, Reason::ClockWrong),
            (YEAR, YEAR, -1, Reason::TlsExpired),
            // It was set right while the run went on, ...
            (YEAR, 0, 9, Reason::ClockWrong),
            (YEAR, 0, -1, Reason::TlsExpired),
            (-YEAR, 0, -1, Reason::TlsExpired),
            // ... or wrong.
            (0, YEAR, 9, Reason::ClockWrong),
            (0, YEAR, -1, Reason::TlsExpired),
        ] {
            let mut outcome = expired(ahead_then, days_left);
            let set = set_by(&outcome, Duration::ZERO) + ahead_now;
            assert!((set - (ahead_now - ahead_then)).abs() <= 2, "{set}");
            judge(&mut outcome, ahead_now as f64, set);
            let found = outcome.result.unwrap_err().reason;
            assert_eq!(found, expected, "{ahead_then} {ahead_now} {days_left}");
        }
    }
}

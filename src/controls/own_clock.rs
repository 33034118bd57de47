//! Whether a failure comes of our own clock. A certificate that is valid by the controls' clock and not
//! by ours says nothing of the service; one that is invalid by both is the service's.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// Turns what comes of our clock, which is ahead by `skew` seconds, into [`Reason::ClockWrong`]: a
/// failure, or the only warnings that there are.
pub(super) fn judge(outcome: &mut Outcome, skew: f64) {
    if skew.abs() <= SKEW_MAX.as_secs_f64() {
        return;
    }
    let theirs = seconds(outcome.started_at).saturating_sub(skew as i64);
    let tls = outcome.facts.tls.as_ref();
    let is_ours = |failure: &Failure| match failure.reason {
        Reason::TlsExpired | Reason::TlsNotYetValid => {
            !tls.is_some_and(|tls| is_invalid_at(tls, theirs))
        }
        _ => is_about_dates(failure),
    };
    replace(&mut outcome.result, &mut outcome.facts.warnings, is_ours, |found| wrong(found, skew));
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

fn wrong(found: &Failure, skew: f64) -> Failure {
    let direction = if skew > 0.0 { "ahead of" } else { "behind" };
    explained(found, &format!("our clock is {:.0} s {direction} that of the controls", skew.abs()))
}

fn explained(found: &Failure, clock: &str) -> Failure {
    let without_step = Failure { step: None, ..found.clone() };
    let detail = format!("{clock}; the run had {without_step}");
    Failure { step: found.step.clone(), ..Failure::new(Reason::ClockWrong, detail) }
}

/// Since 1970, negative before it.
fn seconds(time: SystemTime) -> i64 {
    let whole =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => whole(before.duration()).saturating_neg(),
    }
}

//! Whether a handshake looks as its operator expects.

use std::time::{SystemTime, UNIX_EPOCH};

use chain::{Certificate, TlsFacts};

use super::matcher;
use crate::config::{KeyExpect, TlsExpect, TlsVersion};
use crate::outcome::{Failure, Reason};

/// What a miss of days begins with.
pub const MIN_DAYS_LEFT: &str = "min_days_left: ";

const SECONDS_OF_A_DAY: i64 = 24 * 3600;

/// Everything that is not as expected, in one failure; the time aside. `skew` is by how many seconds our
/// clock is ahead, where somebody knows: what is left of a certificate is counted by the right one.
pub(super) fn mismatch(expect: &TlsExpect, tls: &TlsFacts, skew: Option<f64>) -> Option<Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ours = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let misses = misses(expect, tls, ours.saturating_sub(skew.unwrap_or_default() as i64));
    (!misses.is_empty()).then(|| Failure::new(Reason::TlsMismatch, misses.join("; ")))
}

fn misses(expect: &TlsExpect, tls: &TlsFacts, now: i64) -> Vec<String> {
    let leaf = tls.chain.as_ref().and_then(|chain| chain.certs.first());
    let mut misses = Vec::new();
    misses.extend(expect.min_version.and_then(|least| version(least, tls)));
    misses.extend(leaf.map(|leaf| of_certificate(expect, leaf)).unwrap_or_default());
    misses.extend(expect.min_days_left.and_then(|least| days_left(least, tls, leaf, now)));
    misses
}

fn version(least: TlsVersion, tls: &TlsFacts) -> Option<String> {
    let (found, least) = (
        tls.version?,
        match least {
            TlsVersion::Tls12 => "TLS 1.2",
            TlsVersion::Tls13 => "TLS 1.3",
        },
    );
    (found < least).then(|| format!("min_version: the server chose {found}, expected {least}"))
}

fn of_certificate(expect: &TlsExpect, leaf: &Certificate) -> Vec<String> {
    let mut misses = Vec::new();
    if let Some(wanted) = &expect.issuer
        && !matcher::holds(wanted, Some(&leaf.issuer))
    {
        let wanted = matcher::describe(wanted);
        misses.push(format!("issuer: is {}, expected {wanted}", leaf.issuer));
    }
    misses.extend(expect.key.as_ref().and_then(|wanted| key(wanted, leaf)));
    for (name, wanted, found) in [
        ("fingerprint", &expect.fingerprint, &leaf.fingerprint_sha256),
        ("pin_sha256", &expect.pin_sha256, &leaf.public_key_sha256),
    ] {
        if !wanted.is_empty() && !wanted.contains(found) {
            misses.push(format!("{name}: is {found}, which is not expected"));
        }
    }
    misses
}

fn key(wanted: &KeyExpect, leaf: &Certificate) -> Option<String> {
    let found = leaf.key.split(' ').next();
    let types: Vec<&str> = wanted.types.iter().map(|known| known.as_str()).collect();
    let fits_type = types.is_empty() || found.is_some_and(|found| types.contains(&found));
    let long_enough = wanted
        .min_bits
        .is_none_or(|least| leaf.key_bits.is_some_and(|bits| bits >= least as usize));
    if fits_type && long_enough {
        return None;
    }
    let types = if types.is_empty() { "a key".to_owned() } else { types.join(" or ") };
    let bits = wanted.min_bits.map(|least| format!(" of at least {least} bits"));
    Some(format!("key: is {}, expected {types}{}", leaf.key, bits.unwrap_or_default()))
}

fn days_left(least: u32, tls: &TlsFacts, leaf: Option<&Certificate>, now: i64) -> Option<String> {
    let end = tls.path_not_after.or(leaf.map(|leaf| leaf.not_after))?;
    let days = (end - now).div_euclid(SECONDS_OF_A_DAY);
    if days >= i64::from(least) {
        return None;
    }
    let certs = tls.chain.as_ref().map(|chain| &*chain.certs).unwrap_or_default();
    let who = certs.iter().find(|cert| cert.not_after == end).map(|cert| &*cert.subject);
    Some(format!(
        "{MIN_DAYS_LEFT}the certificate of {} has {days} days left, expected {least}",
        who.unwrap_or("an issuer")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_has_begun_does_not_count() {
        let expect = TlsExpect { min_days_left: Some(2), ..TlsExpect::default() };
        let left = |seconds| {
            let tls = TlsFacts { path_not_after: Some(1_000_000 + seconds), ..TlsFacts::default() };
            misses(&expect, &tls, 1_000_000)
        };
        assert!(left(2 * SECONDS_OF_A_DAY).is_empty());
        let short = left(2 * SECONDS_OF_A_DAY - 1);
        assert_eq!(
            short,
            ["min_days_left: the certificate of an issuer has 1 days left, expected 2"]
        );
    }
}

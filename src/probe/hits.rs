//! A selector or a path may meet many places of a page. What is expected must hold at all of them,
//! and what is forbidden must be at none.

use super::matcher;
use crate::config::Matcher;

/// Places that are looked at for one rule.
///
/// Limit: places that are looked at for one rule.
/// Share: of each page.
/// Full: the run is unknown.
/// Filled: too_many_places_decide_nothing_unless_one_of_them_does
pub(super) const HITS_MAX: usize = 10_000;

/// Bytes of text that are looked at for one rule: places may be inside each other.
///
/// Limit: bytes of text that is looked at for one rule.
/// Share: of each page.
/// Full: the run is unknown.
/// Filled: too_many_places_decide_nothing_unless_one_of_them_does
pub(super) const BYTES_MAX: usize = 16 << 20;

/// How many places must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantedHits {
    /// Every one, and there is one: `expect` and `warn`.
    All,
    /// One: `fail_if`.
    Any,
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HitsVerdict {
    Holds,
    Misses,
    /// There is more than may be looked at, and what was looked at decides nothing.
    Undecided,
}

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Hit {
    Text(String),
    /// A number of JSON, as it is written.
    Number(String),
}

impl Hit {
    fn passes(&self, rule: &Matcher) -> bool {
        match self {
            Hit::Text(text) => matcher::holds(rule, Some(text)),
            Hit::Number(digits) => matcher::holds_for_number(rule, digits),
        }
    }

    fn len(&self) -> usize {
        let (Hit::Text(text) | Hit::Number(text)) = self;
        text.len()
    }
}

/// Judges places in their order, and stops as soon as they decide.
pub(super) fn judge(
    rule: &Matcher,
    mut hits: impl Iterator<Item = Hit>,
    wanted: WantedHits,
) -> HitsVerdict {
    let of = |holds: bool| if holds { HitsVerdict::Holds } else { HitsVerdict::Misses };
    match rule {
        Matcher::Exists => return of(hits.next().is_some()),
        Matcher::Absent => return of(hits.next().is_none()),
        _ => {}
    }
    let (mut count, mut bytes) = (0, 0);
    for hit in hits {
        // The first is looked at, however large it is.
        if count == HITS_MAX || (count > 0 && bytes + hit.len() > BYTES_MAX) {
            return HitsVerdict::Undecided;
        }
        count += 1;
        bytes += hit.len();
        match (wanted, hit.passes(rule)) {
            (WantedHits::All, false) => return HitsVerdict::Misses,
            (WantedHits::Any, true) => return HitsVerdict::Holds,
            _ => {}
        }
    }
    of(wanted == WantedHits::All && count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rule: &Matcher, hits: &[&str], wanted: WantedHits) -> bool {
        let hits = hits.iter().map(|text| Hit::Text((*text).to_owned()));
        match judge(rule, hits, wanted) {
            HitsVerdict::Holds => true,
            HitsVerdict::Misses => false,
            HitsVerdict::Undecided => panic!("undecided"),
        }
    }

    #[test]
    fn all_or_any_place_decides() {
        let up = Matcher::Equals("UP".to_owned());
        let not_up = Matcher::NotContains("UP".to_owned());
        for (rule, hits, all, any) in [
            (&up, &["UP", "UP"][..], true, true),
            (&up, &["UP", "DOWN"], false, true),
            (&up, &["DOWN", "UP"], false, true),
            (&up, &["DOWN"], false, false),
            (&up, &[], false, false),
            (&not_up, &["a", "b"], true, true),
            (&not_up, &["a", "UP"], false, true),
            (&not_up, &[], false, false),
            (&Matcher::Exists, &["a", "b"], true, true),
            (&Matcher::Exists, &[], false, false),
            (&Matcher::Absent, &["a"], false, false),
            (&Matcher::Absent, &[], true, true),
        ] {
            assert_eq!(judged(rule, hits, WantedHits::All), all, "{rule:?} {hits:?}");
            assert_eq!(judged(rule, hits, WantedHits::Any), any, "{rule:?} {hits:?}");
        }
    }

    #[test]
    fn too_many_places_decide_nothing_unless_one_of_them_does() {
        let up = Matcher::Equals("UP".to_owned());
        let many = |last: &'static str, count| {
            let hits = std::iter::repeat_n("UP", count).chain([last]);
            hits.map(|text| Hit::Text(text.to_owned()))
        };
        assert_eq!(judge(&up, many("UP", HITS_MAX - 1), WantedHits::All), HitsVerdict::Holds);
        assert_eq!(judge(&up, many("UP", HITS_MAX), WantedHits::All), HitsVerdict::Undecided);
        assert_eq!(judge(&up, many("DOWN", HITS_MAX - 1), WantedHits::All), HitsVerdict::Misses);
        let down = Matcher::Equals("DOWN".to_owned());
        assert_eq!(judge(&down, many("DOWN", HITS_MAX - 1), WantedHits::Any), HitsVerdict::Holds);
        assert_eq!(judge(&down, many("DOWN", HITS_MAX), WantedHits::Any), HitsVerdict::Undecided);
        let large = || (0..2).map(|_| Hit::Text("x".repeat(BYTES_MAX)));
        let rule = Matcher::StartsWith("x".to_owned());
        assert_eq!(judge(&rule, large().take(1), WantedHits::All), HitsVerdict::Holds);
        assert_eq!(judge(&rule, large(), WantedHits::All), HitsVerdict::Undecided);
    }
}

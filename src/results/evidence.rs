//! How much is kept of what came in failures, in all.

use std::cmp::Reverse;
use std::time::SystemTime;

use super::history::History;
use crate::outcome::{Evidence, Outcome};

/// In a national outage each of 17,000 targets has an error page of some kilobytes. This holds one of
/// a quarter of them, and the page says of every failure what was found all the same.
///
/// Limit: bytes of what is kept of the responses of failed runs.
/// Share: of all.
/// Full: a quarter of it is forgotten, the oldest first.
/// Filled: the_oldest_evidence_makes_room_and_the_failure_stays
const EVIDENCE_BYTES_MAX: usize = 32 << 20;

/// Counts what is kept. What is pushed out by other failures is counted until there is no more room.
#[derive(Default)]
pub(super) struct EvidenceRoom {
    bytes: usize,
}

impl EvidenceRoom {
    /// Whether there is no more room.
    pub(super) fn add(&mut self, outcome: &Outcome) -> bool {
        self.bytes += bytes(outcome);
        self.bytes > EVIDENCE_BYTES_MAX
    }

    /// Forgets the oldest, and counts anew.
    pub(super) fn make_room<'h>(&mut self, histories: impl Iterator<Item = &'h mut History>) {
        let mut histories: Vec<&mut History> = histories.collect();
        let of_each = histories.iter().enumerate();
        let held = of_each.flat_map(|(at, history)| {
            history.episodes().map(move |episode| Held {
                began: episode.first.started_at,
                bytes: bytes(&episode.first),
                at,
            })
        });
        let mut held: Vec<Held> = held.filter(|held| held.bytes > 0).collect();
        held.sort_unstable_by_key(|held| Reverse(held.began));
        self.bytes = 0;
        for Held { began, bytes, at } in held {
            if self.bytes + bytes <= EVIDENCE_BYTES_MAX / 4 * 3 {
                self.bytes += bytes;
            } else if let Some(history) = histories.get_mut(at) {
                history.forget_evidence(began);
            }
        }
    }
}

/// What came in one failure.
struct Held {
    began: SystemTime,
    bytes: usize,
    at: usize,
}

fn bytes(outcome: &Outcome) -> usize {
    outcome.facts.evidence.iter().map(Evidence::bytes).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::outcome::{Facts, Failure, Reason};

    #[test]
    fn the_oldest_evidence_makes_room_and_the_failure_stays() {
        let mut room = EvidenceRoom::default();
        let mut histories: Vec<History> = Vec::new();
        let mut times_full = 0;
        for second in 0..20_000 {
            let evidence = Evidence { body: Some("x".repeat(4_000)), ..Evidence::default() };
            let outcome = Arc::new(Outcome {
                started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
                elapsed: Duration::ZERO,
                result: Err(Failure::new(Reason::HttpStatus, "503")),
                facts: Facts { evidence: vec![evidence], ..Facts::default() },
            });
            let mut history = History::default();
            assert!(history.push(&outcome, None));
            histories.push(history);
            if room.add(&outcome) {
                times_full += 1;
                room.make_room(histories.iter_mut());
            }
        }
        let kept: Vec<bool> = histories
            .iter()
            .flat_map(History::episodes)
            .map(|episode| !episode.first.facts.evidence.is_empty())
            .collect();
        assert_eq!(kept.len(), 20_000, "every failure is still told");
        let oldest = kept.iter().position(|kept| *kept).unwrap();
        assert!(kept[oldest..].iter().all(|kept| *kept), "the newest are kept");
        let bytes = kept.iter().filter(|kept| **kept).count() * 4_000;
        assert!(bytes <= EVIDENCE_BYTES_MAX && bytes > EVIDENCE_BYTES_MAX / 2, "{bytes}");
        assert!((2..20).contains(&times_full), "it is rarely done: {times_full}");
    }
}

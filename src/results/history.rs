//! What a page shows of a target's past, in bounded memory: a line for each of the last runs, and
//! the last failures in full. The failures have a ring of their own, so that a stream of successes
//! cannot push them out; a long outage with one cause is one episode, so that it does not push out
//! what came before it, nor hold the same page a thousand times over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::outcome::{Failure, Outcome, Reason, Verdict};

/// Runs remembered as a line: ten minutes at the default interval. 16 bytes each.
///
/// Limit: runs that are remembered as a line.
/// Share: of each target.
/// Full: the oldest is forgotten.
/// Filled: memory_is_bounded_whatever_the_target_does
pub const RECENT_RUNS: usize = 20;

/// Failures remembered in full. An outcome with its excerpt is some kilobytes, and in a national
/// outage each of 17,000 targets has one.
///
/// Limit: failures that are remembered in full.
/// Share: of each target.
/// Full: the oldest is forgotten.
/// Filled: memory_is_bounded_whatever_the_target_does
pub const FAILURE_EPISODES: usize = 3;

/// One run as a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentRun {
    started_at_unix_ms: u64,
    elapsed_ms: u32,
    pub verdict: Verdict,
    /// Why, unless it was up.
    pub reason: Option<Reason>,
}

impl RecentRun {
    fn of(outcome: &Outcome) -> RecentRun {
        let since_epoch =
            outcome.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        RecentRun {
            started_at_unix_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            elapsed_ms: u32::try_from(outcome.elapsed.as_millis()).unwrap_or(u32::MAX),
            verdict: outcome.verdict(),
            reason: outcome.cause().map(|cause| cause.reason),
        }
    }

    /// To the millisecond.
    pub fn started_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.started_at_unix_ms)
    }

    /// To the millisecond.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.into())
    }
}

/// Failed or unknown runs in a row with one cause.
#[derive(Debug, Clone)]
pub struct Episode {
    /// Its first run, in full.
    pub first: Arc<Outcome>,
    /// Start of its last run so far.
    pub last_started_at: SystemTime,
    /// How many runs it has.
    pub runs: u64,
}

/// The past of one target.
#[derive(Debug, Clone, Default)]
pub struct History {
    recent: VecDeque<RecentRun>,
    episodes: VecDeque<Episode>,
}

impl History {
    /// History restored after a restart; only failures are stored.
    pub(super) fn of(mut episodes: Vec<Episode>) -> History {
        episodes.sort_by_key(|episode| episode.last_started_at);
        let older = episodes.len().saturating_sub(FAILURE_EPISODES);
        History { recent: VecDeque::new(), episodes: episodes.into_iter().skip(older).collect() }
    }

    /// Remembers a run that follows one with `previous` as its result; the first run after a
    /// restart has none and may go on with what was known before. True when a new episode began.
    pub(super) fn push(&mut self, outcome: &Arc<Outcome>, previous: Option<&Outcome>) -> bool {
        if self.recent.is_empty() {
            self.recent.reserve_exact(RECENT_RUNS);
        }
        if self.recent.len() == RECENT_RUNS {
            self.recent.pop_front();
        }
        self.recent.push_back(RecentRun::of(outcome));
        let Err(failure) = &outcome.result else { return false };
        let before = match previous {
            Some(previous) => Some(previous),
            None => self.episodes.back().map(|episode| &*episode.first),
        };
        let goes_on = before
            .and_then(|before| before.result.as_ref().err())
            .is_some_and(|before| cause(before) == cause(failure));
        match self.episodes.back_mut() {
            Some(episode) if goes_on => {
                episode.last_started_at = outcome.started_at;
                episode.runs += 1;
                false
            }
            _ => {
                if self.episodes.len() == FAILURE_EPISODES {
                    self.episodes.pop_front();
                }
                self.episodes.push_back(Episode {
                    first: Arc::clone(outcome),
                    last_started_at: outcome.started_at,
                    runs: 1,
                });
                true
            }
        }
    }

    /// Forgets what came in an episode that began at this moment.
    pub(super) fn forget_evidence(&mut self, of: SystemTime) {
        let all = self.episodes.iter_mut();
        for episode in all.filter(|episode| episode.first.started_at == of) {
            episode.first = Arc::new(without_evidence(&episode.first));
        }
    }

    /// Oldest first, at most [`RECENT_RUNS`].
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &RecentRun> {
        self.recent.iter()
    }

    /// Oldest first, at most [`FAILURE_EPISODES`].
    pub fn episodes(&self) -> impl DoubleEndedIterator<Item = &Episode> {
        self.episodes.iter()
    }
}

/// The run without what came over the wire.
pub(super) fn without_evidence(outcome: &Outcome) -> Outcome {
    let mut bare = outcome.clone();
    bare.facts.evidence = Vec::new();
    bare
}

/// What makes two failures one episode.
fn cause(failure: &Failure) -> (Reason, Option<&str>) {
    (failure.reason, failure.step.as_ref().map(|step| &*step.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Facts;

    struct Past {
        history: History,
        last: Option<Arc<Outcome>>,
        second: u64,
    }

    impl Past {
        fn new() -> Past {
            Past { history: History::default(), last: None, second: 0 }
        }

        fn run(&mut self, result: Result<(), Failure>) {
            self.second += 1;
            let outcome = Arc::new(Outcome {
                started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(self.second),
                elapsed: Duration::from_millis(7),
                result,
                facts: Facts::default(),
            });
            self.history.push(&outcome, self.last.as_deref());
            self.last = Some(outcome);
        }

        fn fail(&mut self, reason: Reason) {
            self.run(Err(Failure::new(reason, "as scripted")));
        }

        fn episodes(&self) -> Vec<(Reason, u64)> {
            let reason = |episode: &Episode| episode.first.result.clone().unwrap_err().reason;
            self.history.episodes().map(|episode| (reason(episode), episode.runs)).collect()
        }
    }

    #[test]
    fn successes_do_not_push_failures_out() {
        let mut past = Past::new();
        past.fail(Reason::HttpStatus);
        for _ in 0..1_000 {
            past.run(Ok(()));
        }
        assert_eq!(past.history.recent().count(), RECENT_RUNS);
        assert!(past.history.recent().all(|run| run.verdict == Verdict::Up));
        assert_eq!(past.episodes(), [(Reason::HttpStatus, 1)]);
    }

    #[test]
    fn a_long_outage_is_one_episode_and_keeps_what_came_before() {
        let mut past = Past::new();
        past.fail(Reason::NoticePage);
        for _ in 0..1_000 {
            past.fail(Reason::ConnectTimeout);
        }
        assert_eq!(past.episodes(), [(Reason::NoticePage, 1), (Reason::ConnectTimeout, 1_000)]);
        past.run(Ok(()));
        past.fail(Reason::ConnectTimeout);
        assert_eq!(past.episodes().last(), Some(&(Reason::ConnectTimeout, 1)), "a new episode");
    }

    #[test]
    fn memory_is_bounded_whatever_the_target_does() {
        let mut past = Past::new();
        for turn in 0..1_000 {
            past.fail(Reason::ALL[turn % Reason::ALL.len()]);
        }
        assert_eq!(past.history.episodes().count(), FAILURE_EPISODES);
        assert_eq!(size_of::<RecentRun>(), 16);
    }
}

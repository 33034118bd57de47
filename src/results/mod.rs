//! The one store of results: what `/metrics`, the status page and `/api/v1/status` show is a
//! [`Snapshot`] of it. Results come in as an [`Observer`]; nothing here formats anything.
//!
//! One std `Mutex` around the whole: every critical section is a few map operations without an
//! await in it, so an async mutex would only add cost, and a lock per target would let a scrape
//! show two moments at once. A snapshot holds the lock while it clones some `Arc`s per target; text
//! is written after it is released.

mod evidence;
mod histogram;
mod history;
mod labels;
mod moves;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::info;

use self::evidence::EvidenceRoom;
pub use self::histogram::{Bounds, Histogram, RUN_BOUNDS};
pub use self::history::{Episode, FAILURE_EPISODES, History, RECENT_RUNS, RecentRun};
pub use self::labels::{LABEL_VALUE_MAX_BYTES, Labels, is_padded, is_plain, pieces, push};
pub use self::moves::AddressMove;
use self::moves::KnownAddresses;
use crate::availability::Availability;
use crate::config::{Target, TargetId};
use crate::outcome::{Outcome, Verdict};
use crate::scheduler::{Cadence, Observer, Run};

/// Durations of a service's runs of one kind.
pub type RunHistogram = Histogram<7>;

/// Last results, accounts and histories of all targets.
#[derive(Default)]
pub struct LatestResults {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Ordered, so that pages and expositions come out in the same order each time.
    entries: BTreeMap<TargetId, Entry>,
    durations: BTreeMap<Group, Durations>,
    /// Failures from before the start, until their targets are adopted.
    restored: HashMap<TargetId, Vec<Episode>>,
    failures_begun: u64,
    /// What came in failures that are remembered.
    evidence: EvidenceRoom,
}

struct Entry {
    target: Arc<Target>,
    labels: Arc<Labels>,
    availability: Availability,
    last: Option<Arc<Outcome>>,
    history: History,
    addresses: KnownAddresses,
}

/// A service's name and a kind of probe.
type Group = (Arc<str>, &'static str);

struct Durations {
    /// When the last one goes, so does the histogram.
    targets: usize,
    histogram: RunHistogram,
}

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// One per target, ordered by id.
    pub rows: Vec<Row>,
    /// Durations of runs by service and kind.
    pub durations: Vec<(Group, RunHistogram)>,
}

/// One target at one moment.
#[derive(Debug, Clone)]
pub struct Row {
    pub target: Arc<Target>,
    /// As exposition text.
    pub labels: Arc<Labels>,
    /// The account, booked up to the moment of the snapshot.
    pub availability: Availability,
    /// The last run, however old.
    pub last: Option<Arc<Outcome>>,
    /// Whether the last run is recent enough to be believed: stale is never green.
    pub is_fresh: bool,
    /// When it last led to quite other addresses.
    pub moved: Option<Arc<AddressMove>>,
}

impl Row {
    /// The last run, unless it is stale.
    pub fn fresh(&self) -> Option<&Outcome> {
        self.last.as_deref().filter(|_| self.is_fresh)
    }
}

impl LatestResults {
    pub fn new() -> LatestResults {
        LatestResults::default()
    }

    /// Every target, its time booked up to now.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut state = self.state.lock();
        let rows = state.entries.values_mut().map(|entry| entry.row(now)).collect();
        let durations = state
            .durations
            .iter()
            .map(|(group, durations)| (group.clone(), durations.histogram.clone()))
            .collect();
        Snapshot { rows, durations }
    }

    /// One target; `None` when there is none of this id.
    pub fn row(&self, id: &TargetId, now: Instant) -> Option<Row> {
        self.state.lock().entries.get_mut(id).map(|entry| entry.row(now))
    }

    /// The targets that suit. Looks at each of them.
    pub fn find(&self, suits: impl Fn(&Target) -> bool) -> Vec<Arc<Target>> {
        let state = self.state.lock();
        let targets = state.entries.values().map(|entry| &entry.target);
        targets.filter(|target| suits(target)).cloned().collect()
    }

    /// The past of one target; `None` when there is none of this id.
    pub fn history(&self, id: &TargetId) -> Option<History> {
        self.state.lock().entries.get(id).map(|entry| entry.history.clone())
    }

    /// Takes what is known from before the start. It waits for the targets that are adopted next.
    pub fn restore(&self, episodes: Vec<(TargetId, Episode)>) {
        let mut state = self.state.lock();
        for (id, episode) in episodes {
            state.evidence.add(&episode.first);
            state.restored.entry(id).or_default().push(episode);
        }
    }

    /// Drops what was restored for targets that there are no longer.
    pub fn settle(&self) {
        self.state.lock().restored = HashMap::new();
    }

    /// Every failure that is remembered in full.
    pub fn episodes(&self) -> Vec<(TargetId, Episode)> {
        let state = self.state.lock();
        let all = state.entries.iter().flat_map(|(id, entry)| {
            entry.history.episodes().map(|episode| (id.clone(), episode.clone()))
        });
        all.collect()
    }

    /// Counts failures with a new cause: when it has changed, there is something new to keep.
    pub fn failures_begun(&self) -> u64 {
        self.state.lock().failures_begun
    }
}

impl Entry {
    fn row(&mut self, now: Instant) -> Row {
        self.availability.accrue(now);
        Row {
            target: Arc::clone(&self.target),
            labels: Arc::clone(&self.labels),
            availability: self.availability.clone(),
            last: self.last.clone(),
            is_fresh: self.availability.is_fresh(now),
            moved: self.addresses.last_move(),
        }
    }
}

impl Observer for LatestResults {
    fn adopt(&self, target: &Arc<Target>, now: Instant) {
        // The costly part is done before the lock is taken.
        let mut entry = Entry {
            target: Arc::clone(target),
            labels: Arc::new(Labels::of(target)),
            availability: Availability::new(target.schedule.freshness(), now),
            last: None,
            history: History::default(),
            addresses: KnownAddresses::default(),
        };
        let mut state = self.state.lock();
        if let Some(episodes) = state.restored.remove(&target.id) {
            entry.history = History::of(episodes);
        }
        state
            .durations
            .entry(group(target))
            .or_insert_with(|| Durations { targets: 0, histogram: Histogram::new(&RUN_BOUNDS) })
            .targets += 1;
        if let Some(replaced) = state.entries.insert(target.id.clone(), entry) {
            state.leave_group(&replaced.target);
        }
    }

    fn started(&self, _target: &Arc<Target>) {}

    fn observe(&self, target: &Arc<Target>, run: &Run) {
        // What came is kept once: with the first run of its failure.
        let last = match run.outcome.facts.evidence.is_empty() {
            true => Arc::clone(&run.outcome),
            false => Arc::new(history::without_evidence(&run.outcome)),
        };
        let mut state = self.state.lock();
        let State { entries, durations, failures_begun, evidence, .. } = &mut *state;
        // A run that ends after its target was removed or replaced says nothing of what is there
        // now.
        let Some(entry) = entries.get_mut(&target.id).filter(|entry| entry.is_for(target)) else {
            return;
        };
        entry.availability.observe(run);
        let is_new = entry.history.push(&run.outcome, entry.last.as_deref());
        let replaced = entry.last.replace(last);
        *failures_begun += u64::from(is_new);
        let outcome = &run.outcome;
        // What an own fault may have resolved says nothing of the service.
        let moved = (outcome.verdict() != Verdict::Unknown)
            .then(|| {
                entry
                    .addresses
                    .observe(&outcome.facts.resolved, outcome.started_at + outcome.elapsed)
            })
            .flatten();
        if is_new && evidence.add(&run.outcome) {
            evidence.make_room(entries.values_mut().map(|entry| &mut entry.history));
        }
        if let Some(durations) = durations.get_mut(&group(target)) {
            durations.histogram.observe(run.outcome.elapsed);
        }
        drop(state);
        // Freed outside the lock: an outcome owns a dozen allocations.
        drop(replaced);
        if let Some(moved) = moved {
            info!(probe = %target.id, from = ?moved.from, to = ?moved.to, "probe.address_moved");
        }
    }

    fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}

    fn forget(&self, id: &TargetId) {
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.remove(id) {
            state.leave_group(&entry.target);
        }
    }
}

impl Entry {
    fn is_for(&self, target: &Arc<Target>) -> bool {
        Arc::ptr_eq(&self.target, target) || self.target == *target
    }
}

impl State {
    fn leave_group(&mut self, target: &Target) {
        let group = group(target);
        if let Some(durations) = self.durations.get_mut(&group) {
            durations.targets -= 1;
            if durations.targets == 0 {
                self.durations.remove(&group);
            }
        }
    }
}

fn group(target: &Target) -> Group {
    (Arc::clone(&target.id.service), target.kind.as_str())
}

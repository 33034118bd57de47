//! Keeps what was fetched for a while. Each address is fetched at most once at a time, in a task of
//! its own: a run that cannot wait for the end of a fetch leaves the result to the next run.
//!
//! Addresses are written by strangers. So what is kept counts on the share of the target that had it
//! fetched, and whoever has most gives way when there is no more room.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::fetch_turns::FetchTurns;

/// What was fetched, by address.
pub(crate) struct FetchCache<T> {
    slots: Mutex<HashMap<String, CacheSlot<T>>>,
    bounds: CacheBounds,
    turns: Arc<FetchTurns>,
    refused: AtomicU64,
}

/// How much of all is kept, and of what one target had fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheBounds {
    /// Addresses.
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    /// Addresses of one target.
    pub(crate) share_entries: usize,
    /// In memory, of one target. What is larger alone is kept alone.
    pub(crate) share_bytes: usize,
    /// Fetches for one target that wait or go on. Further ones are refused.
    pub(crate) share_pending: usize,
    /// Fetches that go on.
    pub(crate) places: usize,
}

struct CacheSlot<T> {
    /// Whose share it counts on: the last that had it fetched.
    owner: u64,
    bytes: usize,
    /// The last result, also while it is being fetched again.
    result: Option<Result<Arc<T>, String>>,
    /// When the result may be used until, and when it should be fetched again.
    until: Instant,
    refresh: Instant,
    /// Closed when the fetch has ended, however it ended.
    pending: Option<watch::Receiver<()>>,
}

/// A value and how long it is good.
pub(crate) struct FetchedValue<T> {
    pub(crate) value: T,
    /// What it takes in memory.
    pub(crate) bytes: usize,
    /// May be used this long.
    pub(crate) usable: Duration,
    /// Should be fetched again after this long.
    pub(crate) fresh: Duration,
}

/// How long a failed fetch is not tried again, so that a dead server is not asked by every run.
const FAILURE_FOR: Duration = Duration::from_secs(60);

impl<T: Send + Sync + 'static> FetchCache<T> {
    pub(crate) fn new(bounds: CacheBounds) -> Arc<FetchCache<T>> {
        let turns = FetchTurns::new(bounds.places);
        Arc::new(FetchCache { slots: Mutex::default(), bounds, turns, refused: AtomicU64::new(0) })
    }

    /// Fetches that were refused, because their target had too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// What `fetch` gives for this key, which begins with an address, from the cache where it is
    /// still good. It counts on the owner's share. An `Err` is a sentence for people.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        owner: u64,
        key: &str,
        deadline: Instant,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, String>
    where
        F: Future<Output = Result<FetchedValue<T>, String>> + Send + 'static,
    {
        let mut pending = match self.look_up(key) {
            CacheLookup::Usable(result) => return result,
            CacheLookup::Stale(value) => {
                self.start(owner, key, fetch());
                return Ok(value);
            }
            CacheLookup::Pending(pending) => pending,
            CacheLookup::Nothing => match self.start(owner, key, fetch()) {
                Some(pending) => pending,
                None => return Err(format!("{key}: too many fetches of this target are waiting")),
            },
        };
        // The sender says nothing; it is dropped at the end.
        let ended = timeout_at(deadline, pending.changed()).await;
        match (ended, self.look_up(key)) {
            (Ok(_), CacheLookup::Usable(result)) => result,
            (Ok(_), CacheLookup::Stale(value)) => Ok(value),
            (Ok(_), _) => Err(format!("{key}: the fetch was given up")),
            (Err(_), _) => Err(format!("{key}: not fetched in time")),
        }
    }

    fn look_up(&self, key: &str) -> CacheLookup<T> {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(key) else { return CacheLookup::Nothing };
        let now = Instant::now();
        let pending = slot.pending.clone().filter(|_| slot.is_pending());
        match (&slot.result, pending) {
            (Some(result), _) if now < slot.refresh => CacheLookup::Usable(result.clone()),
            (Some(Ok(value)), Some(_)) if now < slot.until => {
                CacheLookup::Usable(Ok(Arc::clone(value)))
            }
            (Some(Ok(value)), None) if now < slot.until => CacheLookup::Stale(Arc::clone(value)),
            (_, Some(pending)) => CacheLookup::Pending(pending),
            (_, None) => CacheLookup::Nothing,
        }
    }

    /// `None` when there is no room.
    fn start<F>(self: &Arc<Self>, owner: u64, key: &str, fetch: F) -> Option<watch::Receiver<()>>
    where
        F: Future<Output = Result<FetchedValue<T>, String>> + Send + 'static,
    {
        let (ends, pending) = watch::channel(());
        {
            let mut slots = self.slots.lock();
            if !self.bounds.make_room(&mut slots, owner, key) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let now = Instant::now();
            let slot = slots.entry(key.to_owned()).or_insert_with(|| CacheSlot {
                owner,
                bytes: 0,
                result: None,
                until: now,
                refresh: now,
                pending: None,
            });
            slot.owner = owner;
            slot.pending = Some(pending.clone());
        }
        let cache = Arc::clone(self);
        let key = key.to_owned();
        tokio::spawn(async move {
            let fetched = match cache.turns.take(owner, &key).await {
                Ok(_turn) => fetch.await,
                Err(why) => Err(why),
            };
            cache.put(&key, fetched);
            drop(ends);
        });
        Some(pending)
    }

    fn put(&self, key: &str, fetched: Result<FetchedValue<T>, String>) {
        let now = Instant::now();
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(key) else { return };
        slot.pending = None;
        match fetched {
            Ok(fetched) => {
                slot.until = now + fetched.usable;
                slot.refresh = now + fetched.fresh.min(fetched.usable);
                slot.bytes = fetched.bytes;
                slot.result = Some(Ok(Arc::new(fetched.value)));
            }
            // An older value stays as long as it is good.
            Err(_) if matches!(slot.result, Some(Ok(_))) && now < slot.until => {
                slot.refresh = now + FAILURE_FOR;
            }
            Err(why) => {
                slot.until = now + FAILURE_FOR;
                slot.refresh = slot.until;
                slot.bytes = why.len();
                slot.result = Some(Err(why));
            }
        }
        let owner = slot.owner;
        self.bounds.shrink(&mut slots, owner, key);
    }
}

impl<T> CacheSlot<T> {
    /// A task that is gone without a result does not come back.
    fn is_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.has_changed().is_ok())
    }
}

impl CacheBounds {
    /// Leaves out what has to go for a further fetch; false when that one has to wait.
    fn make_room<T>(
        &self,
        slots: &mut HashMap<String, CacheSlot<T>>,
        owner: u64,
        key: &str,
    ) -> bool {
        let own = |slots: &HashMap<String, CacheSlot<T>>| {
            slots.values().filter(|slot| slot.owner == owner).count()
        };
        let pending = slots.values().filter(|slot| slot.owner == owner && slot.is_pending());
        if pending.count() >= self.share_pending {
            return false;
        }
        while own(slots) >= self.share_entries && !slots.contains_key(key) {
            if !leave_out(slots, owner, key) {
                return false;
            }
        }
        while slots.len() >= self.entries && !slots.contains_key(key) {
            let greatest = greatest(slots, key, |_| 1);
            if !greatest.is_some_and(|greatest| leave_out(slots, greatest, key)) {
                return false;
            }
        }
        true
    }

    /// Leaves out what there is no room for once `key` of this owner is there.
    fn shrink<T>(&self, slots: &mut HashMap<String, CacheSlot<T>>, owner: u64, key: &str) {
        let own = |slots: &HashMap<String, CacheSlot<T>>| -> usize {
            slots.values().filter(|slot| slot.owner == owner).map(|slot| slot.bytes).sum()
        };
        while own(slots) > self.share_bytes && leave_out(slots, owner, key) {}
        let all = |slots: &HashMap<String, CacheSlot<T>>| -> usize {
            slots.values().map(|slot| slot.bytes).sum()
        };
        while all(slots) > self.bytes {
            let greatest = greatest(slots, key, |slot| slot.bytes);
            if !greatest.is_some_and(|greatest| leave_out(slots, greatest, key)) {
                return;
            }
        }
    }
}

/// The owner that has most of something that can be left out, `key` apart.
fn greatest<T>(
    slots: &HashMap<String, CacheSlot<T>>,
    key: &str,
    count: impl Fn(&CacheSlot<T>) -> usize,
) -> Option<u64> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for (_, slot) in slots.iter().filter(|(known, slot)| *known != key && !slot.is_pending()) {
        *counts.entry(slot.owner).or_default() += count(slot);
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(owner, _)| owner)
}

/// Leaves out what an owner was not given for longest, but never `key` and nothing that is being
/// fetched; false when there is nothing.
fn leave_out<T>(slots: &mut HashMap<String, CacheSlot<T>>, owner: u64, key: &str) -> bool {
    let oldest = slots
        .iter()
        .filter(|(known, slot)| slot.owner == owner && !slot.is_pending() && *known != key)
        // The one that is due first was not asked for lately.
        .min_by_key(|(_, slot)| slot.refresh)
        .map(|(known, _)| known.clone());
    oldest.is_some_and(|oldest| slots.remove(&oldest).is_some())
}

enum CacheLookup<T> {
    Usable(Result<Arc<T>, String>),
    /// Good, but time to fetch it again.
    Stale(Arc<T>),
    Pending(watch::Receiver<()>),
    Nothing,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn good(value: u32) -> Result<FetchedValue<u32>, String> {
        Ok(FetchedValue { value, bytes: 1, usable: 10 * HOUR, fresh: HOUR })
    }

    /// With room for so many addresses of each of two targets.
    fn cache(share: usize) -> Arc<FetchCache<u32>> {
        FetchCache::new(CacheBounds {
            entries: 2 * share,
            bytes: 100,
            share_entries: share,
            share_bytes: 60,
            share_pending: 3,
            places: 8,
        })
    }

    fn large(bytes: usize) -> Result<FetchedValue<u32>, String> {
        good(0).map(|value| FetchedValue { bytes, ..value })
    }

    /// What is kept, in the order of names.
    fn kept(cache: &FetchCache<u32>) -> String {
        let mut keys: Vec<String> = cache.slots.lock().keys().cloned().collect();
        keys.sort();
        keys.concat()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_wait_for_one_fetch() {
        let cache = cache(4);
        let fetches = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let fetches = Arc::clone(&fetches);
            let cache = Arc::clone(&cache);
            async move {
                let fetch = || async move {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    good(7)
                };
                cache.get(0, "a", soon(), fetch).await
            }
        };
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!((one, two), (Ok(Arc::new(7)), Ok(Arc::new(7))));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_outlives_the_run_that_began_it() {
        let cache = cache(4);
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            good(7)
        };
        let first = cache.get(0, "a", soon(), slow).await;
        assert_eq!(first, Err("a: not fetched in time".to_owned()));
        let second = cache.get(0, "a", soon(), || async { Err("asked twice".to_owned()) }).await;
        assert_eq!(second, Ok(Arc::new(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_value_is_given_while_a_new_one_is_fetched() {
        let cache = cache(4);
        let _ = cache.get(0, "a", soon(), || async { good(1) }).await;
        tokio::time::advance(2 * HOUR).await;
        assert_eq!(cache.get(0, "a", soon(), || async { good(2) }).await, Ok(Arc::new(1)));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(cache.get(0, "a", soon(), || async { good(3) }).await, Ok(Arc::new(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_outlives_failed_refreshes_but_not_its_end() {
        let cache = cache(4);
        let fail = || async { Err("gone".to_owned()) };
        let _ = cache.get(0, "a", soon(), || async { good(1) }).await;
        tokio::time::advance(9 * HOUR).await;
        assert_eq!(cache.get(0, "a", soon(), fail).await, Ok(Arc::new(1)));
        tokio::task::yield_now().await;
        tokio::time::advance(2 * HOUR).await;
        assert_eq!(cache.get(0, "a", soon(), fail).await, Err("gone".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_a_minute() {
        let cache = cache(4);
        let fail = || async { Err("gone".to_owned()) };
        assert_eq!(cache.get(0, "a", soon(), fail).await, Err("gone".to_owned()));
        assert_eq!(cache.get(0, "a", soon(), || async { good(1) }).await, Err("gone".to_owned()));
        tokio::time::advance(FAILURE_FOR).await;
        assert_eq!(cache.get(0, "a", soon(), || async { good(1) }).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn ever_new_addresses_push_out_those_of_their_own_target() {
        let cache = cache(2);
        let _ = cache.get(1, "z", soon(), || async { good(1) }).await;
        for key in ["a", "b", "c", "d"] {
            tokio::time::advance(Duration::from_secs(1)).await;
            let _ = cache.get(0, key, soon(), || async { good(1) }).await;
        }
        assert_eq!(kept(&cache), "cdz");
        assert_eq!(cache.get(0, "d", soon(), || async { good(2) }).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_most_gives_way() {
        let cache = cache(2);
        for (owner, key) in [(0, "a"), (0, "b"), (1, "c"), (2, "d"), (3, "e")] {
            tokio::time::advance(Duration::from_secs(1)).await;
            let _ = cache.get(owner, key, soon(), || async { good(1) }).await;
        }
        assert_eq!(kept(&cache), "bcde");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_bounded_for_each_target_and_for_all() {
        let cache = cache(5);
        for (owner, key, bytes) in [(0, "a", 30), (1, "b", 20), (0, "c", 40)] {
            tokio::time::advance(Duration::from_secs(1)).await;
            let _ = cache.get(owner, key, soon(), || async move { large(bytes) }).await;
        }
        assert_eq!(kept(&cache), "bc", "the share of one target");
        let _ = cache.get(2, "d", soon(), || async { large(50) }).await;
        assert_eq!(kept(&cache), "bd", "the bytes of all");
        let _ = cache.get(1, "e", soon(), || async { large(90) }).await;
        assert_eq!(kept(&cache), "e", "what is larger than a share is kept alone");
    }

    #[tokio::test(start_paused = true)]
    async fn fetches_of_one_target_do_not_pile_up() {
        let cache = cache(9);
        let at_once = Instant::now();
        let hang = || std::future::pending::<Result<FetchedValue<u32>, String>>();
        for key in ["a", "b", "c"] {
            let error = cache.get(0, key, at_once, hang).await.unwrap_err();
            assert!(error.ends_with("not fetched in time"), "{error}");
        }
        let error = cache.get(0, "d", at_once, hang).await.unwrap_err();
        assert_eq!(error, "d: too many fetches of this target are waiting");
        assert_eq!(cache.refused(), 1);
        assert_eq!(cache.get(1, "e", soon(), || async { good(1) }).await, Ok(Arc::new(1)));
    }
}

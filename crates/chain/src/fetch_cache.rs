//! Keeps what was fetched for a while. Each address is fetched at most once at a time, in a task of
//! its own: a run that cannot wait for the end of a fetch leaves the result to the next run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What was fetched, by address.
pub(crate) struct FetchCache<T> {
    slots: Mutex<HashMap<String, CacheSlot<T>>>,
    capacity: usize,
}

struct CacheSlot<T> {
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
    /// May be used this long.
    pub(crate) usable: Duration,
    /// Should be fetched again after this long.
    pub(crate) fresh: Duration,
}

/// How long a failed fetch is not tried again, so that a dead server is not asked by every run.
const FAILURE_FOR: Duration = Duration::from_secs(60);

impl<T: Send + Sync + 'static> FetchCache<T> {
    pub(crate) fn new(capacity: usize) -> Arc<FetchCache<T>> {
        Arc::new(FetchCache { slots: Mutex::default(), capacity })
    }

    /// What `fetch` gives for this key, from the cache where it is still good. An `Err` is a
    /// sentence for people.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
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
                self.start(key, fetch());
                return Ok(value);
            }
            CacheLookup::Pending(pending) => pending,
            CacheLookup::Nothing => self.start(key, fetch()),
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
        // A task that is gone without a result does not come back.
        let pending = slot.pending.clone().filter(|pending| pending.has_changed().is_ok());
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

    fn start<F>(self: &Arc<Self>, key: &str, fetch: F) -> watch::Receiver<()>
    where
        F: Future<Output = Result<FetchedValue<T>, String>> + Send + 'static,
    {
        let (ends, pending) = watch::channel(());
        {
            let mut slots = self.slots.lock();
            if slots.len() >= self.capacity && !slots.contains_key(key) {
                // The one that is due first was not asked for lately.
                let oldest = slots.iter().min_by_key(|(_, slot)| slot.refresh);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    slots.remove(&oldest);
                }
            }
            let now = Instant::now();
            let slot = slots.entry(key.to_owned()).or_insert_with(|| CacheSlot {
                result: None,
                until: now,
                refresh: now,
                pending: None,
            });
            slot.pending = Some(pending.clone());
        }
        let cache = Arc::clone(self);
        let key = key.to_owned();
        tokio::spawn(async move {
            let fetched = fetch.await;
            cache.put(&key, fetched);
            drop(ends);
        });
        pending
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
                slot.result = Some(Ok(Arc::new(fetched.value)));
            }
            // An older value stays as long as it is good.
            Err(_) if matches!(slot.result, Some(Ok(_))) && now < slot.until => {
                slot.refresh = now + FAILURE_FOR;
            }
            Err(why) => {
                slot.until = now + FAILURE_FOR;
                slot.refresh = slot.until;
                slot.result = Some(Err(why));
            }
        }
    }
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
        Ok(FetchedValue { value, usable: 10 * HOUR, fresh: HOUR })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_wait_for_one_fetch() {
        let cache = FetchCache::new(4);
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
                cache.get("a", soon(), fetch).await
            }
        };
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!((one, two), (Ok(Arc::new(7)), Ok(Arc::new(7))));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_outlives_the_run_that_began_it() {
        let cache = FetchCache::new(4);
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            good(7)
        };
        let first = cache.get("a", soon(), slow).await;
        assert_eq!(first, Err("a: not fetched in time".to_owned()));
        let second = cache.get("a", soon(), || async { Err("asked twice".to_owned()) }).await;
        assert_eq!(second, Ok(Arc::new(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_value_is_given_while_a_new_one_is_fetched() {
        let cache = FetchCache::new(4);
        let _ = cache.get("a", soon(), || async { good(1) }).await;
        tokio::time::advance(2 * HOUR).await;
        assert_eq!(cache.get("a", soon(), || async { good(2) }).await, Ok(Arc::new(1)));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(cache.get("a", soon(), || async { good(3) }).await, Ok(Arc::new(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_outlives_failed_refreshes_but_not_its_end() {
        let cache = FetchCache::new(4);
        let fail = || async { Err("gone".to_owned()) };
        let _ = cache.get("a", soon(), || async { good(1) }).await;
        tokio::time::advance(9 * HOUR).await;
        assert_eq!(cache.get("a", soon(), fail).await, Ok(Arc::new(1)));
        tokio::task::yield_now().await;
        tokio::time::advance(2 * HOUR).await;
        assert_eq!(cache.get("a", soon(), fail).await, Err("gone".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_a_minute() {
        let cache = FetchCache::new(4);
        let fail = || async { Err("gone".to_owned()) };
        assert_eq!(cache.get("a", soon(), fail).await, Err("gone".to_owned()));
        assert_eq!(cache.get("a", soon(), || async { good(1) }).await, Err("gone".to_owned()));
        tokio::time::advance(FAILURE_FOR).await;
        assert_eq!(cache.get("a", soon(), || async { good(1) }).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_has_an_end() {
        let cache = FetchCache::new(2);
        for key in ["a", "b", "c", "d"] {
            let _ = cache.get(key, soon(), || async { good(1) }).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(cache.slots.lock().len(), 2);
        assert_eq!(cache.get("d", soon(), || async { good(2) }).await, Ok(Arc::new(1)));
    }
}

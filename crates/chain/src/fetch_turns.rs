//! Who may fetch when. What is fetched is named by strangers, in certificates, so a few slow servers
//! and a few targets that name them must not take the place of all others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Fetches at a time from one host and port. A host that answers needs no more.
///
/// Limit: fetches from one server of revocation lists or issuers at a time.
/// Share: of each host and port, apart for lists and issuers.
/// Full: the next one waits.
/// Filled: a_slow_host_leaves_places_to_others
const HOST_MAX: usize = 4;

/// Fetches at a time for one target.
///
/// Limit: fetches for the chains of one target at a time.
/// Share: of each target, apart for lists and issuers.
/// Full: the next one waits.
/// Filled: a_target_with_many_hosts_leaves_places_to_others
const TARGET_MAX: usize = 2;

/// How long a fetch waits for its turn. The runs that wanted it have ended by then.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The turns of one kind of fetches.
#[derive(Debug)]
pub(crate) struct FetchTurns {
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<ShareOf, Arc<Semaphore>>>,
}

/// Whose share it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ShareOf {
    Host(String),
    Target(u64),
}

/// Leave to fetch. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct FetchTurn {
    _shares: [OwnedSemaphorePermit; 2],
    _place: OwnedSemaphorePermit,
}

impl FetchTurns {
    /// So many at a time.
    pub(crate) fn new(places: usize) -> Arc<FetchTurns> {
        let all = Arc::new(Semaphore::new(places));
        Arc::new(FetchTurns { all, shares: Mutex::default() })
    }

    /// Waits for a turn. An `Err` is a sentence for people.
    pub(crate) async fn take(&self, owner: u64, url: &str) -> Result<FetchTurn, String> {
        let turn = timeout(WAIT_MAX, async {
            let target =
                self.share(ShareOf::Target(owner), TARGET_MAX).acquire_owned().await.ok()?;
            let host = self.share(ShareOf::Host(host(url)), HOST_MAX).acquire_owned().await.ok()?;
            let place = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(FetchTurn { _shares: [target, host], _place: place })
        });
        // No semaphore is ever closed.
        let turn = turn.await.ok().flatten();
        turn.ok_or_else(|| format!("{url}: it had no turn within {} s", WAIT_MAX.as_secs()))
    }

    fn share(&self, of: ShareOf, places: usize) -> Arc<Semaphore> {
        let mut shares = self.shares.lock();
        if !shares.contains_key(&of) {
            // Those that nobody uses or waits for.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(shares.entry(of).or_insert_with(|| Arc::new(Semaphore::new(places))))
    }
}

/// Scheme, host and port.
fn host(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#', ' ']).map_or(url.len(), |at| start + at);
    url[..end].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn now(turns: &FetchTurns, owner: u64, url: &str) -> Option<FetchTurn> {
        turns.take(owner, url).now_or_never()?.ok()
    }

    #[tokio::test]
    async fn a_slow_host_leaves_places_to_others() {
        let turns = FetchTurns::new(HOST_MAX + 1);
        let slow: Vec<_> =
            (0..10).filter_map(|target| now(&turns, target, "http://Slow.test/a")).collect();
        assert_eq!(slow.len(), HOST_MAX);
        assert!(now(&turns, 20, "http://slow.test/b?c").is_none());
        assert!(now(&turns, 20, "http://slow.test:81/b").is_some());
        drop(slow);
        assert!(now(&turns, 20, "http://slow.test/b").is_some());
    }

    #[tokio::test]
    async fn a_target_with_many_hosts_leaves_places_to_others() {
        let turns = FetchTurns::new(TARGET_MAX + 1);
        let url = |n: usize| format!("http://{n}.test/");
        let held: Vec<_> = (0..10).filter_map(|n| now(&turns, 7, &url(n))).collect();
        assert_eq!(held.len(), TARGET_MAX);
        assert!(now(&turns, 8, &url(0)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_turn_in_time_is_told_so_and_leaves_nothing_behind() {
        let turns = FetchTurns::new(1);
        let held = turns.take(1, "http://a.test/").await.unwrap();
        let late = turns.take(2, "http://b.test/x").await.unwrap_err();
        assert_eq!(late, "http://b.test/x: it had no turn within 30 s");
        drop(held);
        turns.take(3, "http://c.test/").await.unwrap();
        assert!(turns.shares.lock().len() <= 4, "{:?}", turns.shares);
    }
}

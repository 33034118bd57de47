//! Whether a certificate of an accepted path is revoked, by the lists that it names.
//!
//! Lists are fetched in the background, kept to their `nextUpdate`, and asked for again every
//! [`FRESH_FOR`]. The first run waits for its lists within its deadline, so that a one-off run is
//! right too. HTTP and LDAP addresses are followed; a certificate
//! that names none is passed over, except under `revocation: hard`, where that is a failure.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::fetch::{Fetch, FetchReach};
use crate::fetch_cache::{CacheBounds, FetchCache, FetchedValue};
use crate::options::Revocation;
use crate::pointers::RevocationSubject;
use crate::revocation_list::{RevocationList, cache_key};

/// Largest list. The largest ones in public use have a few MiB.
///
/// Limit: bytes of one revocation list.
/// Share: of each fetch.
/// Full: the fetch fails.
/// Filled: an_answer_beyond_its_limit_is_refused
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Lists kept. Each issuer has one, or up to a hundred shards.
///
/// Limit: revocation lists that are kept.
/// Share: of all.
/// Full: the target with most loses its oldest.
/// Filled: who_has_most_gives_way
const MAX_LISTS: usize = 1024;

/// Of all lists that are kept, at eight bytes for each revoked certificate: eight million.
///
/// Limit: bytes of revocation lists that are kept.
/// Share: of all.
/// Full: the target with most loses its oldest.
/// Filled: bytes_are_bounded_for_each_target_and_for_all
const MAX_KEPT_BYTES: usize = 64 << 20;

/// Lists of one target: those of its chain, and of the hosts that a login leads through.
///
/// Limit: revocation lists that are kept.
/// Share: of each target.
/// Full: its oldest is forgotten.
/// Filled: ever_new_addresses_push_out_those_of_their_own_target
const SHARE_LISTS: usize = 32;

/// Of the lists of one target: a million revoked certificates.
///
/// Limit: bytes of revocation lists that are kept, or else one list.
/// Share: of each target.
/// Full: its oldest is forgotten.
/// Filled: bytes_are_bounded_for_each_target_and_for_all
const SHARE_BYTES: usize = 8 << 20;

/// Fetches for one target that wait or go on: one for each certificate of the longest path.
///
/// Limit: fetches of revocation lists that wait or go on.
/// Share: of each target.
/// Full: further ones are refused and counted.
/// Filled: fetches_of_one_target_do_not_pile_up
const SHARE_PENDING: usize = 8;

/// Fetches that go on at a time. Each holds a connection and [`MAX_BYTES`] at most. A fleet of
/// probes starts with as many lists to fetch as there are issuers.
///
/// Limit: fetches of revocation lists at a time.
/// Share: of all.
/// Full: the next one waits.
/// Filled: a_slow_host_leaves_places_to_others
const MAX_FETCHES: usize = 16;

/// A list is asked for again after this long, because revocations are added between updates.
const FRESH_FOR: Duration = Duration::from_secs(4 * 3600);

/// What a list without `nextUpdate` is good for.
const WITHOUT_END: Duration = Duration::from_secs(24 * 3600);

/// What is left of the run for telling that a list did not come in time.
const MARGIN: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RevocationStatus {
    /// Nothing is known against the path.
    Good,
    Revoked(String),
    /// It could not be found out, and why.
    Unavailable(String),
}

/// The lists fetched so far.
pub(crate) struct RevocationLists {
    cache: Arc<FetchCache<RevocationList>>,
    fetch: Arc<dyn Fetch>,
}

impl RevocationLists {
    pub(crate) fn new(fetch: &Arc<dyn Fetch>) -> RevocationLists {
        let cache = FetchCache::new(CacheBounds {
            entries: MAX_LISTS,
            bytes: MAX_KEPT_BYTES,
            share_entries: SHARE_LISTS,
            share_bytes: SHARE_BYTES,
            share_pending: SHARE_PENDING,
            places: MAX_FETCHES,
        });
        RevocationLists { cache, fetch: Arc::clone(fetch) }
    }

    /// Fetches that were refused, because their target had too many.
    pub(crate) fn refused(&self) -> u64 {
        self.cache.refused()
    }

    /// Asks about every certificate of a path, on the owner's share.
    pub(crate) async fn ask(
        &self,
        owner: u64,
        path: &[RevocationSubject],
        policy: Revocation,
        reach: FetchReach,
        deadline: Instant,
    ) -> RevocationStatus {
        let wait = deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        let deadline = Instant::now() + wait;
        let answers =
            path.iter().map(|subject| self.ask_one(owner, subject, policy, reach, deadline));
        let mut answers = join_all(answers).await;
        // A revocation is certain; a missing list is not.
        answers.sort_by_key(|answer| match answer {
            RevocationStatus::Revoked(_) => 0,
            RevocationStatus::Unavailable(_) => 1,
            RevocationStatus::Good => 2,
        });
        answers.into_iter().next().unwrap_or(RevocationStatus::Good)
    }

    async fn ask_one(
        &self,
        owner: u64,
        subject: &RevocationSubject,
        policy: Revocation,
        reach: FetchReach,
        deadline: Instant,
    ) -> RevocationStatus {
        if subject.urls.is_empty() {
            return match policy {
                Revocation::Hard => RevocationStatus::Unavailable(format!(
                    "the certificate of {} names no revocation list that can be fetched by HTTP or LDAP",
                    subject.who
                )),
                Revocation::Soft | Revocation::Off => RevocationStatus::Good,
            };
        }
        let mut why = String::new();
        for url in &subject.urls {
            let fetch = || fetch_list(Arc::clone(&self.fetch), url.clone(), subject.clone(), reach);
            match self.cache.get(owner, &cache_key(url, subject, reach), deadline, fetch).await {
                Ok(list) if !list.covers(subject) => {
                    why = format!("{url}: is a list for other certificates");
                }
                Ok(list) if list.revokes(subject) => {
                    return RevocationStatus::Revoked(format!(
                        "the certificate of {} is revoked, says {url}",
                        subject.who
                    ));
                }
                Ok(_) => return RevocationStatus::Good,
                Err(error) => why = error,
            }
        }
        RevocationStatus::Unavailable(why)
    }
}

async fn fetch_list(
    fetch: Arc<dyn Fetch>,
    url: String,
    subject: RevocationSubject,
    reach: FetchReach,
) -> Result<FetchedValue<RevocationList>, String> {
    let body = fetch.get(url.clone(), MAX_BYTES, reach).await?;
    // Hashing and sorting 10 MiB takes longer than other tasks should wait.
    let parsed = tokio::task::spawn_blocking(move || RevocationList::parse(&body, &subject)).await;
    let list = parsed
        .map_err(|_| format!("{url}: could not be read"))?
        .map_err(|why| format!("{url}: {why}"))?;
    let usable = match list.next_update {
        Some(next_update) => {
            let left = next_update - now();
            u64::try_from(left)
                .map(Duration::from_secs)
                .map_err(|_| format!("{url}: the list is out of date"))?
        }
        None => WITHOUT_END,
    };
    Ok(FetchedValue { bytes: list.bytes(), value: list, usable, fresh: FRESH_FOR })
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

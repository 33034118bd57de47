//! Whether a certificate of an accepted path is revoked, by the lists that it names.
//!
//! Lists are fetched in the background, kept to their `nextUpdate`, and asked for again every
//! [`FRESH_FOR`]. The first run waits for its lists within its deadline, so that a one-off run is
//! right too. Only HTTP addresses are followed; a certificate that names none (or LDAP only, like
//! the GPKI's) is passed over, except under `revocation: hard`, where that is a failure.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;

use super::crl::{self, List};
use super::pointers::Listed;
use super::shelf::{Fetched, Shelf};
use crate::config::Revocation;
use crate::deadline::Deadline;
use crate::transport::fetch::Fetcher;

/// Largest list. The largest ones in public use have a few MiB.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Lists kept. Each issuer has one, or a few dozen shards.
const MAX_LISTS: usize = 128;

/// A list is asked for again after this long, because revocations are added between updates.
const FRESH_FOR: Duration = Duration::from_secs(4 * 3600);

/// What a list without `nextUpdate` is good for.
const WITHOUT_END: Duration = Duration::from_secs(24 * 3600);

/// What is left of the run for telling that a list did not come in time.
const MARGIN: Duration = Duration::from_millis(100);

/// What the lists say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing is known against the path.
    Good,
    /// This certificate is revoked.
    Revoked(String),
    /// It could not be found out, and why.
    Unavailable(String),
}

/// The lists fetched so far.
pub(crate) struct Lists {
    shelf: Arc<Shelf<List>>,
    fetcher: Arc<Fetcher>,
}

impl Lists {
    pub(crate) fn new(fetcher: &Arc<Fetcher>) -> Lists {
        Lists { shelf: Shelf::new(MAX_LISTS), fetcher: Arc::clone(fetcher) }
    }

    /// Asks about every certificate of a path.
    pub(crate) async fn ask(
        &self,
        path: &[Listed],
        policy: Revocation,
        deadline: &Deadline,
    ) -> Status {
        let wait = deadline.remaining().saturating_sub(MARGIN);
        let deadline = deadline.at_most(tokio::time::Instant::now() + wait);
        let answers = path.iter().map(|listed| self.ask_one(listed, policy, &deadline));
        let mut answers = join_all(answers).await;
        // A revocation is certain; a missing list is not.
        answers.sort_by_key(|answer| match answer {
            Status::Revoked(_) => 0,
            Status::Unavailable(_) => 1,
            Status::Good => 2,
        });
        answers.into_iter().next().unwrap_or(Status::Good)
    }

    async fn ask_one(&self, listed: &Listed, policy: Revocation, deadline: &Deadline) -> Status {
        if listed.urls.is_empty() {
            return match policy {
                Revocation::Hard => Status::Unavailable(format!(
                    "the certificate of {} names no revocation list that can be fetched by HTTP",
                    listed.who
                )),
                Revocation::Soft | Revocation::Off => Status::Good,
            };
        }
        let mut why = String::new();
        for url in &listed.urls {
            let fetch = || fetch(Arc::clone(&self.fetcher), url.clone(), listed.clone());
            match self.shelf.get(&crl::shelf_key(url, listed), deadline, fetch).await {
                Ok(list) if !list.covers(listed) => {
                    why = format!("{url}: is a list for other certificates");
                }
                Ok(list) if list.revokes(listed) => {
                    return Status::Revoked(format!(
                        "the certificate of {} is revoked, says {url}",
                        listed.who
                    ));
                }
                Ok(_) => return Status::Good,
                Err(error) => why = error,
            }
        }
        Status::Unavailable(why)
    }
}

async fn fetch(
    fetcher: Arc<Fetcher>,
    url: String,
    listed: Listed,
) -> Result<Fetched<List>, String> {
    let body = fetcher.get(&url, MAX_BYTES).await?;
    // Hashing and sorting 10 MiB takes longer than other tasks should wait.
    let parsed = tokio::task::spawn_blocking(move || List::parse(&body, &listed)).await;
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
    Ok(Fetched { value: list, usable, fresh: FRESH_FOR })
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

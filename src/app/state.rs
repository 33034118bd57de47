//! What the state directory holds at the start, and accounts that are written again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::options::{BuildError, Options};
use crate::failures::StoredFailures;
use crate::probe::login::lockout::store::AccountStore;
use crate::probe::surroundings::Surroundings;
use crate::results::LatestResults;
use crate::state_dir::Claim;

/// For each look at the state directory before the start: a disk that hangs must be told of.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Accounts that could not be written are tried again this often, beside each change.
const REWRITE_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn claim(options: &Options) -> Result<Option<Claim>, BuildError> {
    let Some(directory) = options.state_dir.clone() else { return Ok(None) };
    match opened(&directory, Claim::take).await? {
        Some(claim) => Ok(Some(claim)),
        None => Err(BuildError::Claimed { directory }),
    }
}

pub(super) async fn accounts(options: &Options) -> Result<AccountStore, BuildError> {
    let Some(directory) = &options.state_dir else { return Ok(AccountStore::default()) };
    opened(directory, AccountStore::open).await
}

pub(super) async fn stored_failures(
    options: &Options,
    results: &Arc<LatestResults>,
) -> Result<Option<StoredFailures>, BuildError> {
    let Some(directory) = &options.state_dir else { return Ok(None) };
    let results = Arc::clone(results);
    opened(directory, |directory| StoredFailures::open(directory, results)).await.map(Some)
}

/// What the state directory holds, unless it takes too long to say.
async fn opened<T: Send + 'static>(
    directory: &Path,
    open: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, BuildError> {
    let of_thread = directory.to_owned();
    let opening = spawn_blocking(move || open(&of_thread));
    let opened = match timeout(FIRST_LOOK, opening).await {
        Ok(ended) => ended.map_err(io::Error::other).and_then(|opened| opened),
        Err(_) => {
            let said = format!("its file system did not answer within {} s", FIRST_LOOK.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, said))
        }
    };
    opened.map_err(|source| BuildError::State { directory: directory.to_owned(), source })
}

pub(super) async fn rewrite(surroundings: &Arc<Surroundings>, ended: CancellationToken) {
    while ended.run_until_cancelled(sleep(REWRITE_EVERY)).await.is_some() {
        let of_thread = Arc::clone(surroundings);
        // Disks wait, and threads of the probes must not.
        let rewritten = spawn_blocking(move || of_thread.accounts.rewrite()).await;
        if rewritten.is_ok_and(|rewritten| rewritten) {
            info!("held accounts are written again");
        }
    }
    surroundings.accounts.settled().await;
}

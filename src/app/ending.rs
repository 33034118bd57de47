//! The end of the process, whatever hangs.

use std::time::Duration;

use tracing::{error, warn};

use crate::log_queue;
use crate::signals::{Signal, Signals};

/// For answers that are being written when everything else has stopped.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Ends the process when the end takes longer than everything that is waited for: a part of it hangs
/// where no task can be dropped.
pub(super) fn end_by(time: Duration) {
    let ending = std::thread::Builder::new().name("end".into()).spawn(move || {
        std::thread::sleep(time);
        error!("something hangs; ended without it");
        log_queue::flush(LAST_ANSWERS);
        #[expect(clippy::disallowed_methods, reason = "main does not get to return")]
        std::process::exit(1);
    });
    if let Err(error) = ending {
        warn!(%error, "nothing watches over the end");
    }
}

pub(super) async fn terminated(signals: &mut Signals) {
    while signals.next().await != Signal::Terminate {}
}

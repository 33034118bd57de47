//! Who may stop whom: what one target, one client or one file can do to everybody else, at the real
//! process. Nobody healthy is told down, and the daemon answers and ends when it is told to.

pub(crate) mod chains;
mod files;
mod logs;
mod pages;
mod texts;

use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, eventually};

/// Of an answer that a hostile neighbour must not hold up, in an unoptimised build on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Of the end after SIGTERM, with a grace of a second: what hangs is cut off 6 s after that, and the rest is
/// for a busy machine.
const END: Duration = Duration::from_secs(10);

/// Runs of a probe of the service `s` with this result.
fn runs(daemon: &Daemon, probe: &str, result: &str) -> f64 {
    let metrics = daemon.metrics();
    let of_probe = format!("bongsu_probe_runs_total{{service=\"s\",probe=\"{probe}\"");
    let of_result = format!("result=\"{result}\"");
    let line = metrics
        .lines()
        .find(|line| line.starts_with(&of_probe) && line.contains(&of_result))
        .unwrap_or_default();
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn wait_for_runs(daemon: &Daemon, probe: &str, result: &str, count: f64) {
    eventually(&format!("{count} runs of {probe} with {result}"), || {
        (runs(daemon, probe, result) >= count).then_some(())
    });
}

/// `/-/healthy` and `/metrics` answer at once.
#[track_caller]
fn answers(daemon: &Daemon) {
    for path in ["/-/healthy", "/metrics"] {
        let start = Instant::now();
        assert_eq!(daemon.get(path).status, 200, "{path}");
        assert!(start.elapsed() < AT_ONCE, "{path} took {:?}", start.elapsed());
    }
}

/// SIGTERM ends the process within the grace, whatever hangs.
#[track_caller]
fn ends(daemon: &mut Daemon) {
    let start = Instant::now();
    daemon.stop();
    assert!(start.elapsed() < END, "the end took {:?}", start.elapsed());
}

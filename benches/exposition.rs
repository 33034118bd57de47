//! `/metrics` of every public-sector system of the country: 17,000 HTTPS probes, half of them with
//! a failure behind them. Budget: under 300 ms without compression, and the scheduler's tasks,
//! which report their results to the board meanwhile, do not wait for it.
//!
//! `cargo bench --bench exposition`

#![allow(clippy::print_stdout)]

#[path = "../tests/it/support/results.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod results;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bongsu::controls::Controls;
use bongsu::metrics::{self, Daemon};
use bongsu::results::LatestResults;
use bongsu::scheduler::{Cadence, Observer, Run};

use results::{Found, http_target, https_503, https_up, outcome, secs};

const PROBES: usize = 17_000;
const PROBES_PER_SERVICE: usize = 10;
const ROUNDS: usize = 10;

/// How often a result comes in: 17,000 probes every 30 s.
const ARRIVAL: Duration = Duration::from_micros(1_765);

fn main() {
    let empty = resident_kib("VmRSS");
    let board = Arc::new(LatestResults::new());
    let daemon = Daemon::register(&prometheus::Registry::new(), Arc::new(Controls::none()))
        .expect("an empty registry");
    let now = tokio::time::Instant::now();
    let targets: Vec<_> = (0..PROBES)
        .map(|n| {
            let service = format!("service-{:05}", n / PROBES_PER_SERVICE);
            let probe = format!("front-{}", n % PROBES_PER_SERVICE);
            let url = format!("https://www.{service}.example.go.kr/{probe}/main.do");
            Arc::new(http_target(&service, &probe, &url))
        })
        .collect();
    let configured = resident_kib("VmRSS");
    for (n, target) in targets.iter().enumerate() {
        board.adopt(target, now);
        if n % 2 == 0 {
            observe(&board, target, https_503());
        }
        observe(&board, target, https_up());
    }
    let filled = resident_kib("VmRSS");
    println!("probes            {PROBES}");
    println!("targets in memory {} MiB", (configured - empty) / 1024);
    println!(
        "board in memory   {} MiB, {} bytes a probe, its last outcome included",
        (filled - configured) / 1024,
        (filled - configured) * 1024 / PROBES
    );

    let done = Arc::new(AtomicBool::new(false));
    let reporter = std::thread::spawn({
        let (board, done) = (Arc::clone(&board), Arc::clone(&done));
        move || longest_wait(&board, &targets, &done)
    });
    let mut millis = Vec::new();
    let mut locked = Vec::new();
    let (mut bytes, mut lines) = (0, 0);
    for _ in 0..ROUNDS {
        (bytes, lines) = (0, 0);
        let start = Instant::now();
        let snapshot = board.snapshot(tokio::time::Instant::now());
        locked.push(start.elapsed());
        let written = metrics::write(&snapshot, &daemon, &mut |chunk| {
            bytes += chunk.len();
            lines += 1;
            Ok(())
        });
        assert_eq!(written, Ok(()));
        millis.push(start.elapsed());
    }
    done.store(true, Ordering::Relaxed);
    let longest = reporter.join().expect("the reporter ends");
    millis.sort_unstable();
    locked.sort_unstable();
    println!("exposition        {} MiB in {lines} chunks", bytes >> 20);
    println!("time              {:?} median, {:?} worst", millis[ROUNDS / 2], millis[ROUNDS - 1]);
    println!("of it locked      {:?} median, {:?} worst", locked[ROUNDS / 2], locked[ROUNDS - 1]);
    println!("longest report    {longest:?} from calling observe to its return, meanwhile");
    println!("peak while writing {} MiB above", (resident_kib("VmHWM") - filled) / 1024);
}

fn observe(board: &LatestResults, target: &Arc<bongsu::config::Target>, found: Found) {
    let run = Run {
        cadence: Cadence::Scheduled,
        lag: Duration::ZERO,
        finished: tokio::time::Instant::now(),
        outcome: outcome(SystemTime::now() - secs(1), found),
    };
    board.observe(target, &run);
}

/// Reports results at the pace of the real thing and returns the longest time a report took.
fn longest_wait(
    board: &LatestResults,
    targets: &[Arc<bongsu::config::Target>],
    done: &AtomicBool,
) -> Duration {
    let mut longest = Duration::ZERO;
    for target in targets.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let found = https_up();
        let start = Instant::now();
        observe(board, target, found);
        longest = longest.max(start.elapsed());
        std::thread::sleep(ARRIVAL);
    }
    longest
}

/// A line of `/proc/self/status`.
fn resident_kib(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key)).expect("a known key");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of kB")
}

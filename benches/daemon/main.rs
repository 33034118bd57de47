//! The real daemon under load, as a process of its own beside servers that are probed.
//!
//! - `make bench-https`: 1,000 HTTPS probes every 10 s. Budget: no skipped run, at most 40 MB.
//! - `make bench-compare`: the same load on blackbox_exporter in the same minutes, and both at
//!   their limit. Budgets are ratios of processor time (`compare.rs`).
//! - `make bench-floor`: 500 runs a second of the daemon, of blackbox_exporter and of the smallest
//!   client (`benches/floor`) in turn. Budgets are ratios to that client (`floor.rs`).
//! - `make bench-nation`: 17,000 probes every 30 s, a front page over HTTPS for two of three and a
//!   certificate for the third. Budget: less than half a core and 256 MB, no skipped run, 99 of
//!   100 runs less than 100 ms late.
//! - `make bench-start`: from the start of the process to ready with 1,000 probes. Budget: 1 s.
//! - `make bench-blackhole`: 10,000 probes of addresses that drop every packet, beside 100 healthy
//!   ones, in a network namespace of its own (root). Budget: no skipped run, bounded memory, every
//!   healthy run a success.
//! - `make bench-login`: 500 login flows of three steps over HTTPS, every 60 s; and every 10 s
//!   beside 500 single GETs, because a login must cost at most 2.5 times the processor time of a
//!   GET: its steps share a connection. Budget: no skipped run.
//!
//! Another duration: `cargo bench --bench daemon -- https 300` (seconds after warming up).

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

mod blackhole;
mod compare;
mod estate;
mod floor;
mod login;
mod process;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use estate::Estate;
use process::{Daemon, SCRAPE_EVERY};

const DEFAULT_SECONDS: u64 = 120;
/// Of each of the thirty measurements of `floor`.
const ROUND_SECONDS: u64 = 8;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let given = arguments.get(1).and_then(|text| text.parse().ok());
    let span_or = |default| Duration::from_secs(given.unwrap_or(default));
    let seconds = given.unwrap_or(DEFAULT_SECONDS);
    let span = Duration::from_secs(seconds);
    let mode = arguments.first().map(String::as_str);
    if !matches!(mode, Some("estate" | "blackhole")) {
        println!("load average {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    }
    match mode {
        Some("estate") => estate::estate(),
        Some("https") => https(span),
        Some("compare") => compare::compare(span),
        Some("floor") => floor::floor(span_or(ROUND_SECONDS)),
        Some("nation") => nation(span),
        Some("start") => start(),
        Some("login") => login::login(span),
        Some("blackhole") => blackhole::enter_namespace(seconds),
        Some("blackhole-inside") => blackhole::black_hole(span),
        _ => println!(
            "one of: https, compare, floor, nation, start, login, blackhole; then [SECONDS]"
        ),
    }
}

fn https(span: Duration) {
    let estate = Estate::start();
    let daemon = Daemon::start(&thousand(&estate));
    let found = daemon.observe(span);
    println!("1,000 HTTPS probes every 10 s for {span:?}, scraped every {SCRAPE_EVERY:?}");
    found.print();
    println!("  successes             {:.0}", found.successes);
    verdict(&[
        ("no run is skipped", found.skipped == 0.0),
        ("every run succeeds", found.all_succeeded()),
        ("resident memory at most 40 MB", found.rss_max_kib <= 40_000),
    ]);
}

fn thousand(estate: &Estate) -> String {
    let mut config = head(&estate.roots(), "interval: 10s, timeout: 5s");
    for service in 0..100 {
        let urls = (0..10).map(|page| estate.url(service * 10 + page));
        push_service(&mut config, &format!("service-{service:03}"), urls);
    }
    config
}

/// Services of the whole country; each has two pages and a certificate.
const SYSTEMS: usize = 5_667;
/// Of one core.
const NATION_SHARE_MAX: f64 = 0.5;

fn nation(span: Duration) {
    let estate = Estate::start();
    let mut config = head(&estate.roots(), "interval: 30s, timeout: 10s");
    for system in 0..SYSTEMS {
        push_service(&mut config, &format!("system-{system:04}"), (0..2).map(|p| estate.url(p)));
        let address = format!("localhost:{}", estate.port());
        writeln!(config, "      - {{ name: cert, tls: {{ address: \"{address}\" }} }}").unwrap();
    }
    let daemon = Daemon::start(&config);
    let found = daemon.observe(span);
    let share = found.cpu / span.as_secs_f64();
    println!("17,000 probes every 30 s for {span:?}, scraped every {SCRAPE_EVERY:?}");
    found.print();
    println!("  of one core           {share:.2}");
    verdict(&[
        ("no run is skipped", found.skipped == 0.0),
        ("every run succeeds", found.all_succeeded()),
        ("less than half a core", share < NATION_SHARE_MAX),
        ("resident memory below 256 MB", found.rss_max_kib < 256_000),
        ("99 of 100 runs are less than 100 ms late", found.lag_p99 <= 0.1),
    ]);
}

const STARTS: usize = 5;
const START_MAX: Duration = Duration::from_secs(1);
/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(2);

fn start() {
    let estate = Estate::start();
    let config = thousand(&estate);
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let begin = Instant::now();
            let daemon = Daemon::start(&config);
            while !daemon.is_ready() {
                std::thread::sleep(ASK_EVERY);
            }
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("start to ready with 1,000 probes: {times:?}");
    verdict(&[("ready within a second", times[STARTS - 1] < START_MAX)]);
}

fn head(roots: &Path, schedule: &str) -> String {
    format!("defaults: {{ {schedule}, trust: {{ roots: {} }} }}\nservices:\n", roots.display())
}

fn push_service(config: &mut String, name: &str, urls: impl Iterator<Item = String>) {
    writeln!(config, "  - name: {name}\n    probes:").unwrap();
    for (number, url) in urls.enumerate() {
        writeln!(config, "      - name: p{number:03}\n        http: {{ url: \"{url}\" }}").unwrap();
    }
}

fn verdict(budgets: &[(&str, bool)]) {
    for (budget, kept) in budgets {
        println!("  {} {budget}", if *kept { "ok    " } else { "MISSED" });
    }
    println!("load average {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    assert!(budgets.iter().all(|(_, kept)| *kept), "a budget was missed");
}

//! The least that a run can cost, beside what it costs the daemon and blackbox_exporter.
//!
//! The smallest client (`benches/floor`), the daemon and Debian's blackbox_exporter make the same
//! number of runs a second against the same nginx, one after the other in every round, so that what
//! else the machine does meets all three. Every connection is new and every handshake whole. Nobody
//! scrapes the daemon meanwhile. Counted are the runs that each says it made.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::compare::{ASKERS, Blackbox, Web, config};
use crate::process::{Daemon, Process, sum};
use crate::verdict;

/// Runs a second of each.
const PACE: usize = 500;
const ROUNDS: usize = 5;
/// Every probe has run some times.
const WARM_UP: Duration = Duration::from_secs(4);

/// What a run may cost beside one of the floor.
const BUDGETS: [(bool, f64, &str); 2] = [
    (true, 1.10, "an HTTPS run costs at most 1.10 times the floor"),
    (false, 1.25, "an HTTP run costs at most 1.25 times the floor"),
];

pub(crate) fn floor(span: Duration) {
    let web = Web::start();
    let mut kept = Vec::new();
    println!("{PACE} runs a second each, {ROUNDS} rounds of {span:?}, medians");
    println!(
        "                         processor time of a run  beside the floor  resident  runs/s"
    );
    for (secure, limit, budget) in BUDGETS {
        let mut rounds: [Vec<Cost>; 3] = Default::default();
        for _ in 0..ROUNDS {
            rounds[0].push(of_floor(&web, secure, span));
            rounds[1].push(of_daemon(&web, secure, span));
            rounds[2].push(of_blackbox(&web, secure, span));
        }
        // Of each round its own ratio: what the machine did in it met both.
        let ratios = [1, 2].map(|whose| {
            median(&rounds[0], &rounds[whose], |floor, cost: &Cost| cost.per_run / floor.per_run)
        });
        let scheme = if secure { "HTTPS" } else { "HTTP" };
        let names = ["floor", "daemon", "blackbox_exporter"];
        for ((name, costs), ratio) in names.iter().zip(&rounds).zip([1.0, ratios[0], ratios[1]]) {
            let of = |what: fn(&Cost) -> f64| median(costs, costs, |cost, _| what(cost));
            println!(
                "  {scheme:<5} {name:<17}              {:.3} ms             {ratio:>5.2}   {:>5.1} MB   {:>5.0}",
                of(|cost| cost.per_run * 1000.0),
                of(|cost| cost.rss_kib as f64 / 1000.0),
                of(|cost| cost.pace),
            );
        }
        kept.push(("every run succeeds", rounds.iter().flatten().all(|cost| cost.failures == 0)));
        kept.push((budget, ratios[0] <= limit));
    }
    verdict(&kept);
}

/// What one of them needed in one round.
struct Cost {
    /// Seconds of processor time.
    per_run: f64,
    pace: f64,
    failures: u64,
    rss_kib: u64,
}

/// Looks at a process that has warmed up. `made` says how many runs there were, and how many failed.
fn cost(process: &Process, span: Duration, mut made: impl FnMut() -> (u64, u64)) -> Cost {
    let (runs_before, _) = made();
    let (cpu_before, start) = (process.cpu(), Instant::now());
    std::thread::sleep(span);
    let (cpu, seconds) = (process.cpu() - cpu_before, start.elapsed().as_secs_f64());
    let (runs, failures) = made();
    let runs = (runs - runs_before) as f64;
    Cost { per_run: cpu / runs, pace: runs / seconds, failures, rss_kib: process.rss_kib() }
}

fn of_daemon(web: &Web, secure: bool, span: Duration) -> Cost {
    let daemon = Daemon::start(&config(web, secure, (PACE, "interval: 1s, timeout: 900ms")));
    std::thread::sleep(WARM_UP);
    cost(&daemon.process, span, || {
        let text = daemon.metrics();
        let runs = sum(&text, "bongsu_run_duration_seconds_count{", "");
        let good = sum(&text, "bongsu_probe_runs_total{", "result=\"success\"");
        let all = sum(&text, "bongsu_probe_runs_total{", "");
        (runs as u64, (all - good) as u64)
    })
}

fn of_blackbox(web: &Web, secure: bool, span: Duration) -> Cost {
    let blackbox = Blackbox::start(web);
    let interval = Duration::from_secs(1) * ASKERS / PACE as u32;
    let asking = blackbox.ask(&web.url(secure), Some(interval));
    std::thread::sleep(WARM_UP);
    let cost = cost(&blackbox.process, span, || asking.made());
    asking.end(&blackbox);
    cost
}

fn of_floor(web: &Web, secure: bool, span: Duration) -> Cost {
    let mut floor = Floor::start(web, secure);
    std::thread::sleep(WARM_UP);
    let Floor { process, input, output } = &mut floor;
    cost(process, span, || {
        input.write_all(b"\n").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let (runs, failures) = line.trim().split_once(' ').unwrap();
        (runs.parse().unwrap(), failures.parse().unwrap())
    })
}

/// The smallest client.
struct Floor {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Floor {
    fn start(web: &Web, secure: bool) -> Floor {
        let binary = std::env::var("BONGSU_FLOOR").expect("BONGSU_FLOOR names the floor's binary");
        let mut command = Command::new(binary);
        command.arg(PACE.to_string()).arg(format!("127.0.0.1:{}", web.port(secure)));
        if secure {
            command.arg(web.file("ca.pem"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Floor { process: Process(child), input, output: BufReader::new(output) }
    }
}

/// Of what two lists say of each round.
fn median(first: &[Cost], second: &[Cost], of: impl Fn(&Cost, &Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = first.iter().zip(second).map(|(a, b)| of(a, b)).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

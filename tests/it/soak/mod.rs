//! The real daemon for a long time among healthy and hostile targets, read again and again and asked
//! by many: its memory and its descriptors stay what they were, nobody healthy is told down, no run is
//! skipped, nothing panics.
//!
//! `SOAK_MINUTES` (`make soak`, with the program that is shipped) takes 2,000 probes every 15 s; without
//! it a tenth of them are probed for a minute.
#![allow(clippy::print_stdout)]

mod certificates;
mod clients;
mod hostile;
mod plan;
mod scripts;
mod watch;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use self::clients::Clients;
use self::plan::Servers;
use self::watch::Course;
use crate::support::daemon::{Daemon, Setup};

/// How much, how often and how long.
struct Size {
    probes: usize,
    /// The key `interval` and its neighbours.
    schedule: &'static str,
    length: Duration,
    reload_every: Duration,
    look_every: Duration,
    scrape_every: Duration,
    /// Whether memory was kept as it must be.
    keeps_memory: fn(&Course) -> bool,
}

impl Size {
    fn asked_for() -> Size {
        match std::env::var("SOAK_MINUTES") {
            Ok(minutes) => Size {
                probes: 2_000,
                schedule: "interval: 15s, timeout: 5s",
                length: Duration::from_secs(60 * minutes.parse::<u64>().expect("whole minutes")),
                reload_every: Duration::from_secs(60),
                look_every: Duration::from_secs(5),
                scrape_every: Duration::from_secs(15),
                keeps_memory: |course| {
                    let (second, last) = course.memory();
                    last <= second * GROWTH + GROWTH_KIB
                },
            },
            Err(_) => Size {
                probes: 200,
                schedule: "interval: 3s, timeout: 2s, recheck: 1s",
                length: Duration::from_secs(60),
                reload_every: Duration::from_secs(6),
                look_every: Duration::from_millis(500),
                scrape_every: Duration::from_secs(2),
                // A minute is too short for every thread to have met the largest page.
                keeps_memory: |course| course.most_memory() <= MOST_KIB,
            },
        }
    }
}

/// Every so many times the file that is read is one that must be refused.
const BAD_FILE_EVERY: usize = 5;
/// What memory may have grown by, from the second quarter to the last: what the allocator's arenas
/// differ by from one minute to the next, and a twentieth.
const GROWTH_KIB: f64 = 8192.0;
const GROWTH: f64 = 1.05;
/// What 20 hostile targets may take in the short form: pages of a megabyte that are parsed in several
/// threads, of which the allocator keeps some.
const MOST_KIB: f64 = 400_000.0;
/// By then whatever was under way is over, and who asked for something and does not read it was left.
const OVER: Duration = Duration::from_secs(60);
/// Sockets that are left over when only one probe is left: what may be under way at that moment.
const LEFT_OPEN: usize = 4;

#[test]
fn memory_stays_flat_and_nobody_healthy_is_told_down() {
    let size = Size::asked_for();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let servers = runtime.block_on(Servers::start());
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Setup::new(&servers.calm(&size))
        .env("SOAK_USER", "someone")
        .env("SOAK_PASSWORD", "pw-of-the-soak")
        .flag("--web.enable-lifecycle")
        .flag("--shutdown.grace=5s")
        .flag(format!("--state.dir={}", state.path().display()))
        .start();
    daemon.wait_until_ready();
    let before = watch::sockets(daemon.id());

    let clients = Clients::start(daemon.address, size.scrape_every);
    let (course, reloads) = watched(&daemon, &servers, &size);
    let answered = clients.stop();

    reload(&daemon, &servers.calm(&size));
    let left = left_open(&daemon, before + LEFT_OPEN);
    let status = daemon.stop();
    let panics = daemon.log().lines().filter(|line| line.contains("panicked")).count();

    let told = course.told();
    let mut table = format!(
        "{} probes, {} of them hostile, {}, for {:?}; {reloads} reloads, every {BAD_FILE_EVERY}th refused\n",
        size.probes,
        size.probes / 10,
        size.schedule,
        size.length
    );
    write!(table, "{course}{answered}").unwrap();
    writeln!(table, "  sockets                 {before} before, {left} after").unwrap();
    writeln!(table, "  met by the prober       {}", servers.hostile.met()).unwrap();
    println!("{table}");
    let mut missed = Vec::new();
    for (budget, kept) in [
        ("memory is kept", (size.keeps_memory)(&course)),
        ("no healthy probe is told down", told.healthy_down == 0.0),
        ("healthy probes succeed", told.healthy_up >= size.probes as f64),
        ("hostile probes run", told.hostile >= size.probes as f64 / 10.0),
        // What a machine that stood still skips is counted as its stall, not as a run too many.
        ("no run is skipped", told.skipped == 0.0 || told.stalled > 0.0),
        ("every client of /metrics is answered", answered.are_good()),
        ("nothing panics", panics == 0),
        ("sockets are closed when their probes are gone", left <= before + LEFT_OPEN),
        ("the end is orderly", status.success()),
        ("every way of being hostile was met", servers.hostile.has_shown_all()),
    ] {
        println!("  {} {budget}", if kept { "ok    " } else { "MISSED" });
        if !kept {
            missed.push(budget);
        }
    }
    assert!(missed.is_empty(), "{missed:?}\n{table}{}", course.reasons());
}

/// Looks at the daemon until the time is over, and has it read another file every now and then.
fn watched(daemon: &Daemon, servers: &Servers, size: &Size) -> (Course, usize) {
    let mut course = Course::default();
    let mut reloads = 0;
    reload(daemon, &servers.file(size, reloads));
    let start = Instant::now();
    let mut next_reload = size.reload_every;
    let mut next_scrape = Duration::ZERO;
    while start.elapsed() < size.length {
        // The pace of looking; nothing is waited for.
        std::thread::sleep(size.look_every);
        course.look(daemon.id());
        if start.elapsed() >= next_scrape {
            course.ask(daemon.address);
            next_scrape += size.scrape_every;
        }
        if start.elapsed() >= next_reload {
            next_reload += size.reload_every;
            reloads += 1;
            // What a probe that goes away was told is gone with it.
            course.ask(daemon.address);
            if reloads % BAD_FILE_EVERY == 0 {
                refuse(daemon, &servers.bad_file(size));
            } else {
                reload(daemon, &servers.file(size, reloads));
            }
        }
    }
    course.ask(daemon.address);
    (course, reloads)
}

/// Sockets once they are as few as this, or when what was under way is long over.
fn left_open(daemon: &Daemon, enough: usize) -> usize {
    let start = Instant::now();
    loop {
        let left = watch::sockets(daemon.id());
        if left <= enough {
            return left;
        }
        if start.elapsed() > OVER {
            println!("{}", watch::open_files(daemon.id()));
            return left;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn reload(daemon: &Daemon, file: &str) {
    daemon.setup.write("bongsu.yml", file);
    let answer = daemon.post("/-/reload");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn refuse(daemon: &Daemon, file: &str) {
    daemon.setup.write("bongsu.yml", file);
    let answer = daemon.post("/-/reload");
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("expect.json"), "{}", answer.text());
}

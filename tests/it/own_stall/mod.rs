//! The prober is stopped, throttled and crowded out, at the real process. Targets that answer all the
//! time are never told down, and an outage that begins meanwhile is told within two runs of the
//! end.
//!
//! `STALL=long` (`make stall`) takes the sizes and times at which a prober that does not know itself
//! was seen to fail, and prints what it saw.
#![allow(clippy::print_stdout)]

mod neighbour;

use std::time::{Duration, Instant};

use bongsu::outcome::Reason;
use rustix::process::Signal;

use self::neighbour::{Crowd, ThrottledGroup};
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::estate::Estate;

/// What a run takes, so that some are always under way.
const THINKS: Duration = Duration::from_millis(300);

fn is_long() -> bool {
    std::env::var("STALL").is_ok_and(|length| length == "long")
}

/// The short form's value, or the long one's.
fn sized<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Healthy targets, and three that break down when told to.
struct Watched {
    daemon: Daemon,
    estate: Estate,
}

impl Watched {
    /// `top` is put before everything else of the configuration.
    fn new(targets: usize, top: &str) -> Watched {
        Watched::every("3s", targets, top)
    }

    fn every(interval: &str, targets: usize, top: &str) -> Watched {
        let estate = Estate::thinking(THINKS);
        let at = estate.address;
        let sites: Vec<String> = (0..targets).map(|number| format!("s{number}")).collect();
        let text = format!(
            "{top}defaults: {{ interval: {interval}, timeout: 2s, recheck: 1s }}\nservices:\n  - name: \
             healthy\n    for_each: {{ site: [{}] }}\n    probes:\n      - {{ name: front, http: {{ url: \
             'http://{at}/${{site}}' }} }}\n  - name: broken\n    probes:\n      - {{ name: hang, http: {{ \
             url: 'http://{at}/hang' }} }}\n      - {{ name: error, http: {{ url: 'http://{at}/error' }} }}\n      \
             - {{ name: refuse, http: {{ url: 'http://127.0.0.1:9/' }} }}\n",
            sites.join(", ")
        );
        let daemon = Setup::new(&text).start();
        daemon.wait_until_ready();
        let watched = Watched { daemon, estate };
        // Every healthy target has run.
        eventually("the first runs", || {
            (watched.healthy().success >= targets as f64).then_some(())
        });
        watched
    }

    fn healthy(&self) -> Runs {
        Runs::of(&self.daemon.metrics(), "service=\"healthy\"")
    }

    fn broken(&self, probe: &str) -> Runs {
        Runs::of(&self.daemon.metrics(), &format!("service=\"broken\",probe=\"{probe}\""))
    }

    /// Nobody healthy was told down or slow; the outage that began meanwhile is told in time, and
    /// the prober says what it did.
    fn judge(&self, what: &str) {
        let ended = self.healthy();
        for probe in ["hang", "error"] {
            let told = || Some(self.broken(probe)).filter(|runs| runs.failure >= 2.0);
            let unknown = eventually(probe, told).unknown;
            println!("{what}: {probe}: {unknown} unknown runs, then told down");
        }
        assert_eq!(self.broken("refuse").unknown, 0.0, "{what}: a refusal is a refusal");
        let stalled = self.daemon.sample("bongsu_prober_stall_seconds_total ");
        // Another round of everybody.
        let enough = self.healthy().all() + 10.0;
        let runs = eventually("runs after it", || {
            Some(self.healthy()).filter(|runs| runs.all() >= enough)
        });
        println!(
            "{what}: {:.1} s of stall seen; healthy targets at its end: {ended:?}, later: {runs:?}",
            stalled
        );
        assert_eq!(runs.failure, 0.0, "{what}: healthy targets were told down\n{}", self.reasons());
        let degraded = "bongsu_probe_verdict_seconds_total{service=\"healthy\"";
        for line in self.daemon.metrics().lines().filter(|line| line.starts_with(degraded)) {
            assert!(!line.contains("verdict=\"degraded\"") || line.ends_with(" 0"), "{line}");
        }
        let metrics = self.daemon.metrics();
        assert!(metrics.contains("bongsu_prober_last_stall_timestamp_seconds "), "{metrics}");
        for (language, words) in [("ko", "멈춰 있었습니다"), ("en", "This prober stood still")]
        {
            let page = self.daemon.get(&format!("/?lang={language}")).text();
            assert!(page.contains(words), "{what}: no banner in {page}");
        }
    }

    fn reasons(&self) -> String {
        let metrics = self.daemon.metrics();
        let failures = metrics.lines().filter(|line| {
            line.starts_with("bongsu_probe_failures_total") && line.contains("service=\"healthy\"")
        });
        failures.take(20).collect::<Vec<_>>().join("\n")
    }

    /// Stops and lets run in turn, for so long. In the middle of it the outage begins.
    fn stop_and_go(&self, stopped: Duration, running: Duration, total: Duration) {
        let start = Instant::now();
        let mut is_down = false;
        while start.elapsed() < total {
            self.daemon.signal(Signal::STOP);
            std::thread::sleep(stopped);
            if !is_down && start.elapsed() >= total / 2 {
                self.estate.break_down();
                is_down = true;
            }
            self.daemon.signal(Signal::CONT);
            std::thread::sleep(running);
        }
    }
}

/// Runs and rechecks by result, of all series that hold something.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Runs {
    success: f64,
    failure: f64,
    unknown: f64,
}

impl Runs {
    fn of(metrics: &str, labels: &str) -> Runs {
        let mut runs = Runs::default();
        for line in metrics.lines().filter(|line| line.contains(labels)) {
            let is_count = line.starts_with("bongsu_probe_runs_total{")
                || line.starts_with("bongsu_probe_rechecks_total{");
            if !is_count {
                continue;
            }
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            for (result, sum) in [
                ("success", &mut runs.success),
                ("failure", &mut runs.failure),
                ("unknown", &mut runs.unknown),
            ] {
                if line.contains(&format!("result=\"{result}\"")) {
                    *sum += value;
                }
            }
        }
        runs
    }

    fn all(&self) -> f64 {
        self.success + self.failure + self.unknown
    }
}

#[test]
fn a_process_that_was_stopped_once_blames_nobody() {
    let watched = Watched::new(60, "");
    let time = sized(Duration::from_secs(4), Duration::from_secs(10));
    watched.daemon.signal(Signal::STOP);
    std::thread::sleep(time);
    watched.estate.break_down();
    watched.daemon.signal(Signal::CONT);
    watched.judge(&format!("stopped for {time:?}, 60 targets"));
    let runs = watched.healthy();
    assert!(runs.unknown > 0.0, "no run was under way: {runs:?}");
    assert!(watched.reasons().contains(Reason::ProberStalled.as_str()), "{}", watched.reasons());
    let hang = watched.broken("hang");
    assert!(hang.unknown <= 2.0, "the outage was told late: {hang:?}");
    let error = watched.broken("error");
    assert!(error.unknown <= 1.0, "an error that a server answers is told at once: {error:?}");
    watched.daemon.logged(&["this prober stood still", "stopped, or its machine paused"]);
}

#[test]
fn a_process_that_is_stopped_again_and_again_blames_nobody() {
    let controls = Estate::thinking(Duration::from_millis(10));
    let watched =
        Watched::new(sized(40, 90), &format!("controls: [ 'http://{}/' ]\n", controls.address));
    let total = sized(Duration::from_secs(9), Duration::from_secs(25));
    watched.stop_and_go(Duration::from_millis(2500), Duration::from_millis(100), total);
    watched.judge("stopped 2.5 s, running 0.1 s, with controls");
    assert!(watched.daemon.metrics().contains("bongsu_vantage_online 1"), "the controls answered");
}

#[test]
fn a_process_that_hardly_runs_blames_nobody() {
    let targets = sized(300, 2100);
    // A debug build has not more in it.
    let watched = Watched::every(sized("3s", "15s"), targets, "");
    let total = sized(Duration::from_secs(8), Duration::from_secs(25));
    watched.stop_and_go(Duration::from_millis(300), Duration::from_millis(6), total);
    watched.judge(&format!("stopped 300 ms, running 6 ms, for {total:?}, {targets} targets"));
}

#[test]
fn a_neighbour_that_takes_the_processor_makes_nobody_look_down() {
    let watched = Watched::new(sized(60, 100), "");
    let crowd = Crowd::around(&watched.daemon);
    let time = sized(Duration::from_secs(8), Duration::from_secs(20));
    std::thread::sleep(time);
    watched.estate.break_down();
    drop(crowd);
    watched.judge(&format!("a neighbour at nice -20 for {time:?}"));
}

/// By the control group where this machine lets us make one, and else by what it does.
#[test]
fn a_throttled_container_makes_nobody_look_down() {
    let watched = Watched::every(sized("3s", "10s"), sized(300, 1000), "");
    let time = sized(Duration::from_secs(8), Duration::from_secs(20));
    match ThrottledGroup::around(&watched.daemon) {
        Ok(group) => {
            std::thread::sleep(time);
            watched.estate.break_down();
            drop(group);
        }
        Err(error) => {
            println!("no control group ({error}): stopped and let run instead");
            watched.stop_and_go(Duration::from_millis(90), Duration::from_millis(4), time);
        }
    }
    watched.judge(&format!("throttled for {time:?}"));
}

#[test]
fn logins_during_a_stall_are_nobodys_fault_and_no_account_is_held() {
    let estate = Estate::thinking(THINKS);
    let at = estate.address;
    let count = sized(12, 30);
    let sites: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
    let secrets: String =
        sites.iter().map(|site| format!("  u_{site}: {{ env: CANARY_USER }}\n")).collect();
    let services: String = sites
        .iter()
        .map(|site| {
            format!(
                "  - name: {site}\n    probes:\n      - name: login\n        login:\n          account: u_{site}\n          base: \
                 http://{at}\n          steps:\n            - {{ name: form, get: /form }}\n            - name: in\n              \
                 submit: {{ form: form, fields: {{ user: '${{secret.u_{site}}}', pass: '${{secret.pw}}' }} }}\n              \
                 expect: {{ css: {{ '#welcome': exists }} }}\n"
            )
        })
        .collect();
    let text = format!(
        "defaults: {{ interval: 3s, timeout: 2s }}\nsecrets:\n  pw: {{ env: CANARY_PASS }}\n{secrets}services:\n{services}"
    );
    let daemon =
        Setup::new(&text).env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1").start();
    daemon.wait_until_ready();
    let runs = |daemon: &Daemon| Runs::of(&daemon.metrics(), "kind=\"login\"");
    eventually("every login", || (runs(&daemon).success >= f64::from(count)).then_some(()));
    for _ in 0..sized(2, 3) {
        daemon.signal(Signal::STOP);
        std::thread::sleep(sized(Duration::from_secs(3), Duration::from_secs(8)));
        daemon.signal(Signal::CONT);
        std::thread::sleep(Duration::from_millis(400));
    }
    let enough = runs(&daemon).all() + f64::from(count);
    let ended = eventually("more logins", || Some(runs(&daemon)).filter(|r| r.all() >= enough));
    println!("logins over stalls: {ended:?}");
    assert_eq!(ended.failure, 0.0, "{}", daemon.log());
    assert!(ended.unknown > 0.0, "no login was under way: {ended:?}");
    let metrics = daemon.metrics();
    for line in metrics.lines().filter(|line| line.starts_with("bongsu_account_held{")) {
        assert!(line.ends_with(" 0"), "{line}");
    }
}

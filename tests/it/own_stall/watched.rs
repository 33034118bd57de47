//! What is watched while the prober is kept from running: healthy targets, and beside them an outage that
//! begins meanwhile.
#![allow(clippy::print_stdout)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::Signal;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::estate::Estate;

/// What a run takes, so that some are always under way.
pub(super) const THINKS: Duration = Duration::from_millis(300);

/// An outage is told within two runs of the end of a stall: the one that was under way in it, and the one
/// that began right after it.
const RUNS_TO_TELL: f64 = 2.0;

/// Of a machine that does other work, too, and stalls the prober by it.
const TELLING: Duration = Duration::from_secs(120);

/// What a server answers is told by the first run that hears it.
const RUNS_TO_TELL_AN_ANSWER: f64 = 1.0;

/// The service whose sites answer all the time, each with this probe.
pub(super) fn healthy(sites: usize, probe: &str) -> String {
    let names: Vec<String> = (0..sites).map(|number| format!("s{number}")).collect();
    let names = names.join(", ");
    format!("  - name: healthy\n    for_each: {{ site: [{names}] }}\n    probes:\n{probe}")
}

/// The service whose probes `hang` and `error` break down when told to, and that never takes connections
/// at a third place.
pub(super) fn broken(hang: &str, error: &str) -> String {
    let refuse = "      - { name: refuse, http: { url: 'http://127.0.0.1:9/' } }\n";
    format!("  - name: broken\n    probes:\n{hang}{error}{refuse}")
}

/// A probe of a page that is called as it is.
pub(super) fn http(name: &str, at: SocketAddr) -> String {
    format!("      - {{ name: {name}, http: {{ url: 'http://{at}/{name}' }} }}\n")
}

/// Healthy targets, and others that break down when told to.
pub(super) struct Watched {
    pub(super) daemon: Daemon,
    pub(super) estate: Estate,
}

impl Watched {
    /// `top` is put before everything else of the configuration.
    pub(super) fn new(targets: usize, top: &str) -> Watched {
        Watched::every("3s", targets, top)
    }

    pub(super) fn every(interval: &str, targets: usize, top: &str) -> Watched {
        let watched = Watched::of(|at| {
            let defaults =
                format!("defaults: {{ interval: {interval}, timeout: 2s, recheck: 1s }}\n");
            let front =
                format!("      - {{ name: front, http: {{ url: 'http://{at}/${{site}}' }} }}\n");
            let hang = http("hang", at);
            let error = http("error", at);
            format!(
                "{top}{defaults}services:\n{}{}",
                healthy(targets, &front),
                broken(&hang, &error)
            )
        });
        watched.wait_for_successes(targets);
        watched
    }

    /// The configuration has the services `healthy` and `broken`.
    pub(super) fn of(configuration: impl FnOnce(SocketAddr) -> String) -> Watched {
        let estate = Estate::thinking(THINKS);
        let setup = Setup::new(&configuration(estate.address));
        let daemon = setup.env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1").start();
        daemon.wait_until_ready();
        Watched { daemon, estate }
    }

    /// Every healthy target has run.
    pub(super) fn wait_for_successes(&self, targets: usize) {
        eventually("the first runs", || (self.healthy().success >= targets as f64).then_some(()));
    }

    pub(super) fn healthy(&self) -> Runs {
        Runs::of(&self.daemon.metrics(), "service=\"healthy\"")
    }

    pub(super) fn broken(&self, probe: &str) -> Runs {
        Runs::of(&self.daemon.metrics(), &format!("service=\"broken\",probe=\"{probe}\""))
    }

    /// The stall is over now. Nobody healthy was told down or slow; the outage that began meanwhile is told in
    /// time, and the prober says what it did.
    pub(super) fn judge(&self, what: &str) {
        self.tells_the_outage(what);
        // Another round of everybody.
        let enough = self.healthy().all() + 10.0;
        eventually("runs after it", || (self.healthy().all() >= enough).then_some(()));
        self.blames_nobody_healthy(what);
        let metrics = self.daemon.metrics();
        assert!(metrics.contains("bongsu_prober_last_stall_timestamp_seconds "), "{metrics}");
        // With its cause.
        for (language, words) in [
            ("ko", r"멈춰 있었습니다\([^)]*[가-힣][^)]*\)\."),
            ("en", r"This prober stood still [^(]*\([a-z][^)]*\)\."),
        ] {
            let page = self.daemon.get(&format!("/?lang={language}")).text();
            let words = Regex::new(words).unwrap();
            assert!(words.is_match(&page), "{what}: no banner in {page}");
        }
    }

    /// Of what cannot be known only so many runs are unknown after the stall, and then it is told. What else
    /// this machine does may stall the prober again, which it says itself.
    pub(super) fn tells_the_outage(&self, what: &str) {
        let start = Instant::now();
        // What came until now was in the stall.
        let mut last_stall = None;
        let mut outages = [
            Outage { probe: "hang", allowed: RUNS_TO_TELL, within: 0.0, is_told: false },
            Outage { probe: "error", allowed: RUNS_TO_TELL_AN_ANSWER, within: 0.0, is_told: false },
        ];
        while outages.iter().any(|outage| !outage.is_told) {
            let metrics = self.daemon.metrics();
            let stall = metrics
                .lines()
                .find_map(|line| line.strip_prefix("bongsu_prober_last_stall_timestamp_seconds "))
                .map_or(0.0, |value| value.parse().unwrap());
            for outage in outages.iter_mut().filter(|outage| !outage.is_told) {
                let Outage { probe, allowed, .. } = *outage;
                let runs = Runs::of(&metrics, &format!("service=\"broken\",probe=\"{probe}\""));
                outage.is_told = runs.failure >= 1.0;
                if last_stall.is_none_or(|last| stall > last && !outage.is_told) {
                    outage.within = runs.unknown;
                }
                let (within, after) = (outage.within, (runs.unknown - outage.within).max(0.0));
                let said = format!(
                    "{what}: {probe}: {within} unknown runs in the stall, {after} after it"
                );
                assert!(after <= allowed, "{said}: it is told late\n{}", self.daemon.log());
                if outage.is_told {
                    println!("{said}, then told down");
                }
            }
            last_stall = Some(stall);
            assert!(start.elapsed() < TELLING, "{what}: not told\n{}", self.daemon.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.broken("refuse").unknown, 0.0, "{what}: a refusal is a refusal");
    }

    pub(super) fn blames_nobody_healthy(&self, what: &str) {
        let runs = self.healthy();
        let stalled = self.daemon.sample("bongsu_prober_stall_seconds_total ");
        println!("{what}: {stalled:.1} s of stall seen; healthy targets: {runs:?}");
        assert_eq!(runs.failure, 0.0, "{what}: healthy targets were told down\n{}", self.reasons());
        let degraded = "bongsu_probe_verdict_seconds_total{service=\"healthy\"";
        for line in self.daemon.metrics().lines().filter(|line| line.starts_with(degraded)) {
            assert!(!line.contains("verdict=\"degraded\"") || line.ends_with(" 0"), "{line}");
        }
    }

    pub(super) fn reasons(&self) -> String {
        let metrics = self.daemon.metrics();
        let failures = metrics.lines().filter(|line| {
            line.starts_with("bongsu_probe_failures_total") && line.contains("service=\"healthy\"")
        });
        failures.take(20).collect::<Vec<_>>().join("\n")
    }

    /// Stops and lets run in turn, for so long. In the middle of it the outage begins.
    pub(super) fn stop_and_go(&self, stopped: Duration, running: Duration, total: Duration) {
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

/// What breaks down, and how it is told of.
struct Outage {
    probe: &'static str,
    /// Unknown runs after the stall.
    allowed: f64,
    /// Unknown runs until the last stall ended.
    within: f64,
    is_told: bool,
}

/// Runs and rechecks by result, of all series that hold something.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Runs {
    pub(super) success: f64,
    pub(super) failure: f64,
    pub(super) unknown: f64,
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

    pub(super) fn all(&self) -> f64 {
        self.success + self.failure + self.unknown
    }
}

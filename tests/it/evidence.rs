//! The failure evidence in the state directory: over a restart, over a crash, and when the
//! directory is not what it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

const PAGE: &str = "/probes/gov24/front?lang=en";
const FILE: &str = "failures.json";

fn start(target: &Target, state: &Path) -> Daemon {
    let url = target.url();
    let daemon = Setup::new(&format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nservices:\n  - name: gov24\n    probes:\n      \
         - name: front\n        http: {{ url: \"{url}\" }}\n"
    ))
    .flag(format!("--state.dir={}", state.display()))
    .start();
    daemon.wait_until_ready();
    daemon
}

fn has_run(daemon: &Daemon, result: &str) {
    let series = "bongsu_probe_runs_total{service=\"gov24\",probe=\"front\"";
    eventually(result, || {
        let text = daemon.metrics();
        let counted =
            |line: &str| line.starts_with(series) && line.contains(result) && !line.ends_with(" 0");
        text.lines().any(counted).then_some(())
    });
}

/// Failures listed on the probe's page.
fn failures(daemon: &Daemon, reason: &str) -> usize {
    daemon.get(PAGE).text().matches(&format!("<p><b><code>{reason}</code></b>")).count()
}

#[test]
fn the_last_failures_survive_a_restart_and_a_recovery() {
    let state = tempfile::tempdir().unwrap();
    let target = Target::answering("봉수");
    target.answer_with(503);
    let mut daemon = start(&target, state.path());
    has_run(&daemon, "failure");
    assert_eq!(failures(&daemon, "http_status"), 1);
    assert!(daemon.stop().success());
    let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    target.answer_with(200);
    let mut daemon = start(&target, state.path());
    has_run(&daemon, "success");
    let page = daemon.get(PAGE).text();
    assert!(page.contains("503") && page.contains(&target.url()), "{page}");
    assert_eq!(failures(&daemon, "http_status"), 1);
    assert!(daemon.stop().success());

    let daemon = start(&target, state.path());
    assert_eq!(failures(&daemon, "http_status"), 1, "a second restart");
}

#[test]
fn an_outage_over_a_restart_is_one_failure() {
    let state = tempfile::tempdir().unwrap();
    let target = Target::answering("봉수");
    target.answer_with(503);
    for _ in 0..2 {
        let mut daemon = start(&target, state.path());
        has_run(&daemon, "failure");
        assert_eq!(failures(&daemon, "http_status"), 1, "{}", daemon.get(PAGE).text());
        assert!(daemon.stop().success());
    }
}

#[test]
fn a_daemon_that_is_killed_leaves_its_evidence() {
    let state = tempfile::tempdir().unwrap();
    let target = Target::answering("봉수");
    target.answer_with(503);
    let mut daemon = start(&target, state.path());
    eventually("the evidence is written", || {
        let text = fs::read_to_string(state.path().join(FILE)).ok()?;
        text.contains("http_status").then_some(())
    });
    daemon.signal(Signal::KILL);
    daemon.wait();
    target.answer_with(200);
    let daemon = start(&target, state.path());
    assert_eq!(failures(&daemon, "http_status"), 1);
}

#[test]
fn a_damaged_file_is_reported_and_set_aside() {
    let state = tempfile::tempdir().unwrap();
    let target = Target::answering("봉수");
    for damage in ["{\"version\":1,\"episodes\":[{}]}", ""] {
        fs::write(state.path().join(FILE), damage).unwrap();
        let daemon = start(&target, state.path());
        daemon.logged(&["level=error", "evidence of earlier failures is damaged"]);
        has_run(&daemon, "success");
        let aside = state.path().join(format!("{FILE}.damaged"));
        assert_eq!(fs::read_to_string(aside).unwrap(), damage);
    }
}

#[test]
fn a_directory_that_goes_away_is_told_once_and_watching_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("state");
    fs::create_dir(&directory).unwrap();
    let target = Target::answering("봉수");
    let mut daemon = start(&target, &directory);
    fs::remove_dir_all(&directory).unwrap();
    target.answer_with(503);
    daemon.logged(&["level=error", "cannot be written to the state directory"]);
    let seen = target.requests();
    eventually("it goes on", || (target.requests() > seen + 2).then_some(()));
    fs::create_dir(&directory).unwrap();
    daemon.logged(&["level=info", "is written again"]);
    assert!(daemon.stop().success());
    let log = daemon.log();
    assert_eq!(log.matches("cannot be written").count(), 1, "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

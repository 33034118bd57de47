//! Stopping: not ready, no new runs, those under way finish, exit 0.

use rustix::process::Signal;

use crate::support::daemon::{Setup, eventually};
use crate::support::http::Target;

fn config(url: &str) -> String {
    format!(
        "defaults: {{ interval: 60s, timeout: 50s }}\nservices:\n  - name: gpki\n    probes:\n      \
         - name: portal\n        http: {{ url: \"{url}\" }}\n        interval: 20s\n        \
         timeout: 19s\n"
    )
}

#[test]
fn a_run_under_way_finishes_and_the_daemon_is_not_ready_meanwhile() {
    let (target, held) = Target::holding();
    let mut daemon = Setup::new(&config(&target.url())).flag("--shutdown.grace=30s").start();
    daemon.wait_until_ready();
    eventually("the run has begun", || (target.requests() == 1).then_some(()));
    daemon.signal(Signal::TERM);
    let stopping = eventually("not ready", || {
        let answer = daemon.get("/-/ready");
        (answer.status == 503).then_some(answer.text())
    });
    assert_eq!(stopping, "stopping\n");
    assert_eq!(daemon.get("/-/healthy").status, 200, "alive until the end");
    assert!(!daemon.has_ended(), "it did not wait for the run");
    held.release();
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!daemon.log().contains("cut off"), "{}", daemon.log());
    assert_eq!(target.requests(), 1);
}

#[test]
fn a_run_that_outlasts_the_grace_time_is_cut_off() {
    let (target, _held) = Target::holding();
    let mut daemon = Setup::new(&config(&target.url())).flag("--shutdown.grace=200ms").start();
    eventually("the run has begun", || (target.requests() == 1).then_some(()));
    assert_eq!(daemon.stop().code(), Some(0));
    daemon.logged(&["level=warn", "cut off"]);
}

#[test]
fn a_second_signal_ends_at_once() {
    let (target, _held) = Target::holding();
    let mut daemon = Setup::new(&config(&target.url())).flag("--shutdown.grace=1h").start();
    eventually("the run has begun", || (target.requests() == 1).then_some(()));
    daemon.signal(Signal::INT);
    daemon.logged(&["stopping"]);
    assert!(!daemon.has_ended());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(1));
    daemon.logged(&["second time"]);
}

#[test]
fn an_idle_daemon_stops_at_once_with_0() {
    let mut daemon = Setup::new("services: [{ name: dc-daejeon }]\n").start();
    daemon.wait_until_ready();
    assert_eq!(daemon.stop().code(), Some(0));
    daemon.logged(&["msg=stopped"]);
}

#[test]
fn an_open_connection_does_not_hold_the_end_up() {
    let mut daemon = Setup::new("services: [{ name: dc-daejeon }]\n").start();
    daemon.wait_until_ready();
    let _idle = std::net::TcpStream::connect(daemon.address).unwrap();
    assert_eq!(daemon.stop().code(), Some(0));
}

//! What systemd is told: ready, alive, stopping. A socket in place of systemd.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::support::daemon::{PATIENCE, Setup, eventually};
use crate::support::http::Target;

fn config(url: &str) -> String {
    format!(
        "defaults: {{ interval: 1s, timeout: 500ms }}\nservices:\n  - name: gpki\n    probes: [ {{ \
         name: front, http: {{ url: \"{url}\" }} }} ]\n"
    )
}

fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn is_told(socket: &UnixDatagram, name: &str) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let target = Target::answering("ok");
    let mut daemon = Setup::new(&config(&target.url()))
        .env("NOTIFY_SOCKET", name)
        .env("WATCHDOG_USEC", "400000")
        .start();
    let ready = receive(socket);
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    daemon.wait_until_ready();
    for _ in 0..3 {
        assert_eq!(receive(socket), "WATCHDOG=1");
    }
    assert!(daemon.stop().success());
    let last = std::iter::repeat_with(|| receive(socket)).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[test]
fn systemd_is_told_at_a_path_when_the_daemon_is_ready_alive_and_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    is_told(&socket, path.to_str().unwrap());
}

#[test]
fn systemd_is_told_at_an_abstract_name() {
    let name = format!("bongsu-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    is_told(&socket, &format!("@{name}"));
}

#[test]
fn without_a_watchdog_only_ready_and_stopping_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let target = Target::answering("ok");
    let mut daemon = Setup::new(&config(&target.url()))
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        // Meant for another process.
        .env("WATCHDOG_USEC", "100000")
        .env("WATCHDOG_PID", "1")
        .start();
    assert!(receive(&socket).contains("READY=1"));
    daemon.sample("bongsu_probe_runs_total{service=\"gpki\",probe=\"front\"");
    assert!(daemon.stop().success());
    assert_eq!(receive(&socket), "STOPPING=1");
}

#[test]
fn a_socket_that_is_gone_does_not_keep_the_daemon_from_its_work() {
    let target = Target::answering("ok");
    let mut daemon = Setup::new(&config(&target.url()))
        .env("NOTIFY_SOCKET", "/nonexistent/notify")
        .env("WATCHDOG_USEC", "100000")
        .start();
    daemon.wait_until_ready();
    daemon.logged(&["systemd", "/nonexistent/notify"]);
    // Two runs are a second apart, which is time for twenty signs of life.
    eventually("it watches", || (target.requests() > 2).then_some(()));
    assert_eq!(daemon.log().matches("/nonexistent/notify").count(), 1, "{}", daemon.log());
    assert!(daemon.stop().success());
}

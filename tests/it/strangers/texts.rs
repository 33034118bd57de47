//! Long texts of servers: cut where they are learned, so that neither memory nor log nor page fills.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use bongsu::outcome::{DETAIL_BYTES_MAX, HOPS_BYTES_MAX};

use crate::strangers::{answers, wait_for_runs};
use crate::support::daemon::{Setup, eventually};

/// Of each redirect's path.
const PATH_BYTES: usize = 60 << 10;

/// A server that redirects for ever, each time to another long path. Returns its address.
fn redirecting() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (turn, stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || {
                let mut writing = stream.try_clone().unwrap();
                let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
                lines.by_ref().take_while(|line| !line.is_empty()).count();
                let path = format!("/{turn}/{}", "x".repeat(PATH_BYTES));
                let head = format!(
                    "HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\n\
                     Connection: close\r\n\r\n"
                );
                let _ = writing.write_all(head.as_bytes());
            });
        }
    });
    address
}

#[test]
fn redirects_with_long_paths_are_told_in_short() {
    let address = redirecting();
    let config = format!(
        "defaults: {{ interval: 4s, timeout: 3900ms }}\nservices:\n  - name: s\n    probes:\n\
         \x20     - {{ name: long, http: {{ url: 'http://{address}/', \
         follow: {{ redirects: 40 }} }} }}\n"
    );
    let state = tempfile::tempdir().unwrap();
    let daemon =
        Setup::new(&config).flag(format!("--state.dir={}", state.path().display())).start();
    daemon.wait_until_ready();
    wait_for_runs(&daemon, "long", "failure", 3.0);
    let line = daemon.logged(&["probe=s/long", "redirect_limit"]);
    assert!(line.contains("xxx…"), "{line}");
    for line in daemon.log().lines() {
        assert!(line.len() < 2 * DETAIL_BYTES_MAX, "{} bytes: {line}", line.len());
    }
    for path in ["/api/v1/status", "/", "/probes/s/long"] {
        short(path, &daemon.get(path).text());
    }
    let stored = eventually("a stored failure", || {
        let file = std::fs::read_to_string(state.path().join("failures.json")).ok()?;
        file.contains("redirect_limit").then_some(file)
    });
    short("the stored failure", &stored);
    answers(&daemon);
}

/// Whether a text tells of the paths, and of none in full.
#[track_caller]
fn short(of: &str, text: &str) {
    let longest = text.split(|c| c != 'x').map(str::len).max().unwrap();
    assert!((100..DETAIL_BYTES_MAX).contains(&longest), "{of}: {longest} bytes of a path");
    assert!(text.len() < 4 * HOPS_BYTES_MAX, "{of}: {} bytes", text.len());
}

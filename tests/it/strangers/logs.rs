//! A log that nobody reads.

use std::io::{BufRead, BufReader, Write, pipe};
use std::net::TcpListener;
use std::process::Child;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::strangers::{AT_ONCE, END};
use crate::support::client::Request;
use crate::support::daemon::{Setup, eventually};
use crate::support::http::Target;

/// A pipe holds 65,536 bytes.
const ALMOST_A_PIPE: usize = 65_000;

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn lines_are_left_out_and_counted_and_everything_else_goes_on() {
    let target = Target::answering("ok");
    let good = format!(
        "defaults: {{ interval: 1s, timeout: 900ms }}\nservices:\n  - name: s\n    probes:\n      - \
         {{ name: up, http: {{ url: '{}' }} }}\n",
        target.url()
    );
    let setup = Setup::new(&good);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = ([127, 0, 0, 1], port).into();
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; ALMOST_A_PIPE]).unwrap();
    writer.write_all(b"\n").unwrap();
    let mut command = setup.command(&[
        &format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-lifecycle",
        "--shutdown.grace=1s",
    ]);
    let mut child = Ended(command.stderr(writer).spawn().unwrap());
    // It has the only other end of the pipe.
    drop(command);
    eventually("listening", || std::net::TcpStream::connect(address).ok());
    let metrics = || Request::get("/metrics").send(address).text();
    // Each is told in a line of kilobytes.
    let bad: String = (0..200).map(|n| format!("wrong-key-number-{n}: a value\n")).collect();
    setup.write("bongsu.yml", bad);
    let dropped = eventually("lines are left out", || {
        let start = Instant::now();
        let answer = Request::new("POST", "/-/reload").send(address);
        assert_eq!(answer.status, 500);
        let metrics = metrics();
        assert!(start.elapsed() < 2 * AT_ONCE);
        let line =
            metrics.lines().find(|line| line.starts_with("bongsu_log_lines_dropped_total"))?;
        let dropped: f64 = line.rsplit(' ').next()?.parse().ok()?;
        (dropped > 0.0).then_some(dropped)
    });
    let before = target.requests();
    eventually("probes go on", || (target.requests() > before + 1).then_some(()));
    assert!(dropped >= 1.0);

    // Somebody reads again.
    let lines = BufReader::new(reader).lines().map_while(Result::ok);
    let told = lines.take(20_000).find(|line| line.contains("log lines were left out"));
    assert!(told.is_some_and(|line| line.contains("lines=")), "nobody was told");

    let start = Instant::now();
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    eventually("the end", || child.0.try_wait().unwrap());
    assert!(start.elapsed() < END, "{:?}", start.elapsed());
}

#[test]
fn the_end_comes_although_nobody_reads() {
    let setup = Setup::new("services: [{ name: dc-daejeon }]\n");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (_reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; ALMOST_A_PIPE + 400]).unwrap();
    let mut command =
        setup.command(&[&format!("--web.listen-address=127.0.0.1:{port}"), "--shutdown.grace=1s"]);
    let mut child = Ended(command.stderr(writer).spawn().unwrap());
    eventually("listening", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let start = Instant::now();
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    eventually("the end", || child.0.try_wait().unwrap());
    assert!(start.elapsed() < END, "{:?}", start.elapsed());
}

//! The real daemon under a clock that is wrong (libfaketime of Debian), while its controls tell the time. What
//! is invalid by our clock alone is held against nobody; what is invalid by theirs, too, is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu::outcome::Reason;
use rcgen::KeyPair;
use time::Duration;

use crate::strangers::chains::{Changing, der};
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::estate::date_server;
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};
use crate::tls_verdicts::serve;

/// The library that tells a process another time; `tests/install.sh` installs it.
fn faketime() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok).find_map(|entry| {
        let library = entry.path().join("faketime/libfaketimeMT.so.1");
        library.exists().then_some(library)
    });
    found.expect("libfaketime is missing: run tests/install.sh")
}

/// A daemon that watches a certificate of these days, one that expired yesterday, and one that has to have
/// eighty days left and has ninety.
struct Watched {
    daemon: Daemon,
    _servers: Vec<Server>,
    _files: Files,
}

impl Watched {
    /// `offset` in the words of faketime(1).
    fn with_clock(offset: &str) -> Watched {
        let files = Files::new();
        let root = Authority::root("Test Root");
        let valid =
            |until| Leaf::named("probe.test").valid(Duration::days(-9), Duration::days(until));
        let servers = [valid(9), Leaf::named("probe.test").expired(), valid(90)]
            .map(|leaf| serve(&files, &root.issue(leaf), &[]));
        let roots = files.write(&root.cert.pem);
        let probe = |name: &str, server: &Server, expect: &str| {
            format!(
                "  - name: {name}\n    probes:\n      - name: cert\n        tls: {{ address: '127.0.0.1:{}', server_name: \
                 probe.test, trust: {{ roots: '{}' }}{expect} }}\n",
                server.port(),
                roots.display()
            )
        };
        let text = format!(
            "controls: ['http://{}/']\ndefaults: {{ interval: 3s, timeout: 2s, recheck: 1s }}\nservices:\n{}{}{}",
            date_server(),
            probe("healthy", &servers[0], ""),
            probe("expired", &servers[1], ""),
            probe("lasting", &servers[2], ", expect: { min_days_left: 80 }"),
        ) + "  - name: gone\n    probes:\n      - { name: refuse, tls: { address: '127.0.0.1:9' } }\n";
        let daemon = Setup::new(&text)
            .env("LD_PRELOAD", faketime().to_str().unwrap())
            .env("FAKETIME", offset)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .start();
        Watched { daemon, _servers: servers.into(), _files: files }
    }

    /// Waits until a service's runs failed twice for this reason.
    fn failed(&self, service: &str, reason: &str) {
        let start = format!("bongsu_probe_failures_total{{service=\"{service}\"");
        let label = format!("reason=\"{reason}\"");
        eventually(&format!("{service}: {reason}"), || {
            let metrics = self.daemon.metrics();
            let line =
                metrics.lines().find(|line| line.starts_with(&start) && line.contains(&label));
            let count: f64 = line?.rsplit(' ').next().unwrap().parse().unwrap();
            (count >= 2.0).then_some(())
        });
    }

    /// Waits until a service's runs succeeded twice.
    fn succeeded(&self, service: &str) {
        let start = format!("bongsu_probe_runs_total{{service=\"{service}\"");
        eventually(&format!("{service} is up"), || {
            let metrics = self.daemon.metrics();
            let mut lines = metrics.lines().filter(|line| line.starts_with(&start));
            let line = lines.find(|line| line.contains("result=\"success\""))?;
            let count: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            (count >= 2.0).then_some(())
        });
    }

    /// Runs of a service with this result.
    fn runs(&self, service: &str, result: &str) -> f64 {
        let start = format!("bongsu_probe_runs_total{{service=\"{service}\"");
        let label = format!("result=\"{result}\"");
        let metrics = self.daemon.metrics();
        let line = metrics.lines().find(|line| line.starts_with(&start) && line.contains(&label));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }

    fn never_down(&self, service: &str) {
        let metrics = self.daemon.metrics();
        let down = metrics.lines().find(|line| {
            line.starts_with("bongsu_probe_runs_total{")
                && line.contains(&format!("service=\"{service}\""))
                && line.contains("result=\"failure\"")
        });
        let never = down.expect("the series of failed runs").ends_with(" 0");
        assert!(never, "{down:?}\n{}", self.daemon.log());
    }
}

#[test]
fn a_clock_that_is_off_by_a_year_blames_nobody() {
    for (offset, english, korean) in [
        ("+365d", "ahead of that of the controls", "빠릅니다"),
        ("-365d", "behind that", "느립니다"),
    ] {
        let watched = Watched::with_clock(offset);
        watched.failed("healthy", Reason::ClockWrong.as_str());
        watched.never_down("healthy");
        for (language, words) in [("en", english), ("ko", korean)] {
            let page = watched.daemon.get(&format!("/?lang={language}")).text();
            assert!(page.contains(words), "{offset}: no banner in {page}");
        }
        // What is not a matter of dates is found all the same.
        watched.failed("gone", "connect_refused");
        if offset.starts_with('+') {
            watched.failed("expired", "tls_expired");
        }
    }
}

#[test]
fn by_a_clock_that_is_right_an_expired_certificate_is_down() {
    let watched = Watched::with_clock("+0");
    watched.failed("expired", "tls_expired");
    watched.succeeded("healthy");
    watched.never_down("healthy");
}

#[test]
fn days_that_a_certificate_has_left_are_counted_by_the_clock_of_the_controls() {
    let watched = Watched::with_clock("+20d");
    watched.succeeded("lasting");
    watched.never_down("lasting");
}

/// Eight thousand years from now, in the words of faketime(1): beyond calendars.
const BEYOND: &str = "+252460800000";

/// The head of an answer; empty when the connection ends without one.
fn head(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    // Closed, or reset where the request came too late.
    let _ = stream.write_all(b"HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while !answer.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_clock_beyond_calendars_is_refused_at_start() {
    let setup = Setup::new("services: [{ name: dc-daejeon }]\n")
        .env("LD_PRELOAD", faketime().to_str().unwrap())
        .env("FAKETIME", BEYOND)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let (code, said) = setup.ended(&["--web.listen-address=127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the clock of this machine") && said.contains("set it"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Nobody can be told a date then, so connections end; targets are judged, and nobody is blamed.
#[test]
fn a_clock_that_leaves_calendars_stops_nothing_for_good() {
    let (daemon, servers, files) = without_controls("+0");
    let start = "probe_success{service=\"one\"";
    eventually("up", || (daemon.sample(start) == 1.0).then_some(()));
    // One connection that is open already, and new ones.
    let mut kept = TcpStream::connect(daemon.address).unwrap();
    assert!(head(&mut kept).starts_with("HTTP/1.1 200"));
    daemon.setup.write("clock", BEYOND);
    eventually("a word about it", || {
        assert_eq!(head(&mut TcpStream::connect(daemon.address).unwrap()), "");
        daemon.log().contains("the clock of this machine").then_some(())
    });
    assert_eq!(head(&mut kept), "");
    for service in ["one", "two", "three"] {
        daemon.logged(&[&format!("probe={service}/cert"), Reason::ClockWrong.as_str()]);
    }
    daemon.setup.write("clock", "+0");
    eventually("answers again", || {
        let answer = head(&mut TcpStream::connect(daemon.address).unwrap());
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
    eventually("up again", || (daemon.sample(start) == 1.0).then_some(()));
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    let watched = Watched { daemon, _servers: servers.into(), _files: files };
    for service in ["one", "two", "three"] {
        watched.never_down(service);
    }
}

/// Three services whose certificates are of three issuers, and one whose certificate expired long ago. No
/// control tells the time; the clock is what the file `clock` says.
fn without_controls(clock: &str) -> (Daemon, [Server; 4], Files) {
    let files = Files::new();
    let days =
        |from, until| Leaf::named("probe.test").valid(Duration::days(from), Duration::days(until));
    let watched = [
        ("one", days(-9, 9)),
        ("two", days(-40, 20)),
        ("three", days(-2, 80)),
        ("expired", days(-400, -100)),
    ];
    let mut services = String::new();
    let servers = watched.map(|(name, leaf)| {
        let root = Authority::root(&format!("Root {name}"));
        let server = serve(&files, &root.issue(leaf), &[]);
        services += &format!(
            "  - name: {name}\n    probes:\n      - name: cert\n        tls: {{ address: '127.0.0.1:{}', server_name: \
             probe.test, trust: {{ roots: '{}' }} }}\n",
            server.port(),
            files.write(&root.cert.pem).display()
        );
        server
    });
    let text =
        format!("defaults: {{ interval: 3s, timeout: 2s, recheck: 1s }}\nservices:\n{services}");
    let setup = Setup::new(&text);
    let daemon = started(setup, clock);
    (daemon, servers, files)
}

/// A daemon whose clock is what the file `clock` says, from now on.
fn started(setup: Setup, clock: &str) -> Daemon {
    let file = setup.write("clock", clock);
    setup
        .env("LD_PRELOAD", faketime().to_str().unwrap())
        .env("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
}

#[test]
fn without_controls_chains_of_unrelated_issuers_show_that_our_clock_is_off() {
    for (at_start, later) in [("+0", "+365d"), ("+0", "-365d"), ("+365d", "+365d")] {
        let (daemon, servers, files) = without_controls(at_start);
        if later != at_start {
            for service in ["one", "two", "three"] {
                let start = format!("probe_success{{service=\"{service}\"");
                eventually(service, || (daemon.sample(&start) == 1.0).then_some(()));
            }
            daemon.sample("bongsu_probe_failures_total{service=\"expired\"");
            daemon.setup.write("clock", later);
        }
        let watched = Watched { daemon, _servers: servers.into(), _files: files };
        for service in ["one", "two", "three"] {
            watched.failed(service, Reason::ClockWrong.as_str());
            watched.never_down(service);
        }
        if later.starts_with('+') {
            watched.failed("expired", "tls_expired");
        }
    }
}

/// Four services whose certificates are of four issuers: `ends` shows one that ended yesterday once it is told
/// to, and `gone` is at nobody's port. The clock is what the file `clock` says.
fn with_an_outage(controls: &str, has_ended: &Arc<AtomicBool>) -> Watched {
    let files = Files::new();
    let valid =
        |from, until| Leaf::named("probe.test").valid(Duration::days(from), Duration::days(until));
    let mut services = String::new();
    let mut watch = |name: &str, port: u16, root: &Authority| {
        services += &format!(
            "  - name: {name}\n    probes:\n      - name: cert\n        tls: {{ address: '127.0.0.1:{port}', server_name: \
             probe.test, trust: {{ roots: '{}' }} }}\n",
            files.write(&root.cert.pem).display()
        );
    };
    let servers = [("one", valid(-9, 9)), ("two", valid(-40, 20))].map(|(name, leaf)| {
        let root = Authority::root(&format!("Root {name}"));
        let server = serve(&files, &root.issue(leaf), &[]);
        watch(name, server.port(), &root);
        server
    });
    let (root, key) = (Authority::root("Root of what ends"), KeyPair::generate().unwrap());
    // Valid through all the years by which the clock is wrong.
    let chains =
        [valid(-2_000, 30), valid(-2_000, -1)].map(|leaf| der(&root.issue_for(leaf, &key)));
    let ended = Arc::clone(has_ended);
    let changing = Changing::showing(&key.serialize_pem(), move |_| {
        vec![chains[usize::from(ended.load(Ordering::SeqCst))].clone()]
    });
    watch("ends", changing.port, &root);
    let text = format!(
        "{controls}defaults: {{ interval: 2s, timeout: 1s, recheck: 500ms }}\nservices:\n{services}  - name: gone\n    probes:\n\
         \x20     - {{ name: cert, tls: {{ address: '127.0.0.1:9' }} }}\n"
    );
    let setup = Setup::new(&text);
    let daemon = started(setup, "+0");
    Watched { daemon, _servers: servers.into(), _files: files }
}

/// Whether controls tell the time or not: what begins while the clock is wrong is told within two runs of
/// its becoming right, and a refusal at once.
#[test]
fn an_outage_that_begins_while_our_clock_is_wrong_is_told() {
    let controls = format!("controls: ['http://{}/']\n", date_server());
    std::thread::scope(|scope| {
        for (controls, offset) in [(&*controls, "+365d"), (&*controls, "-365d"), ("", "+365d")] {
            scope.spawn(move || is_told_although_the_clock_was_wrong(controls, offset));
        }
    });
}

fn is_told_although_the_clock_was_wrong(controls: &str, offset: &str) {
    let has_ended = Arc::new(AtomicBool::new(false));
    let watched = with_an_outage(controls, &has_ended);
    for service in ["one", "two", "ends"] {
        watched.succeeded(service);
    }
    watched.daemon.setup.write("clock", offset);
    watched.failed("one", Reason::ClockWrong.as_str());
    let refused = watched.runs("gone", "failure");
    has_ended.store(true, Ordering::SeqCst);
    watched.failed("two", Reason::ClockWrong.as_str());
    eventually("a refusal", || (watched.runs("gone", "failure") > refused).then_some(()));
    assert_eq!(watched.runs("gone", "unknown"), 0.0, "{offset}");

    watched.daemon.setup.write("clock", "+0");
    let other = |result| watched.runs("ends", result);
    let before = (other("failure"), other("success") + other("unknown"));
    let told = eventually("an expired certificate", || {
        let others = other("success") + other("unknown");
        (other("failure") > before.0).then_some(others)
    });
    // One may have been under way.
    assert!(told - before.1 <= 2.0, "{controls}{offset}: {}", watched.daemon.log());
    for service in ["one", "two"] {
        let before = watched.runs(service, "success");
        eventually(service, || (watched.runs(service, "success") >= before + 2.0).then_some(()));
        watched.never_down(service);
    }
}

//! The real binary: `bongsu lab`, what it prints, what the daemon in it sees, and its end.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::client::Request;
use crate::support::daemon::{PATIENCE, eventually};

/// A running lab in a directory of its own.
struct Lab {
    directory: TempDir,
    child: Child,
    lines: Receiver<String>,
    said: String,
}

fn command(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BONGSU_")) {
        command.env_remove(name);
    }
    command.current_dir(directory.path()).arg("lab").args(arguments);
    command
}

impl Lab {
    fn start(arguments: &[&str]) -> Lab {
        let directory = tempfile::tempdir().unwrap();
        let mut child = command(&directory, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut lab = Lab { directory, child, lines, said: String::new() };
        lab.wait_for("Ctrl-C");
        lab
    }

    /// Reads what it prints until a line holds `text`.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            self.said.push_str(&line.unwrap_or_else(|_| panic!("no {text:?} in {}", self.said)));
            self.said.push('\n');
        }
    }

    /// The port of the URL in the line after the one that holds `title`.
    fn port_of(&self, title: &str) -> u16 {
        let mut lines = self.said.lines().skip_while(|line| !line.contains(title));
        let url = lines.nth(1).unwrap_or_else(|| panic!("no {title} in {}", self.said)).trim();
        url::Url::parse(url).unwrap().port().unwrap()
    }

    fn daemon(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port_of("status page")).into()
    }

    fn control(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port_of("break things")).into()
    }

    fn status(&self) -> serde_json::Value {
        let answer = Request::get("/api/v1/status").send(self.daemon());
        serde_json::from_str(&answer.text()).unwrap()
    }

    fn metrics(&self) -> String {
        Request::get("/metrics").send(self.daemon()).text()
    }

    /// How many services with probes have none that is not up, and how many there are.
    fn green(&self) -> (usize, usize) {
        let status = self.status();
        let mut services = status["services"].as_array().unwrap().clone();
        // A place has none.
        services.retain(|service| !service["probes"].as_array().unwrap().is_empty());
        let up = |service: &&serde_json::Value| {
            service["probes"].as_array().unwrap().iter().all(|probe| probe["state"] == "up")
        };
        (services.iter().filter(up).count(), services.len())
    }

    fn wait_until_green(&self) {
        eventually("every service green", || {
            let (green, all) = self.green();
            (all > 0 && green == all).then_some(())
        });
    }

    fn wait_until_probing(&self) {
        eventually("a green service", || (self.green().0 > 0).then_some(()));
    }

    fn set(&self, body: &str) {
        let answer = Request::new("POST", "/api/faults").body(body).send(self.control());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn mend(&self) {
        let answer = Request::new("DELETE", "/api/faults?system=all").send(self.control());
        assert_eq!(answer.status, 200);
    }

    /// Waits for a line of `/metrics` that starts with `start` and holds all of `parts`.
    fn wait_for_sample(&self, start: &str, parts: &[&str]) {
        eventually(&format!("{start} with {parts:?}"), || {
            let metrics = self.metrics();
            let mut lines = metrics.lines();
            lines
                .any(|line| line.starts_with(start) && parts.iter().all(|part| line.contains(part)))
                .then_some(())
        });
    }

    fn wait_for_failure(&self, parts: &[&str]) {
        self.wait_for_sample("bongsu_probe_failure_info{", parts);
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { found.push(path) }
            }
        }
        found
    }

    /// Presses Ctrl-C; how long the end took.
    fn interrupt(&mut self) -> Duration {
        let begun = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        begun.elapsed()
    }
}

/// A lab that ended within a second of Ctrl-C, the first of three: a machine that stands still for
/// a moment is not the program's slowness.
fn ended_within_a_second(start: impl Fn() -> Lab) -> Lab {
    let mut slow = Vec::new();
    while slow.len() < 3 {
        let mut lab = start();
        match lab.interrupt() {
            took if took < Duration::from_secs(1) => return lab,
            took => slow.push(took),
        }
    }
    panic!("it took {slow:?}")
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn services_turn_green_and_a_broken_one_is_seen_with_its_reason() {
    let lab = Lab::start(&[]);
    lab.wait_until_green();

    lab.set(r#"{"system":"gpki","fault":"stall_large"}"#);
    lab.wait_for_failure(&[r#"service="gpki",probe="padded""#, r#"reason="response_timeout""#]);
    lab.wait_for_failure(&[
        r#"service="saeol",probe="cert-check""#,
        r#"reason="pki_backend",component="gpki""#,
    ]);
    // The login itself: which of its steps, and whose fault it is.
    lab.wait_for_failure(&[
        r#"service="saeol",probe="login""#,
        r#"reason="pki_backend",step="submit",component="gpki""#,
    ]);
    // The lesson of 2023: the small page is green all the while.
    let front = r#"probe_success{service="gpki",probe="front""#;
    let metrics = lab.metrics();
    let front = metrics.lines().find(|line| line.starts_with(front)).unwrap();
    assert!(front.ends_with(" 1"), "{front}");

    lab.mend();
    lab.wait_until_green();
}

#[test]
fn a_refused_password_holds_the_account_until_somebody_says_so_and_is_no_outage() {
    let lab = Lab::start(&[]);
    lab.wait_until_green();
    let login = r#"service="saeol",probe="login""#;
    let site = r#"site="jongno""#;
    lab.set(r#"{"system":"saeol-jongno","fault":"wrong_password"}"#);
    lab.wait_for_failure(&[login, site, r#"reason="bad_credentials",step="submit""#]);
    let unknown = [login, site, r#"verdict="unknown"} 1"#];
    lab.wait_for_sample("bongsu_probe_verdict{", &unknown);
    lab.wait_for_failure(&[login, site, r#"reason="account_held""#]);
    lab.wait_for_sample("bongsu_probe_verdict{", &unknown);
    let held = [r#"account="saeol_user",host="saeol-jongno.localhost"} 1"#];
    lab.wait_for_sample("bongsu_account_held{", &held);
    // One strike of five: the other municipalities have accounts of their own.
    lab.wait_for_sample("probe_success{", &[login, r#"site="haeundae"} 1"#]);

    lab.mend();
    let answer = Request::new("POST", "/-/resume?account=saeol_user").send(lab.daemon());
    assert_eq!(answer.status, 200, "{}", answer.text());
    lab.wait_until_green();
}

#[test]
fn a_session_that_gets_lost_fails_the_step_behind_the_login() {
    let lab = Lab::start(&[]);
    lab.wait_until_probing();
    lab.set(r#"{"system":"all","fault":"lost_session"}"#);
    for parts in [
        [r#"service="saeol",probe="login""#, r#"reason="session_lost",step="main""#],
        [r#"service="document-exchange",probe="login""#, r#"reason="session_lost",step="inbox""#],
        // The provider and the portal have both forgotten who that was.
        [r#"service="gov24",probe="login""#, r#"step="any_id",component="anyid""#],
    ] {
        lab.wait_for_failure(&parts);
    }
    lab.mend();
    lab.wait_until_green();
}

#[test]
fn ctrl_c_ends_everything_within_a_second_and_leaves_what_was_announced() {
    let lab = ended_within_a_second(|| {
        let lab = Lab::start(&[]);
        lab.wait_until_probing();
        lab.set(r#"{"system":"all","fault":"stall"}"#);
        // Probes that hang must not hold the end up.
        eventually("hanging probes", || {
            let (green, all) = lab.green();
            (green < all).then_some(())
        });
        lab
    });
    for address in [lab.daemon(), lab.control()] {
        assert!(std::net::TcpStream::connect(address).is_err());
    }
    for file in lab.files() {
        let relative = file.strip_prefix(lab.directory.path()).unwrap().display().to_string();
        assert!(lab.said.contains(&relative), "{relative} was not announced:\n{}", lab.said);
    }
    assert_eq!(lab.files().len(), 8);
}

#[test]
fn a_hangup_reloads_the_written_configuration() {
    let lab = Lab::start(&[]);
    lab.wait_until_probing();
    let file = lab.files().into_iter().find(|file| file.ends_with("bongsu.yml")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("name: disclosure", "name: renamed")).unwrap();
    kill_process(Pid::from_child(&lab.child), Signal::HUP).unwrap();
    eventually("the renamed service", || {
        let status = lab.status().to_string();
        (status.contains("\"renamed\"") && !status.contains("\"name\":\"disclosure\""))
            .then_some(())
    });
}

#[test]
fn a_replay_breaks_and_mends_in_front_of_everybody() {
    let drill = concat!(env!("CARGO_MANIFEST_DIR"), "/config/lab/notice-page.yml");
    let mut lab = Lab::start(&["--replay", drill, "--speed", "100000"]);
    lab.wait_for("복지로가 돌아온다");
    assert!(lab.said.contains("2026-12-12 22:00:00 KST"), "{}", lab.said);
    assert!(lab.said.contains("gov24 + notice_page") && lab.said.contains("gov24 - notice_page"));
    let text = Request::get("/api/replay").send(lab.control()).text();
    assert!(text.contains("\"speed\":100000.0"), "{text}");
}

#[test]
fn the_estate_alone_has_no_daemon_and_says_how_to_reach_it() {
    ended_within_a_second(|| {
        let lab = Lab::start(&["--targets-only", "--hostname", "estate", "--out", "here"]);
        assert!(!lab.said.contains("status page"), "{}", lab.said);
        let config = fs::read_to_string(lab.directory.path().join("here/bongsu.yml")).unwrap();
        assert!(config.contains("url: https://estate:"));
        lab
    });
}

fn refused(arguments: &[&str]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let Output { status, stderr, stdout } = command(&directory, arguments).output().unwrap();
    assert!(stdout.is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "files were left");
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    let drill = concat!(env!("CARGO_MANIFEST_DIR"), "/config/lab/2023-11-18.yml");
    let (code, said) = refused(&["--replay", drill]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("did you mean") && said.contains("2023-11-17.yml"), "{said}");

    let drill = concat!(env!("CARGO_MANIFEST_DIR"), "/config/lab/2023-11-17.yml");
    for (arguments, wanted) in [
        (&["--replay", drill, "--speed", "0"][..], "--speed 0 is not from 0.1 to 100000"),
        (&["--replay", drill, "--speed", "NaN"], "is not from 0.1 to 100000"),
        (&["--speed", "600"], "--replay"),
        (&["--hostname", "estate"], "--targets-only"),
        (&["--listen", "nowhere", "--targets-only"], "nowhere"),
    ] {
        let (code, said) = refused(arguments);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

#[test]
fn an_address_that_is_not_ours_is_a_failure_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    // TEST-NET-1 (RFC 5737) belongs to nobody.
    let mut child = command(&directory, &["--targets-only", "--listen", "192.0.2.1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.contains("cannot listen on port 10916"), "{said}");
}

//! A file system that takes seconds for each write under the state directory, or for ever; files that cannot
//! be opened any more. The C library is made to wait, for one process alone.

use std::path::PathBuf;
use std::process::Command;

use crate::strangers::{answers, ends, runs, wait_for_runs};
use crate::support::daemon::{Setup, eventually};
use crate::support::http::Target;

impl Setup {
    /// With a C library that waits.
    fn on_a_waiting_disk(self, name: &str, value: &str) -> Setup {
        let library: PathBuf = self.path().join("waiting_files.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/strangers/waiting_files.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([library.as_os_str(), source.as_ref()])
            .args(["-ldl"])
            .status();
        assert!(built.unwrap().success(), "the C compiler that links this test builds it");
        self.env("LD_PRELOAD", library.to_str().unwrap()).env(name, value)
    }
}

#[test]
fn a_state_directory_that_takes_seconds_for_each_write_stops_nobody() {
    let target = Target::answering("ok");
    let url = target.url();
    let login = "        login:\n          base: BASE\n          steps:\n            - name: sign-in\n\
                 \x20             post: /\n              form: { id: '${secret.user}' }\n\
                 \x20             expect: { body: { contains: ok } }\n";
    let logins: String = (0..8)
        .map(|n| format!("      - name: login{n}\n{}", login.replace("BASE", &format!("'{url}'"))))
        .collect();
    let state = tempfile::tempdir().unwrap();
    let setup = Setup::new(&format!(
        "defaults: {{ interval: 10s, timeout: 9s }}\nsecrets:\n  user: {{ env: PROBE_USER }}\n\
         services:\n  - name: s\n    probes:\n\
         \x20     - {{ name: up, http: {{ url: '{url}' }}, interval: 1s, timeout: 900ms }}\n{logins}"
    ));
    let mut daemon = setup
        .env("PROBE_USER", "tester")
        .flag(format!("--state.dir={}", state.path().display()))
        .flag("--shutdown.grace=1s")
        .on_a_waiting_disk("WAIT_SYNC", "3")
        .start();
    eventually("a login is written down", || {
        answers(&daemon);
        state.path().join("accounts.json.new").exists().then_some(())
    });
    let before = runs(&daemon, "up", "success");
    wait_for_runs(&daemon, "up", "success", before + 4.0);
    assert_eq!(runs(&daemon, "up", "failure") + runs(&daemon, "up", "unknown"), 0.0);
    let skipped = daemon.sample("bongsu_scheduler_skipped_runs_total");
    assert!(skipped <= 1.0, "{skipped} runs were skipped");
    ends(&mut daemon);
}

/// What was done last is lost then; how it is done is not.
#[test]
fn the_end_comes_although_the_state_directory_never_answers() {
    let target = Target::answering("ok");
    let url = target.url();
    let state = tempfile::tempdir().unwrap();
    let config = format!(
        "defaults: {{ interval: 1s, timeout: 900ms }}\nsecrets:\n  user: {{ env: PROBE_USER }}\nservices:\n  - name: s\n    \
         probes:\n      - {{ name: down, http: {{ url: '{url}', expect: {{ body: {{ contains: other }} }} }} }}\n      - name: \
         login\n        login:\n          base: '{url}'\n          steps:\n            - {{ name: in, post: /, form: {{ id: \
         '${{secret.user}}' }}, expect: {{ body: {{ contains: ok }} }} }}\n"
    );
    let setup = Setup::new(&config);
    let stuck = setup.path().join("stuck");
    let mut daemon = setup
        .env("PROBE_USER", "tester")
        .env("WAIT_WHEN", stuck.to_str().unwrap())
        .flag(format!("--state.dir={}", state.path().display()))
        .flag("--shutdown.grace=1s")
        .flag("--web.enable-lifecycle")
        .on_a_waiting_disk("WAIT_SYNC", "600")
        .start();
    wait_for_runs(&daemon, "login", "success", 1.0);
    std::fs::write(&stuck, "").unwrap();
    // Another failure is to be written down.
    daemon.setup.write("bongsu.yml", config.replace("name: down", "name: also-down"));
    assert_eq!(daemon.post("/-/reload").status, 200);
    eventually("the failure is to be written down", || {
        answers(&daemon);
        state.path().join("failures.json.new").exists().then_some(())
    });
    let before = runs(&daemon, "also-down", "failure");
    wait_for_runs(&daemon, "also-down", "failure", before + 2.0);
    ends(&mut daemon);
}

#[test]
fn a_state_directory_that_never_answers_is_told_at_start() {
    let state = tempfile::tempdir().unwrap();
    let setup = Setup::new("services: [{ name: dc-daejeon }]\n")
        .flag(format!("--state.dir={}", state.path().display()))
        .on_a_waiting_disk("WAIT_SYNC", "600");
    let (code, said) = setup.ended(&["--web.listen-address=127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    let place = format!("--state.dir {}", state.path().display());
    assert!(said.contains(&place) && said.contains("did not answer within 10 s"), "{said}");
}

#[test]
fn a_secret_whose_file_does_not_open_any_more_is_as_it_was_read_last() {
    let target = Target::answering("ok");
    let url = target.url();
    let setup = Setup::new("services: []\n");
    let (token, stuck) = (setup.write("token", "first"), setup.path().join("stuck"));
    setup.write(
        "bongsu.yml",
        format!(
            "defaults: {{ interval: 1s, timeout: 900ms }}\nsecrets:\n  token: {{ file: '{}' }}\nservices:\n  - name: s\n    \
             probes:\n      - {{ name: up, http: {{ url: '{url}' }} }}\n      - {{ name: private, http: {{ url: '{url}', \
             headers: {{ X-Token: '${{secret.token}}' }} }} }}\n",
            token.display()
        ),
    );
    let mut daemon = setup
        .env("WAIT_WHEN", stuck.to_str().unwrap())
        .flag("--shutdown.grace=1s")
        .on_a_waiting_disk("WAIT_OPEN", token.to_str().unwrap())
        .start();
    wait_for_runs(&daemon, "private", "success", 1.0);
    std::fs::write(&stuck, "").unwrap();
    daemon.setup.write("token", "another");
    let before = runs(&daemon, "private", "success");
    wait_for_runs(&daemon, "private", "success", before + 4.0);
    answers(&daemon);
    for probe in ["up", "private"] {
        let wrong = runs(&daemon, probe, "failure") + runs(&daemon, probe, "unknown");
        assert_eq!(wrong, 0.0, "{probe}: {}", daemon.log());
    }
    let skipped = daemon.sample("bongsu_scheduler_skipped_runs_total");
    assert!(skipped <= 1.0, "{skipped} runs were skipped");
    ends(&mut daemon);
}

#[test]
fn a_hosts_file_that_does_not_open_is_ours_and_stops_nobody() {
    let target = Target::answering("ok");
    let setup = Setup::new(&format!(
        "defaults: {{ interval: 1s, timeout: 900ms }}\nservices:\n  - name: s\n    probes:\n      - {{ name: up, http: {{ url: \
         '{}' }} }}\n      - {{ name: named, http: {{ url: 'http://a.test/' }} }}\n",
        target.url()
    ));
    let mut daemon =
        setup.flag("--shutdown.grace=1s").on_a_waiting_disk("WAIT_OPEN", "/etc/hosts").start();
    wait_for_runs(&daemon, "named", "unknown", 2.0);
    wait_for_runs(&daemon, "up", "success", 3.0);
    answers(&daemon);
    for (probe, result) in [("up", "failure"), ("up", "unknown"), ("named", "failure")] {
        assert_eq!(runs(&daemon, probe, result), 0.0, "{probe}: {}", daemon.log());
    }
    daemon.logged(&["no_resolver", "/etc/hosts"]);
    ends(&mut daemon);
}

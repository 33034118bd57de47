//! A file system that takes seconds for each write under the state directory. It is the C library's,
//! made to wait for this process alone.

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

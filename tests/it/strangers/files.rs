//! A file system that takes seconds for each write under the state directory, or for ever; files that cannot
//! be opened any more. The C library is made to wait, for one process alone.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::strangers::{AT_ONCE, answers, ends, runs, wait_for_runs};
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;
use crate::support::pki::{Authority, Files, Leaf};
use crate::tls_verdicts::serve;

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
         '{}' }} }}\n      - {{ name: named, http: {{ url: 'http://a.test/' }} }}\n      - {{ name: tight, http: {{ url: 'http://a.test/' }}, timeout: 300ms }}\n",
        target.url()
    ));
    let mut daemon =
        setup.flag("--shutdown.grace=1s").on_a_waiting_disk("WAIT_OPEN", "/etc/hosts").start();
    for probe in ["named", "tight"] {
        wait_for_runs(&daemon, probe, "unknown", 2.0);
    }
    wait_for_runs(&daemon, "up", "success", 3.0);
    answers(&daemon);
    for (probe, result) in
        [("up", "failure"), ("up", "unknown"), ("named", "failure"), ("tight", "failure")]
    {
        assert_eq!(runs(&daemon, probe, result), 0.0, "{probe}: {}", daemon.log());
    }
    daemon.logged(&["no_resolver", "/etc/hosts"]);
    ends(&mut daemon);
}

/// Runs of a probe that said anything but that it is up.
fn wrong(daemon: &Daemon, probe: &str) -> f64 {
    ["failure", "unknown", "degraded"].iter().map(|result| runs(daemon, probe, result)).sum()
}

/// It is looked at every five seconds, and what that costs is not the time of whoever answers.
#[test]
fn a_hosts_file_that_is_slow_or_hangs_takes_nobodys_time() {
    for seconds in ["0.45", "600"] {
        let target = Target::answering("ok");
        let port = target.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
        let setup = Setup::new(&format!(
            "defaults: {{ interval: 1s }}\nservices:\n  - name: s\n    probes:\n      - {{ name: tight, http: {{ url: \
             'http://named.test:{port}/' }}, timeout: 400ms }}\n      - {{ name: slow, http: {{ url: \
             'http://named.test:{port}/', warn: {{ time: {{ lt: 400ms }} }} }}, timeout: 900ms }}\n"
        ));
        let stuck = setup.path().join("stuck");
        let mut daemon = setup
            .seeing_hosts("127.0.0.1 named.test\n")
            .env("WAIT_WHEN", stuck.to_str().unwrap())
            .env("WAIT_SECONDS", seconds)
            .flag("--shutdown.grace=1s")
            .flag("--web.enable-lifecycle")
            .on_a_waiting_disk("WAIT_OPEN", "/etc/hosts")
            .start();
        wait_for_runs(&daemon, "tight", "success", 1.0);
        std::fs::write(&stuck, "").unwrap();
        // A reload looks at it again, too, and forgets nothing.
        assert_eq!(daemon.post("/-/reload").status, 200);
        for probe in ["tight", "slow"] {
            let before = runs(&daemon, probe, "success");
            wait_for_runs(&daemon, probe, "success", before + 8.0);
            assert_eq!(wrong(&daemon, probe), 0.0, "{seconds}: {probe}: {}", daemon.log());
        }
        ends(&mut daemon);
    }
}

#[test]
fn roots_whose_file_does_not_open_any_more_are_as_they_were_read_last() {
    let (files, root) = (Files::new(), Authority::root("Test Root"));
    let server = serve(&files, &root.issue(Leaf::named("127.0.0.1")), &[]);
    let setup = Setup::new("services: []\n");
    let (roots, stuck) = (setup.write("roots", &root.cert.pem), setup.path().join("stuck"));
    let (port, file) = (server.port(), roots.display());
    setup.write(
        "bongsu.yml",
        format!(
            "defaults: {{ interval: 1s, timeout: 900ms }}\nservices:\n  - name: s\n    probes:\n      - {{ name: up, tls: {{ \
             address: '127.0.0.1:{port}', trust: {{ roots: '{file}' }} }} }}\n      - {{ name: other, tls: {{ address: \
             '127.0.0.1:{port}' }} }}\n"
        ),
    );
    let mut daemon = setup
        .env("WAIT_WHEN", stuck.to_str().unwrap())
        .flag("--shutdown.grace=1s")
        .on_a_waiting_disk("WAIT_OPEN", roots.to_str().unwrap())
        .start();
    wait_for_runs(&daemon, "up", "success", 1.0);
    std::fs::write(&stuck, "").unwrap();
    let before = runs(&daemon, "other", "failure");
    // Of others nothing is held up.
    wait_for_runs(&daemon, "other", "failure", before + 3.0);
    let before = runs(&daemon, "up", "success");
    wait_for_runs(&daemon, "up", "success", before + 3.0);
    answers(&daemon);
    assert_eq!(wrong(&daemon, "up"), 0.0, "{}", daemon.log());
    ends(&mut daemon);
}

#[test]
fn what_a_module_reads_from_a_file_that_hangs_ends_in_time_and_says_so() {
    let target = Target::answering("ok");
    let setup = Setup::new("services: [{ name: dc-daejeon }]\n");
    let file = setup.write("hanging-file", "x").display().to_string();
    let (stuck, mut modules) = (setup.path().join("stuck"), "modules:\n".to_owned());
    let hanging = [
        ("body", format!("body_file: '{file}'")),
        ("password", format!("basic_auth: {{ username: ops, password_file: '{file}' }}")),
        ("user", format!("basic_auth: {{ username_file: '{file}', password: x }}")),
        ("token", format!("bearer_token_file: '{file}'")),
        ("credentials", format!("authorization: {{ credentials_file: '{file}' }}")),
        ("header", format!("http_headers: {{ X-A: {{ files: ['{file}'] }} }}")),
        ("roots", format!("tls_config: {{ ca_file: '{file}' }}")),
        ("own", format!("tls_config: {{ cert_file: '{file}', key_file: '{file}' }}")),
    ];
    for (name, keys) in &hanging {
        modules += &format!("  {name}: {{ prober: http, timeout: 2s, http: {{ {keys} }} }}\n");
    }
    modules += "  plain: { prober: http, timeout: 2s }\n";
    let modules = setup.write("blackbox.yml", modules).display().to_string();
    let mut daemon = setup
        .env("WAIT_WHEN", stuck.to_str().unwrap())
        .flag("--shutdown.grace=1s")
        .flag(format!("--blackbox.config.file={modules}"))
        .on_a_waiting_disk("WAIT_OPEN", "hanging-file")
        .start();
    std::fs::write(&stuck, "").unwrap();
    let url = target.url();
    for (name, _) in &hanging {
        let start = Instant::now();
        let answer = daemon.get(&format!("/probe?target={url}&module={name}&debug=true")).text();
        assert!(start.elapsed() < AT_ONCE, "{name}: {:?}", start.elapsed());
        assert!(answer.contains("probe_success 0"), "{name}: {answer}");
        assert!(answer.contains(&file) && answer.contains("did not answer"), "{name}: {answer}");
        let healthy = daemon.get(&format!("/probe?target={url}&module=plain")).text();
        assert!(healthy.contains("probe_success 1"), "{healthy}");
    }
    answers(&daemon);
    ends(&mut daemon);
}

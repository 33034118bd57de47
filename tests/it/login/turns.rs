//! Logins that share an account: they take turns where one host receives them, nobody waits for
//! another host, and a wait of ours is never told as an outage of theirs.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::estate::Estate;

/// What a login takes: the form, and its answer.
const LOGIN: Duration = Duration::from_millis(800);

/// A login at each of these hosts, all of them with one account.
fn configuration(estate: &Estate, hosts: &[String], timeout: &str) -> String {
    let port = estate.address.port();
    let sites: Vec<String> = hosts
        .iter()
        .enumerate()
        .map(|(number, host)| format!("s{number}: {{ host: {host} }}"))
        .collect();
    format!(
        "defaults: {{ interval: 5s, timeout: {timeout} }}\nsecrets:\n  user: {{ env: CANARY_USER, hosts: \
         [{hosts}] }}\n  pw: {{ env: CANARY_PASS, hosts: [{hosts}] }}\nservices:\n  - name: portal\n    \
         for_each: {{ site: {{ {sites} }} }}\n    probes:\n      - name: login\n        login:\n          account: \
         user\n          base: 'http://${{site.host}}:{port}'\n          steps:\n            - {{ name: form, get: \
         /form }}\n            - name: in\n              submit: {{ form: form, fields: {{ user: \
         '${{secret.user}}', pass: '${{secret.pw}}' }} }}\n              expect: {{ css: {{ '#welcome': exists }} \
         }}\n",
        hosts = hosts.join(", "),
        sites = sites.join(", "),
    )
}

fn start(configuration: &str) -> Daemon {
    let setup = Setup::new(configuration);
    setup.env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1").start()
}

/// The sum of samples that hold all of these.
fn sum(daemon: &Daemon, parts: &[&str]) -> f64 {
    sum_of(&daemon.metrics(), parts)
}

fn sum_of(metrics: &str, parts: &[&str]) -> f64 {
    let samples = metrics.lines().filter(|line| !line.starts_with("#"));
    let lines = samples.filter(|line| parts.iter().all(|part| line.contains(part)));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

fn runs(daemon: &Daemon, result: &str) -> f64 {
    sum(daemon, &["bongsu_probe_runs_total{", &format!("result=\"{result}\"")])
}

/// Every run was a success, but where the machine itself stood still.
#[track_caller]
fn nobody_is_blamed(daemon: &Daemon) {
    let metrics = daemon.metrics();
    let runs = |result| sum_of(&metrics, &["bongsu_probe_runs_total{", result]);
    let stalled = sum_of(&metrics, &["bongsu_probe_failures_total{", "reason=\"prober_stalled\""]);
    let told = metrics.lines().filter(|line| line.starts_with("bongsu_probe_failures_total"));
    let told: Vec<_> = told.filter(|line| !line.ends_with(" 0")).collect();
    let found = (runs("result=\"failure\""), runs("result=\"unknown\""));
    assert_eq!(found, (0.0, stalled), "{told:#?}");
}

#[test]
fn one_account_at_forty_hosts_waits_for_nobody() {
    let estate = Estate::thinking(LOGIN / 2);
    let hosts: Vec<String> = (1..=40).map(|number| format!("127.0.0.{number}")).collect();
    // Five times what a login takes: the forty start together, and beside other tests.
    let daemon = start(&configuration(&estate, &hosts, "4s"));
    daemon.wait_until_ready();
    eventually("three rounds", || (runs(&daemon, "success") >= 120.0).then_some(()));
    nobody_is_blamed(&daemon);
    assert_eq!(sum(&daemon, &["bongsu_scheduler_skipped_runs_total "]), 0.0);
}

/// As many as there are municipalities: with three minutes and 30 s they have nine times the time.
#[test]
fn one_account_at_two_hundred_and_twenty_six_hosts_waits_for_nobody() {
    let estate = Estate::thinking(LOGIN / 2);
    let hosts: Vec<String> = (1..=226).map(|number| format!("127.0.1.{number}")).collect();
    let text = configuration(&estate, &hosts, "10s").replace("interval: 5s", "interval: 20s");
    let daemon = start(&text);
    daemon.wait_until_ready();
    eventually("a round", || (runs(&daemon, "success") >= 226.0).then_some(()));
    nobody_is_blamed(&daemon);
    assert_eq!(sum(&daemon, &["bongsu_scheduler_skipped_runs_total "]), 0.0);
}

/// What `bongsu check` says of turns at a configuration with 226 sites every three minutes.
fn said_of_turns(sites: &str, steps: &str) -> Vec<String> {
    let names: String = (1..=226)
        .map(|n| format!("s{n}: {{ url: '{sites}' }}, ").replace('N', &n.to_string()))
        .collect();
    let text = format!(
        "defaults: {{ interval: 3m, timeout: 30s }}\nsecrets:\n  user: {{ env: CANARY_USER }}\n  pw: {{ env: \
         CANARY_PASS }}\nservices:\n  - name: saeol\n    for_each: {{ site: {{ {names} }} }}\n    probes:\n      - \
         name: login\n        login:\n          account: user\n          base: '${{site.url}}'\n          steps: \
         {steps}\n"
    );
    let setup = Setup::new(&text).env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1");
    let output = setup.output(&["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| line.contains("take turn")).map(|line| line.trim().into()).collect()
}

#[test]
fn check_says_where_logins_of_one_account_do_not_fit() {
    let form = "form: { user: '${secret.user}', pass: '${secret.pw}' }, expect: { css: { 'a[href*=logout]': \
                exists } }";
    let own = format!("[{{ name: in, post: /in, {form} }}]");
    let nothing: Vec<String> = Vec::new();
    assert_eq!(said_of_turns("https://sN.example.go.kr", &own), nothing);
    let said = |host: &str| {
        vec![format!(
            "user: 226 logins at {host} take turns, 0.8 s each; what does not fit is skipped. Give each \
             site an account of its own, or a longer interval"
        )]
    };
    assert_eq!(said_of_turns("https://portal.example.go.kr/N", &own), said("portal.example.go.kr"));
    // Each site is its own host, and all of them send their users to one.
    let sso = format!("[{{ name: in, post: 'https://sso.example.go.kr/in', {form} }}]");
    assert_eq!(said_of_turns("https://sN.example.go.kr", &sso), said("sso.example.go.kr"));
    let sso = format!("[{{ name: page, get: / }}, {}", &sso[1..]);
    assert_eq!(said_of_turns("https://sN.example.go.kr", &sso), said("sso.example.go.kr"));
    let submit = "[{ name: page, get: / }, { name: form, get: 'https://sso.example.go.kr/' }, { name: in, submit: { form: form, \
                  fields: { user: '${secret.user}', pass: '${secret.pw}' } }, expect: { css: { \
                  'a[href*=logout]': exists } } }]";
    assert_eq!(said_of_turns("https://sN.example.go.kr", submit), said("sso.example.go.kr"));
}

/// The configuration with a verification server behind each site, which all of them share.
fn behind_one_backend(text: &str, form: &str) -> String {
    let rule = "component: gpki\n              fail_if: [ { reason: pki_backend, body: { contains: 검증서버 } } ]\n              expect:";
    let text = text.replace("get: /form", &format!("get: {form}")).replace("expect:", rule);
    text.replace("services:\n", "services:\n  - name: gpki\n")
}

/// Told of every one of them by its own reason, those that wait for their turn at the backend included.
#[test]
fn a_real_outage_of_the_backend_keeps_its_reason_at_forty_sites() {
    let estate = Estate::thinking(LOGIN / 2);
    let hosts: Vec<String> = (1..=40).map(|number| format!("127.0.2.{number}")).collect();
    let text = behind_one_backend(&configuration(&estate, &hosts, "4s"), "/signed-form");
    let daemon = start(&text);
    daemon.wait_until_ready();
    eventually("a round", || (runs(&daemon, "success") >= 40.0).then_some(()));
    nobody_is_blamed(&daemon);
    estate.break_down();
    let of_reason = "reason=\"pki_backend\"";
    eventually("two failures of each", || {
        let metrics = daemon.metrics();
        let told = metrics.lines().filter(|line| {
            line.starts_with("bongsu_probe_failures_total{") && line.contains(of_reason)
        });
        let twice = told.filter(|line| !line.ends_with(" 0") && !line.ends_with(" 1"));
        (twice.count() == 40).then_some(())
    });
    let all = sum(&daemon, &["bongsu_probe_failures_total{"]);
    assert_eq!(sum(&daemon, &["bongsu_probe_failures_total{", of_reason]), all);
    assert!(daemon.log().contains("its logins take turns; the last one"), "nobody waited");
}

/// What another run found before our stall is not a matter of the time that we lost.
#[test]
fn what_another_login_found_is_told_although_we_stood_still_since() {
    let estate = Estate::thinking(LOGIN / 8);
    let hosts: Vec<String> = (1..=12).map(|number| format!("127.0.3.{number}")).collect();
    let text = configuration(&estate, &hosts, "2s").replace("interval: 5s", "interval: 3s");
    let hanging = behind_one_backend(&text, "/silent-form");
    let setup = Setup::new(&hanging).flag("--log.level=debug");
    let daemon = setup.env("CANARY_USER", "someone").env("CANARY_PASS", "pw-9f1").start();
    daemon.wait_until_ready();
    eventually("a round", || (runs(&daemon, "success") >= 12.0).then_some(()));
    estate.break_down();
    let relayed = || daemon.log().matches("its logins take turns; the last one").count();
    eventually("somebody waits", || (relayed() > 0).then_some(()));
    for _ in 0..4 {
        daemon.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(1500));
        daemon.signal(Signal::CONT);
        let before = relayed();
        eventually("somebody waited", || (relayed() > before).then_some(()));
    }
    let log = daemon.log();
    let excused =
        log.lines().find(|line| line.contains("stood still") && line.contains("take turns"));
    assert_eq!(excused, None);
}

/// A turn lasts 0.4 s, and 24 of them do not fit into five seconds: some are left out, and nobody is told down.
#[test]
fn who_gets_no_turn_at_a_host_is_skipped_and_counted() {
    let estate = Estate::thinking(LOGIN / 2);
    let hosts = vec!["127.0.0.1".to_owned(); 24];
    let text = configuration(&estate, &hosts, "2s");
    let daemon = start(&text);
    daemon.wait_until_ready();
    let skipped = "bongsu_scheduler_skipped_runs_total ";
    eventually("skipped runs", || (sum(&daemon, &[skipped]) >= 3.0).then_some(()));
    eventually("successes", || (runs(&daemon, "success") >= 15.0).then_some(()));
    nobody_is_blamed(&daemon);
    let waits = "bongsu_login_wait_seconds{";
    let longest = eventually("a wait", || {
        let metrics = daemon.metrics();
        let lines = metrics.lines().filter(|l| l.starts_with(waits));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        values.max_by(f64::total_cmp).filter(|&wait| wait > 0.5)
    });
    assert!(longest < 3.5, "nobody waits into the next run: {longest}");
    let durations = daemon.metrics();
    for line in durations.lines().filter(|line| line.starts_with("probe_duration_seconds{")) {
        let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(value < 2.5, "a wait is not the service's time: {line}");
    }
    assert!(
        daemon.setup.output(&["check"]).stdout.windows(9).any(|text| text == b"take turn"),
        "check says nothing"
    );
}

//! The command line as a person or a container meets it: exit codes, what is printed where.

use std::io::{Read, Write};

use crate::support::daemon::Setup;
use crate::support::http::Target;
use crate::support::output::{code, stderr, stdout};

fn one_probe(url: &str) -> String {
    format!(
        "defaults: {{ interval: 30s, timeout: 5s }}\nservices:\n  - name: gpki\n    probes:\n      \
         - name: portal\n        http: {{ url: \"{url}\" }}\n"
    )
}

const BAD: &str = "services:\n  - name: gpki\n    probs: []\n";

#[test]
fn the_version_names_the_revision() {
    let output = Setup::new("").output(&["--version"]);
    assert_eq!(code(&output), 0);
    let text = stdout(&output);
    assert!(
        text.starts_with(concat!("bongsu ", env!("CARGO_PKG_VERSION"), " (revision ")),
        "{text}"
    );
}

#[test]
fn every_flag_of_the_contract_is_in_the_help() {
    let output = Setup::new("").output(&["--help"]);
    assert_eq!(code(&output), 0);
    for flag in [
        "--config.file",
        "--config.check",
        "--vantage",
        "--state.dir",
        "--web.listen-address",
        "--web.config.file",
        "--web.external-url",
        "--web.enable-lifecycle",
        "--web.probe-any-target",
        "--log.level",
        "--log.format",
        "--shutdown.grace",
        "--shard.index",
        "--shard.count",
    ] {
        assert!(stdout(&output).contains(flag), "{flag} is not in\n{}", stdout(&output));
        let variable = format!("BONGSU_{}", flag[2..].replace(['.', '-'], "_").to_uppercase());
        assert!(stdout(&output).contains(&variable), "{variable} is not in the help");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let setup = Setup::new("");
    for arguments in [
        &["--no-such-flag"][..],
        &["--web.listen-address=10915"],
        &["--shard.index=3", "--shard.count=3", "check"],
        &["--log.level=loud"],
        &["no-such-command"],
    ] {
        let output = setup.output(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_good_configuration_is_described_and_exits_with_0() {
    let setup = Setup::new(&one_probe("https://www.gpki.go.kr/"));
    for arguments in [["check"], ["--config.check"]] {
        let output = setup.output(&arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains("valid"), "{}", stdout(&output));
    }
}

#[test]
fn a_check_counts_one_as_one_and_says_that_a_list_of_probes_is_empty() {
    let text = "defaults: { interval: 30s, timeout: 5s }\nservices:\n  - name: gpki\n    probes:\n      \
                - { name: a, http: { url: 'http://127.0.0.1:9/' } }\n      - { name: b, enabled: false, \
                http: { url: 'http://127.0.0.1:9/' } }\n  - name: dc\n    probes: []\nmaintenance:\n  - { \
                name: w, targets: [gpki], every: sunday 02:00-04:00, timezone: Asia/Seoul }\n";
    let output = Setup::new(text).output(&["check"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("maintenance  1 window, 1 of them every week or month\n"), "{said}");
    assert!(said.contains("disabled     1 probe\n"), "{said}");
    let advice = said.split("\nadvice\n").nth(1).unwrap_or_else(|| panic!("no advice in {said}"));
    assert!(advice.contains("services[1].probes is an empty list"), "{said}");
}

#[test]
fn a_part_of_a_reasons_name_is_answered_with_the_whole() {
    for (word, wanted) in
        [("notice", "notice_page"), ("Notice-Page", "notice_page"), ("colour", "")]
    {
        let text = format!(
            "defaults: {{ interval: 30s, timeout: 5s }}\nservices:\n  - name: gpki\n    probes:\n      - \
             name: a\n        http: {{ url: 'http://127.0.0.1:9/', fail_if: [ {{ reason: {word}, body: \
             {{ contains: x }} }} ] }}\n"
        );
        let output = Setup::new(&text).output(&["check"]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains(&format!("no reason is called \"{word}\"")), "{said}");
        let hint = format!("did you mean \"{wanted}\"?");
        assert_eq!(said.contains(&hint), !wanted.is_empty(), "{said}");
        if wanted.is_empty() {
            assert!(said.contains("docs/reasons.md"), "{said}");
        }
    }
}

#[test]
fn a_bad_configuration_exits_with_2_and_starts_nothing() {
    let setup = Setup::new(BAD);
    for arguments in [&["check"][..], &["run"], &[], &["probe", "gpki/portal"]] {
        let output = setup.output(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let text = stderr(&output);
        assert!(text.contains("nothing was started"), "{arguments:?}: {text}");
        assert!(text.contains("3:5  services[0].probs: unknown key"), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn flags_may_come_from_the_environment_and_a_flag_wins() {
    let variable =
        || Setup::new(&one_probe("http://127.0.0.1:9/")).env("BONGSU_LOG_FORMAT", "json");
    variable().start().logged(&["\"msg\":\"listening\""]);
    variable().flag("--log.format=logfmt").start().logged(&["msg=listening"]);
}

#[test]
fn a_single_probe_prints_its_phases_and_exits_by_its_verdict() {
    let target = Target::answering("봉수");
    let setup = Setup::new(&one_probe(&target.url()));
    let output = setup.output(&["probe", "gpki/portal"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{text}{}", stderr(&output));
    for part in ["connect", "processing", "transfer", "total", "200", "verdict      up"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    target.answer_with(503);
    let output = setup.output(&["probe", "gpki/portal"]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("reason       http_status"), "{}", stdout(&output));
}

#[test]
fn a_single_probe_of_an_offline_vantage_has_no_vote_and_says_why() {
    let config = format!("controls: [ 'tcp://127.0.0.1:9' ]\n{}", one_probe("http://127.0.0.1:9/"));
    let setup = Setup::new(&config);
    let output = setup.output(&["probe", "gpki/portal"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 1);
    for part in
        ["vantage      offline", "vantage_offline", "connect_refused", "verdict      unknown"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }

    let target = Target::answering("봉수");
    let control = target.url();
    let config = format!("controls: [ '{control}' ]\n{}", one_probe("http://127.0.0.1:9/"));
    let output = Setup::new(&config).output(&["probe", "gpki/portal"]);
    let text = stdout(&output);
    assert!(text.contains("reason       connect_refused"), "{text}");
    assert!(!text.contains("vantage"), "{text}");
}

#[test]
fn a_state_directory_that_cannot_be_read_is_a_clear_error() {
    let setup = Setup::new(&one_probe("http://127.0.0.1:9/"));
    let file = setup.write("file", "");
    for directory in ["/nonexistent/bongsu", file.to_str().unwrap()] {
        let flags = [&*format!("--state.dir={directory}"), "--web.listen-address=127.0.0.1:0"];
        let output = setup.output(&flags);
        assert_eq!(code(&output), 1, "{directory}");
        let text = stderr(&output);
        assert!(text.contains(&format!("--state.dir {directory}: ")), "{text}");
        assert!(text.contains("that the user who runs bongsu can read and write"), "{text}");
    }
}

#[test]
fn an_unknown_probe_is_answered_with_the_nearest() {
    let setup = Setup::new(&one_probe("http://127.0.0.1:9/"));
    let output = setup.output(&["probe", "gpki/protal"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("gpki/portal"), "{}", stderr(&output));
}

#[test]
fn a_port_in_use_is_a_clear_error_and_exits_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::new(&one_probe("http://127.0.0.1:9/"));
    let output = setup.output(&[&format!("--web.listen-address={address}")]);
    assert_eq!(code(&output), 1);
    let text = stderr(&output);
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
    assert!(text.contains("in use") && text.contains("--web.listen-address"), "{text}");
}

#[test]
fn an_address_that_the_machine_does_not_have_is_a_clear_error() {
    let setup = Setup::new(&one_probe("http://127.0.0.1:9/"));
    // For documentation (RFC 5737).
    let output = setup.output(&["--web.listen-address=192.0.2.1:10915"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("this machine has no such address"), "{}", stderr(&output));
}

#[test]
fn the_health_check_follows_the_daemon() {
    let daemon = Setup::new(&one_probe("http://127.0.0.1:9/")).start();
    let address = daemon.address.to_string();
    let check = |address: &str| {
        let setup = Setup::new("").env("BONGSU_WEB_LISTEN_ADDRESS", address);
        code(&setup.output(&["healthcheck"]))
    };
    assert_eq!(check(&address), 0);
    assert_eq!(check(&format!("0.0.0.0:{}", daemon.address.port())), 0);
    assert_eq!(check(&format!(":{}", daemon.address.port())), 0);
    drop(daemon);
    assert_eq!(check(&address), 1);
}

#[test]
fn the_health_check_quotes_what_is_no_daemon() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "\"SSH-2.0-OpenSSH_9.2\", which is not HTTP"),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "\"HTTP/1.1 503 Service Unavailable\""),
        ("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "\"HTTP/1.1 302 Found\""),
        ("", "hung up without an answer"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let setup = Setup::new("").env("BONGSU_WEB_LISTEN_ADDRESS", &address);
        let output = setup.env("http_proxy", "http://127.0.0.1:1").output(&["healthcheck"]);
        assert_eq!(code(&output), 1, "{answer:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new("").env("BONGSU_WEB_LISTEN_ADDRESS", &free.to_string());
    let said = stderr(&setup.output(&["healthcheck"])).to_owned();
    assert!(said.contains(&format!("({free}): is the daemon running")), "{said}");
}

#[test]
fn logs_are_logfmt_or_json_on_standard_error() {
    let logfmt = Setup::new(&one_probe("http://127.0.0.1:9/")).start();
    let line = logfmt.logged(&["msg=listening"]);
    assert!(line.contains("level=info") && line.contains("address=127.0.0.1:"), "{line}");
    let json = Setup::new(&one_probe("http://127.0.0.1:9/")).flag("--log.format=json").start();
    let line = json.logged(&["\"listening\""]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["msg"], "listening");
    assert_eq!(line["address"], json.address.to_string());
}

#[test]
fn both_formats_have_the_same_names_in_the_same_order() {
    let config = one_probe("http://127.0.0.1:9/");
    let logfmt = Setup::new(&config).start().logged(&["listening"]);
    let json = Setup::new(&config).flag("--log.format=json").start().logged(&["listening"]);
    let names: Vec<&str> =
        logfmt.split(' ').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    assert_eq!(names, ["ts", "level", "target", "msg", "address"], "{logfmt}");
    let mut rest = json.as_str();
    for name in names {
        let key = format!("\"{name}\":");
        rest = rest.split_once(&key).unwrap_or_else(|| panic!("{name} is not in {json}")).1;
    }
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line.as_object().unwrap().len(), 5, "{json}");
    assert_eq!(line["level"], "info");
    let ts = logfmt.split_once("ts=").unwrap().1.split(' ').next().unwrap();
    assert!(ts.len() == "2026-12-05T20:00:00.000Z".len() && ts.ends_with('Z'), "{ts}");
    assert_eq!(line["ts"].as_str().unwrap().len(), ts.len());
}

#[test]
fn state_changes_are_logged_once_and_single_results_only_at_debug() {
    let target = Target::answering("ok");
    let config =
        one_probe(&target.url()).replace("interval: 30s, timeout: 5s", "interval: 5s, timeout: 4s");
    let daemon = Setup::new(&config).flag("--vantage=daejeon").start();
    daemon.sample("bongsu_probe_runs_total{service=\"gpki\"");
    target.answer_with(500);
    let line = daemon.logged(&["probe.changed"]);
    for part in
        ["level=warn", "probe=gpki/portal", "verdict=down", "reason=http_status", "vantage=daejeon"]
    {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let seen = target.requests();
    crate::support::daemon::eventually("more runs", || {
        (target.requests() > seen + 2).then_some(())
    });
    assert_eq!(daemon.log().matches("probe.changed").count(), 1, "{}", daemon.log());
    assert!(!daemon.log().contains("probe.run"));
    target.answer_with(200);
    daemon.logged(&["probe.up", "was=down"]);

    let verbose = Setup::new(&config).flag("--log.level=debug").start();
    verbose.logged(&["level=debug", "probe.run", "verdict=up"]);
}

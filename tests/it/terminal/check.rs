//! `bongsu check`: what would run, for people and for programs.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::{code, stderr, stdout};
use crate::support::daemon::Setup;

const GOOD: &str = "\
defaults: { interval: 30s, timeout: 5s }
secrets:
  user: { env: PROBE_USER, hosts: [127.0.0.1] }
services:
  - name: gpki
    grade: 1
    probes:
      - { name: portal, http: { url: 'http://127.0.0.1:9/' } }
      - name: login
        interval: 60s
        login:
          base: http://127.0.0.1:9
          steps:
            - { name: in, post: /in, form: { id: '${secret.user}' }, expect: { css: { 'a[href*=logout]': exists } } }
maintenance:
  - { name: nightly, targets: [gpki], every: daily 02:00-04:00, timezone: Asia/Seoul }
";

fn good() -> Setup {
    Setup::new(GOOD).env("PROBE_USER", "canary-7d20")
}

fn json(output: &Output) -> Value {
    serde_json::from_str(stdout(output))
        .unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

/// Gives a text on standard input.
fn fed(setup: &Setup, arguments: &[&str], text: &str) -> Output {
    let mut command = setup.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_plan_names_windows_secrets_and_what_accounts_have_to_bear() {
    let output = good().output(&["check"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for part in [
        "  runs         0.05 per second\n",
        "\nnext maintenance\n  nightly: 20",
        " 02:00 KST - ",
        " 04:00 KST",
        "\nsecrets, all of them readable\n  user: env PROBE_USER, for 127.0.0.1\n",
        "  user: at worst 4.0 bad logins per hour",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
    let text = stdout(&good().env("LC_ALL", "ko_KR.UTF-8").output(&["check"])).to_owned();
    for part in ["이상 없음", "  감시 항목    2 (1 http, 1 login)\n", "다음 예고된 점검", "1등급"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn the_plan_is_an_object_for_programs() {
    let output = good().output(&["check", "--json"]);
    let plan = json(&output);
    assert_eq!(code(&output), 0);
    assert_eq!(plan["valid"], true);
    assert_eq!(plan["kinds"], serde_json::json!({ "http": 1, "login": 1 }));
    assert_eq!(plan["services"][0]["probes"][1]["interval_seconds"], 60.0);
    assert_eq!(plan["accounts"][0]["account"], "user");
    assert_eq!(plan["accounts"][0]["bad_logins_per_hour"], 4.0);
    assert_eq!(plan["secrets"][0]["source"], "env PROBE_USER");
    let start = plan["maintenance"][0]["next"]["start"].as_str().unwrap();
    assert!(start.ends_with("T17:00:00Z"), "{start}");
    assert!(!stdout(&output).contains("canary"));
}

#[test]
fn problems_are_an_object_for_programs_with_their_places() {
    let setup = Setup::new("services:\n  - name: gpki\n    probs: []\n");
    let output = setup.output(&["check", "--json"]);
    let refusal = json(&output);
    assert_eq!(code(&output), 2);
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    assert_eq!(refusal["valid"], false);
    let problem = &refusal["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &5.into()));
    assert_eq!(problem["path"], "services[0].probs");
    assert!(problem["message"].as_str().unwrap().starts_with("unknown key"), "{problem}");
}

#[test]
fn a_korean_terminal_is_told_problems_in_korean_and_programs_in_english() {
    let bad = || Setup::new("services:\n  - name: gpki\n    probs: []\n");
    let korean = bad().env("LANG", "ko_KR.UTF-8").output(&["check"]);
    let text = stderr(&korean);
    assert_eq!(code(&korean), 2);
    assert!(text.contains(": 문제 "), "{text}");
    assert!(text.contains("3:5  services[0].probs: 알 수 없는 키입니다"), "{text}");
    let english = bad().env("LANG", "C").output(&["check"]);
    let text = stderr(&english);
    assert_eq!(code(&english), 2);
    assert!(text.contains("3:5  services[0].probs: unknown key; did you mean"), "{text}");
    let program = bad().env("LANG", "ko_KR.UTF-8").output(&["check", "--json"]);
    let message = json(&program)["problems"][0]["message"].clone();
    assert!(message.as_str().unwrap().starts_with("unknown key"), "{message}");
}

#[test]
fn a_secret_that_is_not_there_is_a_problem_with_its_place() {
    let output = Setup::new(GOOD).output(&["check", "--json"]);
    assert_eq!(code(&output), 2);
    let problem = &json(&output)["problems"][0];
    assert_eq!(problem["path"], "secrets.user.env");
    assert!(problem["message"].as_str().unwrap().contains("PROBE_USER"), "{problem}");
}

#[test]
fn a_configuration_may_come_from_standard_input() {
    let setup = Setup::new("not this one").env("PROBE_USER", "canary-7d20");
    let output = fed(&setup, &["check", "-"], GOOD);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).starts_with("<stdin>: valid\n"), "{}", stdout(&output));
    let output = fed(&setup, &["check", "-"], "services: 3\n");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).starts_with("<stdin>: 1 problem"), "{}", stderr(&output));
}

#[test]
fn roots_and_client_certificates_are_told_with_their_ends() {
    let issued = rcgen::generate_simple_self_signed(["www.gov.kr".to_owned()]).unwrap();
    let setup = good();
    setup.write("roots.pem", issued.cert.pem());
    setup.write("client.pem", issued.cert.pem());
    setup.write("client.key", issued.signing_key.serialize_pem());
    let probe = "      - { name: tls, tls: { address: 'www.gov.kr:443', trust: { roots: roots.pem }, client_cert: \
                 { cert: client.pem, key: client.key } } }\n";
    setup.write("bongsu.yml", GOOD.replace("maintenance:", &format!("{probe}maintenance:")));
    let output = setup.output(&["check"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(text.contains("\ncertificates that end first\n"), "{text}");
    for (purpose, file) in [("root ", "roots.pem"), ("client certificate ", "client.pem")] {
        let line = text.lines().find(|line| line.trim_start().starts_with(purpose));
        let line = line.unwrap_or_else(|| panic!("{purpose} is not in\n{text}"));
        assert!(line.contains(file) && line.contains(" days left"), "{line}");
    }
    let ends = &json(&setup.output(&["check", "--json"]))["certificates"];
    assert_eq!(ends.as_array().unwrap().len(), 2, "{ends}");
    assert!(ends[0]["not_after"].as_str().unwrap().ends_with('Z'), "{ends}");
}

/// Turns the line round, is obeyed by a terminal (ESC and the one-byte CSI), and is seen as nothing.
const DECEPTIVE: &str = "a\u{202e}b\u{1b}[2Jc\u{9b}d\u{200b}e\u{2066}f";

#[track_caller]
fn assert_safe(text: &str) {
    let found = text.chars().find(|&c| base::is_deceptive(c) && c != '\n');
    assert_eq!(found, None, "{text:?}");
}

#[test]
fn what_files_say_moves_no_cursor_and_turns_no_line_round() {
    let escape = |c: char| match base::is_deceptive(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    let quoted = format!("\"{}\"", DECEPTIVE.chars().map(escape).collect::<String>());
    let file = format!("{DECEPTIVE}.yml");
    let bad = format!("services:\n  - name: {quoted}\n    {quoted}: 1\n{quoted}: 1\n");
    let setup = Setup::new(GOOD).env("PROBE_USER", "canary-7d20");
    let path = setup.write(&file, GOOD);
    for (text, wanted) in [(GOOD, 0), (&bad, 2)] {
        setup.write(&file, text);
        for json in [&[][..], &["--json"]] {
            let arguments = [&["check", path.to_str().unwrap()][..], json].concat();
            let output = setup.output(&arguments);
            let said = [stdout(&output), stderr(&output)].concat();
            assert_eq!(code(&output), wanted, "{said}");
            assert!(said.contains("\\u{202e}") || said.contains("\\u202e"), "{said}");
            assert_safe(&said);
        }
    }
    let names = json(&setup.output(&["check", path.to_str().unwrap(), "--json"]));
    assert!(names["problems"][0]["file"].as_str().unwrap().contains(DECEPTIVE), "{names}");
    // Whatever else names a file.
    let out = setup.path().join(DECEPTIVE);
    let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
    let csv = setup.write("list.csv", format!("url,{DECEPTIVE}\nhttps://www.gov.kr,x\n"));
    for arguments in [
        &["init", "www.gov.kr", "--out", out][..],
        &["init", "www.gov.kr", "--out", out],
        &["init", DECEPTIVE],
        &["import", "csv", csv.to_str().unwrap(), "--out", &format!("{out}2")],
        &["import", "csv", path],
        &["import", "blackbox", path, "--targets", path],
        &["probe", DECEPTIVE],
        &["probe", "--url", &format!("http://{DECEPTIVE}/")],
        &["report", "month", "--prometheus", "http://127.0.0.1:9", "--corrections", path],
        &["--maintenance.file", path, "maintenance", "list"],
    ] {
        let output = setup.output(arguments);
        assert_safe(&[stdout(&output), stderr(&output)].concat());
    }
}

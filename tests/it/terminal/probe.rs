//! `bongsu probe`: with and without a configuration, for people, scripts and shells.

use std::process::Command;

use serde_json::Value;

use super::{code, in_a_terminal, stderr, stdout};
use crate::support::daemon::Setup;
use crate::support::http::{Reply, Routes, Site, Target};
use crate::support::pki::{Authority, Leaf};
use crate::support::secure::acceptor;

fn configured(probes: &str) -> Setup {
    Setup::new(&format!(
        "defaults: {{ interval: 30s, timeout: 5s }}\nsecrets:\n  token: {{ env: PORTAL_TOKEN, hosts: \
         [127.0.0.1] }}\nservices:\n  - name: gpki\n    probes:\n{probes}"
    ))
    .env("PORTAL_TOKEN", "canary-5f1c")
}

/// One HTTP probe, whose further keys these are.
fn portal(url: &str, keys: &str) -> Setup {
    configured(&format!("      - name: portal\n        http: {{ url: \"{url}\"{keys} }}\n"))
}

#[test]
fn an_address_needs_no_configuration() {
    let target = Target::answering("봉수");
    let output = Setup::new("no configuration").output(&["probe", "--url", &target.url()]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{text}{}", stderr(&output));
    for part in ["connect", "total", "expected     status 200-299", "verdict      up"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for wrong in ["ftp://127.0.0.1/", "https://", "http://a b/"] {
        let output = Setup::new("").output(&["probe", "--url", wrong]);
        assert_eq!(code(&output), 2, "{wrong}: {}", stderr(&output));
        assert!(stderr(&output).contains("is no http or https address"), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spoken_is_named_and_no_line_ends_in_a_blank() {
    let of = |url: &str| stdout(&Setup::new("").output(&["probe", "--url", url])).to_owned();
    let old = Site::answering("HTTP/1.0 200 OK\r\n\r\nhello").await;
    let new = Routes::new().on("GET", "/", |_| Reply::html("hello"));
    let leaf = Authority::root("Unknown").issue(Leaf::named("127.0.0.1"));
    let (ip, tls) = ("127.0.0.1".parse().unwrap(), acceptor(&leaf, &[]));
    let (plain, secure) = (new.clone().serve().await, new.serve_at(ip, Some(tls)).await);
    for (url, said) in [
        (old.url("/"), "  http         HTTP/1.0, 5 bytes of body\n"),
        (plain.url("/"), "  http         HTTP/1.1, 5 bytes of body\n"),
        (secure.url("/"), "  tls          TLS 1.3\n"),
    ] {
        let text = of(&url);
        assert!(text.contains(said), "{said:?} is not in\n{text}");
        assert!(!text.contains(" \n"), "{text}");
    }
}

#[test]
fn a_failure_says_what_was_expected_what_came_and_where_to_look_first() {
    let target = Target::answering("봉수");
    target.answer_with(503);
    let setup = portal(&target.url(), ", expect: { body: { contains: 로그인 } }");
    let output = setup.output(&["probe", "gpki/portal"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 1, "{text}");
    for part in [
        "expected     status 200-299",
        "expected     body contains \"로그인\"",
        "came         status 503",
        "verdict      down",
        "reason       http_status: ",
        "check first  ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let setup = setup.env("LANG", "ko_KR.UTF-8");
    let text = stdout(&setup.output(&["probe", "gpki/portal"])).to_owned();
    for part in [
        "예상         status 200-299",
        "판정         down",
        "예상과 다른 HTTP 상태 코드입니다.",
        "우선 확인",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn json_is_one_object_a_run() {
    let target = Target::answering("봉수");
    let setup = portal(&target.url(), "");
    let output = setup.output(&["probe", "gpki/portal", "--json", "--repeat=2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let runs: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((runs.len(), target.requests()), (2, 2));
    let run = &runs[0];
    assert_eq!(run["probe"], "gpki/portal");
    assert_eq!(run["verdict"], "up");
    assert_eq!(run["failure"], Value::Null);
    assert_eq!(run["http"]["status"], 200);
    assert_eq!(run["http"]["hops"][0]["url"], target.url());
    assert_eq!(run["expected"][0], "status 200-299");
    assert!(run["phases"].as_array().unwrap().iter().any(|phase| phase["phase"] == "connect"));
    target.answer_with(500);
    let output = setup.output(&["probe", "gpki/portal", "--output=json"]);
    assert_eq!(code(&output), 1);
    let run: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(run["failure"]["reason"], "http_status");
    assert!(!run["failure"]["first_look"].as_str().unwrap().is_empty());
}

#[test]
fn repeated_looks_are_summed_up_and_one_that_fails_fails_all() {
    let target = Target::answering("봉수");
    let setup = portal(&target.url(), "");
    let output = setup.output(&["probe", "gpki/portal", "--repeat", "2"]);
    assert!(stdout(&output).ends_with("2 runs: 2 up\n"), "{}", stdout(&output));
    target.answer_with(500);
    let output = setup.output(&["probe", "gpki/portal", "--repeat", "2"]);
    assert!(stdout(&output).ends_with("2 runs: 2 down\n"), "{}", stdout(&output));
    assert_eq!(code(&output), 1);
}

#[test]
fn a_site_may_be_named_beside_the_probe() {
    let target = Target::answering("봉수");
    let (url, sites) = (target.url(), "for_each: { site: [dobong, seocho] }");
    let text = format!(
        "defaults: {{ interval: 30s, timeout: 5s }}\nservices:\n  - name: muni\n    {sites}\n    probes:\n      \
         - name: portal\n        http: {{ url: \"{url}${{site}}\" }}\n"
    );
    let setup = Setup::new(&text);
    let output = setup.output(&["probe", "muni/portal", "--site", "seocho"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(target.asked(), "/seocho");
    let output = setup.output(&["probe", "muni/portal", "--site", "socho"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("muni/portal@seocho"), "{}", stderr(&output));
    let output = setup.output(&["probe", "muni/portal@seocho", "--site", "seocho"]);
    assert!(stderr(&output).contains("twice"), "{}", stderr(&output));
}

/// The line is given to a shell, with the secret in its environment, and must ask the same.
#[tokio::test]
async fn the_line_for_a_shell_asks_the_same_and_holds_no_secret() {
    let site = Routes::new().on("POST", "/in", |_| Reply::html("봉수")).serve().await;
    let keys = ", headers: { X-Office: \"it's\" }, bearer: '${secret.token}', form: { a: 'b c', t: \
                '${secret.token}' }";
    let setup = portal(&site.url("/in?q=1"), keys);
    let printed = tokio::task::spawn_blocking(move || {
        let output = setup.output(&["probe", "gpki/portal", "--output", "curl"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output).to_owned()
    });
    let line = printed.await.unwrap();
    assert!(!line.contains("canary"), "{line}");
    assert!(line.starts_with("curl ") && line.contains("\"$SECRET_TOKEN\""), "{line}");
    assert_eq!(site.asked().len(), 0, "printing asks nobody");
    let run = tokio::task::spawn_blocking(move || {
        Command::new("sh").args(["-c", &line]).env("SECRET_TOKEN", "canary-5f1c").output().unwrap()
    });
    let output = run.await.unwrap();
    assert!(stdout(&output).contains(" 200 "), "{}{}", stdout(&output), stderr(&output));
    let asked = &site.asked()[0];
    let header = |name: &str| {
        let found = asked.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", "q=1"));
    assert_eq!(header("x-office"), "it's");
    assert_eq!(header("authorization"), "Bearer canary-5f1c");
    assert!(
        ["a=b+c&t=canary-5f1c", "a=b%20c&t=canary-5f1c"]
            .contains(&std::str::from_utf8(&asked.body).unwrap())
    );
}

#[test]
fn colours_are_for_terminals_whose_reader_wants_them() {
    const GREEN: &str = "\u{1b}[32mup";
    let target = Target::answering("봉수");
    let setup = portal(&target.url(), "").env("TERM", "xterm");
    let arguments = ["probe", "gpki/portal"];
    let piped = setup.output(&arguments);
    assert!(!stdout(&piped).contains('\u{1b}'), "{}", stdout(&piped));
    let seen = in_a_terminal(&setup.command(&arguments));
    assert!(seen.contains(GREEN), "{seen:?}");
    let plain = setup.env("NO_COLOR", "1");
    let seen = in_a_terminal(&plain.command(&arguments));
    assert!(seen.contains("verdict      up") && !seen.contains(GREEN), "{seen:?}");
}

#[test]
fn who_waits_at_a_terminal_sees_the_time_and_a_pipe_sees_nothing() {
    let (target, held) = Target::holding();
    let text = format!(
        "services:\n  - name: gpki\n    probes:\n      - {{ name: portal, interval: 30s, timeout: 2s, http: {{ \
         url: \"{}\" }} }}\n",
        target.url()
    );
    let setup = Setup::new(&text).env("TERM", "xterm");
    let seen = in_a_terminal(&setup.command(&["probe", "gpki/portal"]));
    assert!(seen.contains("gpki/portal: 0.") && seen.contains("s of at most 2s"), "{seen:?}");
    assert!(seen.contains("verdict"), "the run is shown after its progress: {seen:?}");
    let output = setup.output(&["probe", "gpki/portal"]);
    assert!(!stderr(&output).contains("at most"), "{}", stderr(&output));
    drop(held);
}

/// While the second request is waited for, the first one is seen already; then the whole takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn phases_and_responses_are_seen_as_each_ends() {
    let site = Routes::new()
        .on("GET", "/", |_| Reply::redirect("/slow"))
        .on("GET", "/slow", |_| Reply::silence())
        .serve()
        .await;
    let text = format!(
        "services:\n  - name: gpki\n    probes:\n      - {{ name: portal, interval: 30s, timeout: 2s, http: {{ \
         url: \"{}\" }} }}\n",
        site.url("/")
    );
    let setup = Setup::new(&text).env("TERM", "xterm");
    let (seen, dumb) = tokio::task::spawn_blocking(move || {
        let arguments = ["probe", "gpki/portal"];
        let seen = in_a_terminal(&setup.command(&arguments));
        let setup = setup.env("TERM", "dumb");
        (seen, in_a_terminal(&setup.command(&arguments)))
    })
    .await
    .unwrap();
    let (live, whole) = seen.split_once('█').unwrap();
    let responded = live.lines().find(|line| line.trim_start().starts_with("302"));
    assert!(responded.is_some_and(|line| line.contains(&site.url("/"))), "{seen:?}");
    for part in ["  connect ", "  processing ", "...", "s of at most 2s", "\u{1b}[J"] {
        assert!(live.contains(part), "{part:?} is not in {live:?}");
    }
    assert!(whole.contains("response_timeout"), "{whole:?}");
    assert!(dumb.contains("response_timeout") && !dumb.contains('\u{1b}'), "{dumb:?}");
}

#[test]
fn what_is_expected_of_a_handshake_is_said() {
    let setup = configured(
        "      - name: cert\n        tls:\n          address: 127.0.0.1:9\n          expect: { min_version: 1.3, \
         issuer: { contains: Own }, key: { type: [rsa, ecdsa], min_bits: 256 }, min_days_left: 14, time: { lt: 2s \
         } }\n",
    );
    let output = setup.output(&["probe", "gpki/cert"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 1, "{text}");
    for part in [
        "expected     TLS 1.3\n",
        "expected     issuer contains \"Own\"\n",
        "expected     key RSA or ECDSA, at least 256 bits\n",
        "expected     at least 14 days left\n",
        "expected     time < 2s\n",
        "reason       connect_refused: ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

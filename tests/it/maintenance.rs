//! `bongsu maintenance`: windows that people open on a running daemon.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

/// Signed as everything must be.
const SIGNED: [&str; 4] = ["--by", "홍길동", "--why", "디스크 교체"];

fn services(url: &str) -> String {
    format!(
        "services:\n  - name: tax\n    probes: [{{ name: front, http: {{ url: \"{url}\" }} }}]\n  - name: saeol\n    \
         for_each: {{ site: [jongno, seocho] }}\n    probes: [{{ name: front, http: {{ url: \"{url}${{site}}\" }} }}]\n"
    )
}

fn daemon() -> (Daemon, PathBuf, Target) {
    let target = Target::answering("ok");
    let setup = Setup::new(&services(&target.url()));
    let file = setup.path().join("work.yml");
    let daemon = setup
        .flag(format!("--maintenance.file={}", file.display()))
        .flag("--web.enable-lifecycle")
        .start();
    daemon.wait_until_ready();
    (daemon, file, target)
}

fn maintenance(setup: &Setup, arguments: &[&str]) -> Output {
    setup.output(&[&["maintenance"], arguments].concat())
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(output: Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

fn active(daemon: &Daemon, labels: &str, wanted: f64) {
    let start = format!("bongsu_maintenance_active{{{labels}}}");
    eventually(&format!("{start} {wanted}"), || (daemon.sample(&start) == wanted).then_some(()));
}

#[test]
fn a_window_is_opened_and_ended_on_a_running_daemon() {
    let (daemon, file, _target) = daemon();
    let hash = daemon.get("/api/v1/status").json()["config"]["hash"].clone();
    let arguments = ["add", "tax", "saeol/seocho", "--for", "2h", "--name", "disk"];
    let said = done(maintenance(&daemon.setup, &[&arguments[..], &SIGNED].concat()));
    assert!(said.starts_with("disk: tax, saeol/seocho, "), "{said}");
    assert!(said.contains("emergency work (what is down counts as a fault)"), "{said}");
    active(&daemon, r#"service="tax",name="disk",kind="emergency""#, 1.0);
    active(&daemon, r#"service="saeol",site="seocho",name="disk",kind="emergency""#, 1.0);
    assert_eq!(daemon.sample("bongsu_maintenance_file_valid"), 1.0);
    let status = daemon.get("/api/v1/status").json();
    assert_eq!(status["maintenance"][0]["kind"], "emergency");
    assert_eq!(status["maintenance"][0]["reason"], "디스크 교체");
    assert_eq!(status["config"]["hash"], hash, "it is no other configuration");
    let page = daemon.get("/?lang=ko").text();
    assert!(page.contains("긴급 점검 중 (장애 시간에 포함)"), "{page}");

    // Another configuration takes nothing of it away.
    assert_eq!(daemon.post("/-/reload").status, 200);
    active(&daemon, r#"service="tax",name="disk",kind="emergency""#, 1.0);

    let listed = done(maintenance(&daemon.setup, &["list"]));
    assert!(listed.contains("disk: open, emergency, ") && listed.contains("홍길동"), "{listed}");
    let end = ["end", "disk", "--by", "김철수", "--why", "일찍 끝남"];
    assert_eq!(done(maintenance(&daemon.setup, &end)), "disk: ended\n");
    active(&daemon, r#"service="tax",name="disk",kind="emergency""#, 0.0);
    assert_eq!(daemon.get("/api/v1/status").json()["maintenance"].as_array().unwrap().len(), 0);
    daemon.logged(&["windows of maintenance were opened or ended by hand"]);

    assert_eq!(done(maintenance(&daemon.setup, &["list"])), "No window is open or to come.\n");
    let all: serde_json::Value =
        serde_json::from_str(&done(maintenance(&daemon.setup, &["list", "--all", "--json"])))
            .unwrap();
    assert_eq!(all[0]["state"], "over");
    assert_eq!([&all[0]["by"], &all[0]["why"]], ["홍길동", "디스크 교체"]);
    assert_eq!([&all[0]["ended"]["by"], &all[0]["ended"]["why"]], ["김철수", "일찍 끝남"]);
    let record = fs::read_to_string(&file).unwrap();
    assert_eq!(record.lines().count(), 3, "a line for each change: {record}");
}

#[test]
fn what_was_announced_excuses_and_may_lie_ahead() {
    let (daemon, ..) = daemon();
    let arguments = ["add", "tax", "--announced", "--from", "2099-01-01T02:00"];
    let until = ["--until", "2099-01-01T06:00"];
    let said = done(maintenance(&daemon.setup, &[&arguments[..], &until, &SIGNED].concat()));
    assert!(said.starts_with("work-2099-01-01-02-00: tax, 2099-01-01 02:00 KST"), "{said}");
    let labels = r#"service="tax",name="work-2099-01-01-02-00",kind="announced""#;
    active(&daemon, labels, 0.0);
    let start = daemon.sample(&format!("bongsu_maintenance_start_timestamp_seconds{{{labels}}}"));
    let end = daemon.sample(&format!("bongsu_maintenance_end_timestamp_seconds{{{labels}}}"));
    // 17:00 UTC on the last day of 2098.
    assert_eq!((start, end - start), (4_070_883_600.0, 4.0 * 3600.0));
    let again = done(maintenance(&daemon.setup, &[&arguments[..], &until, &SIGNED].concat()));
    assert!(again.starts_with("work-2099-01-01-02-00-2: "), "{again}");
}

#[test]
fn nothing_is_written_without_a_name_a_reason_and_a_service_that_exists() {
    let target = Target::answering("ok");
    let setup = Setup::new(&services(&target.url()));
    let file = setup.path().join("work.yml");
    let no_file = refused(maintenance(&setup, &["list"]), 2);
    assert!(no_file.contains("--maintenance.file"), "{no_file}");
    let setup = setup.flag(format!("--maintenance.file={}", file.display()));
    let by = ["--by", "홍길동"];
    for (arguments, said) in [
        (vec!["add", "tax", "--for", "2h", "--by", "홍길동"], "--why"),
        (vec!["add", "tax", "--for", "2h", "--why", "x"], "--by"),
        (vec!["add", "tax", "--by", "홍길동", "--why", "x"], "--until"),
        (vec!["add", "tax", "--for", "2h", "--by", " ", "--why", "x"], "--by: "),
        (vec!["add", "tax", "--for", "2h", "--by", "x", "--why", "a\nb"], "--why: has line breaks"),
        (vec!["add", "taxx", "--for", "2h", "--by", "x", "--why", "y"], "did you mean \"tax\"?"),
        (vec!["add", "tax/jongno", "--for", "2h", "--by", "x", "--why", "y"], "has no site"),
        (vec!["add", "saeol/secho", "--for", "2h", "--by", "x", "--why", "y"], "\"seocho\"?"),
        (
            vec!["add", "tax", "--for", "800h", "--by", "x", "--why", "y"],
            "--for: makes the window longer than 31 days",
        ),
        (
            vec!["add", "tax", "--until", "2020-01-01T00:00", "--by", "x", "--why", "y"],
            "--until: is not after its beginning (20",
        ),
        (
            vec!["add", "tax", "--until", "2099-01-01T00:00-05:00", "--by", "x", "--why", "y"],
            "it has a zone; write the local time without one",
        ),
        (
            vec!["add", "tax", "--until", "02:00", "--by", "x", "--why", "y"],
            "it is no day with a time; write 2026-11-30T02:00",
        ),
        (vec!["add", "tax", "--for", "2h", "--name", "A b", "--by", "x", "--why", "y"], "--name: "),
    ] {
        let text = refused(maintenance(&setup, &arguments), 2);
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    assert!(!file.exists());
    let ended =
        refused(maintenance(&setup, &[&["end", "disk", "--why", "x"][..], &by].concat()), 1);
    assert!(ended.contains("no window \"disk\" is open or to come; none is"), "{ended}");
    let add = ["add", "tax", "--for", "2h", "--name", "disk"];
    done(maintenance(&setup, &[&add[..], &SIGNED].concat()));
    let twice = refused(maintenance(&setup, &[&add[..], &SIGNED].concat()), 1);
    assert!(twice.contains("a window is called \"disk\" already"), "{twice}");
}

#[test]
fn a_damaged_file_keeps_its_last_good_windows_and_is_told_once() {
    let (daemon, file, _target) = daemon();
    let add = ["add", "tax", "--for", "2h", "--name", "disk"];
    done(maintenance(&daemon.setup, &[&add[..], &SIGNED].concat()));
    let labels = r#"service="tax",name="disk",kind="emergency""#;
    active(&daemon, labels, 1.0);
    let good = fs::read_to_string(&file).unwrap();
    daemon.setup.write("work.yml", format!("{good}- {{ end: disc, by: x, why: y, at: soon }}\n"));
    eventually("not valid", || {
        (daemon.sample("bongsu_maintenance_file_valid") == 0.0).then_some(())
    });
    let told = daemon.logged(&["the windows in --maintenance.file are not all in force"]);
    assert!(told.contains("[1].at:") && told.contains("work.yml"), "{told}");
    active(&daemon, labels, 1.0);
    let refused = refused(maintenance(&daemon.setup, &["list"]), 1);
    assert!(refused.contains("3:31  [1].at: \"soon\" is no instant"), "{refused}");

    // A service that is gone is a mistake while a window over it is open.
    daemon.setup.write("work.yml", good.replace("\"tax\"", "\"bus\""));
    daemon.logged(&["no service is named \\\"bus\\\""]);
    assert!(!daemon.metrics().contains(&format!("bongsu_maintenance_active{{{labels}}}")));
    daemon.setup.write("work.yml", &good);
    active(&daemon, labels, 1.0);
    assert_eq!(daemon.sample("bongsu_maintenance_file_valid"), 1.0);
    let log = daemon.log();
    let times = log.lines().filter(|line| line.contains("not all in force")).count();
    assert_eq!(times, 2, "once for each problem:\n{log}");
}

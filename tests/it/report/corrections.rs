//! Corrections take minutes out or put them in, and are shown with reason and name.

use serde_json::json;

use super::month::{february, minutes, subject};
use super::{json, report, stdout};
use crate::support::daemon::Setup;

const FILE: &str = "\
corrections:
  - service: gov24
    from: 2026-02-03T10:30:07
    until: 2026-02-03T12:00
    fault: false
    reason: 프로버가 있는 망의 단절
    name: 홍길동
  - service: saeol
    site: mapo
    from: 2026-02-14T09:00
    until: 2026-02-14T09:10
    fault: true
    reason: =cmd|' /C calc'!A0
    name: 김철수
  - service: gov25
    from: 2026-02-14T09:00
    until: 2026-02-14T09:10
    fault: false
    reason: 이름이 틀림
    name: 김철수
";

#[test]
fn corrected_minutes_stand_beside_the_measured_ones_with_reason_and_name() {
    let setup = Setup::new("");
    let file = setup.write("corrections.yml", FILE).display().to_string();
    let report = json(february(&["--format", "json", "--corrections", &file]));
    let gov24 = subject(&report, "gov24", None);
    assert_eq!(minutes(gov24, "fault_seconds"), 30.0);
    assert_eq!(minutes(gov24, "measured_fault_seconds"), 60.0);
    assert_eq!(gov24["is_met"], true, "30 of 32.3 minutes");
    let mapo = subject(&report, "saeol", Some("mapo"));
    assert_eq!(minutes(mapo, "fault_seconds"), 224.0);
    assert_eq!(minutes(subject(&report, "saeol", None), "fault_seconds"), 214.0, "the site alone");
    let corrections = report["corrections"].as_array().unwrap();
    assert_eq!(
        corrections[0]["changes"],
        json!([{"service": "gov24", "site": null, "seconds": -1800.0}])
    );
    assert_eq!(
        [&corrections[0]["reason"], &corrections[0]["name"]],
        ["프로버가 있는 망의 단절", "홍길동"]
    );
    assert_eq!(corrections[2]["changes"], json!([]));

    let text = stdout(february(&["--lang", "ko", "--corrections", &file]));
    for part in ["gov24 -30.0", "saeol@mapo +10.0", "장애에서 뺌", "바뀐 시간 없음", "정정됨"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = stdout(february(&["--format", "csv", "--corrections", &file]));
    assert!(csv.contains(",'=cmd|"), "a formula is text: {csv}");
}

#[test]
fn everything_that_is_wrong_with_the_file_is_told_with_its_line() {
    let setup = Setup::new("");
    let file = setup.write(
        "corrections.yml",
        "corrections:\n  - service: gov24\n    from: 2026-02-03 10시\n    until: 2026-02-03T11:00\n    \
         fault: maybe\n    reason: ' '\n    nam: 홍길동\n  - service: gov24\n    from: \
         2026-02-03T11:00\n    until: 2026-02-03T11:00\n    fault: true\n    reason: a\n    name: b\n",
    );
    let arguments = ["--month", "2026-02", "--corrections", &file.display().to_string()];
    // Nobody is asked.
    let output = report(&setup, "month", "http://127.0.0.1:1", &arguments);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap().replace(&file.display().to_string(), "F");
    let wanted = "\
F: 6 problems, nothing was reported
  2:5   corrections[0]: \"name\" is missing
  3:5   corrections[0].from: is no local time; write 2026-11-03T10:00 (Korea's time)
  5:5   corrections[0].fault: expected true or false, found text
  6:5   corrections[0].reason: is empty; give a value or remove the key
  7:5   corrections[0].nam: unknown key; did you mean \"name\"?
  10:5  corrections[1].until: is not after \"from\"
";
    assert_eq!(said, wanted);
}

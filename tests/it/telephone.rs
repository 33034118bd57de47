//! What reaches a person: the chats' receivers and the SMS bridge, driven by a real Alertmanager.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::alert_rules::pypi;

/// Where Debian unstable can be reached; elsewhere it is said aloud that nothing was tried.
#[test]
fn chats_get_what_they_take() {
    const NOT_TO_BE_HAD: i32 = 75;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("tests/rules/newer.sh")
        .arg("--tools")
        .current_dir(root)
        .output()
        .unwrap_or_else(|error| panic!("tests/rules/newer.sh: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() == Some(NOT_TO_BE_HAD) {
        let text = format!("NOT TESTED with Alertmanager 0.32 or later:\n{said}\n");
        // Past the test runner, which shows only what failed.
        return std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    assert!(output.status.success(), "{said}");
    let said = pypi("tests/alertmanager", "python3", &["chats.py", "../../target/newer/bin"]);
    for chat in ["dooray", "jandi", "kakaowork", "naver-works"] {
        assert!(said.contains(&format!("{chat}: ")), "{said}");
    }
}

#[test]
fn the_sms_bridge_sends_each_page_once() {
    let said = pypi("tests/alertmanager", "python3", &["sms_bridge.py"]);
    assert!(said.contains("9 passed, 0 failed"), "{said}");
}

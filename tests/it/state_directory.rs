//! A state directory that is not as it should be at the start: what can be lived with, and what not.

use std::fs;
use std::path::Path;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;

fn setup(target: &Target, state: &Path) -> Setup {
    let url = target.url();
    Setup::new(&format!(
        "defaults: {{ interval: 1s, timeout: 500ms }}\nservices:\n  - name: gov24\n    probes:\n      \
         - name: front\n        http: {{ url: \"{url}\" }}\n"
    ))
    .flag(format!("--state.dir={}", state.display()))
}

fn watches(_running: &Daemon, target: &Target) {
    let seen = target.requests();
    eventually("it watches", || (target.requests() > seen + 1).then_some(()));
}

#[test]
fn a_directory_that_cannot_be_written_is_told_and_everything_is_watched() {
    let target = Target::answering("봉수");
    let state = tempfile::tempdir().unwrap();
    let full = setup(&target, state.path()).on_a_full_disk().start();
    // Nobody can write there, not even root.
    let closed = setup(&target, Path::new("/proc")).start();
    for daemon in [full, closed] {
        watches(&daemon, &target);
        daemon.logged(&["level=error", "held accounts cannot be written to the state directory"]);
        daemon.logged(&["level=error", "the evidence of failures cannot be written"]);
        let page = daemon.get("/?lang=en").text();
        assert!(page.contains("The state directory (--state.dir) cannot be written"), "{page}");
        let page = daemon.get("/?lang=ko").text();
        assert!(page.contains("상태 디렉터리(--state.dir)에 쓸 수 없어"), "{page}");
    }
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "no halves are left");
}

#[test]
fn a_directory_that_can_be_written_again_is() {
    let target = Target::answering("봉수");
    let state = tempfile::tempdir().unwrap();
    let draft = state.path().join("accounts.json.new");
    fs::create_dir(&draft).unwrap();
    let daemon = setup(&target, state.path()).start();
    daemon.logged(&["level=error", "held accounts cannot be written to the state directory"]);
    fs::remove_dir(&draft).unwrap();
    daemon.logged(&["level=info", "held accounts are written again"]);
    assert!(state.path().join("accounts.json").exists());
    let page = daemon.get("/?lang=en").text();
    assert!(!page.contains("The state directory"), "{page}");
}

#[test]
fn two_daemons_do_not_share_a_directory() {
    let target = Target::answering("봉수");
    let state = tempfile::tempdir().unwrap();
    let mut first = setup(&target, state.path()).start();
    let second = setup(&target, state.path());
    let (code, said) = second.ended(&["--web.listen-address=127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    let directory = state.path().display();
    let clear = format!("--state.dir {directory}: another bongsu that runs keeps its state there");
    assert!(said.contains(&clear), "{said}");
    watches(&first, &target);
    // To look once is not to share it.
    let once = setup(&target, state.path()).output(&["probe", "gov24/front"]);
    assert_eq!(once.status.code(), Some(0), "{once:?}");
    assert!(first.stop().success());
    watches(&setup(&target, state.path()).start(), &target);
}

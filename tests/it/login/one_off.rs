//! `bongsu probe` beside a daemon: an account that the daemon holds is left alone.

use crate::support::daemon::{Setup, eventually};
use crate::support::http::{Reply, RoutedSite, Routes};

fn config(site: &RoutedSite) -> String {
    format!(
        "defaults: {{ interval: 5s, timeout: 4s }}\nsecrets:\n  user: {{ file: user }}\n  pass: \
         {{ file: pass }}\nservices:\n  - name: saeol\n    probes:\n      - name: login\n        \
         login:\n          base: {}\n          steps:\n            - name: submit\n              \
         post: /in\n              json: {{ u: '${{secret.user}}', p: '${{secret.pass}}' }}\n              \
         fail_if: [ {{ reason: bad_credentials, body: {{ contains: rejected }} }} ]\n              \
         expect: {{ css: {{ 'a[href*=logout]': exists }} }}\n",
        site.url("")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_account_is_said_to_be_held_and_not_logged_in_with() {
    let site = Routes::new().on("POST", "/in", |_| Reply::html("rejected")).serve().await;
    let state = tempfile::tempdir().unwrap();
    let flag = format!("--state.dir={}", state.path().display());
    let setup = || {
        let setup = Setup::new(&config(&site));
        setup.write("user", "prober");
        setup.write("pass", "no longer the password");
        setup
    };
    tokio::task::block_in_place(|| {
        let mut daemon = setup().flag(&flag).start();
        eventually("the account is held", || {
            let text = daemon.metrics();
            let held = |line: &str| line.starts_with("bongsu_account_held") && line.ends_with(" 1");
            text.lines().any(held).then_some(())
        });
        assert!(daemon.stop().success());
        let asked = site.of("POST", "/in").len();
        let kept = std::fs::read(state.path().join("accounts.json")).unwrap();

        let setup = setup();
        let output = setup.output(&["probe", "saeol/login", &flag]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("reason       account_held"), "{text}");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(site.of("POST", "/in").len(), asked, "it logged in all the same");
        let after = std::fs::read(state.path().join("accounts.json")).unwrap();
        assert_eq!(kept, after, "the daemon's file was written by another process");

        // Without the directory nothing is known of it.
        let output = setup.output(&["probe", "saeol/login"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("reason       bad_credentials"), "{text}");
        let output = setup.output(&["probe", "saeol/login", "--state.dir=/nonexistent"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--state.dir /nonexistent"));
    });
}

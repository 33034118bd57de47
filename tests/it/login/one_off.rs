//! `bongsu probe` beside a daemon: an account that the daemon holds is left alone.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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

/// A daemon and runs by hand with one account and one-time codes, at a site that takes each code once
/// and has one session: neither gets in the other's way.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_hand_takes_the_accounts_turn_and_a_code_of_its_own() {
    let codes = Arc::new(Mutex::new(BTreeSet::new()));
    let is_in = Arc::new(AtomicBool::new(false));
    let collisions = Arc::new(Mutex::new(Vec::new()));
    let (used, open, seen) = (Arc::clone(&codes), Arc::clone(&is_in), Arc::clone(&collisions));
    let left = Arc::clone(&is_in);
    let site = Routes::new()
        .on("POST", "/in", move |asked| {
            let code = asked.field("otp").unwrap_or_default();
            let is_new = used.lock().unwrap().insert(code.clone());
            let is_free = !open.swap(true, Ordering::SeqCst);
            if is_new && is_free {
                return Reply::html("<a href=/logout>out</a>");
            }
            seen.lock().unwrap().push((code, is_new, is_free));
            Reply::html("rejected")
        })
        .on("GET", "/logout", move |_| {
            left.store(false, Ordering::SeqCst);
            Reply::html("bye")
        })
        .serve()
        .await;
    let config = format!(
        "defaults: {{ interval: 12s, timeout: 3s }}\nsecrets:\n  user: {{ file: user }}\n  otp: {{ \
         file: otp }}\nservices:\n  - name: saeol\n    probes:\n      - name: login\n        \
         login:\n          base: {}\n          steps:\n            - name: submit\n              \
         post: /in\n              form: {{ user: '${{secret.user}}', otp: '${{secret.otp | totp}}' \
         }}\n              fail_if: [ {{ reason: bad_credentials, body: {{ contains: rejected }} }} \
         ]\n              expect: {{ css: {{ 'a[href*=logout]': exists }} }}\n            - {{ name: \
         look_around, wait: 800ms }}\n          finally:\n            - {{ name: out, get: /logout \
         }}\n",
        site.url("")
    );
    let state = tempfile::tempdir().unwrap();
    let flag = format!("--state.dir={}", state.path().display());
    let setup = || {
        let setup = Setup::new(&config);
        setup.write("user", "prober");
        // Of eight digits, so that two codes are hardly ever alike. One lives longer than a run takes.
        let key = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8&period=2";
        setup.write("otp", key);
        setup
    };
    tokio::task::block_in_place(|| {
        let mut daemon = setup().flag(&flag).start();
        let by_hand = setup();
        eventually("the daemon logs in", || (!codes.lock().unwrap().is_empty()).then_some(()));
        let before = codes.lock().unwrap().len();
        // Somebody always wants the account.
        let runs: Vec<_> = (0..3)
            .map(|_| by_hand.command(&["probe", "saeol/login", &flag]))
            .map(|mut run| run.stdout(Stdio::piped()).spawn().unwrap())
            .collect();
        for run in runs {
            let output = run.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}\n{:?}", collisions.lock().unwrap());
        }
        eventually("the daemon logs in between", || {
            (codes.lock().unwrap().len() > before + 3).then_some(())
        });
        assert_eq!(*collisions.lock().unwrap(), []);
        let metrics = daemon.metrics();
        assert!(!metrics.contains("bongsu_probe_failures_total{"), "{metrics}");
        assert!(daemon.stop().success());
    });
}

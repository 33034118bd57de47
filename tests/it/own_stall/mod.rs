//! The prober is stopped, throttled and crowded out, at the real process. Targets that answer all the
//! time are never told down, and an outage that begins meanwhile is told within two runs of the
//! end.
//!
//! | What is done to the prober | Test |
//! |---|---|
//! | stopped once, as when its virtual machine pauses | [`a_process_that_was_stopped_once_blames_nobody`] |
//! | stopped for most of the time, hundreds of targets, no controls | [`a_process_that_hardly_runs_blames_nobody`] |
//! | stopped again and again while its controls answer | [`a_process_that_is_stopped_again_and_again_blames_nobody`] |
//! | a busy neighbour, with and without controls | [`a_neighbour_that_takes_the_processor_makes_nobody_look_down`], [`a_neighbour_does_not_either_when_controls_answer`] |
//! | a container's share of the processor is used up | [`a_throttled_container_makes_nobody_look_down`] |
//! | stopped during logins | [`logins_during_a_stall_are_nobodys_fault_and_no_account_is_held`] |
//! | large pages, read beside many others | [`pages_that_wait_for_our_processor_make_nobody_look_down`] |
//! | a clock that is wrong, with and without controls | `own_clock` |
//! | no name server of its own that is of use | `own_resolver` |
//!
//! `STALL=long` (`make stall`) takes the sizes and times at which a prober that does not know itself
//! was seen to fail, and prints what it saw.
#![allow(clippy::print_stdout)]

mod neighbour;
mod watched;

use std::time::Duration;

use bongsu::outcome::Reason;
use rustix::process::Signal;

use self::neighbour::{Crowd, ThrottledGroup};
use self::watched::{Runs, Watched, broken, healthy, http};
use crate::support::daemon::eventually;
use crate::support::estate::Estate;

fn is_long() -> bool {
    std::env::var("STALL").is_ok_and(|length| length == "long")
}

/// The short form's value, or the long one's.
fn sized<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// What stands before a configuration whose controls answer.
fn with(controls: &Estate) -> String {
    format!("controls: [ 'http://{}/' ]\n", controls.address)
}

#[test]
fn a_process_that_was_stopped_once_blames_nobody() {
    let watched = Watched::new(60, "");
    let time = sized(Duration::from_secs(4), Duration::from_secs(10));
    watched.daemon.signal(Signal::STOP);
    std::thread::sleep(time);
    watched.estate.break_down();
    watched.daemon.signal(Signal::CONT);
    watched.judge(&format!("stopped for {time:?}, 60 targets"));
    let runs = watched.healthy();
    assert!(runs.unknown > 0.0, "no run was under way: {runs:?}");
    assert!(watched.reasons().contains(Reason::ProberStalled.as_str()), "{}", watched.reasons());
    watched.daemon.logged(&["this prober stood still", "stopped, or its machine paused"]);
}

#[test]
fn a_process_that_is_stopped_again_and_again_blames_nobody() {
    let controls = Estate::thinking(Duration::from_millis(10));
    let watched = Watched::new(sized(40, 90), &with(&controls));
    let total = sized(Duration::from_secs(9), Duration::from_secs(25));
    watched.stop_and_go(Duration::from_millis(2500), Duration::from_millis(100), total);
    watched.judge("stopped 2.5 s, running 0.1 s, with controls");
    assert!(watched.daemon.metrics().contains("bongsu_vantage_online 1"), "the controls answered");
}

#[test]
fn a_process_that_hardly_runs_blames_nobody() {
    let targets = sized(300, 2100);
    // A debug build has not more in it.
    let watched = Watched::every(sized("3s", "15s"), targets, "");
    let total = sized(Duration::from_secs(8), Duration::from_secs(25));
    watched.stop_and_go(Duration::from_millis(300), Duration::from_millis(6), total);
    watched.judge(&format!("stopped 300 ms, running 6 ms, for {total:?}, {targets} targets"));
}

#[test]
fn a_neighbour_that_takes_the_processor_makes_nobody_look_down() {
    crowd_out("", "");
}

#[test]
fn a_neighbour_does_not_either_when_controls_answer() {
    let controls = Estate::thinking(Duration::from_millis(10));
    crowd_out(&with(&controls), ", with controls");
}

fn crowd_out(top: &str, how: &str) {
    let watched = Watched::new(sized(60, 100), top);
    let crowd = Crowd::around(&watched.daemon);
    let time = sized(Duration::from_secs(8), Duration::from_secs(20));
    std::thread::sleep(time);
    watched.estate.break_down();
    drop(crowd);
    watched.judge(&format!("a neighbour at nice -20 for {time:?}{how}"));
}

/// By the control group where this machine lets us make one, and else by what it does.
#[test]
fn a_throttled_container_makes_nobody_look_down() {
    let watched = Watched::every(sized("3s", "10s"), sized(300, 1000), "");
    let time = sized(Duration::from_secs(8), Duration::from_secs(20));
    match ThrottledGroup::around(&watched.daemon) {
        Ok(group) => {
            std::thread::sleep(time);
            watched.estate.break_down();
            drop(group);
        }
        Err(error) => {
            println!("no control group ({error}): stopped and let run instead");
            watched.stop_and_go(Duration::from_millis(90), Duration::from_millis(4), time);
        }
    }
    watched.judge(&format!("throttled for {time:?}"));
}

/// A login whose first page is this one; its account is that of the site.
fn login(name: &str, first_page: &str, account: &str) -> String {
    format!(
        "      - name: {name}\n        login:\n          account: {account}\n          base: 'http://AT'\n          \
         steps:\n            - {{ name: page, get: {first_page} }}\n            - {{ name: form, get: /form }}\n            \
         - name: in\n              submit: {{ form: form, fields: {{ user: '${{secret.{account}}}', pass: \
         '${{secret.pw}}' }} }}\n              expect: {{ css: {{ '#welcome': exists }} }}\n"
    )
}

#[test]
fn logins_during_a_stall_are_nobodys_fault_and_no_account_is_held() {
    let count = sized(12, 30);
    let watched = Watched::of(|at| {
        let accounts = "    secrets: { officer: { env: CANARY_USER } }\n    probes:\n";
        let services = healthy(count, &login("login", "/fine", "officer"))
            + &broken(&login("hang", "/hang", "u_hang"), &login("error", "/error", "u_error"));
        format!(
            "defaults: {{ interval: 3s, timeout: 2s }}\nsecrets:\n  pw: {{ env: CANARY_PASS }}\n  u_hang: {{ env: \
             CANARY_USER }}\n  u_error: {{ env: CANARY_USER }}\nservices:\n{}",
            services.replace("AT", &at.to_string()).replacen("    probes:\n", accounts, 1)
        )
    });
    watched.wait_for_successes(count);
    let stops = sized(2, 3);
    for number in 1..=stops {
        watched.daemon.signal(Signal::STOP);
        std::thread::sleep(sized(Duration::from_secs(3), Duration::from_secs(8)));
        if number == stops {
            watched.estate.break_down();
        }
        watched.daemon.signal(Signal::CONT);
        std::thread::sleep(Duration::from_millis(400));
    }
    watched.judge(&format!("{count} logins, stopped {stops} times"));
    let runs = watched.healthy();
    assert!(runs.unknown > 0.0, "no login was under way: {runs:?}");
    let metrics = watched.daemon.metrics();
    for line in metrics.lines().filter(|line| line.starts_with("bongsu_account_held{")) {
        assert!(line.ends_with(" 0"), "{line}");
    }
}

/// Each is a megabyte, and all of them come at once, once. The outage begins meanwhile.
#[test]
fn pages_that_wait_for_our_processor_make_nobody_look_down() {
    let pages = 60;
    let watched = Watched::of(|at| {
        let large = format!(
            "      - {{ name: large, interval: 5m, timeout: 2s, recheck: off, http: {{ url: 'http://{at}/large', \
             body_limit: 2MiB, expect: {{ css: {{ 'h1': absent }} }} }} }}\n"
        );
        format!(
            "defaults: {{ interval: 3s, timeout: 2s, recheck: 1s }}\nservices:\n{}{}",
            healthy(pages, &large),
            broken(&http("hang", at), &http("error", at))
        )
    });
    let all = |runs: Runs, part: f64| (runs.all() >= part * pages as f64).then_some(());
    eventually("some pages", || all(watched.healthy(), 0.3));
    watched.estate.break_down();
    eventually("all pages", || all(watched.healthy(), 1.0));
    watched.tells_the_outage("60 pages of a megabyte at once");
    watched.blames_nobody_healthy("60 pages of a megabyte at once");
}

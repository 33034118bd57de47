//! A panic whose text holds a secret: nothing of it is put out. This binary starts itself once
//! more for that, because the words of a panic go to the standard error of a process.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bongsu::cli::{LogFormat, LogLevel};
use bongsu::config::{Target, TargetId};
use bongsu::controls::Controls;
use bongsu::deadline::Deadline;
use bongsu::outcome::{Facts, Failure, Reason};
use bongsu::probe::{self, Probe};
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::{Cadence, Observer, Run, Scheduler};
use bongsu::stop::Stop;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::canary::{PASS, is_clean};
use crate::support::scripted::{secs, spec, up};

/// Set where the panics are to happen.
const INSIDE: &str = "BONGSU_TEST_PANICS";

/// Cuts a password in the middle of a character; Rust's text then quotes the whole of it.
struct Cuts;

impl Probe for Cuts {
    fn attempt<'a>(
        &'a self,
        _facts: &'a mut Facts,
        _deadline: &'a Deadline,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let pass = std::hint::black_box(PASS);
        async move { Err(Failure::new(Reason::Internal, &pass[..1])) }.boxed()
    }
}

/// Puts a password into its own words.
struct Tells;

impl Observer for Tells {
    fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}
    fn started(&self, _target: &Arc<Target>) {}
    fn observe(&self, _target: &Arc<Target>, _run: &Run) {
        panic!("{PASS} was refused");
    }
    fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}
    fn forget(&self, _id: &TargetId) {}
}

/// What else the process would say of its panics.
async fn panic_everywhere() -> String {
    bongsu::log::start(LogLevel::Trace, LogFormat::Logfmt);
    bongsu::panics::install();
    let outcome = probe::run(&Cuts, Duration::from_secs(1), &Stop::default()).await;
    let said = format!("{outcome:?} {}\n", outcome.result.as_ref().unwrap_err());
    let controls = Arc::new(Controls::none());
    let mut scheduler = Scheduler::new(Limits::default(), controls, Arc::new(Tells));
    scheduler.apply(vec![spec("gov24", secs(1)).timeout(secs(1) / 2).runs(vec![up()])]);
    let died = scheduler.failed().await;
    bongsu::log_queue::flush(Duration::from_secs(30));
    format!("{said}{died}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_that_holds_a_secret_does_not_show_it() {
    if std::env::var_os(INSIDE).is_some() {
        let said = panic_everywhere().await;
        return std::io::stdout().write_all(said.as_bytes()).unwrap();
    }
    let name = "login::panicking::a_panic_that_holds_a_secret_does_not_show_it";
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = tokio::task::block_in_place(|| again.output().unwrap());
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    is_clean("a panic", &text);
    assert!(text.contains("internal: the probe panicked"), "{text}");
    assert!(text.contains("the task of gov24/front died"), "{text}");
    // Where the bug is can still be read.
    let places = text.lines().filter(|line| line.contains("panicking.rs:")).count();
    assert_eq!(places, 2, "{text}");
}

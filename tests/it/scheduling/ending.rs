//! Shutdown, and what happens when something dies.

use std::sync::Arc;

use bongsu::config::{Target, TargetId};
use bongsu::controls::Controls;
use bongsu::outcome::Verdict;
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::{Cadence, Observer, Run, Scheduler, Stopped};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

use crate::support::scripted::{
    Event, Step, Takes, Witness, limited, named, scheduler, secs, spec, up,
};

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_runs_under_way_and_starts_no_others() {
    let witness = Witness::new();
    let busy = named(secs(60), 0..1_000);
    let idle = named(secs(60), 3_000..4_000);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![
        spec(&busy, secs(60)).timeout(secs(20)).runs(vec![up().after(secs(8))]),
        spec(&idle, secs(60)).runs(vec![up()]),
    ]);
    sleep(secs(2)).await;
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
    assert!((secs(6)..secs(7)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert!(matches!(witness.of(&busy).last(), Some(Event::Ran { .. })));
    assert!(witness.starts(&idle).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_login_is_asked_to_sign_out_when_the_daemon_stops_or_its_target_goes() {
    let witness = Witness::new();
    let name = named(secs(60), 0..1_000);
    let signs_out = || Step { takes: Takes::UntilStopped(secs(2)), result: Ok(()) };
    let login = || spec(&name, secs(60)).timeout(secs(50)).runs(vec![signs_out()]);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![login()]);
    sleep(secs(5)).await;
    scheduler.apply(Vec::new());
    scheduler.apply(vec![login()]);
    sleep(secs(5)).await;
    assert_eq!(witness.starts(&name)[1..], [secs(7)], "the first run is asked to end at 5 s");
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
    assert_eq!(asked.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_off_what_does_not_end_in_time() {
    let witness = Witness::new();
    let busy = named(secs(60), 0..1_000);
    let waiting = named(secs(60), 1_000..2_000);
    let mut scheduler = limited(&witness, Limits { permits: Some(1), ..Limits::default() });
    let work = [&busy, &waiting].map(|name| spec(name, secs(60)).timeout(secs(50)));
    scheduler.apply(work.map(|spec| spec.runs(vec![up().after(secs(40))])).into());
    sleep(secs(5)).await;
    let asked = Instant::now();
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::CutOff(1));
    assert_eq!(asked.elapsed(), secs(10));
    assert!(witness.starts(&waiting).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_probe_is_a_result_and_the_next_run_takes_place() {
    let witness = Witness::new();
    let panics = Step { takes: Takes::Panic, result: Ok(()) };
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec("gov24", secs(30)).runs(vec![panics, up()])]);
    sleep(secs(60)).await;
    let events = witness.of("gov24");
    assert!(matches!(events[2], Event::Ran { verdict: Verdict::Unknown, .. }), "{events:?}");
    assert!(matches!(events[4], Event::Ran { verdict: Verdict::Up, .. }), "{events:?}");
    assert!(scheduler.failed().now_or_never().is_none());
}

/// An observer with a bug.
struct Broken;

impl Observer for Broken {
    fn adopt(&self, _target: &Arc<Target>, _now: Instant) {}
    fn started(&self, _target: &Arc<Target>) {}
    fn observe(&self, _target: &Arc<Target>, _run: &Run) {
        panic!("a bug in the observer");
    }
    fn skipped(&self, _target: &Arc<Target>, _cadence: Cadence, _runs: u64) {}
    fn forget(&self, _id: &TargetId) {}
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_is_reported_with_its_target() {
    let controls = Arc::new(Controls::none());
    let mut scheduler = Scheduler::new(Limits::default(), controls, Arc::new(Broken));
    assert!(scheduler.failed().now_or_never().is_none(), "nothing has failed yet");
    scheduler.apply(vec![spec("gov24", secs(30)).runs(vec![up()])]);
    let failure = scheduler.failed().await;
    assert_eq!(failure.to_string(), "the task of gov24/front died: a bug in the observer");
}

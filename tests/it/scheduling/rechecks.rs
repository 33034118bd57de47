//! Runs that confirm a change, and when they are given up.

use std::sync::Arc;
use std::time::Duration;

use bongsu::controls::{Contact, Controls, Reading};
use bongsu::outcome::{Reason, Verdict};
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::{Cadence, Observer, Scheduler};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use crate::support::scripted::{
    Event, MS, Witness, black_hole, down, fails, limited, named, ran, scheduler, secs, spec, up,
};

#[tokio::test(start_paused = true)]
async fn three_rechecks_follow_a_change_at_exact_instants() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30)).timeout(secs(10)).recheck(secs(5));
    let first = spec.grid(witness.start).first() - witness.start;
    let took = 100 * MS;
    let script = [vec![up().after(took); 2], vec![down().after(took); 5], vec![up().after(took)]];
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(script.concat())]);
    sleep(secs(150)).await;
    let at = |slot: u32, millis: u32| first + secs(30) * slot + millis * MS;
    let expected = [
        at(0, 0),
        at(1, 0),
        at(2, 0), // down
        at(2, 5_100),
        at(2, 10_200),
        at(2, 15_300),
        at(3, 0), // still down
        at(4, 0), // up
        at(4, 5_100),
        at(4, 10_200),
        at(4, 15_300),
    ];
    let starts = witness.starts("gov24");
    let until = at(4, 16_000).min(secs(150));
    let starts: Vec<_> = starts.into_iter().filter(|start| *start < until).collect();
    let expected: Vec<_> = expected.into_iter().filter(|start| *start < until).collect();
    assert_eq!(starts, expected);
    assert!(ran(&witness, "gov24").iter().all(|(_, _, lag)| lag.is_zero()));
    let rechecks = |event: &Event| matches!(event, Event::Ran { cadence: Cadence::Recheck, .. });
    assert_eq!(witness.count(rechecks), expected.len() - 5);
}

#[tokio::test(start_paused = true)]
async fn a_recheck_gives_way_to_the_scheduled_run() {
    let witness = Witness::new();
    let name = named(secs(30), 0..1_000);
    let spec = spec(&name, secs(30)).timeout(secs(10)).recheck(secs(5));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![black_hole()])]);
    sleep(secs(130)).await;
    // 30 s: the second recheck would be due then; 45 s: the third of the three.
    let expected = [0, 15, 30, 45, 60, 90, 120].map(|second| first + secs(second));
    assert_eq!(witness.starts(&name), expected);
    let cadences: Vec<_> = ran(&witness, &name).iter().map(|(cadence, ..)| *cadence).collect();
    use Cadence::{Recheck, Scheduled};
    assert_eq!(cadences[..6], [Scheduled, Recheck, Scheduled, Recheck, Scheduled, Scheduled]);
    assert_eq!(witness.skipped(Recheck), 0, "a confirmation by the scheduled run is none lost");
}

#[tokio::test(start_paused = true)]
async fn unknown_results_do_not_trigger_rechecks() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30)).timeout(secs(10)).recheck(secs(5));
    let held = fails(Reason::AccountHeld);
    let captcha = fails(Reason::Captcha);
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![
        up(),
        held,
        captcha,
        up(),
        fails(Reason::Internal),
        up(),
    ])]);
    sleep(secs(600)).await;
    assert_eq!(witness.starts("gov24").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn rechecks_are_shed_and_scheduled_runs_are_not() {
    let witness = Witness::new();
    // 24 permits, so 3 for rechecks, of which 20 failing targets would need 7.
    let mut scheduler = limited(&witness, Limits { permits: Some(24), ..Limits::default() });
    let specs = (0..20).map(|number| spec(&format!("service-{number}"), secs(60)));
    let specs = specs.map(|spec| spec.timeout(secs(20)).recheck(secs(5)));
    scheduler.apply(specs.map(|spec| spec.runs(vec![black_hole()])).collect());
    sleep(secs(300)).await;
    let done = |event: &Event| matches!(event, Event::Ran { cadence: Cadence::Recheck, .. });
    assert!(witness.count(done) > 0);
    assert!(witness.skipped(Cadence::Recheck) > 0);
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    let late = |event: &Event| matches!(event, Event::Ran { lag, .. } if !lag.is_zero());
    assert_eq!(witness.count(late), 0);
}

#[tokio::test(start_paused = true)]
async fn no_recheck_while_scheduled_runs_are_short_of_permits() {
    let witness = Witness::new();
    let flapping = named(secs(30), 0..1_000);
    let hog = named(secs(60), 1_000..2_000);
    let mut scheduler = limited(&witness, Limits { permits: Some(1), ..Limits::default() });
    scheduler.apply(vec![
        spec(&flapping, secs(30)).recheck(secs(5)).runs(vec![down()]),
        spec(&hog, secs(60)).timeout(secs(20)).runs(vec![black_hole()]),
    ]);
    sleep(secs(29)).await;
    // Due at 5, 10 and 15 s, while the hog has the only permit until 21 s.
    assert_eq!(witness.starts(&flapping).len(), 1);
    assert_eq!(witness.skipped(Cadence::Recheck), 3);
}

struct Offline;

impl Contact for Offline {
    fn anyone(&self) -> BoxFuture<'_, bool> {
        async { false }.boxed()
    }
    fn everyone(&self, _patience: Duration) -> BoxFuture<'_, Reading> {
        async { Reading { online: false, skew: None } }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_offline_vantage_reports_unknown_and_rechecks_nothing() {
    let witness = Witness::new();
    let controls = Arc::new(Controls::none());
    controls.replace(Some(Arc::new(Offline)));
    let observer = Arc::clone(&witness) as Arc<dyn Observer>;
    let mut scheduler = Scheduler::new(Limits::default(), controls, observer);
    let spec = spec("gov24", secs(30)).recheck(secs(5));
    scheduler.apply(vec![spec.runs(vec![black_hole()])]);
    sleep(secs(300)).await;
    assert_eq!(witness.starts("gov24").len(), 10);
    let unknown = |event: &Event| matches!(event, Event::Ran { verdict: Verdict::Unknown, .. });
    assert!(witness.count(unknown) >= 9);
    assert_eq!(witness.skipped(Cadence::Recheck), 0);
}

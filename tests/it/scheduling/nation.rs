//! Every public-sector system of the country at once. Time is paused: a sleep is the day that passes.

use std::time::Duration;

use bongsu::outcome::Verdict;
use bongsu::scheduler::{Cadence, Stopped, Work};
use tokio::time::sleep;

use crate::support::scripted::{Event, MS, Script, Witness, black_hole, scheduler, secs, spec, up};

/// Every public-sector system of the country.
const NATION: usize = 17_000;

fn nation(script: Script) -> Vec<Work> {
    (0..NATION)
        .map(|number| spec(&format!("system-{number}"), secs(30)).timeout(secs(10)))
        .map(|spec| spec.runs(script.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn seventeen_thousand_targets_run_exactly_once_a_slot() {
    let witness = Witness::new();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(nation(vec![up().after(50 * MS)]));
    // All offsets are below 30 s, so after four intervals everybody has had four runs.
    sleep(secs(120) + 60 * MS).await;
    let ran = |event: &Event| matches!(event, Event::Ran { lag, .. } if lag.is_zero());
    assert_eq!(witness.count(ran), 4 * NATION + early(&witness, 60 * MS));
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
}

/// How many targets have run their fifth time `after` the fourth interval.
fn early(witness: &Witness, after: Duration) -> usize {
    let took = 50 * MS;
    let first = |number: usize| spec(&format!("system-{number}"), secs(30)).grid(witness.start);
    (0..NATION).filter(|&number| first(number).first() + took <= witness.start + after).count()
}

#[tokio::test(start_paused = true)]
async fn seventeen_thousand_black_holes_skip_nothing() {
    let witness = Witness::new();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(nation(vec![black_hole()]));
    sleep(secs(130)).await;
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
    let late = |event: &Event| matches!(event, Event::Ran { lag, .. } if !lag.is_zero());
    assert_eq!(witness.count(late), 0, "somebody had to wait for a permit");
    let down = |event: &Event| matches!(event, Event::Ran { verdict: Verdict::Down, .. });
    assert!(witness.count(down) >= 4 * NATION);
    assert_eq!(scheduler.stop(secs(10)).await, Stopped::Clean);
}

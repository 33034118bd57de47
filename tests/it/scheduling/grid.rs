//! Slots, lag and skipped runs.

use std::time::Duration;

use bongsu::scheduler::Cadence;
use bongsu::scheduler::permits::Limits;
use bongsu::scheduler::phase::WallClock;
use tokio::time::{Instant, advance, sleep};

use crate::support::scripted::{
    Event, MS, Step, Takes, Witness, black_hole, limited, named, ran, scheduler, secs, spec, up,
};

#[tokio::test(start_paused = true)]
async fn a_run_starts_at_its_offset_and_then_on_the_grid() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(30));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![up().after(7 * MS)])]);
    sleep(secs(120)).await;
    let expected: Vec<_> = (0..4).map(|slot| first + slot * secs(30)).collect();
    assert_eq!(witness.starts("gov24"), expected);
}

#[tokio::test(start_paused = true)]
async fn vantages_run_rechecked_probes_at_the_same_moment_and_others_apart() {
    let unix = secs(1_700_152_937);
    let begun = Instant::now();
    let work = || {
        vec![
            spec("gov24", secs(30)).recheck(secs(5)).runs(vec![up()]),
            spec("login", secs(30)).runs(vec![up()]),
        ]
    };
    let one = Witness::new();
    let mut first = scheduler(&one).on(WallClock::showing(unix, begun));
    first.apply(work());
    sleep(secs(17)).await;
    let other = Witness::new();
    let mut second = scheduler(&other).on(WallClock::showing(unix + secs(17), Instant::now()));
    second.apply(work());
    sleep(secs(120)).await;
    let of = |witness: &Witness, service: &str| {
        witness.starts(service).last().map(|at| witness.start + *at - begun)
    };
    assert_eq!(of(&one, "gov24"), of(&other, "gov24"));
    let apart = of(&one, "login").zip(of(&other, "login")).map(|(a, b)| a.abs_diff(b).as_secs());
    assert!(matches!(apart, Some(13 | 17)), "{apart:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_interval_has_an_early_first_run() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(3600));
    let grid = spec.grid(witness.start);
    let early = grid.first() - witness.start;
    let on_grid = grid.after(grid.first()) - witness.start;
    assert!(early < secs(30) && on_grid > secs(30));
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![up()])]);
    sleep(secs(7200)).await;
    assert_eq!(witness.starts("gov24"), [early, on_grid, on_grid + secs(3600)]);
}

#[tokio::test(start_paused = true)]
async fn the_grid_does_not_drift_over_a_day() {
    let witness = Witness::new();
    let spec = spec("gov24", secs(20));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    // Durations that share no divisor with the interval or the timer's millisecond.
    let script = (1..50).map(|number| up().after(Duration::from_micros(number * 77_777))).collect();
    scheduler.apply(vec![spec.runs(script)]);
    sleep(secs(86_400)).await;
    let starts = witness.starts("gov24");
    assert_eq!(starts.len(), 4_320);
    for (slot, start) in starts.iter().enumerate() {
        assert_eq!(*start, first + secs(20) * slot as u32, "slot {slot}");
    }
    assert_eq!(witness.skipped(Cadence::Scheduled), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_skipped_when_the_next_one_comes_before_it_could_start() {
    let witness = Witness::new();
    let never = Step { takes: Takes::Forever, result: Ok(()) };
    // It ignores its deadline and is dropped 10.9 s after its start.
    let spec = spec("gov24", secs(10)).timeout(9_900 * MS);
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![never])]);
    sleep(first + 15 * 10_900 * MS).await;
    let runs = ran(&witness, "gov24");
    assert_eq!(runs.len(), 14);
    for (number, (_, finished, lag)) in (0..).zip(&runs) {
        assert_eq!(*finished, first + 10_900 * MS * (number + 1), "run {number}");
        // Each starts 0.9 s later in its slot, until a whole slot has been lost.
        let late = 900 * MS * number;
        assert_eq!(*lag, if number < 12 { late } else { late - secs(10) }, "run {number}");
    }
    let skips: Vec<_> = witness
        .of("gov24")
        .into_iter()
        .filter(|event| matches!(event, Event::Skipped { .. }))
        .collect();
    assert_eq!(skips, [Event::Skipped { cadence: Cadence::Scheduled, runs: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn every_slot_is_run_or_counted_when_permits_are_short_and_everybody_gets_a_turn() {
    let witness = Witness::new();
    let names: Vec<String> = (0..6).map(|number| format!("service-{number}")).collect();
    let mut scheduler = limited(&witness, Limits { permits: Some(2), ..Limits::default() });
    let work = names.iter().map(|name| spec(name, secs(30)).timeout(secs(20)));
    scheduler.apply(work.map(|spec| spec.runs(vec![black_hole()])).collect());
    // Demand is twice the supply: 6 targets of 20 s in 30 s, 2 permits.
    sleep(secs(3_000)).await;
    let mut total = 0;
    for name in &names {
        let runs = witness.starts(name).len() as u64;
        let skipped = witness.of(name).iter().fold(0, |sum, event| match event {
            Event::Skipped { runs, .. } => sum + runs,
            _ => sum,
        });
        assert!((99..=100).contains(&(runs + skipped)), "{name}: {runs} + {skipped}");
        assert!((49..=51).contains(&runs), "{name} had {runs} runs");
        total += runs;
    }
    assert!((297..=300).contains(&total), "the permits were idle: {total} runs");
    for name in &names {
        let late = ran(&witness, name).iter().filter(|(_, _, lag)| *lag >= secs(30)).count();
        assert_eq!(late, 0, "{name}: a run that late belongs to the next slot");
    }
}

#[tokio::test(start_paused = true)]
async fn slots_lost_to_a_stall_of_the_process_are_counted() {
    let witness = Witness::new();
    let name = named(secs(30), 5_000..6_000);
    let spec = spec(&name, secs(30));
    let first = spec.grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![spec.runs(vec![up()])]);
    sleep(secs(10)).await;
    // Nothing runs for 95 s: slots at 35 and 65 s are lost, the one at 95 s is late.
    advance(secs(95)).await;
    sleep(secs(25)).await;
    assert_eq!(witness.starts(&name), [first, secs(105), first + secs(120)]);
    assert_eq!(witness.skipped(Cadence::Scheduled), 2);
    assert_eq!(ran(&witness, &name)[1].2, secs(105) - (first + secs(90)));
}

#[tokio::test(start_paused = true)]
async fn permits_follow_the_targets_of_a_reload() {
    let witness = Witness::new();
    let mut scheduler = scheduler(&witness);
    let many = (0..2_000).map(|number| spec(&format!("service-{number}"), secs(30)));
    scheduler.apply(many.map(|spec| spec.timeout(secs(15)).runs(vec![up()])).collect());
    assert_eq!(scheduler.capacity().scheduled, 1_200);
    scheduler.apply(vec![spec("gov24", secs(30)).runs(vec![up()])]);
    assert_eq!(scheduler.capacity().scheduled, 256);
}

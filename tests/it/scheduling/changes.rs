//! What a reload does to running targets.

use std::sync::Arc;
use std::time::Duration;

use bongsu::outcome::Verdict;
use bongsu::scheduler::{Cadence, Changes};
use tokio::time::{sleep, sleep_until};

use crate::support::scripted::{Event, Witness, down, named, scheduler, secs, spec, up};

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_equal_targets_on_their_grid() {
    let witness = Witness::new();
    let kept = || spec("gov24", secs(30));
    let first = kept().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    let removed = spec("removed", secs(30)).runs(vec![up()]);
    let changes = scheduler.apply(vec![kept().runs(vec![up()]), removed]);
    assert_eq!(changes, Changes { started: 2, ..Changes::default() });
    sleep(secs(75)).await;
    let added = spec("added", secs(30)).runs(vec![up()]);
    let changes = scheduler.apply(vec![added, kept().runs(vec![down()])]);
    assert_eq!(changes, Changes { started: 1, stopped: 1, kept: 1, replaced: 0 });
    sleep(secs(75)).await;
    let slots: Vec<_> = (0..5).map(|slot| first + slot * secs(30)).collect();
    assert_eq!(witness.starts("gov24"), slots[..witness.starts("gov24").len()]);
    let events = witness.of("gov24");
    let adopted = events.iter().filter(|event| matches!(event, Event::Adopted { .. })).count();
    assert_eq!((adopted, events.contains(&Event::Forgotten)), (1, false));
    let Some(Event::Ran { verdict, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(*verdict, Verdict::Down, "the probe is the one of the last reload");
    assert_eq!(witness.of("removed").last(), Some(&Event::Forgotten));
    assert!(matches!(witness.of("added")[0], Event::Adopted { at } if at == secs(75)));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_target_starts_anew_after_the_last_run_of_the_old_one() {
    let witness = Witness::new();
    let name = named(secs(60), 2_000..3_000);
    let old = || spec(&name, secs(60)).timeout(secs(50));
    let first = old().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![old().runs(vec![up().after(secs(20))])]);
    sleep(first + secs(1)).await;
    let changes = scheduler.apply(vec![old().changed().runs(vec![up().after(secs(1))])]);
    assert_eq!(changes, Changes { replaced: 1, ..Changes::default() });
    sleep(secs(60)).await;
    let adopted = Event::Adopted { at: first + secs(1) };
    let (end, due) = (first + secs(20), first + secs(1) + first);
    let events = [
        Event::Adopted { at: Duration::ZERO },
        Event::Started { at: first },
        Event::Forgotten, // and the run under way is never reported
        adopted,
        Event::Started { at: end },
        Event::Ran {
            cadence: Cadence::Scheduled,
            finished: end + secs(1),
            lag: end - due,
            verdict: Verdict::Up,
        },
    ];
    assert_eq!(witness.of(&name)[..6], events);
    assert_eq!(witness.starts(&name)[2..], [due + secs(60)][..witness.starts(&name).len() - 2]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_waits_for_its_old_run_as_well() {
    let witness = Witness::new();
    let name = named(secs(60), 2_000..3_000);
    let old = || spec(&name, secs(60)).timeout(secs(50));
    let first = old().grid(witness.start).first() - witness.start;
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![old().runs(vec![up().after(secs(20))])]);
    sleep(first + secs(1)).await;
    scheduler.apply(Vec::new());
    sleep(secs(1)).await;
    scheduler.apply(vec![old().runs(vec![up()])]);
    sleep(secs(30)).await;
    assert_eq!(witness.starts(&name), [first, first + secs(20)]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_targets_run_ends_in_peace_and_unheard() {
    let witness = Witness::new();
    let work = spec("gov24", secs(30)).timeout(secs(25)).runs(vec![up().after(secs(20))]);
    let probe = Arc::clone(&work.probe);
    let first = spec("gov24", secs(30)).grid(witness.start).first();
    let mut scheduler = scheduler(&witness);
    scheduler.apply(vec![work]);
    sleep_until(first + secs(1)).await;
    scheduler.apply(Vec::new());
    sleep(secs(1)).await;
    assert!(Arc::strong_count(&probe) > 1, "the run was cut off");
    sleep(secs(60)).await;
    assert_eq!(Arc::strong_count(&probe), 1, "the task is still there");
    let events = witness.of("gov24");
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[2], Event::Forgotten);
}

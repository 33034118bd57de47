//! Drills: those that are shipped, those that are wrong, and one that is played.

use std::path::Path;
use std::sync::Arc;

use lab::drill::Drill;
use lab::faults::FaultKind as Kind;
use lab::replay::{self, Player, ReplayReport as Told};

use super::browser::{estate, system};

const SHORT: &str = "\
title_ko: 짧은 훈련
title_en: A short drill
starts: 2023-11-17 01:30
ends: 2023-11-17 02:30
events:
  - at: 2023-11-17 01:42
    systems: gpki
    set: [stall_large, latency=2s]
    note_ko: 장애
    note_en: it begins
  - at: 2023-11-17 02:00
    systems: [saeol, gov24]
    set: notice_page
    note_ko: 안내
    note_en: a notice
  - at: 2023-11-17 02:10
    systems: all
    clear: all
    note_ko: 복구
    note_en: over
";

fn parse(text: &str) -> Result<Drill, String> {
    Drill::parse(Path::new("drill.yml"), text).map_err(|error| error.to_string())
}

#[test]
fn every_shipped_drill_can_be_played() {
    let mut drills = 0;
    for entry in std::fs::read_dir("config/lab").unwrap() {
        let drill = Drill::read(&entry.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
        assert!(drill.events.iter().all(|event| !event.note.ko.is_empty()));
        drills += 1;
    }
    assert!(drills >= 5, "{drills}");
}

#[test]
fn the_outage_is_told_in_korean_time() {
    let drill = Drill::read(Path::new("config/lab/2023-11-17.yml")).unwrap();
    let first = drill.events.iter().find(|event| !event.changes.is_empty()).unwrap();
    assert_eq!(drill.clock(first.at), "2023-11-17 01:42:00 KST");
    assert_eq!(first.at.to_string(), "2023-11-16T16:42:00Z");
}

#[test]
fn a_wrong_drill_is_told_everything_that_is_wrong_with_its_place() {
    let text = "\
title_ko: 훈련
titel_en: A drill
starts: 2023-11-17 01:30
ends: yesterday
speed: fast
events:
  - at: 2023-11-17 01:42
    systems: [gpki, saeoll]
    set: [stal, latency=soon]
    note_ko: 하나
    note_en: one
  - at: 2023-11-17 01:45
    systems: gpki
    note_ko: 둘
    note_en: two
  - nonsense
";
    let wanted = "\
drill.yml: 9 problems, nothing was started
        \"title_en\" is missing
  2:1   titel_en: unknown key; did you mean \"title_en\"?";
    let said = parse(text).unwrap_err();
    assert!(said.starts_with(wanted), "{said}");
    for line in [
        "4:1   ends: \"yesterday\" is not a time; write 2023-11-17T01:42",
        "5:1   speed: \"fast\" is not a speed from 0.1 to 100000",
        "8:21  events[0].systems[1]: no system named \"saeoll\"; did you mean \"saeol\"?",
        "9:11  events[0].set[0]: no fault named \"stal\"; did you mean \"stall\"?",
        "9:17  events[0].set[1]: latency=soon: wanted a time of at most 1h such as 3s or 500ms",
        "12:5  events[1]: names systems and neither sets nor clears a fault",
        "16:5  events[2]: expected a mapping, found text",
    ] {
        assert!(said.contains(line), "no {line:?} in:\n{said}");
    }
}

#[test]
fn a_text_that_is_no_drill_is_refused_and_never_a_panic() {
    for text in ["", "a", "- 1", "{", "a: [", "a: *x", "\t", "? {a: b}\n: c", "a: 1\na: 2"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    let swapped = SHORT.replace("02:00", "01:40");
    assert!(parse(&swapped).unwrap_err().contains("11:5  events[1].at: is before the event above"));
}

#[test]
fn an_unknown_drill_is_answered_with_the_shipped_ones() {
    let said = Drill::read(Path::new("config/lab/2023-11-18.yml")).unwrap_err().to_string();
    assert!(said.contains("did you mean \"config/lab/2023-11-17.yml\"?"), "{said}");
}

#[tokio::test]
async fn events_happen_in_order_when_their_time_comes() {
    let estate = estate().await;
    let drill = Arc::new(parse(SHORT).unwrap());
    let mut player = Player::new(Arc::clone(&drill), 600.0);
    let on = |name: &str, kind| estate.faults().of(system(name)).bites(kind);
    let at = |clock: &str| {
        let zoned = clock.parse::<jiff::civil::DateTime>().unwrap().to_zoned(drill.zone.clone());
        zoned.unwrap().timestamp()
    };
    let world = estate.world();
    assert!(player.advance(at("2023-11-17T01:41:59"), world).is_empty());
    assert!(!on("gpki", Kind::StallLarge));

    assert_eq!(player.advance(at("2023-11-17T01:42:00"), world).len(), 1);
    assert!(on("gpki", Kind::StallLarge) && on("gpki", Kind::Latency));

    let happened: Vec<String> = player
        .advance(at("2023-11-17T02:30:00"), world)
        .iter()
        .map(|event| event.note.en.clone())
        .collect();
    assert_eq!(happened, ["a notice", "over"]);
    assert!(!on("gpki", Kind::StallLarge) && !on("saeol-jongno", Kind::NoticePage));
    let state = world.drill.borrow().clone().unwrap();
    assert!(state.finished());
    assert_eq!(drill.clock(state.now), "2023-11-17 02:30:00 KST");
}

#[tokio::test]
async fn a_fast_replay_tells_every_event_once_and_ends() {
    let estate = estate().await;
    let drill = Arc::new(Drill::read(Path::new("config/lab/2023-11-17.yml")).unwrap());
    let mut told = Vec::new();
    let tell = |what: Told<'_>| {
        if let Told::Event(event) = what {
            told.push(event.at);
        }
    };
    replay::play(Arc::clone(&drill), 1e9, estate.world(), tell).await;
    let wanted: Vec<_> = drill.events.iter().map(|event| event.at).collect();
    assert_eq!(told, wanted);
}

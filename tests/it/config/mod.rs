//! Configurations that are refused, each with its whole text, and ones that are accepted.
//!
//! A bad one is `tests/fixtures/config/bad/NAME.yml` with `NAME.txt`, or a directory `NAME` with
//! `bongsu.yml`, whatever it names, and `expected.txt`. `BONGSU_REGENERATE=1` writes the texts
//! anew. A good one has the plan that `check` prints beside it. Read every one of them as the person who will be woken by it.

use std::path::{Path, PathBuf};

use bongsu::{commands, config};

mod accepted;
mod irregular;
mod random;
mod shipped;

const BAD: &str = "tests/fixtures/config/bad";

const GOOD: &str = "tests/fixtures/config/good";
const GOOD_MIN: usize = 7;

/// Fixtures that vanish would make the test below pass with less to check.
const BAD_MIN: usize = 45;

/// Configuration and expected text of every bad fixture.
fn bad_fixtures() -> Vec<(PathBuf, PathBuf)> {
    let mut pairs = Vec::new();
    for entry in std::fs::read_dir(BAD).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pairs.push((path.join("bongsu.yml"), path.join("expected.txt")));
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            pairs.push((path.clone(), path.with_extension("txt")));
        } else {
            let config = path.with_extension("yml");
            assert!(config.exists(), "{} has no configuration beside it", path.display());
        }
    }
    pairs.sort();
    pairs
}

/// Whether the texts are to be written anew.
fn regenerate() -> bool {
    std::env::var_os("BONGSU_REGENERATE").is_some()
}

/// Compares a text with the file that holds it.
fn compare(expected: &Path, text: &str) {
    if regenerate() {
        std::fs::write(expected, text).unwrap();
    }
    let wanted = std::fs::read_to_string(expected)
        .unwrap_or_else(|error| format!("{}: {error}\n", expected.display()));
    assert!(text == wanted, "{}: wanted\n{wanted}found\n{text}", expected.display());
}

/// The plan without the hash, which every new version has another of.
fn plan_of(config: &config::Config) -> String {
    let now = "2026-12-05T00:00:00Z".parse().unwrap();
    commands::check::describe(config, now).replace(&config.hash, "(not compared)")
}

fn text_of(config: &Path) -> String {
    match config::load(config) {
        Ok(_) => String::from("accepted\n"),
        Err(error) => {
            assert!(error.count() > 0);
            format!("{error}\n")
        }
    }
}

#[test]
fn every_bad_configuration_is_refused_with_exactly_its_text() {
    let regenerate = regenerate();
    let fixtures = bad_fixtures();
    let mut wrong = Vec::new();
    for (config, expected) in &fixtures {
        let text = text_of(config);
        if regenerate {
            std::fs::write(expected, &text).unwrap();
        }
        let wanted = std::fs::read_to_string(expected)
            .unwrap_or_else(|error| format!("{}: {error}\n", expected.display()));
        if text != wanted || text == "accepted\n" {
            wrong.push(format!("wanted\n{wanted}found\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixtures.len() >= BAD_MIN, "only {} bad fixtures", fixtures.len());
}

#[test]
fn every_good_configuration_is_accepted_and_comes_to_its_plan() {
    let mut count = 0;
    for entry in std::fs::read_dir(GOOD).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let config = config::load(&path).unwrap_or_else(|error| panic!("{error}"));
            compare(&path.with_extension("txt"), &plan_of(&config));
            count += 1;
        }
    }
    assert!(count >= GOOD_MIN, "only {count} good fixtures");
}

#[test]
fn a_reload_says_what_was_kept() {
    let error = config::load(Path::new("tests/fixtures/no-such-file.yml")).unwrap_err();
    assert_eq!(
        error.report("the running configuration is kept"),
        "tests/fixtures/no-such-file.yml: 1 problem, the running configuration is kept\n  no such \
         file"
    );
}

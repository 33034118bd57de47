//! Every key of a flow and every pipe refuses what it cannot mean, and says in which line and step it
//! stands; which keys there are, the schema says, and which pipes, the program.

use serde_json::{Value, json};

use super::canary_pipes::all_pipes;
use super::flow::Flow;
use super::flow_keys::{FlowPlace, Takes, places, write_named_files};

/// Puts a value at each of these places and wants it to be refused there.
#[track_caller]
fn all_refuse(value: &Value, takes: impl Fn(Takes) -> bool) {
    let directory = tempfile::tempdir().unwrap();
    write_named_files(directory.path(), "user", "a-secret-value", "a-key");
    let mut wrong = Vec::new();
    let mut look = |place: &FlowPlace| {
        let flow = place.flow("https://a.go.kr", value.clone());
        let said = place.complaints(directory.path(), &flow);
        if said.is_empty() {
            wrong.push(format!("{}: is taken", place.path()));
        }
        for said in said.iter().filter(|said| !said.ends_with(place.whose())) {
            wrong.push(format!("{}: {said}: no step is named", place.path()));
        }
    };
    let places = places();
    places.iter().filter(|(_, may)| takes(**may)).for_each(|(place, _)| look(place));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_key_takes_a_mapping_that_it_does_not_know() {
    all_refuse(&json!({ "no such key": { "x": 1 } }), |takes| takes != Takes::AnyDocument);
}

#[test]
fn no_key_with_words_or_numbers_of_its_own_takes_another_text() {
    all_refuse(&json!("]( no such word"), |takes| takes == Takes::Some);
}

#[test]
fn every_pipe_refuses_what_it_cannot_take() {
    for pipe in all_pipes() {
        let (written, name) = match pipe.as_str() {
            "date:FORMAT" => ("date:".to_owned(), "date:"),
            keyed if keyed == "rsa" || keyed.starts_with("hmac_") => (keyed.to_owned(), keyed),
            keyed if keyed.ends_with("_cbc") => (format!("{keyed}:secret.pass"), keyed),
            plain => (format!("{plain}:x"), plain),
        };
        let error = Flow::refused(&format!(
            "base: https://a.go.kr\nsteps:\n  - {{ name: s, post: /, body: '${{secret.pass | \
             {written}}}' }}\n"
        ));
        let line = error.lines().find(|line| line.contains("login.steps[0].body: ")).unwrap();
        assert!(line.trim_start().starts_with(|c: char| c.is_ascii_digit()), "{line}");
        assert!(line.ends_with(" (probe login, step s)"), "{line}");
        assert!(line.contains(name) && !line.contains("there is no pipe"), "{line}");
    }
}

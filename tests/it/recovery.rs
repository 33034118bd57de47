//! "Grade 1: 2 of 3 back": how much of what needs a broken service stands, as `/api/v1/status` says it.

use serde_json::json;

use crate::support::daemon::{Setup, eventually};
use crate::support::http::Target;

#[test]
fn what_needs_a_broken_service_is_counted_by_grade_with_what_of_it_is_up() {
    let (up, down) = (Target::answering("ok"), Target::answering("ok"));
    down.answer_with(500);
    let mut text = String::from(
        "defaults: { interval: 1s, timeout: 900ms }\nservices:\n  - { name: centre, grade: 1 }\n",
    );
    // The last needs it through another one.
    for (name, grade, needs, url) in [
        ("a", "1", "centre", down.url()),
        ("b", "1", "centre", up.url()),
        ("c", "1", "centre", down.url()),
        ("d", "3", "centre", down.url()),
        ("e", "3", "centre", down.url()),
        ("f", "", "a", down.url()),
    ] {
        let grade = if grade.is_empty() { String::new() } else { format!("grade: {grade}, ") };
        text.push_str(&format!(
            "  - {{ name: {name}, {grade}needs: [{needs}], probes: [{{ name: front, http: {{ url: \"{url}\" }} }}] }}\n"
        ));
    }
    text.push_str(&format!(
        "  - {{ name: stranger, grade: 1, probes: [{{ name: front, http: {{ url: \"{}\" }} }}] }}\n",
        up.url()
    ));
    let daemon = Setup::new(&text).start();
    daemon.wait_until_ready();
    let status = |wanted: u64| {
        eventually(&format!("{wanted} down"), || {
            let status = daemon.get("/api/v1/status").json();
            (status["summary"]["down"] == wanted && status["summary"]["unobserved"] == 0)
                .then_some(status)
        })
    };
    let fallen = status(5);
    assert_eq!(
        fallen["grades"],
        json!([
            {"grade": 1, "services": 4, "up": 2},
            {"grade": 3, "services": 2, "up": 0},
            {"grade": null, "services": 1, "up": 0},
        ])
    );
    assert_eq!(
        fallen["recovery"],
        json!([{"cause": "centre", "services": 6, "up": 1, "grades": [
            {"grade": 1, "services": 3, "up": 1},
            {"grade": 3, "services": 2, "up": 0},
            {"grade": null, "services": 1, "up": 0},
        ]}])
    );
    down.answer_with(200);
    let back = status(0);
    assert_eq!(back["recovery"], json!([]));
    assert_eq!(back["grades"][0], json!({"grade": 1, "services": 4, "up": 4}));
}

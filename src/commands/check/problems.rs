//! What is wrong with a configuration, for programs: `check --json` of one that is refused.

use serde::Serialize;

use crate::config::ReadError;

#[derive(Serialize)]
struct Refusal {
    valid: bool,
    problems: Vec<RefusedValue>,
}

#[derive(Serialize)]
struct RefusedValue {
    file: String,
    /// From 1; none for a file as a whole.
    line: Option<usize>,
    column: Option<usize>,
    /// Such as `services[0].probes[1].http`.
    path: String,
    message: String,
}

/// All problems, as one line.
pub(super) fn json(error: &ReadError) -> String {
    let of_file = |file: &crate::config::FileProblems| {
        let name = file.file.display().to_string();
        let problems = file.problems.iter().map(move |problem| RefusedValue {
            file: name.clone(),
            line: problem.place.map(|(line, _)| line),
            column: problem.place.map(|(_, column)| column),
            path: problem.path.clone(),
            message: problem.message.clone(),
        });
        problems.collect::<Vec<_>>()
    };
    let problems = error.files.iter().flat_map(of_file).collect();
    // Nothing in it can fail to be written.
    serde_json::to_string(&Refusal { valid: false, problems }).unwrap_or_default() + "\n"
}

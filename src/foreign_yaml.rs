//! YAML whose format is not ours: the exporters' web configuration and blackbox_exporter's modules.
//!
//! serde_yaml reads a file as the exporters do and stops at the first mistake of form.

use std::path::Path;

use read::{FileProblems, Node, Place, Problem, ReadError, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a text of the file at `path`.
pub fn read<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ReadError> {
    serde_yaml::from_str(text).map_err(|error| refused(path, text, vec![form(&error)]))
}

/// The text of a value; a value that has none is a bug of ours, and its text says so.
pub fn write<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

/// What is wrong with a value, whose place [`refused`] finds.
pub fn wrong(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { place: None, path: path.into(), message: message.into() }
}

/// Everything that is wrong with a file, each with its place in the text. Our own reader, which
/// knows places, is asked for them only here: what a file says is for serde_yaml to decide.
pub fn refused(path: &Path, text: &str, mut problems: Vec<Problem>) -> ReadError {
    if let Ok(root) = read::parse(text) {
        for problem in problems.iter_mut().filter(|problem| problem.place.is_none()) {
            problem.place = place(&root, &problem.path);
        }
    }
    problems.sort_by_key(|problem| problem.place);
    ReadError { files: vec![FileProblems { file: path.to_owned(), problems }] }
}

/// Of the key at a path, or of the nearest one above it. A key may have dots in it.
fn place(root: &Node, path: &str) -> Option<Place> {
    let (mut node, mut rest, mut found) = (root, path, None);
    while let Value::Map(entries) = &node.value {
        let after = |key: &str| match rest.strip_prefix(key)? {
            "" => Some(""),
            deeper => deeper.strip_prefix('.'),
        };
        let next = entries.iter().find_map(|entry| Some((entry, after(&entry.key)?)));
        let Some((entry, deeper)) = next else { break };
        (node, rest, found) = (&entry.node, deeper, Some(entry.place));
    }
    found
}

/// A mistake of form: what serde_yaml says, with its place and path taken out of the sentence. The
/// words of an unknown key are serde's; were they others, its whole sentence would stand.
fn form(error: &serde_yaml::Error) -> Problem {
    let place = error.location().map(|at| (at.line(), at.column()));
    let mut message = error.to_string();
    if let Some((line, column)) = place
        && let Some(bare) = message.strip_suffix(&format!(" at line {line} column {column}"))
    {
        message.truncate(bare.len());
    }
    let (path, said) = match message.split_once(": ") {
        Some((path, said)) if !path.contains(' ') => (path, said),
        _ => ("", &*message),
    };
    let Some(rest) = said.strip_prefix("unknown field `") else {
        return Problem { place, path: path.to_owned(), message: said.to_owned() };
    };
    let mut quoted = rest.split('`').step_by(2);
    let key = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.filter(|word| !word.is_empty()).collect();
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    Problem { place, path, message: format!("unknown key{}", read::hint_or_list(key, &known)) }
}

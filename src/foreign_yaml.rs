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

/// Of the key or item at a path such as `a.b[2].c`, or of the nearest one above it. A key may have dots
/// in it.
fn place(root: &Node, path: &str) -> Option<Place> {
    let (mut node, mut rest, mut found) = (root, path, None);
    loop {
        let after = |step: &str| match rest.strip_prefix(step)? {
            "" => Some(""),
            list if list.starts_with('[') => Some(list),
            deeper => deeper.strip_prefix('.'),
        };
        let next = match &node.value {
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let deeper = after(&entry.key)?;
                Some((&entry.node, entry.place, deeper))
            }),
            Value::List(items) => items.iter().enumerate().find_map(|(index, item)| {
                let deeper = after(&format!("[{index}]"))?;
                Some((item, item.place, deeper))
            }),
            _ => None,
        };
        let Some((within, place, deeper)) = next else { return found };
        (node, rest, found) = (within, deeper, Some(place));
    }
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
        // What begins with an item of a list has a dot before it.
        Some((path, said)) if !path.contains(' ') => (path.trim_start_matches('.'), said),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_mappings_and_lists() {
        let root = read::parse("a.b:\n  - x\n  - c: [1, 2]\n    d: 3\n").unwrap();
        for (path, expected) in [
            ("a.b", Some((1, 1))),
            ("a.b[1]", Some((3, 5))),
            ("a.b[1].c[1]", Some((3, 12))),
            ("a.b[1].d.e", Some((4, 5))),
            ("a.b[7]", Some((1, 1))),
            ("z", None),
        ] {
            assert_eq!(place(&root, path), expected, "{path}");
        }
    }
}

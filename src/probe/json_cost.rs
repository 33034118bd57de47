//! What a JSONPath costs on a document, before it is asked: its library cannot be told to stop, and what a
//! path costs is the sender's choice where a filter looks at the whole document again for each of its
//! places. `$[?$..zz]` on 2,000 objects took 1.1 s of a processor, and grows with their square.

use serde_json::Value;

/// Visits of values that a path may take. A visit takes 0.1 µs, so this is a second. Functions that compile
/// a pattern for each place (`match`, `search`) are not built into the library.
///
/// Limit: visits of values for one JSONPath.
/// Share: of each page.
/// Full: the run is unknown.
/// Filled: a_path_that_looks_at_everything_again_is_not_asked
const VISITS_MAX: u32 = 10_000_000;

/// Whether a path, as text, may be asked of a document.
pub(super) fn is_affordable(path: &str, document: &Value) -> bool {
    let (nodes, depth) = size(document);
    Shape::of(path).visits(nodes as f64, depth as f64) <= f64::from(VISITS_MAX)
}

/// Values, and how deep they stand in each other. The parser stops at 128 levels.
fn size(value: &Value) -> (usize, usize) {
    let inside = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
        sizes.fold((1, 1), |(nodes, depth), (more, below)| (nodes + more, depth.max(below + 1)))
    };
    match value {
        Value::Array(values) => inside(&mut values.iter().map(size)),
        Value::Object(values) => inside(&mut values.values().map(size)),
        _ => (1, 1),
    }
}

/// What makes a path cost more than one visit of each value.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// `..`: the second one meets a value once for each of those that it is in.
    descents: i32,
    /// `$` in a filter, followed by more than a way to one place.
    whole_documents: i32,
}

impl Shape {
    fn of(path: &str) -> Shape {
        let mut shape = Shape::default();
        let mut rest = path.strip_prefix('$').unwrap_or(path);
        while let Some(first) = rest.chars().next() {
            let next = &rest[first.len_utf8()..];
            rest = match first {
                '\'' | '"' => after_quote(next, first),
                '.' if next.starts_with('.') => {
                    shape.descents += 1;
                    &next[1..]
                }
                '$' => {
                    shape.whole_documents += i32::from(!leads_to_one_place(next));
                    next
                }
                _ => next,
            };
        }
        shape
    }

    fn visits(&self, nodes: f64, depth: f64) -> f64 {
        nodes * depth.powi((self.descents - 1).max(0)) * nodes.powi(self.whole_documents)
    }
}

fn after_quote(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &text[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

/// Whether what follows a `$` is a singular query (RFC 9535 section 2.3.5.1): names and positions only.
fn leads_to_one_place(mut rest: &str) -> bool {
    loop {
        let after = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            (end > 0).then(|| &name[end..])
        } else if let Some(inside) = rest.strip_prefix('[') {
            let inside = inside.trim_start();
            let end = match inside.chars().next() {
                Some(quote @ ('\'' | '"')) => after_quote(&inside[1..], quote),
                _ => inside.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-'),
            };
            end.trim_start().strip_prefix(']')
        } else {
            return true;
        };
        match after {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn canonical(path: &str) -> String {
        serde_json_path::JsonPath::parse(path).unwrap().to_string()
    }

    #[test]
    fn what_a_path_looks_at_again_is_seen_in_its_text() {
        for (path, descents, whole_documents) in [
            ("$.status", 0, 0),
            ("$..a..b", 2, 0),
            ("$[?$..zz]", 1, 1),
            ("$[?count($.*) > 1]", 0, 1),
            ("$[?@.id == $.wanted['a'][0]]", 0, 0),
            ("$[?$.wanted[?@.b]]", 0, 1),
            ("$[?@.id == '$..x' || @[\"$..\\\"$..\"]]", 0, 0),
        ] {
            let expected = Shape { descents, whole_documents };
            assert_eq!(Shape::of(&canonical(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_looks_at_everything_again_is_not_asked() {
        let objects = serde_json::json!(vec![serde_json::json!({ "a": { "b": 1 } }); 20_000]);
        let nested = (0..60).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner, 1]));
        let start = Instant::now();
        for (path, document) in [
            ("$[?$..zz]", &objects),
            ("$[?count($.*) > 1]", &objects),
            ("$..*..*..*..*..*", &nested),
        ] {
            assert!(!is_affordable(&canonical(path), document), "{path}");
        }
        for (path, document) in [
            ("$..b", &objects),
            ("$[?@.a.b > $[0].a.b]", &objects),
            ("$..*..*", &nested),
            ("$[0:50]..[?@.a]", &objects),
        ] {
            assert!(is_affordable(&canonical(path), document), "{path}");
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}

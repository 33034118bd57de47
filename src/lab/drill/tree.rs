//! A YAML text as a tree that knows where everything stands. Drill files are small, so one pass
//! over the parser's events is enough and nothing is ever looked up again.

use saphyr_parser::{Event, Marker, Parser};

/// Deeper than any drill.
const MAX_DEPTH: usize = 16;

/// Line and column, from 1.
pub(super) type Place = (usize, usize);

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// Scalars stay text: what they mean is their key's to say.
#[derive(Debug)]
pub(super) enum Value {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

impl Node {
    /// For "expected X, found Y".
    pub(super) fn describe(&self) -> &'static str {
        match self.value {
            Value::Scalar(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

struct Open {
    node: Node,
    key: Option<(String, Place)>,
}

/// Reads one document; an error is a place and a sentence.
pub(super) fn parse(text: &str) -> Result<Node, (Option<Place>, String)> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            (Some(place(*error.marker())), format!("not YAML: {}", error.info()))
        })?;
        let at = place(span.start);
        let done = match event {
            Event::MappingStart(..) => {
                open.push(Open {
                    node: Node { place: at, value: Value::Map(Vec::new()) },
                    key: None,
                });
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open {
                    node: Node { place: at, value: Value::List(Vec::new()) },
                    key: None,
                });
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(|open| open.node),
            Event::Scalar(text, ..) => {
                Some(Node { place: at, value: Value::Scalar(text.into_owned()) })
            }
            Event::Alias(_) => return Err((Some(at), "aliases are not used in drills".to_owned())),
            _ => None,
        };
        if open.len() > MAX_DEPTH {
            return Err((Some(at), format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let Some(node) = done else { continue };
        let Some(parent) = open.last_mut() else {
            root.get_or_insert(node);
            continue;
        };
        match (&mut parent.node.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(pairs), Some((key, at))) => pairs.push((key, at, node)),
            (_, None) => match node.value {
                Value::Scalar(key) => parent.key = Some((key, node.place)),
                _ => return Err((Some(at), "a key must be text".to_owned())),
            },
            (Value::Scalar(_), _) => {}
        }
    }
    root.ok_or((None, "the file is empty".to_owned()))
}

fn place(mark: Marker) -> Place {
    (mark.line(), mark.col() + 1)
}

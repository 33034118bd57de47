//! A YAML text as a tree with the place of every value. Drill files are small, so one pass over the
//! parser's events builds the whole tree.

use saphyr_parser::{Event, Marker, Parser};

/// A drill nests less deeply.
const MAX_DEPTH: usize = 16;

/// Line and column, from 1.
pub(super) type TreePlace = (usize, usize);

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct TreeNode {
    pub(super) place: TreePlace,
    pub(super) value: TreeValue,
}

/// Scalars stay text; the reader of a key decides what they mean.
#[derive(Debug)]
pub(super) enum TreeValue {
    Scalar(String),
    List(Vec<TreeNode>),
    Map(Vec<(String, TreePlace, TreeNode)>),
}

impl TreeNode {
    /// For "expected X, found Y".
    pub(super) fn describe(&self) -> &'static str {
        match self.value {
            TreeValue::Scalar(_) => "text",
            TreeValue::List(_) => "a list",
            TreeValue::Map(_) => "a mapping",
        }
    }
}

struct OpenNode {
    node: TreeNode,
    key: Option<(String, TreePlace)>,
}

/// Reads one document; an error is a place and a sentence.
pub(super) fn parse(text: &str) -> Result<TreeNode, (Option<TreePlace>, String)> {
    let mut open: Vec<OpenNode> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            (Some(place(*error.marker())), format!("not YAML: {}", error.info()))
        })?;
        let at = place(span.start);
        let done = match event {
            Event::MappingStart(..) => {
                open.push(OpenNode {
                    node: TreeNode { place: at, value: TreeValue::Map(Vec::new()) },
                    key: None,
                });
                None
            }
            Event::SequenceStart(..) => {
                open.push(OpenNode {
                    node: TreeNode { place: at, value: TreeValue::List(Vec::new()) },
                    key: None,
                });
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(|open| open.node),
            Event::Scalar(text, ..) => {
                Some(TreeNode { place: at, value: TreeValue::Scalar(text.into_owned()) })
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
            (TreeValue::List(items), _) => items.push(node),
            (TreeValue::Map(pairs), Some((key, at))) => pairs.push((key, at, node)),
            (_, None) => match node.value {
                TreeValue::Scalar(key) => parent.key = Some((key, node.place)),
                _ => return Err((Some(at), "a key must be text".to_owned())),
            },
            (TreeValue::Scalar(_), _) => {}
        }
    }
    root.ok_or((None, "the file is empty".to_owned()))
}

fn place(mark: Marker) -> TreePlace {
    (mark.line(), mark.col() + 1)
}

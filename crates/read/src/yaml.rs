//! From a text to a tree of nodes, each with its place.
//!
//! The tree is lenient on purpose: it keeps duplicate keys and values of the wrong type, so that
//! whoever walks it can report all of them. Every scalar keeps the text it was written as, because
//! `1.10` may be a version and `00123` a code; [`boolean`], [`integer`] and [`float`] say what YAML
//! takes it for.

use std::collections::HashMap;
use std::path::PathBuf;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use crate::problem::{Place, ReadError};

/// Aliases may repeat a part of the file; this bounds what they expand to. 17,000 probes with
/// thirty values each are half a million.
const NODES_MAX: usize = 2_000_000;

/// Nobody nests deeper by hand, and whoever walks the tree does so by recursion.
const LEVELS_MAX: usize = 128;

const TOO_DEEP: &str = "values are nested deeper than 128 levels";
const NO_ANCHOR: &str = "an alias (*name) whose anchor (&name) is not above it";

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Of a value that an alias repeats, the place of the original.
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing after the colon, `null` or `~`.
    Null,
    /// `true` or `false` as written, and in the same way a number.
    Bool(Box<str>),
    Int(Box<str>),
    Float(Box<str>),
    /// Any other scalar.
    Text(Box<str>),
    List(Vec<Node>),
    /// In the file's order, duplicates included.
    Map(Vec<Entry>),
    /// A value with a YAML tag of its own (`!name`), which nothing here gives a meaning.
    Tagged,
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Box<str>,
    /// Where the key begins.
    pub place: Place,
    pub node: Node,
}

impl Value {
    /// For "expected X, found Y".
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Tagged => "a YAML tag",
        }
    }
}

/// Why a text is not one YAML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub place: Place,
    /// The mistake that usually causes it.
    pub message: String,
}

impl SyntaxError {
    /// As the only problem of a file.
    pub fn within(self, file: PathBuf) -> ReadError {
        ReadError::one(file, Some(self.place), self.message)
    }

    fn new(place: Place, message: &str) -> SyntaxError {
        SyntaxError { place, message: format!("not valid YAML: {message}") }
    }

    /// The parser names the rule that was broken; people need the mistake that usually breaks it.
    fn explain(error: &ScanError) -> SyntaxError {
        let said = error.info();
        let hint = HINTS.iter().find(|(sign, _)| said.contains(sign)).map(|(_, hint)| *hint);
        SyntaxError::new(place(*error.marker()), hint.unwrap_or(said))
    }
}

/// What the parser says, and the mistake behind it.
const HINTS: &[(&str, &str)] = &[
    (
        "mapping values are not allowed",
        "a colon where none can be; quote a value that holds \": \", and line keys up with their neighbours",
    ),
    // Said in [ ] only, of a key on a line of its own.
    ("illegal placement of ':'", "a list in [ ] is not closed, or a comma is missing"),
    (
        "did not find expected '-' indicator",
        "this line does not fit the list above; check the indentation",
    ),
    ("expected ',' or ']'", "a list in [ ] is not closed, or a comma is missing"),
    ("expected ',' or '}'", "a mapping in { } is not closed, or a comma is missing"),
    (
        "invalid indentation in flow construct",
        "a list in [ ] or a mapping in { } is not closed, or does not stand further in than its key",
    ),
    ("simple key expect", "a key without a colon; check the indentation and the quotes"),
    (
        "unexpected character",
        "a value cannot start with this character; indent with spaces, not tabs, and quote values that start with @ ` % or a tab",
    ),
    ("tab", "a tab where spaces are needed"),
    ("unexpected end of stream", "a quote that is opened is not closed"),
    ("unexpected document indicator", "a quote that is opened is not closed"),
    ("in quoted scalar", "a quote that is opened is not closed"),
    (
        "unknown escape character",
        "an unknown \\ escape in double quotes; use single quotes, where \\ is only a character",
    ),
    (
        "trailing content after",
        "text after the closing quote; inside single quotes write a quote twice ('')",
    ),
    ("misplaced bracket", "a bracket is closed that was not opened"),
    (
        "block sequence entries are not allowed",
        "a list with dashes cannot begin on the line of its key; begin it on the next line",
    ),
    (
        "scanning an anchor or alias",
        "* and & at the beginning stand for aliases and anchors; quote the value",
    ),
    ("unknown anchor", NO_ANCHOR),
    ("recursion limit", TOO_DEEP),
    ("unprintable character", "a control character; save the file as plain UTF-8 text"),
    (
        "expected <document start>",
        "this line does not fit the one above; check the indentation, and that quotes and brackets are closed",
    ),
    (
        "expected key",
        "this line does not fit the one above; check the indentation, and that quotes and brackets are closed",
    ),
    (
        "invalid indentation",
        "this line does not fit the one above; check the indentation, and that quotes and brackets are closed",
    ),
];

/// Reads one document. An empty one is [`Value::Null`].
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    if let Some(start) = perhaps_deep(text)
        && let Err(error) = tree_of(start)
        && error.message.ends_with(TOO_DEEP)
    {
        return Err(error);
    }
    tree_of(text)
}

/// The text up to where brackets, counted wherever they stand, nest deeper than [`LEVELS_MAX`].
/// Only that much is worth a careful look: the parser looks at all open brackets again at each
/// further one of a line, and reads the line before it answers.
fn perhaps_deep(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let end = text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > LEVELS_MAX
    })?;
    text.get(..=end)
}

fn tree_of(text: &str) -> Result<Node, SyntaxError> {
    if let Some(place) = control_character(text) {
        return Err(SyntaxError::new(
            place,
            "a control character; save the file as plain UTF-8 text",
        ));
    }
    let mut tree = Tree { open: Vec::new(), anchors: HashMap::new(), root: None, left: NODES_MAX };
    // Tags are not resolved, so it does not matter which document declares a handle.
    for event in Parser::new_from_str(text).keep_tags(true) {
        let (event, span) = event.map_err(|error| SyntaxError::explain(&error))?;
        tree.add(event, place(span.start))?;
    }
    let null = Node { place: (1, 1), value: Value::Null };
    Ok(tree.root.unwrap_or(null))
}

/// Where a character stands that no text has; the parser takes some of them for the end.
fn control_character(text: &str) -> Option<Place> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let before = &text[..text.find(is_control)?];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column))
}

/// The tree as far as it has been read.
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, Part>,
    root: Option<Node>,
    /// Nodes that may still be made.
    left: usize,
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    tagged: bool,
    node: Node,
    /// A key that waits for its value.
    key: Option<(Box<str>, Place)>,
    nodes: usize,
    levels: usize,
}

/// A node and what an alias to it costs.
#[derive(Clone)]
struct Part {
    node: Node,
    nodes: usize,
    levels: usize,
}

impl Tree {
    fn add(&mut self, event: Event<'_>, place: Place) -> Result<(), SyntaxError> {
        match event {
            Event::MappingStart(anchor, tag) => {
                self.start(anchor, is_own(tag.as_deref()), place, Value::Map(Vec::new()))
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(anchor, is_own(tag.as_deref()), place, Value::List(Vec::new()))
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let mut node = open.node;
                if open.tagged {
                    node.value = Value::Tagged;
                }
                self.close(open.anchor, Part { node, nodes: open.nodes, levels: open.levels })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(1, place)?;
                if self.waits_for_key() {
                    // A key is the text it is written as, whatever YAML takes it for.
                    let node = Node { place, value: Value::Text(text.into()) };
                    return self.close(anchor, Part { node, nodes: 1, levels: 0 });
                }
                let value = scalar(text.into(), style, tag.as_deref(), place)?;
                self.close(anchor, Part { node: Node { place, value }, nodes: 1, levels: 0 })
            }
            Event::Alias(anchor) => {
                let Some(original) = self.anchors.get(&anchor) else {
                    return Err(SyntaxError::new(place, NO_ANCHOR));
                };
                let (nodes, levels) = (original.nodes, original.levels);
                if self.open.len() + levels > LEVELS_MAX {
                    return Err(SyntaxError::new(place, TOO_DEEP));
                }
                self.spend(nodes, place)?;
                let Some(copy) = self.anchors.get(&anchor).cloned() else { return Ok(()) };
                self.close_at(0, copy, place)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(SyntaxError::new(
                place,
                "a second document (---); put it in a file of its own and include that",
            )),
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        anchor: usize,
        tagged: bool,
        place: Place,
        value: Value,
    ) -> Result<(), SyntaxError> {
        self.spend(1, place)?;
        let node = Node { place, value };
        self.open.push(Open { anchor, tagged, node, key: None, nodes: 1, levels: 1 });
        if self.open.len() > LEVELS_MAX {
            return Err(SyntaxError::new(place, TOO_DEEP));
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, place: Place) -> Result<(), SyntaxError> {
        self.left = self.left.checked_sub(nodes).ok_or_else(|| {
            SyntaxError::new(place, "aliases (*name) repeat too much; write it with for_each")
        })?;
        Ok(())
    }

    fn waits_for_key(&self) -> bool {
        let open = self.open.last();
        open.is_some_and(|open| matches!(open.node.value, Value::Map(_)) && open.key.is_none())
    }

    fn close(&mut self, anchor: usize, done: Part) -> Result<(), SyntaxError> {
        let place = done.node.place;
        self.close_at(anchor, done, place)
    }

    /// Puts a node where it belongs; `place` is that of the alias if there is one.
    fn close_at(&mut self, anchor: usize, done: Part, place: Place) -> Result<(), SyntaxError> {
        if anchor != 0 {
            self.anchors.insert(anchor, done.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(done.node);
            return Ok(());
        };
        parent.nodes += done.nodes;
        parent.levels = parent.levels.max(done.levels + 1);
        match (&mut parent.node.value, parent.key.take()) {
            (Value::Map(entries), Some((key, place))) => {
                entries.push(Entry { key, place, node: done.node });
            }
            (Value::Map(_), None) => match done.node.value {
                Value::Text(key) | Value::Bool(key) | Value::Int(key) | Value::Float(key) => {
                    parent.key = Some((key, place));
                }
                _ => return Err(SyntaxError::new(place, "a key must be text")),
            },
            (Value::List(items), _) => items.push(done.node),
            // Nothing else is ever open.
            _ => {}
        }
        Ok(())
    }
}

/// Whether a tag is the file's own (`!name`) and none of YAML's (`!!str`).
fn is_own(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| !tag.is_yaml_core_schema())
}

fn scalar(
    text: Box<str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: Place,
) -> Result<Value, SyntaxError> {
    if is_own(tag) {
        return Ok(Value::Tagged);
    }
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text) });
    };
    let value = match tag.suffix.as_str() {
        "bool" => boolean(&text).map(|_| Value::Bool(text.clone())),
        "int" => integer(&text).map(|_| Value::Int(text.clone())),
        "float" => float(&text).map(|_| Value::Float(text.clone())),
        "null" => is_null(&text).then_some(Value::Null),
        _ => return Ok(Value::Text(text)),
    };
    let refused = format!("\"{text}\" is not what its tag !!{} says; remove the tag", tag.suffix);
    value.ok_or_else(|| SyntaxError::new(place, &refused))
}

/// What YAML 1.2 takes a scalar without quotes for.
fn plain(text: Box<str>) -> Value {
    if text.is_empty() || is_null(&text) {
        Value::Null
    } else if boolean(&text).is_some() {
        Value::Bool(text)
    } else if integer(&text).is_some() {
        Value::Int(text)
    } else if float(&text).is_some() {
        Value::Float(text)
    } else {
        Value::Text(text)
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL" | "~")
}

pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A number such as `12`, `-3`, `0x1f`, `0o17` or `0b11`; `00123` is text.
pub fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if has_leading_zero(digits) => return None,
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

/// A number such as `1.5`, `1e3`, `.inf` or `.nan`.
pub fn float(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) || has_leading_zero(digits) {
        return None;
    }
    let value = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if text == digits => f64::NAN,
        _ => digits.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    Some(if negative { -value } else { value })
}

/// Digits alone after a zero, which YAML 1.2 takes for text.
fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn place(mark: Marker) -> Place {
    (mark.line(), mark.col() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Vec<Entry> {
        let Value::Map(entries) = parse(text).unwrap().value else { panic!("not a map") };
        entries
    }

    #[test]
    fn keys_keep_their_text_and_duplicates_are_kept() {
        let entries = map("00123: a\n1.10: b\ntrue: c\n~: d\n1.10: e\n");
        let keys: Vec<&str> = entries.iter().map(|entry| &*entry.key).collect();
        assert_eq!(keys, ["00123", "1.10", "true", "~", "1.10"]);
    }

    #[test]
    fn every_value_knows_its_place_and_columns_count_characters() {
        let entries = map("가나: &x {다: 1, 라: 2}\ny: *x\n");
        let Value::Map(inner) = &entries[0].node.value else { panic!("not a map") };
        assert_eq!((inner[1].place, inner[1].node.place), ((1, 15), (1, 18)));
        assert_eq!((entries[1].place, entries[1].node.place), ((2, 1), (1, 5)));
    }

    #[test]
    fn scalars_are_what_yaml_takes_them_for() {
        let text = |text: &str| parse(text).unwrap().value;
        for (written, kind) in [
            ("~", "nothing"),
            ("NULL", "nothing"),
            ("!!str", "text"),
            ("True", "a boolean"),
            ("yes", "text"),
            ("'true'", "text"),
            ("-12", "a number"),
            ("+0x1F", "a number"),
            ("0o17", "a number"),
            ("00123", "text"),
            ("-0", "a number"),
            ("1e3", "a number"),
            ("-.inf", "a number"),
            (".nan", "a number"),
            ("-.nan", "text"),
            ("nan", "text"),
            ("1_000", "text"),
            ("2026-12-05", "text"),
            ("!!str 12", "text"),
            ("!!int '12'", "a number"),
            ("!secret x", "a YAML tag"),
            ("!secret { a: b }", "a YAML tag"),
            ("! x", "a YAML tag"),
            ("!!map { a: b }", "a mapping"),
            ("|\n  12", "text"),
        ] {
            assert_eq!(text(written).describe(), kind, "{written}");
        }
        assert_eq!((integer("-0x1f"), integer("0x-1"), integer("--1")), (Some(-31), None, None));
        assert_eq!(text("1.10"), Value::Float("1.10".into()));
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_fills_memory() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let error = parse(&text).unwrap_err();
        assert!(error.message.contains("aliases"), "{}", error.message);
    }

    #[test]
    fn aliases_nest_no_deeper_than_brackets() {
        let mut text = String::from("a0: &a0 [x]\n");
        for level in 1..200 {
            text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        let error = parse(&text).unwrap_err();
        assert!(error.message.contains("nested deeper"), "{}", error.message);
        let error = parse("a: &a [*a]").unwrap_err();
        assert!(error.message.contains("not above it"), "{}", error.message);
    }

    #[test]
    fn brackets_without_end_are_refused_at_the_first_that_is_too_deep() {
        for open in ["[", "{a: ", "- "] {
            let error = parse(&open.repeat(1 << 20)).unwrap_err();
            assert!(error.message.contains("nested deeper"), "{}", error.message);
            assert_eq!(error.place, (1, open.len() * LEVELS_MAX + 1));
        }
    }

    #[test]
    fn brackets_inside_text_are_not_depth() {
        let text = "[".repeat(LEVELS_MAX + 1);
        assert_eq!(parse(&format!("'{text}'")).unwrap().value, Value::Text(text.into()));
    }

    #[test]
    fn what_cannot_be_seen_is_refused_where_it_stands() {
        let error = parse("a: b\nc: d\0e: f\n").unwrap_err();
        assert_eq!(error.place, (2, 5));
        assert!(error.message.contains("control character"), "{}", error.message);
    }

    #[test]
    fn an_empty_text_is_nothing_and_a_second_document_is_refused() {
        assert_eq!(parse("").unwrap().value, Value::Null);
        assert_eq!(parse("# only words\n---\n").unwrap().value, Value::Null);
        assert_eq!(parse("a: b\n---\nc: d\n").unwrap_err().place, (2, 1));
    }
}

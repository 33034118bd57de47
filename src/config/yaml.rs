//! Text to a tree of nodes: the only file that names the YAML library.
//!
//! The tree is lenient on purpose: it keeps duplicate keys and values of the wrong type, so that
//! whoever walks it can report all of them. Keys are the text as written. A plain scalar that
//! YAML takes for a number keeps no text here; where text is wanted, `position` finds it in the
//! source (`1.10` stays `1.10`).

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor,
};

use super::position;

/// Aliases may repeat a part of the file; this bounds what they expand to. 17,000 probes with
/// thirty values each are half a million.
const NODES_MAX: usize = 2_000_000;

/// The library's own limit. It comes to it only when it has read the whole text, in a time that
/// grows with the square of the depth.
const LEVELS_MAX: usize = 128;

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Nothing after the colon, `null` or `~`.
    Null,
    Bool(bool),
    /// A plain scalar that reads as an integer.
    Int(i128),
    /// A plain scalar that reads as another number.
    Float(f64),
    /// Any other scalar.
    Text(String),
    List(Vec<Node>),
    /// A mapping, in the file's order, duplicates included.
    Map(Vec<(String, Node)>),
    /// A value with a YAML tag of its own (`!name`), which nothing here gives a meaning.
    Tagged,
}

impl Node {
    /// For "expected X, found Y".
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Node::Null => "nothing",
            Node::Bool(_) => "a boolean",
            Node::Int(_) | Node::Float(_) => "a number",
            Node::Text(_) => "text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
            Node::Tagged => "a YAML tag",
        }
    }
}

/// Why the text is no YAML document.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// Line and column, from 1.
    pub(super) position: Option<(usize, usize)>,
    /// What to look for.
    pub(super) message: String,
}

/// Reads one document. An empty one is [`Node::Null`].
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if let Some(start) = perhaps_deep(text)
        && let Some(place) = position::deeper_than(start, LEVELS_MAX)
    {
        return Err(SyntaxError { position: Some(place), message: explain("recursion limit") });
    }
    let left = Cell::new(NODES_MAX);
    Seed { left: &left }.deserialize(serde_yaml::Deserializer::from_str(text)).or_else(|error| {
        let position = error.location().map(|at| (at.line(), at.column()));
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        if said.contains("EOF while parsing a value") {
            return Ok(Node::Null);
        }
        Err(SyntaxError { position, message: explain(said) })
    })
}

/// The text up to where brackets, counted wherever they stand, nest deeper than [`LEVELS_MAX`].
/// Only that much is worth a careful look: parsers read a whole line before they answer.
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

/// Reads a whole document into a type of its own: for a small file beside the configuration, where
/// stopping at the first mistake is good enough. The error names key, line and column.
pub(crate) fn typed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

/// libyaml names the rule that was broken; people need the mistake that usually breaks it.
fn explain(said: &str) -> String {
    const HINTS: &[(&str, &str)] = &[
        (
            "mapping values are not allowed",
            "a colon where none can be; quote a value that holds \": \", and line keys up with their neighbours",
        ),
        (
            "did not find expected key",
            "this line does not fit the one above; check the indentation, and that quotes and brackets are closed",
        ),
        (
            "could not find expected ':'",
            "a key without a colon; check the indentation and the quotes",
        ),
        (
            "cannot start any token",
            "a value cannot start with this character; indent with spaces, not tabs, and quote values that start with @ ` % or a tab",
        ),
        ("found a tab", "a tab where spaces are needed"),
        (
            "did not find expected '-' indicator",
            "this line does not fit the list above; check the indentation",
        ),
        ("did not find expected ',' or ']'", "a list in [ ] is not closed, or a comma is missing"),
        (
            "did not find expected ',' or '}'",
            "a mapping in { } is not closed, or a comma is missing",
        ),
        ("unexpected end of stream", "a quote that is opened is not closed"),
        ("while scanning a quoted scalar", "a quote that is opened is not closed"),
        (
            "unknown escape character",
            "an unknown \\ escape in double quotes; use single quotes, where \\ is only a character",
        ),
        ("unknown anchor", "an alias (*name) whose anchor (&name) is not above it"),
        ("undefined alias", "an alias (*name) whose anchor (&name) is not above it"),
        ("recursion limit", "values are nested deeper than 128 levels"),
        ("repetition limit", "aliases (*name) repeat too much; write it with for_each"),
        (
            "more than one document",
            "a second document (---); put it in a file of its own and include that",
        ),
        (
            "control characters are not allowed",
            "a control character; save the file as plain UTF-8 text",
        ),
        ("expected a text key", "a key must be text"),
    ];
    let hint = HINTS.iter().find(|(sign, _)| said.contains(sign)).map(|(_, hint)| *hint);
    format!("not valid YAML: {}", hint.unwrap_or(said))
}

/// Reads a node, counting.
#[derive(Clone, Copy)]
struct Seed<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(serde::de::Error::custom("repetition limit exceeded"));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Int(value))
    }
    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(i128::try_from(value).map_or(Node::Float(value as f64), Node::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            map.push((key, entries.next_value_seed(self)?));
        }
        Ok(Node::Map(map))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        use serde::de::VariantAccess;
        let (_tag, content) = tagged.variant_seed(KeySeed)?;
        content.newtype_variant_seed(self)?;
        Ok(Node::Tagged)
    }
}

/// Reads a key as the text it is written as: `00123` and `true` too.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text key")
    }
    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_text_and_duplicates_are_kept() {
        let Node::Map(map) = parse("00123: a\n1.10: b\ntrue: c\n1.10: d\n").unwrap() else {
            panic!("not a map")
        };
        let keys: Vec<&str> = map.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["00123", "1.10", "true", "1.10"]);
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
    fn brackets_without_end_are_refused_at_the_first_that_is_too_deep() {
        let error = parse(&"[".repeat(1 << 20)).unwrap_err();
        assert!(error.message.contains("nested deeper"), "{}", error.message);
        assert_eq!(error.position, Some((1, LEVELS_MAX + 1)));
    }

    #[test]
    fn brackets_inside_text_are_not_depth() {
        let text = "[".repeat(LEVELS_MAX + 1);
        assert_eq!(parse(&format!("'{text}'")).unwrap(), Node::Text(text));
    }

    #[test]
    fn a_tag_is_kept_as_one() {
        assert_eq!(parse("!secret x").unwrap(), Node::Tagged);
    }
}

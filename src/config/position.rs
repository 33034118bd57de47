//! Where a path of the file stands in its text, and what a scalar looked like before YAML gave it
//! a type. Built from the events of a second parser, and only when somebody asks: a file without
//! problems is never parsed twice.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum PathStep {
    /// A key of a mapping; of several equal ones the `nth`, from 0.
    Key(String, usize),
    /// An item of a list.
    Item(usize),
}

/// Line and column, from 1.
pub(super) type Place = (usize, usize);

/// The places of one file.
#[derive(Debug)]
pub(super) struct Positions {
    root: Rc<Spot>,
}

#[derive(Debug)]
struct Spot {
    place: Place,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
    Scalar(Box<str>),
    List(Vec<Rc<Spot>>),
    Map(Vec<Pair>),
}

#[derive(Debug)]
struct Pair {
    key: Box<str>,
    place: Place,
    value: Rc<Spot>,
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    place: Place,
    inside: Inside,
    /// A key that waits for its value.
    key: Option<(Box<str>, Place)>,
}

/// Where a text first nests deeper than `levels`. Stops there, or where the text is no YAML.
pub(super) fn deeper_than(text: &str, levels: usize) -> Option<Place> {
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > levels {
            return Some(place(span.start));
        }
    }
    None
}

impl Positions {
    /// `None` when the second parser does not accept what the first one did.
    pub(super) fn of(text: &str) -> Option<Positions> {
        let mut open: Vec<Open> = Vec::new();
        let mut anchors: HashMap<usize, Rc<Spot>> = HashMap::new();
        let mut root = None;
        for event in Parser::new_from_str(text) {
            let (event, span) = event.ok()?;
            let place = place(span.start);
            let (spot, anchor) = match event {
                Event::MappingStart(anchor, _) => {
                    open.push(Open { anchor, place, inside: Inside::Map(Vec::new()), key: None });
                    continue;
                }
                Event::SequenceStart(anchor, _) => {
                    open.push(Open { anchor, place, inside: Inside::List(Vec::new()), key: None });
                    continue;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    let done = open.pop()?;
                    (Rc::new(Spot { place: done.place, inside: done.inside }), done.anchor)
                }
                Event::Scalar(text, _, anchor, _) => {
                    (Rc::new(Spot { place, inside: Inside::Scalar(text.into()) }), anchor)
                }
                Event::Alias(anchor) => (anchors.get(&anchor)?.clone(), 0),
                _ => continue,
            };
            if anchor != 0 {
                anchors.insert(anchor, spot.clone());
            }
            let Some(parent) = open.last_mut() else {
                root = Some(spot);
                continue;
            };
            match (&mut parent.inside, parent.key.take()) {
                (Inside::List(items), _) => items.push(spot),
                (Inside::Map(pairs), Some((key, place))) => {
                    pairs.push(Pair { key, place, value: spot });
                }
                (Inside::Map(_), None) => {
                    let Inside::Scalar(key) = &spot.inside else { return None };
                    parent.key = Some((key.clone(), place));
                }
                (Inside::Scalar(_), _) => return None,
            }
        }
        root.map(|root| Positions { root })
    }

    /// Where the last step stands: a key at its first character, an item at its value.
    pub(super) fn find(&self, path: &[PathStep]) -> Option<Place> {
        Some(self.walk(path)?.0)
    }

    /// A scalar as written.
    pub(super) fn source(&self, path: &[PathStep]) -> Option<&str> {
        match &self.walk(path)?.1.inside {
            Inside::Scalar(text) => Some(text),
            _ => None,
        }
    }

    fn walk(&self, path: &[PathStep]) -> Option<(Place, &Spot)> {
        let mut at = (self.root.place, &*self.root);
        for step in path {
            at = match (step, &at.1.inside) {
                (PathStep::Key(key, nth), Inside::Map(pairs)) => {
                    let pair = pairs.iter().filter(|pair| *pair.key == **key).nth(*nth)?;
                    (pair.place, &pair.value)
                }
                (PathStep::Item(index), Inside::List(items)) => {
                    let item = items.get(*index)?;
                    (item.place, item)
                }
                _ => return None,
            };
        }
        Some(at)
    }
}

fn place(mark: Marker) -> Place {
    (mark.line(), mark.col() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PathStep {
        PathStep::Key(name.into(), 0)
    }

    #[test]
    fn a_key_is_found_where_it_is_written_and_a_number_as_it_was() {
        let text = "a:\n  - {b: 1}\n  - b: 1.10\n    c: x\n    c: y\n";
        let positions = Positions::of(text).unwrap();
        assert_eq!(positions.find(&[key("a"), PathStep::Item(1), key("b")]), Some((3, 5)));
        assert_eq!(positions.source(&[key("a"), PathStep::Item(1), key("b")]), Some("1.10"));
        let second = PathStep::Key("c".into(), 1);
        assert_eq!(positions.find(&[key("a"), PathStep::Item(1), second]), Some((5, 5)));
    }

    #[test]
    fn columns_count_characters_and_aliases_lead_to_their_anchor() {
        let text = "가나: &x {다: 1, 라: 2}\ny: *x\n";
        let positions = Positions::of(text).unwrap();
        assert_eq!(positions.find(&[key("가나"), key("라")]), Some((1, 15)));
        assert_eq!(positions.find(&[key("y"), key("라")]), Some((1, 15)));
        assert_eq!(positions.find(&[key("y")]), Some((2, 1)));
    }
}

//! How readers move through a tree: an [`At`] is a value, where it stands, and what the readers of
//! this kind of file share.
//!
//! A reader asks for what it wants (`text`, `fields`, `parse`); what is not there or not right is
//! noted with its place, and `None` comes back, so that the reader goes on and the next problem is
//! found too. A reader must therefore never report a second time what `None` stands for.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use crate::problem::{FileProblems, Place, Problem, ReadError};
use crate::suggest;
use crate::yaml::{Entry, Node, Value, boolean};

/// What the readers of one kind of file share: where they note problems, and what this kind of file
/// has beyond YAML.
pub trait FileReading: Copy {
    fn note(self, at: &At<'_, Self>, message: String);

    /// Makes the text that is meant of the one that is written, where a kind of file has names to
    /// fill in. What is wrong with it has been noted when `None` comes back.
    fn fill<'a>(self, _at: &At<'a, Self>, written: &'a str) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(written))
    }

    /// Hears of every mapping that is asked for its fields, and which keys are known there.
    fn asked_for(self, _at: &At<'_, Self>, _known: &[&str]) {}

    /// What to say of a key that is not among the known ones.
    fn unknown_key(self, key: &str, known: &[&str]) -> String {
        format!("unknown key{}", suggest::hint_or_list(key, known))
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub struct At<'a, R> {
    pub node: &'a Node,
    pub reading: R,
    /// Of the key, where there is one: a value may be missing or far away behind an alias.
    place: Option<Place>,
    trail: Option<Rc<Trail<'a>>>,
}

/// The way to a value, shared by its siblings.
struct Trail<'a> {
    parent: Option<Rc<Trail<'a>>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

impl<'a, R: FileReading> At<'a, R> {
    /// The whole of a file.
    pub fn root(node: &'a Node, reading: R) -> At<'a, R> {
        At { node, reading, place: None, trail: None }
    }

    /// The same value for readers that share something else.
    pub fn with<'b, S: FileReading>(&self, reading: S) -> At<'b, S>
    where
        'a: 'b,
    {
        At { node: self.node, reading, place: self.place, trail: self.trail.clone() }
    }

    fn child(&self, node: &'a Node, place: Place, step: Step<'a>) -> At<'a, R> {
        let trail = Some(Rc::new(Trail { parent: self.trail.clone(), step }));
        At { node, reading: self.reading, place: Some(place), trail }
    }

    /// `None` for the file as a whole.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Such as `services[0].probes[1].http.expect.header["X Y"]`.
    pub fn path(&self) -> String {
        let mut text = String::new();
        let mut steps: Vec<Step<'_>> = self.steps().collect();
        steps.reverse();
        for step in steps {
            match step {
                Step::Item(index) => text.push_str(&format!("[{index}]")),
                Step::Key(key) if is_word(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Step::Key(key) => text.push_str(&format!("[{key:?}]")),
            }
        }
        text
    }

    /// How many steps below the top: of two settings the deeper one is the more special.
    pub fn depth(&self) -> usize {
        self.steps().count()
    }

    fn steps(&self) -> impl Iterator<Item = Step<'a>> {
        std::iter::successors(self.trail.as_deref(), |trail| trail.parent.as_deref())
            .map(|trail| trail.step)
    }

    /// Notes what is wrong with this value.
    pub fn problem(&self, message: impl Into<String>) {
        self.reading.note(self, message.into());
    }

    /// Notes that something else was expected here.
    pub fn expected(&self, what: &str) {
        match &self.node.value {
            Value::Null => self.problem("has no value; give one or remove the key"),
            Value::Tagged => self.problem("YAML tags (!name) have no meaning here; remove it"),
            value => self.problem(format!("expected {what}, found {}", value.describe())),
        }
    }

    /// Unwraps a reader's answer, noting its complaint.
    pub fn settle<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem(message)).ok()
    }

    /// The scalar as written in the file. `None`: not a scalar.
    pub fn written(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) | Value::Bool(text) | Value::Int(text) | Value::Float(text) => {
                Some(text)
            }
            Value::Null | Value::List(_) | Value::Map(_) | Value::Tagged => None,
        }
    }

    /// As [`At::written`], and whatever is no scalar is noted.
    pub fn scalar(&self) -> Option<&'a str> {
        let text = self.written();
        if text.is_none() {
            self.expected("text");
        }
        text
    }

    /// The scalar with names filled in.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.reading.fill(self, self.scalar()?)
    }

    /// Text that `reader` understands.
    pub fn parse<T>(&self, reader: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        self.settle(reader(&text))
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Option<bool> {
        match &self.node.value {
            Value::Bool(text) => boolean(text),
            Value::Text(text) if ["yes", "no", "on", "off"].contains(&&**text) => {
                self.problem(format!("\"{text}\" is text in YAML; write true or false"));
                None
            }
            _ => {
                self.expected("true or false");
                None
            }
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<Vec<At<'a, R>>> {
        match &self.node.value {
            Value::List(items) => Some(self.numbered(items)),
            _ => {
                self.expected("a list");
                None
            }
        }
    }

    /// The items of a list, or the value itself as the only one.
    pub fn one_or_many(&self) -> Vec<At<'a, R>> {
        match &self.node.value {
            Value::List(items) => self.numbered(items),
            _ => vec![self.clone()],
        }
    }

    fn numbered(&self, items: &'a [Node]) -> Vec<At<'a, R>> {
        let items = items.iter().enumerate();
        items.map(|(index, node)| self.child(node, node.place, Step::Item(index))).collect()
    }

    /// Keys and values of a mapping whose keys are free; a key that comes twice is noted.
    pub fn entries(&self) -> Option<Vec<(&'a str, At<'a, R>)>> {
        let Value::Map(entries) = &self.node.value else {
            self.expected("a mapping");
            return None;
        };
        let mut seen: HashSet<&str> = HashSet::with_capacity(entries.len());
        let mut children = Vec::with_capacity(entries.len());
        for entry in entries {
            let child = self.value_of(entry);
            if !seen.insert(&entry.key) {
                child.problem("this key is here for the second time; keep one of them");
            } else {
                children.push((&*entry.key, child));
            }
        }
        Some(children)
    }

    fn value_of(&self, entry: &'a Entry) -> At<'a, R> {
        self.child(&entry.node, entry.place, Step::Key(&entry.key))
    }

    /// The value of a key of a mapping that another reader looks at as a whole.
    pub fn quietly(&self, key: &str) -> Option<At<'a, R>> {
        let Value::Map(entries) = &self.node.value else { return None };
        entries.iter().find(|entry| *entry.key == *key).map(|entry| self.value_of(entry))
    }

    /// The keys of a mapping; nothing is noted.
    pub fn keys(&self) -> Vec<&'a str> {
        match &self.node.value {
            Value::Map(entries) => entries.iter().map(|entry| &*entry.key).collect(),
            _ => Vec::new(),
        }
    }

    /// The mapping's values by key; unknown and repeated keys are noted.
    pub fn fields(&self, known: &[&str]) -> Option<Fields<'a, R>> {
        self.reading.asked_for(self, known);
        let entries = self.entries()?;
        let mut unknown = 0;
        for (key, value) in &entries {
            if known.contains(key) {
                continue;
            }
            if *key == "<<" {
                value.problem("merge keys are not supported; put what is shared into defaults");
                continue;
            }
            unknown += 1;
            value.problem(self.reading.unknown_key(key, known));
        }
        Some(Fields { at: self.clone(), entries, unknown })
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// A mapping with known keys.
pub struct Fields<'a, R> {
    pub at: At<'a, R>,
    entries: Vec<(&'a str, At<'a, R>)>,
    unknown: usize,
}

impl<'a, R: FileReading> Fields<'a, R> {
    /// The same values for readers that share something else.
    pub fn with<'b, S: FileReading>(&self, reading: S) -> Fields<'b, S>
    where
        'a: 'b,
    {
        let entries = self.entries.iter().map(|(key, at)| (*key, at.with(reading))).collect();
        Fields { at: self.at.with(reading), entries, unknown: self.unknown }
    }

    /// The value of a key. A key without a value is noted and counts as absent.
    pub fn take(&self, key: &str) -> Option<At<'a, R>> {
        let at = self.raw(key)?;
        if at.node.value == Value::Null {
            at.expected("a value");
            return None;
        }
        Some(at.clone())
    }

    /// As [`Fields::take`], a missing value included.
    fn raw(&self, key: &str) -> Option<&At<'a, R>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, at)| at)
    }

    /// Whether the key is there at all.
    pub fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &str) -> Option<At<'a, R>> {
        if !self.has(key) {
            self.at.problem(format!("\"{key}\" is missing"));
        }
        self.take(key)
    }

    /// The value as `reader` understands it.
    pub fn parse<T>(&self, key: &str, reader: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.take(key)?.parse(reader)
    }

    /// A non-empty text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.parse(key, some_text)
    }

    /// Whether a key was misspelt: what seems to be missing is probably it.
    pub fn has_unknown(&self) -> bool {
        self.unknown > 0
    }

    /// The keys of `choices` that are there.
    pub fn present<'c>(&self, choices: &[&'c str]) -> Vec<&'c str> {
        choices.iter().copied().filter(|key| self.has(key)).collect()
    }
}

/// Text that is not blank.
pub fn some_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty; give a value or remove the key".into());
    }
    Ok(text.to_owned())
}

/// The problems of one file, for a kind of file with nothing beyond YAML.
#[derive(Debug, Default)]
pub struct Notes(RefCell<Vec<Problem>>);

impl FileReading for &Notes {
    fn note(self, at: &At<'_, Self>, message: String) {
        self.0.borrow_mut().push(Problem { place: at.place(), path: at.path(), message });
    }
}

impl Notes {
    /// What was read, unless something is wrong with the file.
    pub fn settle<T>(self, file: &Path, read: Option<T>) -> Result<T, ReadError> {
        let mut problems = self.0.into_inner();
        match read {
            Some(read) if problems.is_empty() => Ok(read),
            _ => {
                problems.sort_by_key(|problem| problem.place);
                Err(ReadError { files: vec![FileProblems { file: file.to_owned(), problems }] })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn every_problem_is_noted_with_its_place_and_path() {
        let text = "name: 1.10\nnaem: x\nlist:\n  - yes\n  - 'a b': 1\nname: y\n";
        let (root, notes) = (parse(text).unwrap(), Notes::default());
        let fields = At::root(&root, &notes).fields(&["name", "list", "flag"]).unwrap();
        assert_eq!(fields.text("name").as_deref(), Some("1.10"), "a number keeps its digits");
        assert!(fields.need("flag").is_none() && fields.has_unknown());
        let items = fields.need("list").unwrap().items().unwrap();
        assert_eq!(items[0].flag(), None);
        items[1].entries().unwrap()[0].1.problem("is odd");
        let error = notes.settle(Path::new("a.yml"), Some(())).unwrap_err();
        let wanted = "\
a.yml: 5 problems, nothing was started
       \"flag\" is missing
  2:1  naem: unknown key; did you mean \"name\"?
  4:5  list[0]: \"yes\" is text in YAML; write true or false
  5:5  list[1][\"a b\"]: is odd
  6:1  name: this key is here for the second time; keep one of them";
        assert_eq!(error.to_string(), wanted);
    }
}

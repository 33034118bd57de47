//! How the readers move through the tree: an [`At`] is a value and where it stands.
//!
//! A reader asks for what it wants (`text`, `fields`, `parse`); what is not there or not right is
//! noted with its place, and `None` comes back, so that the reader goes on and the next problem is
//! found too. A reader must therefore never report a second time what `None` stands for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use super::document::Document;
use super::names::{self, FILLED_TOTAL_MAX, KnownNames, Nameable, Scope};
use super::notes::{Load, path_text};
use super::position::PathStep;
use super::yaml::Node;
use super::{inherit, probe, suggest};
use crate::template::{Template, parse};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) document: &'a Document,
    pub(super) load: &'a Load<'a>,
    pub(super) scope: &'a Scope,
    trail: Option<Rc<Trail<'a>>>,
}

/// The way to a value, shared by its siblings.
struct Trail<'a> {
    parent: Option<Rc<Trail<'a>>>,
    step: Turn<'a>,
}

#[derive(Clone, Copy)]
enum Turn<'a> {
    Key(&'a str, usize),
    Item(usize),
}

impl<'a> At<'a> {
    /// The whole of a file.
    pub(super) fn root(document: &'a Document, load: &'a Load<'a>, scope: &'a Scope) -> At<'a> {
        At { node: &document.root, document, load, scope, trail: None }
    }

    /// The same value with other names to fill in.
    pub(super) fn within<'b>(&self, scope: &'b Scope) -> At<'b>
    where
        'a: 'b,
    {
        At { scope, ..self.clone() }
    }

    fn child(&self, node: &'a Node, step: Turn<'a>) -> At<'a> {
        let trail = Some(Rc::new(Trail { parent: self.trail.clone(), step }));
        At { node, trail, ..*self }
    }

    pub(super) fn steps(&self) -> Vec<PathStep> {
        let mut steps = Vec::new();
        let mut trail = &self.trail;
        while let Some(turn) = trail {
            steps.push(match turn.step {
                Turn::Key(key, nth) => PathStep::Key(key.to_owned(), nth),
                Turn::Item(index) => PathStep::Item(index),
            });
            trail = &turn.parent;
        }
        steps.reverse();
        steps
    }

    /// Such as `services[0].name`.
    pub(super) fn path(&self) -> String {
        path_text(&self.steps())
    }

    /// How many steps below the top: of two settings the deeper one is the more special.
    pub(super) fn depth(&self) -> usize {
        std::iter::successors(self.trail.as_deref(), |trail| trail.parent.as_deref()).count()
    }

    /// Notes what is wrong with this value.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.load.note(self, message.into());
    }

    /// Unwraps a reader's answer, noting its complaint.
    pub(super) fn settle<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem(message)).ok()
    }

    /// The scalar as written in the file, before names are filled in. `None`: not a scalar.
    pub(super) fn written(&self) -> Option<Cow<'a, str>> {
        let plain = match self.node {
            Node::Text(text) => return Some(Cow::Borrowed(text)),
            Node::Bool(value) => value.to_string(),
            Node::Int(value) => value.to_string(),
            Node::Float(value) => value.to_string(),
            Node::Null | Node::List(_) | Node::Map(_) | Node::Tagged => return None,
        };
        let positions = self.document.positions();
        let source = positions.and_then(|positions| positions.source(&self.steps()));
        Some(Cow::Owned(source.map_or(plain, str::to_owned)))
    }

    fn scalar(&self) -> Option<Cow<'a, str>> {
        let text = self.written();
        if text.is_none() {
            self.expected("text");
        }
        text
    }

    /// Notes that something else was expected here.
    pub(super) fn expected(&self, what: &str) {
        match self.node {
            Node::Null => self.problem("has no value; give one or remove the key"),
            Node::Tagged => self.problem("YAML tags (!name) have no meaning here; remove it"),
            node => self.problem(format!("expected {what}, found {}", node.describe())),
        }
    }

    /// Text with site columns and variables filled in.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let text = self.scalar()?;
        if parse::is_plain(&text) {
            return Some(text);
        }
        if names::is_unknown(&text, self.scope) {
            return None;
        }
        let filled = self.settle(names::fill(&text, self.scope))?;
        self.afford(filled.len()).then_some(Cow::Owned(filled))
    }

    /// Whether the load may keep a filled-in text of this length; the first that it may not is
    /// noted, the ones after it are the same mistake.
    fn afford(&self, length: usize) -> bool {
        let Some(left) = self.load.filled_left.get() else { return false };
        let left = left.checked_sub(length);
        self.load.filled_left.set(left);
        if left.is_none() {
            self.problem(format!(
                "up to here, texts with ${{...}} come to more than {} MiB; name shorter values or \
                 fewer sites",
                FILLED_TOTAL_MAX >> 20
            ));
        }
        left.is_some()
    }

    /// Text that may name what the type of its sources says.
    pub(super) fn template<S: Nameable>(&self) -> Option<Template<S>> {
        let text = self.scalar()?;
        if parse::is_plain(&text) {
            return Some(Template::plain(text));
        }
        if names::is_unknown(&text, self.scope) {
            return None;
        }
        let secrets = self.load.secrets.get().filter(|_| !self.load.incomplete.get());
        let template =
            self.settle(names::compile(&text, KnownNames { scope: self.scope, secrets }))?;
        self.afford(template.text_len()).then_some(template)
    }

    /// The name of a service that is declared somewhere, noted here when there is none.
    pub(super) fn known_service(&self, name: &str) -> bool {
        let Some(services) = self.load.services.get() else { return false };
        if services.contains_key(name) {
            return true;
        }
        if !self.load.incomplete.get() {
            let hint = self.load.hint(name, services.keys().map(String::as_str));
            self.problem(format!("no service named \"{name}\"{hint}"));
        }
        false
    }

    /// Text that `reader` understands.
    pub(super) fn parse<T>(&self, reader: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        self.settle(reader(&text))
    }

    /// As [`At::parse`], for readers that want a number and do not mind how it is written: its
    /// source is not looked for.
    pub(super) fn parse_number<T>(
        &self,
        reader: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.node {
            Node::Int(value) => self.settle(reader(&value.to_string())),
            _ => self.parse(reader),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            Node::Text(text) if ["yes", "no", "on", "off"].contains(&text.as_str()) => {
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
    pub(super) fn items(&self) -> Option<Vec<At<'a>>> {
        match self.node {
            Node::List(items) => Some(self.numbered(items)),
            _ => {
                self.expected("a list");
                None
            }
        }
    }

    /// The items of a list, or the value itself as the only one.
    pub(super) fn one_or_many(&self) -> Vec<At<'a>> {
        match self.node {
            Node::List(items) => self.numbered(items),
            _ => vec![self.clone()],
        }
    }

    fn numbered(&self, items: &'a [Node]) -> Vec<At<'a>> {
        let items = items.iter().enumerate();
        items.map(|(index, node)| self.child(node, Turn::Item(index))).collect()
    }

    /// Keys and values of a mapping whose keys are free; a key that comes twice is noted.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, At<'a>)>> {
        let Node::Map(entries) = self.node else {
            self.expected("a mapping");
            return None;
        };
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        let mut children = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let count = seen.entry(key).or_default();
            let child = self.child(value, Turn::Key(key, *count));
            *count += 1;
            if *count > 1 {
                child.problem("this key is here for the second time; keep one of them");
            } else {
                children.push((key.as_str(), child));
            }
        }
        Some(children)
    }

    /// The value of a key of a mapping that another reader looks at as a whole.
    pub(super) fn quietly(&self, key: &str) -> Option<At<'a>> {
        let Node::Map(entries) = self.node else { return None };
        let (key, value) = entries.iter().find(|(name, _)| name == key)?;
        Some(self.child(value, Turn::Key(key, 0)))
    }

    /// The keys of a mapping; nothing is noted.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        match self.node {
            Node::Map(entries) => entries.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The mapping's values by key; unknown and repeated keys are noted.
    pub(super) fn fields(&self, known: &[&str]) -> Option<Fields<'a>> {
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
            if inherit::KEYS.contains(key) {
                value.problem("unknown key; it belongs to defaults, a service or a probe");
                continue;
            }
            if let Some(said) = probe::other_kind(key, known) {
                value.problem(said);
                continue;
            }
            value.problem(format!("unknown key{}", suggest::hint_or_list(key, known)));
        }
        Some(Fields { at: self.clone(), entries, unknown })
    }
}

/// A mapping with known keys.
pub(super) struct Fields<'a> {
    pub(super) at: At<'a>,
    entries: Vec<(&'a str, At<'a>)>,
    unknown: usize,
}

impl<'a> Fields<'a> {
    /// The same values with other names to fill in.
    pub(super) fn within<'b>(&self, scope: &'b Scope) -> Fields<'b>
    where
        'a: 'b,
    {
        let entries = self.entries.iter().map(|(key, at)| (*key, at.within(scope))).collect();
        Fields { at: self.at.within(scope), entries, unknown: self.unknown }
    }

    /// The value of a key. A key without a value is noted and counts as absent.
    pub(super) fn take(&self, key: &str) -> Option<At<'a>> {
        let at = self.raw(key)?;
        if *at.node == Node::Null {
            at.expected("a value");
            return None;
        }
        Some(at)
    }

    /// As [`Fields::take`], a missing value included.
    fn raw(&self, key: &str) -> Option<At<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, at)| at.clone())
    }

    /// Whether the key is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str) -> Option<At<'a>> {
        if !self.has(key) {
            self.at.problem(format!("\"{key}\" is missing"));
        }
        self.take(key)
    }

    /// The value as `reader` understands it.
    pub(super) fn parse<T>(
        &self,
        key: &str,
        reader: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(key)?.parse(reader)
    }

    /// A non-empty text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.parse(key, super::value::some_text)
    }

    /// Whether a key was misspelt: what seems to be missing is probably it.
    pub(super) fn has_unknown(&self) -> bool {
        self.unknown > 0
    }

    /// The keys of `choices` that are there.
    pub(super) fn present<'c>(&self, choices: &[&'c str]) -> Vec<&'c str> {
        choices.iter().copied().filter(|key| self.has(key)).collect()
    }
}

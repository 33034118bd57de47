//! What a configuration has beyond YAML: the file that a value stands in, names to fill in, and
//! everything that is declared.

use std::borrow::Cow;

use read::{FileReading, hint_or_list};

use super::document::Document;
use super::names::{self, FILLED_TOTAL_MAX, KnownNames, Nameable, Scope};
use super::notes::Load;
use crate::template::{Template, parse};

/// A value of a configuration, and where it stands.
pub(super) type At<'a> = read::At<'a, ConfigReading<'a>>;

/// A mapping of a configuration.
pub(super) type Fields<'a> = read::Fields<'a, ConfigReading<'a>>;

/// What the readers of a configuration share.
#[derive(Clone, Copy)]
pub(super) struct ConfigReading<'a> {
    pub(super) document: &'a Document,
    pub(super) load: &'a Load<'a>,
    pub(super) scope: &'a Scope,
}

impl FileReading for ConfigReading<'_> {
    fn note(self, at: &read::At<'_, Self>, message: String) {
        self.load.note(self.document.index, self.scope, at.path(), at.place(), message);
    }

    /// Fills in site columns and variables.
    fn fill<'a>(self, at: &read::At<'a, Self>, written: &'a str) -> Option<Cow<'a, str>> {
        if parse::is_plain(written) {
            return Some(Cow::Borrowed(written));
        }
        if names::is_unknown(written, self.scope) {
            return None;
        }
        let filled = at.settle(names::fill(written, self.scope))?;
        self.afford(at, filled.len()).then_some(Cow::Owned(filled))
    }

    #[cfg(test)]
    fn asked_for(self, at: &read::At<'_, Self>, known: &[&str]) {
        self.load
            .asked_for
            .borrow_mut()
            .push((at.path(), known.iter().map(|key| (*key).to_owned()).collect()));
    }

    fn unknown_key(self, key: &str, known: &[&str]) -> String {
        if let Some(said) = (self.load.misplaced)(key, known) {
            return said;
        }
        let hint = hint_or_list(key, known);
        let hint = if hint.is_empty() { "; config/example.yml shows every key" } else { &hint };
        format!("unknown key{hint}")
    }
}

impl<'a> ConfigReading<'a> {
    /// The same with other names to fill in.
    pub(super) fn within<'b>(self, scope: &'b Scope) -> ConfigReading<'b>
    where
        'a: 'b,
    {
        ConfigReading { scope, ..self }
    }

    /// Whether the load may keep a filled-in text of this length; the first that it may not is
    /// noted, the ones after it are the same mistake.
    fn afford(self, at: &read::At<'_, Self>, length: usize) -> bool {
        let Some(left) = self.load.filled_left.get() else { return false };
        let left = left.checked_sub(length);
        self.load.filled_left.set(left);
        if left.is_none() {
            at.problem(format!(
                "up to here, texts with ${{...}} come to more than {} MiB; name shorter values or \
                 fewer sites",
                FILLED_TOTAL_MAX >> 20
            ));
        }
        left.is_some()
    }
}

/// The top of a file.
pub(super) fn root<'a>(document: &'a Document, load: &'a Load<'a>, scope: &'a Scope) -> At<'a> {
    At::root(&document.root, ConfigReading { document, load, scope })
}

/// What can be asked of a value of a configuration beside what any file has.
pub(super) trait ConfigValue {
    /// Text that may hold secrets.
    fn template<S: Nameable>(&self) -> Option<Template<S>>;
    /// Whether a service of this name is declared somewhere, noted here when there is none.
    fn known_service(&self, name: &str) -> bool;
}

impl ConfigValue for At<'_> {
    fn template<S: Nameable>(&self) -> Option<Template<S>> {
        let ConfigReading { load, scope, .. } = self.reading;
        let text = self.scalar()?;
        if parse::is_plain(text) {
            return Some(Template::plain(text));
        }
        if names::is_unknown(text, scope) {
            return None;
        }
        let secrets = load.secrets.borrow();
        let secrets = (!load.incomplete.get()).then_some(&*secrets);
        let template = self.settle(names::compile(text, KnownNames { scope, secrets }))?;
        self.reading.afford(self, template.text_len()).then_some(template)
    }

    fn known_service(&self, name: &str) -> bool {
        let load = self.reading.load;
        let Some(services) = load.services.get() else { return false };
        if services.contains_key(name) {
            return true;
        }
        if !load.incomplete.get() {
            let hint = load.hint(name, services.keys().map(String::as_str));
            self.problem(format!("no service named \"{name}\"{hint}"));
        }
        false
    }
}

//! Texts of the configuration with `${...}` in them. [`parse`] reads them at load, when site
//! columns and variables are filled in; [`fill`] writes out the rest when a request is written.
//!
//! What a template may name is its type: an HTTP probe's holds secrets and nothing else
//! ([`SecretOnly`]), a login flow's also what the flow knows ([`FlowSource`]).

pub mod cipher;
pub mod fill;
pub mod hash;
pub mod parse;
pub mod pipe;
pub mod rsa;

use std::convert::Infallible;
use std::slice;
use std::sync::Arc;

use jiff::tz::TimeZone;

pub use pipe::{Function, Pipe};

/// A text with references to sources of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<S = SecretOnly> {
    /// Adjacent texts are joined.
    pub parts: Vec<Part<S>>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<S = SecretOnly> {
    Text(String),
    /// Known when the request is written.
    Value {
        source: S,
        /// What is done to it, in order.
        pipes: Vec<Pipe<S>>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOnly(pub Arc<str>);

/// What a login flow can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowSource {
    /// The file's own text with pipes behind it: a site's column, a variable.
    Text(String),
    Secret(Arc<str>),
    /// The code that the named secret makes at this moment (RFC 6238).
    Code(Arc<str>),
    /// Captured by an earlier step.
    Capture(Arc<str>),
    /// Signed by an earlier step.
    Signed(Arc<str>),
    /// Something of a certificate that everybody may know.
    Identity(Arc<str>, IdentityField),
    /// The time of the run in strftime form, in a zone or in that of the process.
    Date(Option<TimeZone>, String),
    /// A new random UUID (RFC 9562, version 4).
    Uuid,
    /// A value of `set` or of a program by its name, and what it is made from in the end: none of
    /// these is such a value itself.
    Made(Arc<str>, Arc<[FlowSource]>),
}

/// What of a certificate a template may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityField {
    /// Lowercase hex, two digits a byte.
    SerialHex,
    /// Decimal digits.
    SerialDec,
    /// RFC 4514.
    Subject,
    /// RFC 4514.
    Issuer,
    /// RFC 7468.
    Pem,
    /// DER in base64 without line breaks.
    Der,
    /// The random number of the owner's identification in base64. It is a secret.
    VidRandom,
}

/// What can be asked of a source of any kind.
pub trait Source: Sized {
    /// The secret that it reveals something of.
    fn secret(&self) -> Option<&Arc<str>>;

    /// What it is made from in the end.
    fn roots(&self) -> &[Self] {
        slice::from_ref(self)
    }

    /// Whether it stands in the file, for everyone who reads it.
    fn is_literal(&self) -> bool {
        false
    }

    /// Whether what stands for it opens a door.
    fn is_credential(&self) -> bool {
        self.secret().is_some()
    }

    /// The file's own text in it.
    fn text(&self) -> &str {
        ""
    }
}

impl Source for SecretOnly {
    fn secret(&self) -> Option<&Arc<str>> {
        Some(&self.0)
    }
}

impl Source for FlowSource {
    fn secret(&self) -> Option<&Arc<str>> {
        match self {
            FlowSource::Secret(name) | FlowSource::Code(name) => Some(name),
            _ => None,
        }
    }

    fn is_credential(&self) -> bool {
        let private = matches!(
            self,
            FlowSource::Signed(_) | FlowSource::Identity(_, IdentityField::VidRandom)
        );
        private || self.secret().is_some()
    }

    fn text(&self) -> &str {
        match self {
            FlowSource::Text(text) => text,
            _ => "",
        }
    }

    fn roots(&self) -> &[FlowSource] {
        match self {
            FlowSource::Made(_, roots) => roots,
            _ => slice::from_ref(self),
        }
    }

    fn is_literal(&self) -> bool {
        matches!(self, FlowSource::Text(_))
    }
}

/// The source of texts that are complete once they are read.
impl Source for Infallible {
    fn secret(&self) -> Option<&Arc<str>> {
        match *self {}
    }
}

impl From<SecretOnly> for FlowSource {
    fn from(SecretOnly(name): SecretOnly) -> FlowSource {
        FlowSource::Secret(name)
    }
}

impl<S> From<S> for Part<S> {
    fn from(source: S) -> Part<S> {
        Part::Value { source, pipes: Vec::new() }
    }
}

impl<S: Source> Part<S> {
    /// What it is made from in the end.
    fn roots(&self) -> Vec<&S> {
        match self {
            Part::Text(_) => Vec::new(),
            Part::Value { source, pipes } => {
                let operands = pipes.iter().flat_map(|pipe| &pipe.operands);
                [source].into_iter().chain(operands).flat_map(S::roots).collect()
            }
        }
    }

    /// The file's own text in it.
    fn text(&self) -> &str {
        match self {
            Part::Text(text) => text,
            Part::Value { source, .. } => source.text(),
        }
    }
}

impl<S: Source> Template<S> {
    /// A text without references.
    pub fn plain(text: impl Into<String>) -> Template<S> {
        Template { parts: vec![Part::Text(text.into())] }
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, part: Part<S>) {
        match (self.parts.last_mut(), part) {
            (_, Part::Text(text)) if text.is_empty() => {}
            (Some(Part::Text(last)), Part::Text(text)) => last.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }

    /// Adds a JSON string with this content; values are escaped by [`Template::fill_json`].
    pub fn push_json_string(&mut self, content: Template<S>) {
        self.push(Part::Text("\"".into()));
        for part in content.parts {
            self.push(match part {
                Part::Text(text) => Part::Text(fill::json_escaped(&text)),
                value => value,
            });
        }
        self.push(Part::Text("\"".into()));
    }

    /// The whole text of a template without references.
    pub fn as_plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// All that it is made from in the end, beside its own text.
    pub fn sources(&self) -> impl Iterator<Item = &S> {
        self.parts.iter().flat_map(Part::roots)
    }

    /// Whether all of it stands in the file, for everyone who reads it.
    pub fn is_literal(&self) -> bool {
        self.sources().all(S::is_literal)
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources().filter_map(S::secret)
    }

    /// Whether it holds a secret or a signature.
    pub fn is_credential(&self) -> bool {
        self.sources().any(S::is_credential)
    }

    /// Bytes of the file's own text in it.
    pub fn text_len(&self) -> usize {
        self.parts.iter().map(|part| part.text().len()).sum()
    }
}

impl Template<SecretOnly> {
    /// The same where more may be named.
    pub fn widened<S: From<SecretOnly>>(&self) -> Template<S> {
        let widened = |part: &Part| match part {
            Part::Text(text) => Part::Text(text.clone()),
            Part::Value { source, pipes } => {
                let pipes = pipes.iter().map(Pipe::widened).collect();
                Part::Value { source: source.clone().into(), pipes }
            }
        };
        Template { parts: self.parts.iter().map(widened).collect() }
    }
}

impl Template<Infallible> {
    /// The text, which is complete.
    pub fn into_text(self) -> String {
        let text = |part| match part {
            Part::Text(text) => text,
            Part::Value { source, .. } => match source {},
        };
        self.parts.into_iter().map(text).collect()
    }
}

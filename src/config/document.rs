//! The files of a configuration: the one that was named and what it includes.
//!
//! `include` is a list of paths or globs, relative to the file that says so. Included files may
//! include others; a file is read once, and being led to it again is a mistake.

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::files::{FILE_LIMIT, FILES_MAX};
use super::names::Scope;
use super::notes::Load;
use super::position::{Place, Positions};
use super::walk::At;
use super::yaml::{self, Node};

pub(super) struct Document {
    /// Its place in the order of reading.
    pub(super) index: usize,
    /// As given, or as the including file leads to it.
    pub(super) path: PathBuf,
    /// Its tree; [`Node::Null`] when it could not be read.
    pub(super) root: Node,
    /// Read and not yet decoded.
    bytes: Vec<u8>,
    text: String,
    positions: OnceCell<Option<Positions>>,
    /// The path without detours.
    normal: PathBuf,
    /// The same of the files that led here.
    above: Vec<PathBuf>,
}

impl Document {
    fn new(path: PathBuf, parent: Option<&Document>) -> Document {
        let normal = normal(&path);
        let mut above = Vec::new();
        if let Some(parent) = parent {
            above.extend_from_slice(&parent.above);
            above.push(parent.normal.clone());
        }
        Document {
            index: 0,
            path,
            root: Node::Null,
            bytes: Vec::new(),
            text: String::new(),
            positions: OnceCell::new(),
            normal,
            above,
        }
    }

    /// Where things stand; made at the first question.
    pub(super) fn positions(&self) -> Option<&Positions> {
        self.positions.get_or_init(|| Positions::of(&self.text)).as_ref()
    }

    /// A path that the file names: relative ones start at the file's directory.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// The keys of an included file.
pub(super) const INCLUDED_KEYS: &[&str] = &["include", "secrets", "services", "maintenance"];

/// Reads a file and everything it includes.
pub(super) fn read_all(path: &Path, load: &Load<'_>) -> Vec<Rc<Document>> {
    let mut first = Document::new(path.to_owned(), None);
    match load.files.read(path, FILE_LIMIT) {
        Ok(bytes) => first.bytes = bytes,
        Err(said) => {
            load.note_file(0, None, said);
            return vec![Rc::new(first)];
        }
    }
    read_from(first, load)
}

/// The same for a text; `path` is what relative paths start from and what messages say.
pub(super) fn read_text(path: &Path, text: &str, load: &Load<'_>) -> Vec<Rc<Document>> {
    let mut first = Document::new(path.to_owned(), None);
    first.bytes = text.as_bytes().to_owned();
    read_from(first, load)
}

fn read_from(first: Document, load: &Load<'_>) -> Vec<Rc<Document>> {
    let scope = Scope::default();
    let mut documents: Vec<Rc<Document>> = Vec::new();
    let mut known = HashSet::from([first.normal.clone()]);
    let mut waiting = VecDeque::from([first]);
    while let Some(mut document) = waiting.pop_front() {
        fill(&mut document, load);
        for (at, path) in includes(&At::root(&document, load, &scope)) {
            let mut next = Document::new(path, Some(&document));
            next.index = document.index + 1 + waiting.len();
            let shown = next.normal.display();
            if next.above.contains(&next.normal) {
                at.problem(format!("{shown} leads back to itself; remove the line"));
            } else if !known.insert(next.normal.clone()) {
                at.problem(format!("{shown} is read already; include it once"));
            } else if known.len() > FILES_MAX {
                at.problem(format!("leads to more than {FILES_MAX} files"));
                break;
            } else {
                match load.files.read(&next.path, FILE_LIMIT) {
                    Ok(bytes) => {
                        next.bytes = bytes;
                        waiting.push_back(next);
                    }
                    Err(said) => {
                        at.problem(format!("{shown}: {said}"));
                        load.set_incomplete();
                    }
                }
            }
        }
        documents.push(Rc::new(document));
    }
    documents
}

/// Decodes and parses. An included file may be empty: somebody commented it out.
fn fill(document: &mut Document, load: &Load<'_>) {
    match decode(std::mem::take(&mut document.bytes)) {
        Ok(text) => document.text = text,
        Err((position, said)) => return load.note_file(document.index, position, said),
    }
    match yaml::parse(&document.text) {
        Ok(Node::Null) if document.index == 0 => {
            load.note_file(document.index, None, "is empty; it needs at least services".into());
        }
        Ok(root) => document.root = root,
        Err(error) => load.note_file(document.index, error.position, error.message),
    }
}

/// UTF-8 with or without a byte order mark. Files from Korean editors are often EUC-KR, and those
/// of Windows' Notepad UTF-16 when "Unicode" was chosen.
fn decode(bytes: Vec<u8>) -> Result<String, (Option<Place>, String)> {
    if is_utf16(&bytes) {
        return Err((None, "not UTF-8 (it looks like UTF-16); save the file as UTF-8".into()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let (bytes, valid) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = String::from_utf8_lossy(&bytes[..valid]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let (_, _, garbled) = encoding_rs::EUC_KR.decode(bytes);
        let guess = if garbled { "" } else { " (it looks like EUC-KR)" };
        (Some((line, column)), format!("not UTF-8{guess}; save the file as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// By its byte order mark, or by the zeros that every second byte of ASCII becomes.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || matches!(bytes, [0, first, ..] | [first, 0, ..] if *first != 0)
}

/// The files that `include` leads to, each with the place that names it.
fn includes<'a>(root: &At<'a>) -> Vec<(At<'a>, PathBuf)> {
    let mut found = Vec::new();
    let Some(list) = root.quietly("include") else { return found };
    for at in list.one_or_many() {
        let Some(pattern) = at.parse(super::value::some_text) else { continue };
        let path = root.document.resolve(&pattern);
        if !pattern.contains(['*', '?', '[']) {
            found.push((at, path));
            continue;
        }
        match root.load.files.glob(&path) {
            Ok(paths) if paths.is_empty() => {
                at.problem("no file matches; remove the line, or create the file");
            }
            Ok(paths) => found.extend(paths.into_iter().map(|path| (at.clone(), path))),
            Err(said) => at.problem(format!("not a pattern: {said}")),
        }
    }
    found
}

/// Without `.` and `..`, so that two ways to one file are seen to be one.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

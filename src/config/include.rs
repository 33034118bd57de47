//! The files of a configuration: the one that was named and what it includes.
//!
//! `include` is a list of paths or globs, relative to the file that says so. Included files may
//! include others; a file is read once, and being led to it again is a mistake.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use read::some_text;

use super::document::Document;
use super::files::{FILE_LIMIT, FILES_MAX};
use super::names::Scope;
use super::notes::Load;
use super::reading::{self, At};

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
        document.fill(load);
        for (at, path) in includes(&reading::root(&document, load, &scope)) {
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

/// The files that `include` leads to, each with the place that names it.
fn includes<'a>(root: &At<'a>) -> Vec<(At<'a>, PathBuf)> {
    let mut found = Vec::new();
    let Some(list) = root.quietly("include") else { return found };
    for at in list.one_or_many() {
        let Some(pattern) = at.parse(some_text) else { continue };
        let path = root.reading.document.resolve(&pattern);
        if !pattern.contains(['*', '?', '[']) {
            found.push((at, path));
            continue;
        }
        match root.reading.load.files.glob(&path) {
            Ok(paths) if paths.is_empty() => {
                at.problem("no file matches; remove the line, or create the file");
            }
            Ok(paths) => found.extend(paths.into_iter().map(|path| (at.clone(), path))),
            Err(said) => at.problem(format!("not a pattern: {said}")),
        }
    }
    found
}

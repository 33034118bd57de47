//! One file of a configuration, from bytes to a tree.

use std::path::{Component, Path, PathBuf};

use read::{Node, Place, Value};

use super::notes::Load;
use super::other_file;

pub(super) struct Document {
    /// Its place in the order of reading.
    pub(super) index: usize,
    /// As given, or as the including file leads to it.
    pub(super) path: PathBuf,
    /// [`Value::Null`] when the file could not be read.
    pub(super) root: Node,
    /// Read and not yet decoded.
    pub(super) bytes: Vec<u8>,
    /// The path without detours.
    pub(super) normal: PathBuf,
    /// The same of the files that led here.
    pub(super) above: Vec<PathBuf>,
}

impl Document {
    pub(super) fn new(path: PathBuf, parent: Option<&Document>) -> Document {
        let normal = normal(&path);
        let mut above = Vec::new();
        if let Some(parent) = parent {
            above.extend_from_slice(&parent.above);
            above.push(parent.normal.clone());
        }
        let root = Node { place: (1, 1), value: Value::Null };
        Document { index: 0, path, root, bytes: Vec::new(), normal, above }
    }

    /// Decodes and parses. An included file may be empty: somebody commented it out.
    pub(super) fn fill(&mut self, load: &Load<'_>) {
        let text = match decode(std::mem::take(&mut self.bytes)) {
            Ok(text) => text,
            Err((place, said)) => return load.note_file(self.index, place, said),
        };
        match read::parse(&text) {
            Ok(root) if root.value == Value::Null && self.index == 0 => {
                load.note_file(self.index, None, "is empty; it needs at least services".into());
            }
            Ok(root) => match other_file::told(&root, &text) {
                Some(said) => load.note_file(self.index, None, said.into()),
                None => self.root = root,
            },
            Err(error) => match other_file::told_of_text(&text) {
                Some(said) => load.note_file(self.index, None, said.into()),
                None => load.note_file(self.index, Some(error.place), error.message),
            },
        }
    }

    /// A path that the file names: relative ones start at the file's directory.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
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

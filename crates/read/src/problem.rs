//! What is wrong with files, as a person reads it.
//!
//! A reader says what is wrong with a value; it never names the file, the place or the key. Those
//! are added here, so that every message has the same form:
//!
//! ```text
//! config/bongsu.yml: 2 problems, nothing was started
//!   12:9  services[0].probes[1].http.expect.stauts: unknown key; did you mean "status"?
//!   31:5  services[2].needs: no service named "gpkl"; did you mean "gpki"?
//! ```

use std::fmt;
use std::path::PathBuf;

/// Shown of one file; whoever has more will fix these first.
const SHOWN_MAX: usize = 100;

/// All problems of what was read, grouped by file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// In the order the files were read.
    pub files: Vec<FileProblems>,
}

/// Line and column, from 1. Columns count characters.
pub type Place = (usize, usize);

/// The problems of one file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblems {
    /// As given, or as the including file leads to it.
    pub file: PathBuf,
    /// Never empty.
    pub problems: Vec<Problem>,
}

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None` for the file as a whole.
    pub place: Option<Place>,
    /// Such as `services[0].probes[1].http`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl ReadError {
    /// One problem with a file as a whole.
    pub fn whole(file: PathBuf, message: String) -> ReadError {
        ReadError::one(file, None, message)
    }

    pub(crate) fn one(file: PathBuf, place: Option<Place>, message: String) -> ReadError {
        let problems = vec![Problem { place, path: String::new(), message }];
        ReadError { files: vec![FileProblems { file, problems }] }
    }

    pub fn count(&self) -> usize {
        self.files.iter().map(|file| file.problems.len()).sum()
    }

    /// The text, with what became of the attempt: `nothing was started` at start, `the running
    /// configuration is kept` at a reload.
    pub fn report(&self, consequence: &str) -> String {
        let heading = |count| {
            let noun = if count == 1 { "problem" } else { "problems" };
            format!("{count} {noun}, {consequence}")
        };
        self.laid_out(heading, str::to_owned, |more| format!("and {more} more"))
    }

    /// The text in words of somebody else: the heading of a file for so many problems, a message, and what
    /// stands for those that are not shown.
    pub fn laid_out(
        &self,
        heading: impl Fn(usize) -> String,
        message: impl Fn(&str) -> String,
        and_more: impl Fn(usize) -> String,
    ) -> String {
        let mut text = String::new();
        for file in &self.files {
            let count = file.problems.len();
            text.push_str(&format!("{}: {}\n", file.file.display(), heading(count)));
            let shown = &file.problems[..count.min(SHOWN_MAX)];
            let places: Vec<String> = shown.iter().map(place).collect();
            let width = places.iter().map(String::len).max().unwrap_or(0);
            for (problem, place) in shown.iter().zip(&places) {
                text.push_str("  ");
                if width > 0 {
                    text.push_str(&format!("{place:<width$}  "));
                }
                if !problem.path.is_empty() {
                    text.push_str(&format!("{}: ", problem.path));
                }
                text.push_str(&message(&problem.message));
                text.push('\n');
            }
            if count > SHOWN_MAX {
                text.push_str(&format!("  {}\n", and_more(count - SHOWN_MAX)));
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn place(problem: &Problem) -> String {
    problem.place.map(|(line, column)| format!("{line}:{column}")).unwrap_or_default()
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report("nothing was started"))
    }
}

impl std::error::Error for ReadError {}

//! `bongsu import`: a configuration of what a team has. What cannot be carried over is said in the
//! file that is written, with the reason; what is wrong with the files is said all at once.

mod blackbox;
mod configuration;
mod csv;
mod drafts;
mod relabel;
mod scrape_jobs;

use std::path::{Path, PathBuf};

use base::{is_deceptive, shell_word};
use read::ReadError;

use super::first_files::{self, FirstFile};
use super::{print, tell};
use crate::cli::import::ImportCommand;
use crate::cli::{Exit, Flags};
use crate::config::{Disk, Files};
use crate::language::Language;

/// What is written, and what a person is told of it.
struct Import {
    files: Vec<FirstFile>,
    /// A probe that can be tried.
    probe: String,
    services: usize,
    probes: usize,
    /// What is left out, a line each.
    left_out: Vec<String>,
}

pub(super) fn import(flags: &Flags, what: &ImportCommand) -> Exit {
    let language = flags.terminal.language();
    let (made, output) = match what {
        ImportCommand::Blackbox(args) => (blackbox::import(args), &args.output),
        ImportCommand::Csv(args) => (csv::import(args), &args.output),
    };
    let import = match made {
        Ok(import) => import,
        Err(error) => {
            tell(&format!("{}\n", error.report("nothing was written")));
            return Exit::Usage;
        }
    };
    if let Err(exit) = first_files::write(&output.out, &import.files, language) {
        return exit;
    }
    print(&import.written(&output.out, language))
}

impl Import {
    /// What was written, what was not, and the next three commands.
    fn written(&self, out: &Path, language: Language) -> String {
        let mut text = match language {
            Language::Korean => {
                format!("작성한 파일: 서비스 {}개, 감시 항목 {}개\n", self.services, self.probes)
            }
            Language::English => {
                format!("written: {} services with {} probes\n", self.services, self.probes)
            }
        };
        for file in &self.files {
            let path = out.join(&file.name).display().to_string();
            text.push_str(&format!("  {}\n", shell_word(&path)));
        }
        if !self.left_out.is_empty() {
            text.push_str(match language {
                Language::Korean => "\n옮기지 못한 것 (파일의 주석에도 있음):\n",
                Language::English => "\nleft out (the file says so, too):\n",
            });
            for line in &self.left_out {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text + &first_files::next(out, &self.probe, language)
    }
}

/// The disk as it will be once the files are written.
struct Unwritten<'a> {
    out: &'a Path,
    files: &'a [FirstFile],
}

impl Unwritten<'_> {
    fn named(&self, path: &Path) -> Option<&FirstFile> {
        let name = path.strip_prefix(self.out).ok()?;
        self.files.iter().find(|file| Path::new(&file.name) == name)
    }
}

impl Files for Unwritten<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        match self.named(path) {
            Some(file) => Ok(file.text.clone().into_bytes()),
            None => Disk.read(path, limit),
        }
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Disk.glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        Disk.variable(name)
    }
}

/// The problems of an error in one line.
fn in_one_line(error: &ReadError) -> String {
    let problems = error.files.iter().flat_map(|file| &file.problems);
    let said: Vec<&str> = problems.map(|problem| problem.message.as_str()).collect();
    said.join("; ")
}

/// A text of somebody else's inside a comment: it ends with its line.
fn comment(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { ' ' } else { c }).collect()
}

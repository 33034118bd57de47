//! One word for one thing in Korean: what people read keeps to `docs/glossary.ko.md`.

use std::fs;
use std::path::{Path, PathBuf};

/// What people read: folders and files, and how the names of the files end.
const READ: &[(&str, &str)] = &[
    ("src/server", ".rs"),
    ("src/outcome/reason.rs", ".rs"),
    ("src/outcome/detail_texts", ".rs"),
    ("src/commands", ".rs"),
    ("src/report", ".rs"),
    ("crates/lab", ".rs"),
    ("config/prometheus/rules", ".yml"),
    ("config/alertmanager/templates", ".tmpl"),
    ("config/lab", ".yml"),
    ("dashboards/src", ".py"),
    ("docs", ".md"),
    ("README.md", ".md"),
    ("README.ko.md", ".md"),
    ("deploy", ".md"),
    ("deploy/compose", ".py"),
    ("deploy/bridge", ".py"),
];

/// Words that a file may have nevertheless: a part of its path, the words, and why.
const EXCEPTIONS: &[(&str, &[&str], &str)] = &[
    ("docs/glossary.ko.md", ALL, "names them all"),
    ("config/lab/2023-11-17.yml", &["중단"], "a service was stopped, for a notice page"),
    ("docs/incident-replay.md", &["중단"], "quotes the same"),
    ("crates/lab/src/site/mod.rs", &["중단"], "the notice page that citizens read"),
    ("crates/lab/src/systems/", &["점검"], "a page of the simulated estate"),
];

const ALL: &[&str] = &[""];

/// A row of the glossary: the word, what is not to be said for it, and where it may be.
struct Term {
    korean: String,
    not: Vec<String>,
    allowed: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn glossary() -> Vec<Term> {
    let text = fs::read_to_string(root().join("docs/glossary.ko.md")).unwrap();
    let list = |cell: &str| -> Vec<_> {
        cell.split(", ").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let rows = text.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [english, korean, not, allowed, example] = cells[..] else {
                panic!("not five columns: {line}");
            };
            assert!(![english, korean, example].contains(&""), "{line}");
            Term { korean: korean.to_owned(), not: list(not), allowed: list(allowed) }
        })
        .collect()
}

impl Term {
    /// What of a line is not to be said.
    fn wrong<'a>(&'a self, line: &str) -> Option<&'a str> {
        let rest = self
            .allowed
            .iter()
            .fold(line.to_owned(), |rest, phrase| rest.replace(phrase.as_str(), "\n"));
        self.not.iter().map(String::as_str).find(|word| rest.contains(word))
    }
}

fn files(path: PathBuf, end: &str, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            files(entry.unwrap().path(), end, found);
        }
    } else if path.to_string_lossy().ends_with(end) && path.is_file() {
        found.push(path);
    }
}

fn excepted(path: &str, word: &str) -> bool {
    EXCEPTIONS
        .iter()
        .filter(|(part, _, _)| path.contains(part))
        .any(|(_, words, _)| *words == ALL || words.contains(&word))
}

#[test]
fn what_people_read_in_korean_keeps_to_the_glossary() {
    let terms = glossary();
    let mut found = Vec::new();
    for (place, end) in READ {
        files(root().join(place), end, &mut found);
    }
    assert!(found.len() > 100, "{} files", found.len());
    let mut wrong = Vec::new();
    for file in &found {
        let text = fs::read_to_string(file).unwrap();
        let path = file.strip_prefix(root()).unwrap().to_string_lossy();
        // Tests have pages of others in them.
        let text = text.split("\nmod tests {").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for term in &terms {
                match term.wrong(line) {
                    Some(word) if !excepted(&path, word) => wrong.push(format!(
                        "{path}:{}: \"{word}\"; say \"{}\": {}",
                        number + 1,
                        term.korean,
                        line.trim()
                    )),
                    _ => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "words that docs/glossary.ko.md replaces:\n{}", wrong.join("\n"));
}

#[test]
fn the_glossary_keeps_to_itself() {
    let terms = glossary();
    assert!(terms.len() > 20);
    for term in &terms {
        for other in &terms {
            assert_eq!(other.wrong(&term.korean), None, "{}", term.korean);
        }
    }
}

//! From files to a [`Config`] or to all of their problems: the order in which things are read,
//! so that whoever is named is known before anybody names it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use read::{ReadError, Value};

use super::document::Document;
use super::files::{Disk, Files};
use super::include::{self, INCLUDED_KEYS};
use super::names::Scope;
use super::notes::Load;
use super::reading::{self, At, Fields};
use super::{
    Config, ExecSteps, canonical, controls, inherit, maintenance, probe, secrets, service,
};

/// The keys of the first file.
pub(super) const KEYS: &[&str] =
    &["defaults", "include", "controls", "secrets", "services", "maintenance"];

/// Keys that only the first file may have.
const FIRST_ONLY: &[&str] = &["defaults", "controls"];

/// The configuration of a daemon that probes nothing by itself.
pub fn empty() -> Config {
    let mut config = Config {
        services: Vec::new(),
        targets: Vec::new(),
        controls: Vec::new(),
        maintenance: Vec::new(),
        recorded: Vec::new(),
        secrets: BTreeMap::new(),
        hash: String::new(),
        advice: Vec::new(),
        files: Vec::new(),
        disabled: Vec::new(),
    };
    config.hash = canonical::hash(&config);
    config
}

/// Loads a file and everything it includes. It may run no programs.
pub fn load(path: &Path) -> Result<Config, ReadError> {
    load_with(path, ExecSteps::Refused)
}

/// As above, where steps may run programs or not.
pub fn load_with(path: &Path, exec_steps: ExecSteps) -> Result<Config, ReadError> {
    load_through(path, exec_steps, &Disk)
}

/// As above, where all files are asked of `files`.
pub fn load_through(
    path: &Path,
    exec_steps: ExecSteps,
    files: &dyn Files,
) -> Result<Config, ReadError> {
    let load = Load::new(files, misplaced, exec_steps);
    let documents = include::read_all(path, &load);
    settle(&documents, &load)
}

/// Loads a text that stands for a file at `path`; whatever it names is asked of `files`.
pub fn parse(text: &str, path: &Path, files: &dyn Files) -> Result<Config, ReadError> {
    let load = Load::new(files, misplaced, ExecSteps::Refused);
    let documents = include::read_text(path, text, &load);
    settle(&documents, &load)
}

/// The mappings of a file that were asked for their fields: the steps to each, an item of a list being
/// `[]`, and the keys that are known there.
#[cfg(test)]
pub(super) fn mappings_met(path: &Path) -> Vec<(Vec<String>, std::collections::BTreeSet<String>)> {
    let load = Load::new(&Disk, misplaced, ExecSteps::Allowed);
    let documents = include::read_all(path, &load);
    read(&documents, &load);
    let met = load.asked_for.take();
    met.into_iter().map(|(path, known)| (steps(&path), known)).collect()
}

/// `a.b[0].c["x y"]` in steps.
#[cfg(test)]
fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            steps.push(name.to_owned());
            rest = after;
        } else if let Some(index) = rest.strip_prefix('[') {
            steps.push("[]".to_owned());
            rest = index.split_once(']').map_or("", |(_, after)| after);
        } else {
            let word = rest.trim_start_matches('.');
            let end = word.find(['.', '[']).unwrap_or(word.len());
            steps.push(word[..end].to_owned());
            rest = &word[end..];
        }
    }
    steps
}

fn settle(documents: &[Rc<Document>], load: &Load<'_>) -> Result<Config, ReadError> {
    let config = read(documents, load);
    let files: Vec<&Path> = documents.iter().map(|document| &*document.path).collect();
    match load.error(&files) {
        Some(error) => Err(error),
        None => Ok(config),
    }
}

fn read(documents: &[Rc<Document>], load: &Load<'_>) -> Config {
    let scope = Scope::default();
    let tops: Vec<Fields<'_>> = documents
        .iter()
        .filter_map(|document| top(&reading::root(document, load, &scope)))
        .collect();
    let first = tops.first().filter(|top| top.at.reading.document.index == 0);
    let lists = |key: &str| tops.iter().filter_map(|top| top.take(key)).collect::<Vec<_>>();

    let mut declared = BTreeMap::new();
    for at in lists("secrets") {
        secrets::secrets(&at, &mut declared);
    }
    let services = lists("services");
    load.secrets.replace(declared);
    // Set once, here.
    let _ = load.services.set(service::names(&services));

    let defaults = service::defaults(first.and_then(|top| top.take("defaults")).as_ref());
    let estate = service::services(&services, &defaults);
    if estate.services.is_empty() && load.is_clean() {
        load.note_file(0, None, "no services in it or in what it includes; add services".into());
    }
    let windows = maintenance::windows(&lists("maintenance"), &estate);
    let controls = first.and_then(|top| top.take("controls"));
    let mut config = Config {
        services: estate.services,
        targets: estate.targets,
        controls: controls.map(|at| controls::controls(&at)).unwrap_or_default(),
        maintenance: windows,
        recorded: Vec::new(),
        secrets: secrets::bind(load),
        hash: String::new(),
        advice: Vec::new(),
        files: documents.iter().map(|document| document.path.clone()).collect(),
        disabled: estate.disabled,
    };
    config.advice = load.advice.take();
    if load.is_clean() {
        config.hash = canonical::hash(&config);
    }
    config
}

/// What to say of an unknown key that is right elsewhere, or that other programs have.
fn misplaced(key: &str, known: &[&str]) -> Option<String> {
    if inherit::KEYS.contains(&key) {
        return Some("unknown key; it belongs to defaults, a service or a probe".into());
    }
    if key == "url" && known.contains(&"base") && known.contains(&"steps") {
        return Some("unknown key; a login has base, and each step a URL: get, post, ...".into());
    }
    probe::other_kind(key, known).or_else(|| super::expect::misplaced(key, known))
}

/// The top of a file. One that could not be read has been complained of already.
fn top<'a>(root: &At<'a>) -> Option<Fields<'a>> {
    if root.node.value == Value::Null {
        return None;
    }
    let fields = root.fields(KEYS)?;
    for key in FIRST_ONLY.iter().filter(|_| root.reading.document.index > 0) {
        if let Some(at) = fields.take(key) {
            at.problem(format!(
                "belongs in the first file; an included one may have {}",
                INCLUDED_KEYS.join(", ")
            ));
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use read::Node;

    use super::super::{expect, http, tls};
    use super::*;

    fn keys<'n>(node: &'n Node, found: &mut BTreeSet<&'n str>) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| keys(item, found)),
            Value::Map(entries) => {
                for entry in entries {
                    found.insert(&entry.key);
                    keys(&entry.node, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_example_shows_every_key() {
        let text = include_str!("../../config/example.yml");
        let example = read::parse(text).unwrap();
        let mut found = BTreeSet::new();
        keys(&example, &mut found);
        let probe = probe::known();
        let lists: [&[&str]; 9] = [
            KEYS,
            &service::KEYS,
            &inherit::KEYS,
            &probe,
            http::KEYS,
            tls::KEYS,
            expect::SUBJECTS,
            expect::MATCHERS,
            maintenance::KEYS,
        ];
        let missing: Vec<&str> = lists
            .concat()
            .into_iter()
            .filter(|key| *key != "login" && !found.contains(key))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}

//! From files to a [`Config`] or to all of their problems: the order in which things are read,
//! so that whoever is named is known before anybody names it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::document::{self, Document, INCLUDED_KEYS};
use super::files::{Disk, Files};
use super::names::Scope;
use super::notes::Load;
use super::problem::ConfigError;
use super::walk::{At, Fields};
use super::yaml::Node;
use super::{Config, canonical, controls, maintenance, secrets, service};

/// The keys of the first file.
pub(super) const KEYS: &[&str] =
    &["defaults", "include", "controls", "secrets", "services", "maintenance"];

/// Keys that only the first file may have.
const FIRST_ONLY: &[&str] = &["defaults", "controls"];

/// Loads a file and everything it includes.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let load = Load::new(&Disk);
    let documents = document::read_all(path, &load);
    settle(&documents, &load)
}

/// Loads a text that stands for a file at `path`; whatever it names is asked of `files`.
pub fn parse(text: &str, path: &Path, files: &dyn Files) -> Result<Config, ConfigError> {
    let load = Load::new(files);
    let documents = document::read_text(path, text, &load);
    settle(&documents, &load)
}

fn settle(documents: &[Rc<Document>], load: &Load<'_>) -> Result<Config, ConfigError> {
    let config = read(documents, load);
    match load.error(documents) {
        Some(error) => Err(error),
        None => Ok(config),
    }
}

fn read(documents: &[Rc<Document>], load: &Load<'_>) -> Config {
    let scope = Scope::default();
    let tops: Vec<Fields<'_>> =
        documents.iter().filter_map(|document| top(&At::root(document, load, &scope))).collect();
    let first = tops.first().filter(|top| top.at.document.index == 0);
    let lists = |key: &str| tops.iter().filter_map(|top| top.take(key)).collect::<Vec<_>>();

    let mut declared = BTreeMap::new();
    for at in lists("secrets") {
        secrets::secrets(&at, &mut declared);
    }
    let services = lists("services");
    // Both are set once, here.
    let _ = load.secrets.set(declared);
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

/// The top of a file. One that could not be read has been complained of already.
fn top<'a>(root: &At<'a>) -> Option<Fields<'a>> {
    if *root.node == Node::Null {
        return None;
    }
    let fields = root.fields(KEYS)?;
    for key in FIRST_ONLY.iter().filter(|_| root.document.index > 0) {
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

    use super::super::{expect, http, inherit, probe, tls, yaml};
    use super::*;

    fn keys<'n>(node: &'n Node, found: &mut BTreeSet<&'n str>) {
        match node {
            Node::List(items) => items.iter().for_each(|item| keys(item, found)),
            Node::Map(entries) => {
                for (key, value) in entries {
                    found.insert(key);
                    keys(value, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_example_shows_every_key() {
        let text = include_str!("../../config/example.yml");
        let example = yaml::parse(text).unwrap();
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

//! The schema and the readers know the same keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::load::mappings_met;

/// What no shipped file can show: programs that are there, certificates of a receiver.
const RARE: &str = "
services:
  - name: rare
    probes:
      - name: login
        login:
          steps:
            - { name: program, exec: { command: [/bin/true] } }
            - { name: sealed, sign: { with: a, data: b, as: c, envelope: { to: d } } }
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn configurations() -> Vec<PathBuf> {
    let mut found = vec![root().join("config/bongsu.yml"), root().join("config/example.yml")];
    for directory in ["config/logins", "tests/fixtures/config/good"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yml") {
                found.push(path);
            }
        }
    }
    found
}

/// Follows references and alternatives of a schema.
fn alternatives<'s>(whole: &'s Value, schema: &'s Value, found: &mut Vec<&'s Value>) {
    if let Some(name) = schema["$ref"].as_str() {
        alternatives(whole, &whole["$defs"][name.trim_start_matches("#/$defs/")], found);
    }
    for other in schema["anyOf"].as_array().into_iter().flatten() {
        alternatives(whole, other, found);
    }
    found.push(schema);
}

/// The schemas of the value at a path of steps, an item of a list being `[]`.
fn at<'s>(whole: &'s Value, path: &[String]) -> Vec<&'s Value> {
    let mut here = Vec::new();
    alternatives(whole, whole, &mut here);
    for step in path {
        let mut next = Vec::new();
        for schema in here {
            let child = match step.as_str() {
                "[]" => schema.get("items"),
                key => schema["properties"].get(key).or(schema.get("additionalProperties")),
            };
            if let Some(child) = child {
                alternatives(whole, child, &mut next);
            }
        }
        here = next;
    }
    here
}

fn keys(schema: &Value) -> Option<BTreeSet<String>> {
    Some(schema["properties"].as_object()?.keys().cloned().collect())
}

/// Every mapping that the readers asked for the fields of, by path, with the keys they know.
fn met() -> BTreeMap<Vec<String>, BTreeSet<BTreeSet<String>>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let rare = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(rare.path(), RARE).unwrap();
    for file in configurations().into_iter().chain([rare.path().to_owned()]) {
        for (path, known) in mappings_met(&file) {
            all.entry(path).or_default().insert(known);
        }
    }
    assert!(all.len() > 60, "only {} mappings were met", all.len());
    all
}

#[test]
fn where_a_reader_asks_for_fields_the_schema_knows_exactly_these() {
    let whole: Value = serde_json::from_str(&super::schema()).unwrap();
    let mut wrong = Vec::new();
    for (path, known_here) in met() {
        let schemas: Vec<_> = at(&whole, &path).into_iter().filter_map(keys).collect();
        for known in known_here {
            if !schemas.contains(&known) {
                wrong.push(format!("{}: the reader knows {known:?}", path.join(".")));
            }
        }
    }
    assert!(wrong.is_empty(), "not so in the schema:\n{}", wrong.join("\n"));
}

/// Any value is right for a body that is written as JSON, and for what a program reads.
#[test]
fn every_other_key_has_a_shape() {
    fn shapeless(schema: &Value, found: &mut BTreeSet<String>) {
        let properties = schema["properties"].as_object().into_iter().flatten();
        found.extend(properties.filter(|(_, shape)| **shape == true).map(|(key, _)| key.clone()));
        let children = schema.as_object().into_iter().flat_map(|object| object.values());
        let items = schema.as_array().into_iter().flatten();
        children.chain(items).for_each(|child| shapeless(child, found));
    }
    let (whole, mut found) = (serde_json::from_str(&super::schema()).unwrap(), BTreeSet::new());
    shapeless(&whole, &mut found);
    assert_eq!(Vec::from_iter(&found), ["json", "stdin"]);
}

#[test]
fn every_mapping_of_the_schema_is_one_that_a_reader_asks_for() {
    fn objects(schema: &Value, found: &mut BTreeSet<BTreeSet<String>>) {
        found.extend(keys(schema));
        let children = schema.as_object().into_iter().flat_map(|object| object.values());
        children
            .chain(schema.as_array().into_iter().flatten())
            .for_each(|child| objects(child, found));
    }
    let whole: Value = serde_json::from_str(&super::schema()).unwrap();
    let mut written = BTreeSet::new();
    objects(&whole, &mut written);
    // A mapping with a key called "properties" would look like a schema here; there is none.
    let known: BTreeSet<_> = met().into_values().flatten().collect();
    let unread: Vec<_> = written.difference(&known).collect();
    assert!(unread.is_empty(), "no reader asks for these: {unread:?}");
}

#[test]
fn no_key_of_the_schema_takes_anything_but_documents() {
    fn walk(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                for (key, child) in object {
                    walk(child, &format!("{path}/{key}"), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            Value::Bool(true) if path.contains("/properties/") => {
                found.push(path.rsplit('/').next().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
    let whole: Value = serde_json::from_str(&super::schema()).unwrap();
    let mut found = Vec::new();
    walk(&whole, "", &mut found);
    found.retain(|key| !["json", "captures", "stdin"].contains(&key.as_str()));
    assert!(found.is_empty(), "these keys need a schema of their own: {found:?}");
}

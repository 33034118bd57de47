//! `bongsu check --print-schema`, judged by the `jsonschema` package of Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{code, stderr, stdout};
use crate::support::daemon::Setup;

/// Reads YAML as editors do (the core schema of YAML 1.2) and prints each file with its first mistake.
const JUDGE: &str = r#"
import json, re, sys, jsonschema, yaml

class Core(yaml.SafeLoader):
    pass

Core.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
]:
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))

schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for file in sys.argv[2:]:
    try:
        document = yaml.load(open(file, encoding="utf-8-sig"), Core)
    except Exception as error:
        print(file, "unreadable", sep="\t")
        continue
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    print(file, "right" if error is None else f"{error.json_path}: {error.message[:300]}", sep="\t")
"#;

fn yaml_files(directory: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{directory}");
    found
}

/// Each file and what is said of it.
fn judged(files: &[PathBuf]) -> Vec<(String, String)> {
    let setup = Setup::new("");
    let printed = setup.output(&["check", "--print-schema"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    let schema = setup.write("schema.json", &printed.stdout);
    let output =
        Command::new("python3").args(["-c", JUDGE]).arg(schema).args(files).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let lines = stdout(&output).lines();
    lines
        .map(|line| line.split_once('\t').unwrap())
        .map(|(file, said)| (file.into(), said.into()))
        .collect()
}

/// What we give people to start from.
fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        yaml_files("config").into_iter().filter(|file| !file.ends_with("prometheus.yml")).collect();
    files.extend(yaml_files("config/logins"));
    files.extend(yaml_files("config/example/services.d"));
    files
}

#[test]
fn everything_that_is_shipped_is_right_by_the_schema_and_names_it() {
    let mut files = shipped();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# yaml-language-server: $schema=");
        let named = named.unwrap_or_else(|| panic!("{} names no schema", file.display()));
        let schema = file.parent().unwrap().join(named);
        assert!(schema.ends_with("bongsu.schema.json") && schema.exists(), "{}", schema.display());
    }
    files.extend(yaml_files("tests/fixtures/config/good"));
    let wrong: Vec<_> = judged(&files).into_iter().filter(|(_, said)| said != "right").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a reader of names and values must judge is beyond a schema; shapes and keys are not.
#[test]
fn mistakes_of_shape_are_seen_by_the_schema() {
    let said = judged(&yaml_files("tests/fixtures/config/bad"));
    for name in
        ["unknown-keys.yml", "wrong-shapes.yml", "fail-if.yml", "not-a-mapping.yml", "kinds.yml"]
    {
        let (_, said) = said.iter().find(|(file, _)| file.ends_with(name)).unwrap();
        assert_ne!(said, "right", "{name}");
    }
    let seen = said.iter().filter(|(_, said)| said != "right").count();
    assert!(seen * 2 > said.len(), "{seen} of {}: {said:#?}", said.len());
}

#[test]
fn the_schema_that_editors_read_is_fresh() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bongsu.schema.json");
    let printed = Setup::new("").output(&["check", "--print-schema"]);
    if std::env::var_os("BONGSU_REGENERATE").is_some() {
        std::fs::write(&kept, stdout(&printed)).unwrap();
    }
    let text = std::fs::read_to_string(&kept).unwrap_or_default();
    let how = "BONGSU_REGENERATE=1 cargo test --test it schema";
    assert!(text == stdout(&printed), "{} is old: {how}", kept.display());
}

//! The invariants of ARCHITECTURE.md that can be read off the source: who may import whom, and
//! which library is named where.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, lowest first. A module imports from its own layer and from lower ones.
const LAYERS: &[&[&str]] = &[
    &[
        "build_info",
        "calendar",
        "secret",
        "receiver",
        "redact",
        "outcome",
        "panics",
        "cli",
        "deadline",
        "file_work",
        "stop",
        "http_date",
        "language",
        "offload",
        "own_time",
        "log_queue",
        "foreign_yaml",
        "table",
        "run_watch",
        "sentences",
        "yaml_text",
    ],
    &["template"],
    &["config"],
    &[
        "curl",
        "secrets",
        "identities",
        "state_dir",
        "state_writer",
        "transport",
        "trusted_client",
        "probe",
    ],
    &[
        "limits",
        "scheduler",
        "controls",
        "maintenance",
        "availability",
        "results",
        "failures",
        "metrics",
        "event_log",
    ],
    &["blackbox"],
    &["server", "log", "signals", "systemd"],
    &["app", "report"],
    &["commands"],
];

struct SourceFile {
    path: PathBuf,
    /// The module below the crate: `net` for `src/net/dial.rs`.
    module: String,
    text: String,
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 30, "only {} files below {}", found.len(), root.display());
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap().to_owned();
            let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            found.push(SourceFile { path: relative, module, text });
        }
    }
}

/// Code lines: comments may name anything.
fn code(source: &SourceFile) -> impl Iterator<Item = &str> {
    source.text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|modules| modules.contains(&module));
    found.unwrap_or_else(|| panic!("{module} has no place in LAYERS and in ARCHITECTURE.md"))
}

/// Modules named after `crate::` in a line: `crate::probe::surroundings::Surroundings`, `crate::{config, net}`.
fn imports(line: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let after = line.split("crate::").skip(1);
    after
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split(',').map(|item| name(item.trim())).collect(),
            None => vec![name(rest)],
        })
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

#[test]
fn modules_import_only_from_their_own_and_lower_layers() {
    let mut wrong = Vec::new();
    for source in sources() {
        if ["main", "lib"].contains(&source.module.as_str()) {
            continue;
        }
        let own = layer(&source.module);
        for line in code(&source) {
            for import in imports(line) {
                if layer(&import) > own {
                    wrong.push(format!("{}: {line}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports from a higher layer:\n{}", wrong.join("\n"));
}

/// Files whose code names `word`.
fn naming(word: &str) -> Vec<String> {
    let names = |source: &SourceFile| code(source).any(|line| line.contains(word));
    let mut files: Vec<String> = sources()
        .iter()
        .filter(|source| names(source))
        .map(|source| source.path.display().to_string())
        .collect();
    files.sort();
    files
}

#[test]
fn prometheus_is_named_only_by_the_metrics() {
    for file in naming("prometheus::") {
        assert!(file.starts_with("metrics/"), "{file} names prometheus");
    }
}

#[test]
fn yaml_has_one_owner() {
    assert_eq!(naming("serde_yaml"), ["foreign_yaml.rs"]);
}

#[test]
fn unsafe_code_is_allowed_in_one_file() {
    assert_eq!(naming("allow(unsafe_code"), ["transport/tcp_info.rs"]);
}

#[test]
fn the_environment_is_read_by_the_command_line_and_for_secrets() {
    for file in naming("env::var") {
        assert!(
            ["config/files.rs", "secrets.rs"].contains(&file.as_str()),
            "{file} reads the environment"
        );
    }
}

/// Both panic when the clock is beyond calendars; `calendar::now` does not.
#[test]
fn the_time_of_day_is_asked_of_the_calendar() {
    for word in ["Timestamp::now", "Zoned::now"] {
        assert_eq!(naming(word), [""; 0], "{word}");
    }
}

/// A result is never logged by the probe that found it. `tracing::error!` is for faults of the
/// daemon itself, such as a state directory that cannot be written.
#[test]
fn probes_see_no_registry_scheduler_or_board() {
    for source in sources().iter().filter(|source| source.module == "probe") {
        for line in code(source) {
            for forbidden in [
                "crate::scheduler",
                "crate::metrics",
                "crate::results",
                "tracing::info",
                "tracing::warn",
                "tracing::debug",
            ] {
                assert!(!line.contains(forbidden), "{}: {line}", source.path.display());
            }
        }
    }
}

/// The simulated estate is reached over the network, like any other.
#[test]
fn the_lab_is_named_by_its_command_only() {
    for file in naming("lab::") {
        assert!(
            file.starts_with("commands/lab/") || file == "commands/mod.rs",
            "{file} names the lab"
        );
    }
}

/// The modules of the lab in the order of its `lib.rs`: each imports only from those above it.
#[test]
fn modules_of_the_lab_import_only_from_those_above_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/lab/src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    let library = found.iter().find(|source| source.module == "lib").unwrap();
    let order: Vec<&str> = library
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let place = |module: &str| order.iter().position(|other| *other == module);
    let mut wrong = Vec::new();
    for source in found.iter().filter(|source| source.module != "lib") {
        let own = place(&source.module).unwrap();
        for line in code(source) {
            for import in imports(line) {
                if place(&import).is_none_or(|import| import > own) {
                    wrong.push(format!("{}: {line}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports from below:\n{}", wrong.join("\n"));
}

/// One name stands for one type in the whole workspace, so that a reader who has met a name knows
/// what it is.
#[test]
fn a_type_name_is_defined_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in ["base", "chain", "lab", "read", "sign"] {
        let directory = format!("crates/{directory}/src");
        collect(&root.join(&directory), &root.join(&directory), &mut found);
    }
    collect(&root.join("src"), &root.join("src"), &mut found);
    let mut places = std::collections::BTreeMap::<String, Vec<String>>::new();
    for source in &found {
        for line in code(source).filter(|line| line.starts_with("pub")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [_, "struct" | "enum" | "trait", name, ..] = words[..] {
                let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
                let place = source.path.display().to_string();
                places.entry(name[..end].to_owned()).or_default().push(place);
            }
        }
    }
    assert!(places.len() > 200, "only {} types were found", places.len());
    let twice: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "defined more than once: {twice:?}");
}

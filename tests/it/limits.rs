//! `docs/limits.md` lists what strangers can fill and how far, read off the constants of the source:
//! `BONGSU_REGENERATE=1 cargo test --test it limits` writes it.
//!
//! A bound is a constant whose doc comment has four lines: `Limit:` (what is bounded; `bytes of` for
//! bytes), `Share:` (whose it is), `Full:` (what happens then) and `Filled:` (the test that fills it).
//! A constant with MAX in its name that is no such bound says why in a line `No row:`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Where only the operator of the prober writes, or where nothing comes from a stranger.
const OPERATORS: &[&str] = &[
    "src/config/",
    "src/template/",
    "src/commands/",
    "src/cli/args.rs",
    "src/cli/flags.rs",
    "src/controls/",
    "src/scheduler/",
    "src/own_time/",
    "src/report/",
    "src/maintenance/",
    "src/identities.rs",
    "src/secrets.rs",
    "crates/base/",
    "crates/read/",
    "crates/sign/",
];

/// Parts of the page, by the beginning of the file's path; the first that fits.
const PARTS: &[(&str, &str)] = &[
    ("crates/chain/src/certificate", "Certificates and chains"),
    ("crates/chain/src/chain_cache", "Certificates and chains"),
    ("crates/chain/src/cert", "Certificates and chains"),
    ("crates/chain/src/legacy", "Certificates and chains"),
    ("crates/chain/src/recording", "Certificates and chains"),
    ("crates/chain/src/staple", "Certificates and chains"),
    ("crates/chain/", "What certificates name: issuers and revocation lists"),
    ("src/transport/fetch", "What certificates name: issuers and revocation lists"),
    ("src/transport/", "Connections, heads and proxies"),
    ("src/config/", "Pages and logins"),
    ("src/probe/", "Pages and logins"),
    ("src/offload", "Pages and logins"),
    ("src/http_date", "Pages and logins"),
    ("src/outcome/", "What is kept of a run"),
    ("src/results/", "What is kept of a run"),
    ("src/metrics/", "What is kept of a run"),
    ("src/failures", "What is kept of a run"),
    ("src/sentences", "What is kept of a run"),
    ("src/log_queue", "The log"),
    ("src/blackbox/", "Modules of blackbox_exporter"),
    ("src/server/", "Clients of our own endpoints"),
];

const HEAD: &str = "\
# Limits

Everything that a target, a certificate, a name server, a proxy or a client can fill has a bound. This
page is made from the constants of the source (`BONGSU_REGENERATE=1 cargo test --test it limits`), and
each bound names the test that fills it. A share is what one target, host or client has, so that who
fills his own takes nobody else's place. What a configuration sets (`body_limit`, `redirects`) is bounded
by its own keys; see `config/example.yml`.
";

struct Constant {
    file: PathBuf,
    name: String,
    kind: String,
    value: String,
    doc: Vec<String>,
}

impl Constant {
    /// The text of a field of the doc comment, which may go on over several lines.
    fn field(&self, name: &str) -> Option<String> {
        let at = self.doc.iter().position(|line| line.starts_with(name))?;
        let is_other = |line: &&String| {
            !line.is_empty() && !FIELDS.iter().any(|field| line.starts_with(field))
        };
        let rest = self.doc[at + 1..].iter().take_while(is_other);
        let first = self.doc[at][name.len()..].trim().to_owned();
        let text = rest.fold(first, |text, line| text + " " + line.trim());
        Some(text.trim_end_matches('.').to_owned())
    }

    fn place(&self) -> String {
        format!("{}: {}", self.file.display(), self.name)
    }
}

const FIELDS: [&str; 5] = ["Limit:", "Share:", "Full:", "Filled:", "No row:"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in ["src", "crates/base/src", "crates/chain/src", "crates/sign/src"] {
        files(&root().join(directory), &mut found);
    }
    found
}

/// The constants of whole numbers, tests apart.
fn constants() -> Vec<Constant> {
    let mut found = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        let file = path.strip_prefix(root()).unwrap().to_owned();
        let mut doc: Vec<String> = Vec::new();
        for line in code.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                doc.push(comment.trim().to_owned());
                continue;
            }
            if let Some((_, rest)) = line.split_once("const ")
                && let Some((name, rest)) = rest.split_once(": ")
                && let Some((kind, value)) = rest.trim_end_matches(';').split_once(" = ")
                && ["usize", "u64", "u32", "u16"].contains(&kind)
            {
                let (name, kind, value) = (name.to_owned(), kind.to_owned(), value.to_owned());
                let doc = std::mem::take(&mut doc);
                found.push(Constant { file: file.clone(), name, kind, value, doc });
            }
            doc.clear();
        }
    }
    assert!(found.len() > 150, "only {} constants were found", found.len());
    found
}

/// Numbers, other constants, `<<`, `*` and `+`, the last binding stronger than the first.
fn evaluate(text: &str, known: &BTreeMap<String, String>) -> u64 {
    let text = text.trim();
    for (operator, apply) in
        [("<<", (|a, b| a << b) as fn(u64, u64) -> u64), ("+", |a, b| a + b), ("*", |a, b| a * b)]
    {
        if let Some((left, right)) = text.rsplit_once(operator) {
            return apply(evaluate(left, known), evaluate(right, known));
        }
    }
    if let Ok(number) = text.replace('_', "").parse() {
        return number;
    }
    let name = text.rsplit("::").next().unwrap();
    let value = known.get(name).unwrap_or_else(|| panic!("{text} is no number that can be read"));
    evaluate(value, known)
}

/// `128 KiB` for bytes, `1,024` for others.
fn written(number: u64, limit: &str) -> String {
    let bytes = if limit.starts_with("KiB of") { number << 10 } else { number };
    if limit.starts_with("bytes of") || limit.starts_with("KiB of") {
        for (unit, shift) in [("MiB", 20), ("KiB", 10)] {
            if bytes >= 1 << shift && bytes % (1 << shift) == 0 {
                return format!("{} {unit}", bytes >> shift);
            }
        }
        return format!("{bytes} bytes");
    }
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn page(constants: &[Constant]) -> String {
    let mut parts: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for constant in constants {
        let Some(limit) = constant.field("Limit:") else { continue };
        // Names of other constants are looked for in the same file first.
        let known = constants.iter().chain(constants.iter().filter(|c| c.file == constant.file));
        let known = known.map(|other| (other.name.clone(), other.value.clone())).collect();
        let number = written(evaluate(&constant.value, &known), &limit);
        let what = limit.trim_start_matches("bytes of ").trim_start_matches("KiB of ");
        let field = |name| constant.field(name).unwrap_or_default();
        let path = constant.file.display().to_string();
        let part = PARTS.iter().find(|(beginning, _)| path.starts_with(beginning));
        let (_, title) = part.unwrap_or_else(|| panic!("{path} has no part of the page"));
        let part = PARTS.iter().position(|(_, other)| other == title).unwrap();
        parts.entry(part).or_default().push(format!(
            "| {number} | {what} | {} | {} | `{}` | `{}` in `{path}` |\n",
            field("Share:"),
            field("Full:"),
            field("Filled:"),
            constant.name
        ));
    }
    let mut page = HEAD.to_owned();
    for (part, rows) in parts {
        let _ = write!(
            page,
            "\n## {}\n\n| limit | of | whose | when it is full | test | constant |\n\
             |---|---|---|---|---|---|\n{}",
            PARTS[part].1,
            rows.concat()
        );
    }
    page
}

#[test]
fn the_published_limits_are_those_of_the_source() {
    let text = page(&constants());
    let path = root().join("docs/limits.md");
    if std::env::var_os("BONGSU_REGENERATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(published == text, "docs/limits.md differs; BONGSU_REGENERATE=1 writes it anew");
}

#[test]
fn every_bound_has_its_row_or_says_why_not() {
    let mut wrong = Vec::new();
    for constant in constants() {
        let path = constant.file.display().to_string();
        let [limit, share, full, filled, none] = FIELDS.map(|field| constant.field(field));
        let is_row = limit.is_some();
        if is_row && [&share, &full, &filled].iter().any(|field| field.is_none()) {
            wrong.push(format!("{} lacks Share:, Full: or Filled:", constant.place()));
        }
        let is_bound = constant.name.split('_').any(|word| word == "MAX");
        let is_operators = OPERATORS.iter().any(|beginning| path.starts_with(beginning));
        if is_bound && !is_operators && is_row == none.is_some() {
            let place = constant.place();
            wrong.push(format!("{place} ({}) has neither Limit: nor No row:", constant.kind));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_bound_is_filled_by_a_test_that_there_is() {
    let mut paths = sources();
    files(&root().join("tests/it"), &mut paths);
    let mut tests = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
                tests.push(rest.split('(').next().unwrap().to_owned());
                is_test = false;
            }
        }
    }
    assert!(tests.len() > 500, "only {} tests were found", tests.len());
    let missing: Vec<String> = constants()
        .iter()
        .filter_map(|constant| Some((constant, constant.field("Filled:")?)))
        .filter(|(_, filled)| !tests.contains(filled))
        .map(|(constant, filled)| format!("{}: {filled}", constant.place()))
        .collect();
    assert!(missing.is_empty(), "there is no such test:\n{}", missing.join("\n"));
}

#[test]
fn values_are_read_as_the_compiler_does() {
    let known = BTreeMap::from([("A".to_owned(), "2 << 3 + 1".to_owned())]);
    for (text, value) in [("64 * 1024", 65_536), ("1_000", 1_000), ("super::A * 2", 64)] {
        assert_eq!(evaluate(text, &known), value, "{text}");
    }
    assert_eq!(written(128 << 10, "bytes of x"), "128 KiB");
    assert_eq!(written(1_500, "bytes of x"), "1500 bytes");
    assert_eq!(written(4 << 10, "KiB of x"), "4 MiB");
    assert_eq!(written(1_000_000, "things"), "1,000,000");
}

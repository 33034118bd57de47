//! The alert rules and Alertmanager's configuration, judged by the tools that read them: promtool,
//! amtool, amlint and a script of our own. The scenarios are in `tests/rules`.
//!
//! They compute for minutes, so the Makefile lets them run without the others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a tool in the folder.
fn tool(folder: &str, name: &str, arguments: &[&str]) -> Output {
    Command::new(name)
        .args(arguments)
        .current_dir(root().join(folder))
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a tool and returns what it said; fails with all of it.
fn run(folder: &str, name: &str, arguments: &[&str]) -> String {
    let output = tool(folder, name, arguments);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let failed = format!("{name} {} (tests/install.sh installs it):", arguments.join(" "));
    assert!(output.status.success(), "{failed}\n{said}");
    said
}

/// Where the tools from PyPI are.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rule-tools");
        let output = Command::new(root().join("tests/rules/install.sh"))
            .arg(&target)
            .output()
            .unwrap_or_else(|error| panic!("tests/rules/install.sh: {error}"));
        assert!(
            output.status.success(),
            "tests/rules/install.sh failed; it needs python3 with venv and pip:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        target.join("bin")
    })
}

pub(crate) fn pypi(folder: &str, tool: &str, arguments: &[&str]) -> String {
    run(folder, &tools().join(tool).to_string_lossy(), arguments)
}

/// The Python that has their libraries.
fn python() -> String {
    tools().join("python3").to_string_lossy().into_owned()
}

#[test]
fn prometheus_reads_the_rules_and_its_configuration() {
    run("config/prometheus", "promtool", &["check", "config", "prometheus.yml"]);
}

/// Writes the scenarios as files of promtool, once, and returns their folder.
fn scenarios() -> &'static Path {
    static SCENARIOS: OnceLock<PathBuf> = OnceLock::new();
    SCENARIOS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios");
        pypi("tests/rules", "python3", &["generate.py", &folder.to_string_lossy()]);
        folder
    })
}

/// Judges, unless nothing has changed since it passed.
fn once(name: &str, folder: &str, command: &[&str]) -> String {
    let once = root().join("tests/rules/once.py");
    pypi(folder, "python3", &[&[&*once.to_string_lossy(), name], command].concat())
}

/// By far the longest, so it has a thread of its own.
const LONGEST: &str = "every-15s.yml";

fn judge_scenarios(name: &str, files: &[String]) {
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let folder = scenarios().to_string_lossy();
    let said = once(name, &folder, &[&["promtool", "test", "rules"], &files[..]].concat());
    assert_eq!(said.matches("SUCCESS").count(), files.len(), "{said}");
}

#[test]
fn each_scenario_fires_exactly_its_alerts() {
    judge_scenarios("scenarios", &[LONGEST.to_owned()]);
}

#[test]
fn each_slow_scenario_fires_exactly_its_alerts() {
    let mut files: Vec<_> = std::fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != LONGEST)
        .collect();
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    judge_scenarios("slow-scenarios", &files);
}

/// Where Debian unstable can be reached and what it has starts here; elsewhere it is said aloud that
/// nothing was tried.
#[test]
fn each_scenario_fires_exactly_its_alerts_on_prometheus_3_too() {
    const NOT_TO_BE_HAD: i32 = 75;
    let output = tool(".", "tests/rules/newer.sh", &[]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOT_TO_BE_HAD) {
        let text = format!("NOT TESTED with Prometheus 3:\n{said}\n");
        // Past the test runner, which shows only what failed.
        return std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    assert!(output.status.success(), "{said}");
    assert!(said.contains("promtool, version 3.") && said.contains("SUCCESS"), "{said}");
}

/// Random outages, restarts, lost vantages and maintenance over a known truth. `make timelines` runs
/// a thousand.
#[test]
fn random_timelines_miss_no_outage_and_end_none_too_early() {
    once("timelines", "tests/rules", &[&python(), "timelines.py", "200"]);
}

#[test]
fn a_storm_is_a_few_pages() {
    once("storms", "tests/rules", &[&python(), "storms.py"]);
}

#[test]
fn a_place_that_falls_in_waves_is_one_page() {
    once("waves", "tests/rules", &[&python(), "waves.py"]);
}

/// `make timelines` runs a thousand.
#[test]
fn random_waves_are_named_in_time_and_page_once() {
    once("wave-timelines", "tests/rules", &[&python(), "wave_timelines.py", "24"]);
}

#[test]
fn every_alert_has_its_texts_its_runbook_and_both_kinds_of_scenario() {
    pypi("tests/rules", "python3", &["check.py"]);
}

#[test]
fn alertmanager_reads_its_configuration() {
    run("config/alertmanager", "amtool", &["check-config", "alertmanager.yml"]);
}

#[test]
fn routes_and_inhibitions_name_alerts_that_exist() {
    let rules = "../prometheus/rules/*.yml";
    pypi(
        "config/alertmanager",
        "amlint",
        &["check", "--strict", "alertmanager.yml", "--rules", rules],
    );
}

#[test]
fn every_route_is_tested() {
    let said = pypi(
        "config/alertmanager",
        "amlint",
        &[
            "test",
            "alertmanager.yml",
            "../../tests/alertmanager/routing.yml",
            "--fail-under",
            "100",
        ],
    );
    assert!(said.contains("100.0%"), "{said}");
}

//! `bongsu init`: a first file that is right, is run, and replaces nothing.

use std::process::Command;

use super::{code, stderr, stdout};
use crate::support::daemon::Setup;
use crate::support::http::Target;

#[test]
fn what_is_written_passes_check_and_promtool_and_probes() {
    let target = Target::answering("봉수");
    let setup = Setup::new("");
    let out = setup.path().join("first");
    let out = out.to_str().unwrap();
    let again = format!("{}?a=1", target.url());
    let output = setup.output(&["init", &target.url(), &again, "https://www.gov.kr", "--out", out]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let file = format!("{out}/bongsu.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=bongsu.schema.json\n"), "{text}");
    let commands: Vec<&str> =
        stdout(&output).lines().filter_map(|line| line.trim().strip_prefix("bongsu ")).collect();
    assert_eq!(commands.len(), 3, "{}", stdout(&output));
    // As they are printed: the first two end, the last one is the daemon.
    let run = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
        command.args(arguments.split(' ')).output().unwrap()
    };
    let check = run(commands[0]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    for part in [
        "services     2\n",
        "probes       4 (3 http, 1 tls)\n",
        "gov.kr     front (http, 30s), cert (tls, 30s)",
    ] {
        assert!(stdout(&check).contains(part), "{part} is not in\n{}", stdout(&check));
    }
    let probe = run(commands[1]);
    assert_eq!(code(&probe), 0, "{}{}", stdout(&probe), stderr(&probe));
    assert_eq!(commands[2], format!("--config.file={file}"));
    let promtool = Command::new("promtool")
        .args(["check", "config", &format!("{out}/prometheus.yml")])
        .output()
        .unwrap();
    assert!(promtool.status.success(), "{}{}", stdout(&promtool), stderr(&promtool));
}

#[test]
fn nothing_is_overwritten_and_then_nothing_is_written() {
    let setup = Setup::new("mine");
    let out = setup.path().to_str().unwrap().to_owned();
    let output = setup.output(&["init", "https://www.gov.kr", "--out", &out]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("bongsu.yml exists and is not overwritten"),
        "{}",
        stderr(&output)
    );
    assert_eq!(std::fs::read_to_string(setup.path().join("bongsu.yml")).unwrap(), "mine");
    assert!(!setup.path().join("prometheus.yml").exists());
}

#[test]
fn an_address_that_is_none_or_holds_a_password_is_refused() {
    for (address, said) in [
        ("ftp://a.go.kr/", "is no http or https address"),
        ("https://", "is no http or https address"),
        ("/etc/passwd", "is the name of a file and no address"),
        ("./bongsu.yml", "is the name of a file and no address"),
        // What `check` would refuse.
        ("https://a.go.kr:0", "port 0 cannot be connected to"),
        ("0.0.0.0", "is no machine's address"),
        ("*.go.kr", "is not a host name"),
        ("https://me:canary-44@a.go.kr/", "a password does not belong"),
    ] {
        let setup = Setup::new("");
        let out = setup.path().join("first");
        let output = setup.output(&["init", address, "--out", out.to_str().unwrap()]);
        assert_eq!(code(&output), 2, "{address}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
        assert!(!out.exists(), "{address}");
    }
}

/// `bongsu completions bash | head -1`.
#[test]
fn a_reader_that_goes_away_is_no_fault() {
    for words in [&["completions", "bash"][..], &["man"], &["check", "--print-schema"]] {
        let mut command = Setup::new("").command(words);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        assert_eq!((code(&output), stderr(&output)), (0, ""), "{words:?}");
    }
}

#[test]
fn completions_are_understood_by_bash_and_the_manual_page_names_every_command() {
    let output = Setup::new("").output(&["completions", "bash"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // Sourced as a shell does it, and asked as the key is pressed.
    let script = format!(
        "{}\nCOMP_WORDS=(bongsu ch) COMP_CWORD=1; _bongsu bongsu ch bongsu; echo \"${{COMPREPLY[@]}}\"",
        stdout(&output)
    );
    let asked = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(stdout(&asked).trim(), "check", "{}", stderr(&asked));
    for shell in ["zsh", "fish"] {
        let output = Setup::new("").output(&["completions", shell]);
        assert!(
            stdout(&output).contains("--print-schema") || stdout(&output).contains("print-schema"),
            "{shell}"
        );
    }
    let page = Setup::new("").output(&["man"]);
    for part in [".TH bongsu 1", "bongsu\\-check(1)", "config.file"] {
        assert!(stdout(&page).contains(part), "{part} is not in\n{}", stdout(&page));
    }
}

#[test]
fn a_file_is_no_address() {
    let setup = Setup::new("");
    let file = setup.write("plain", "");
    let out = setup.path().join("new");
    for (word, command) in [
        ("bongsu.yml", "  bongsu check bongsu.yml "),
        ("BONGSU.YAML", "  bongsu check BONGSU.YAML "),
        ("list.csv", "  bongsu import csv list.csv "),
        (file.to_str().unwrap(), "  bongsu check /"),
    ] {
        let output = setup.output(&["init", "www.gov.kr", word, "--out", out.to_str().unwrap()]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.starts_with(&format!("{word}: is the name of a file")), "{said}");
        assert!(said.contains(command), "{said}");
        assert!(!out.exists());
    }
}

/// The configuration fits, and of the schema the beginning.
#[test]
fn a_full_disk_leaves_no_half_of_the_files() {
    let setup = Setup::new("");
    let out = setup.path().join("new");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_bongsu")])
        .args(["init", "www.gov.kr", "--out", out.to_str().unwrap()])
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(code(&output), 1, "{said}");
    assert!(said.contains("bongsu.schema.json: "), "{said}");
    assert!(said.contains("Nothing was written"), "{said}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

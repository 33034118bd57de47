//! Whoever has nothing yet is told what to type.

use std::process::Command;

use super::{code, stderr, stdout};
use crate::support::daemon::Setup;

#[test]
fn without_a_configuration_the_next_command_is_said() {
    for (language, wanted) in [("C", "looks once, without one"), ("ko_KR.UTF-8", "한 번 확인")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .env_clear()
            .env("LC_ALL", language)
            .env("BONGSU_CONFIG_FILE", "/nonexistent/bongsu.yml")
            .output()
            .unwrap();
        assert_eq!(code(&output), 2);
        let said = stderr(&output);
        assert!(said.contains("/nonexistent/bongsu.yml"), "{said}");
        assert!(said.contains("bongsu probe --url https://") && said.contains(wanted), "{said}");
    }
    let output = Setup::new("services:\n  - name: gpki\n    probs: []\n").output(&["check"]);
    assert!(!stderr(&output).contains("--url"), "there is a configuration: {}", stderr(&output));
}

#[test]
fn an_address_in_place_of_an_id_is_answered_with_the_command_for_it() {
    for (address, url) in [
        ("https://www.gov.kr/a?b=c", "bongsu probe --url 'https://www.gov.kr/a?b=c'\n"),
        ("www.gov.kr", "bongsu probe --url www.gov.kr\n"),
    ] {
        let output = Setup::new("").output(&["probe", address]);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains(url), "{}", stderr(&output));
    }
    // In place of a file, too.
    let output = Setup::new("").output(&["check", "https://www.gov.kr/"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("bongsu probe --url "), "{}", stderr(&output));
}

#[test]
fn an_address_has_no_site() {
    let output =
        Setup::new("").output(&["probe", "--url", "http://127.0.0.1:9/", "--site", "mapo"]);
    assert_eq!(code(&output), 2, "{}", stdout(&output));
    assert!(stderr(&output).contains("--site <SITE>"), "{}", stderr(&output));
}

#[test]
fn each_command_shows_the_flags_that_mean_something_to_it() {
    let help = |command: &str| stdout(&Setup::new("").output(&[command, "--help"])).to_owned();
    let check = help("check");
    for (flag, is_there) in [
        ("--config.file", true),
        ("--shard.count", true),
        ("--web.config.file", true),
        ("--web.listen-address", false),
        ("--shutdown.grace", false),
        ("--state.dir", false),
    ] {
        assert_eq!(check.contains(flag), is_there, "{flag} in\n{check}");
    }
    assert!(check.lines().count() < 60, "{} lines", check.lines().count());
    assert!(help("healthcheck").contains("--web.listen-address"));
    assert!(help("probe").contains("--state.dir"));
    assert!(help("run").contains("--shutdown.grace"));
}

#[test]
fn an_address_or_a_file_in_place_of_a_command_is_answered_with_the_command_for_it() {
    for (arguments, commands) in [
        (&["https://a.go.kr"][..], &["probe --url https://a.go.kr ", "init https://a.go.kr "][..]),
        (&["bongsu.yml"], &["check bongsu.yml ", "--config.file=bongsu.yml "]),
        (&["run", "./bongsu.yml"], &["--config.file=./bongsu.yml "]),
        (&["목록 1.csv"], &[]),
        (&["list.csv"], &["import csv list.csv "]),
        (&["gpki/portal"], &["probe gpki/portal "]),
        (&["gov.kr/front"], &["probe --url gov.kr/front ", "probe gov.kr/front "]),
        (&["probe", "bongsu.yml"], &["check bongsu.yml "]),
        (&["probe", "--url", "bongsu.yml"], &["check bongsu.yml "]),
        (&["chek"], &[]),
    ] {
        for (language, heading) in [("C", "did you mean:\n"), ("ko_KR.UTF-8", "입력하려던")] {
            let output = Setup::new("").env("LC_ALL", language).output(arguments);
            let said = stderr(&output);
            assert_eq!(code(&output), 2, "{arguments:?}: {said}");
            assert!(stdout(&output).is_empty(), "{arguments:?}");
            assert_eq!(said.contains(heading), !commands.is_empty(), "{arguments:?}: {said}");
            for command in commands {
                let line = format!("  bongsu {command}");
                assert!(said.contains(&line), "{line:?} is not in {said}");
            }
        }
    }
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    let setup = Setup::new(
        "defaults: { interval: 30s, timeout: 5s }\nservices: [ { name: a, probes: [ { name: b, http: { url: \
         'http://127.0.0.1:9/' } } ] } ]\n",
    );
    for arguments in [&["check"][..], &["check", "--json"], &["man"], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = setup.command(arguments).stdout(full).output().unwrap();
        assert_eq!(code(&output), 1, "{arguments:?}");
        let said = stderr(&output);
        assert!(said.starts_with("standard output cannot be written: No space left"), "{said}");
    }
}

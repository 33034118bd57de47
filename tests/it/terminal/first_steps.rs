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
        ("https://www.gov.kr/a?b=c", "bongsu probe --url https://www.gov.kr/a?b=c\n"),
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

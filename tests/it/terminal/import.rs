//! `bongsu import csv`: the table that an office has becomes a configuration.

use std::process::Output;

use encoding_rs::EUC_KR;

use super::{code, stderr, stdout};
use crate::support::daemon::Setup;
use crate::support::http::Target;

fn import(setup: &Setup, table: impl AsRef<[u8]>) -> Output {
    let file = setup.write("table.csv", table);
    let out = setup.path().join("new");
    setup.output(&["import", "csv", file.to_str().unwrap(), "--out", out.to_str().unwrap()])
}

fn written(setup: &Setup) -> String {
    std::fs::read_to_string(setup.path().join("new/bongsu.yml")).unwrap()
}

#[test]
fn a_table_with_korean_headings_in_euc_kr_becomes_services_that_run() {
    let target = Target::answering("로그인");
    let table = format!(
        "전자정부 서비스 현황,,,,,,\n연번,시스템명,홈페이지,\"담당\n부서\",연락처,등급,비고\n\
         1,정부24,{},\"디지털정부국, 운영과\",044-205-1234,1등급,\n\
         2,새올행정,www.saeol.example.go.kr,,,2,\"내부\n점검\"\n3,예전 시스템,-,,,,폐기\n,,,,,,\n",
        target.url()
    );
    let setup = Setup::new("");
    let output = import(&setup, EUC_KR.encode(&table).0);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = written(&setup);
    for part in [
        "  - name: \"127.0.0.1\"\n    title: \"정부24\"\n    owner: \"디지털정부국, 운영과 044-205-1234\"\n    grade: 1\n",
        "  - name: saeol.example.go.kr\n    title: \"새올행정\"\n    grade: 2\n",
        "# - line 7: it has no address\n# - columns without a use here: 연번, 비고\n",
        "tls: { address: \"www.saeol.example.go.kr:443\" }",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(stdout(&output).contains("written: 2 services with 3 probes\n"), "{}", stdout(&output));
    let run = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bongsu"));
        command.args(arguments.split(' ')).output().unwrap()
    };
    // As they are printed.
    let commands: Vec<&str> =
        stdout(&output).lines().filter_map(|line| line.trim().strip_prefix("bongsu ")).collect();
    let check = run(commands[0]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    let probe = run(commands[1]);
    assert_eq!(code(&probe), 0, "{}{}", stdout(&probe), stderr(&probe));
    assert_eq!(target.requests(), 1);
    // Once more: what is there is not replaced.
    let output = import(&setup, &table);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is not overwritten"), "{}", stderr(&output));
}

#[test]
fn headings_of_both_languages_and_several_addresses_in_a_cell() {
    let setup = Setup::new("");
    let table = "\u{feff}Name;URL;Contains;Alternative\n\
                 Portal;https://a.go.kr/ https://a.go.kr/login#top, b.go.kr;로그인 ${x};주민센터\n\
                 Portal;http://a.go.kr/old;;\n";
    let output = import(&setup, table);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = written(&setup);
    for part in [
        "  - name: a.go.kr\n    title: Portal\n    alternative: \"주민센터\"\n",
        "name: front-2\n        http:\n          url: \"https://a.go.kr/login\"\n          expect: { body: { contains: \
         \"로그인 $${x}\" } }\n",
        "url: \"https://b.go.kr/\"",
        "  - name: a.go.kr-2\n    title: Portal\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    // One certificate for each server.
    assert_eq!(text.matches("tls: { address:").count(), 2, "{text}");
}

#[test]
fn every_mistake_of_a_table_is_told_with_its_line_and_nothing_is_written() {
    for (table, parts) in [
        (
            "이름,주소,등급\na,ftp://a.kr/,1\nb,https://b.kr/,상\nc,https://me:canary-9@c.kr/,5\nd,d.kr,1,2,3\n",
            &[
                "table.csv: 5 problems, nothing was written\n",
                "2:1  주소: \"ftp://a.kr/\" is no http or https address",
                "3:1  등급: \"상\" is no grade; write 1, 2, 3 or 4",
                "4:1  주소: c.kr: a password does not belong into an address",
                "4:1  등급: \"5\" is no grade",
                "5:1  has 5 cells where the headings are 3; put a cell that has a comma in quotes",
            ][..],
        ),
        (
            "이름,전화\na,1\n",
            &["no line has a heading for addresses; name their column one of url, "],
        ),
        ("이름,주소\na,\n", &["has no row with an address"]),
        ("", &["is empty"]),
    ] {
        let setup = Setup::new("");
        let output = import(&setup, table);
        assert_eq!(code(&output), 2, "{table}");
        for part in parts {
            assert!(stderr(&output).contains(part), "{part:?} is not in\n{}", stderr(&output));
        }
        assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
        assert!(!setup.path().join("new").exists());
    }
    let output = import(&Setup::new(""), b"\xff\xff\x00url");
    assert!(stderr(&output).contains("neither UTF-8 nor EUC-KR"), "{}", stderr(&output));
}

#[test]
fn an_empty_table_is_called_empty() {
    for table in ["", "\u{feff}", "\r\n\r\n"] {
        let output = import(&Setup::new(""), table);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains("is empty"), "{}", stderr(&output));
    }
}

#[test]
fn files_that_are_swapped_are_told_with_the_command_that_was_meant() {
    let setup = Setup::new("");
    setup.write("blackbox.yml", "modules: { http_2xx: { prober: http } }\n");
    setup.write("prometheus.yml", "scrape_configs: [ { job_name: a, metrics_path: /probe } ]\n");
    setup.write("targets.json", "[{ \"targets\": [\"https://www.gov.kr\"] }]\n");
    for targets in ["prometheus.yml", "targets.json"] {
        let mut command =
            setup.command(&["import", "blackbox", targets, "--targets", "blackbox.yml"]);
        let output = command.current_dir(setup.path()).output().unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains("swapped"), "{said}");
        let line = format!("    bongsu import blackbox blackbox.yml --targets {targets}\n");
        assert!(said.contains(&line), "{said}");
    }
    // What is wrong otherwise is told as it is.
    setup.write("blackbox.yml", "modules: { http_2xx: { prober: htp } }\n");
    let mut command =
        setup.command(&["import", "blackbox", "blackbox.yml", "--targets", "targets.json"]);
    let output = command.current_dir(setup.path()).output().unwrap();
    assert!(!stderr(&output).contains("swapped"), "{}", stderr(&output));
}

use std::fs;
use std::path::Path;

use regex::Regex;

use super::*;

/// Of a hundred sentences that the fixtures have, how many have to be in Korean.
const TRANSLATED_MIN: usize = 90;

/// What a configuration can be told: the texts of the sources that read one, every value as `@`.
fn texts() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src/config", "src/template", "crates/read/src", "crates/base/src"] {
        read(&root.join(folder), &mut found);
    }
    assert!(found.len() > 200, "only {} texts", found.len());
    found.iter().map(|text| with_marks(text)).collect::<Vec<_>>().join("\n")
}

fn read(path: &Path, found: &mut Vec<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), found);
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let comment = Regex::new(r"(?m)^\s*//.*$").unwrap();
    let character = Regex::new(r#"'(?:\\.|[^\\'])'"#).unwrap();
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let text = comment.replace_all(text, "");
    let text = character.replace_all(&text, "");
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).unwrap();
    for found_one in literal.captures_iter(&text) {
        found.push(continued.replace_all(&found_one[1], "").replace("\\\"", "\""));
    }
}

/// Braces and what is in them, from within outwards.
fn with_marks(text: &str) -> String {
    let braces = Regex::new(r"\{[^{}\n]*\}").unwrap();
    let mut text = text.to_owned();
    while braces.is_match(&text) {
        text = braces.replace_all(&text, "@").into_owned();
    }
    text
}

#[test]
fn every_sentence_is_one_that_the_source_has() {
    let texts = texts();
    let has = |said: &str| texts.contains(&with_marks(said));
    let (composed, whole) = TABLES.split_last().unwrap();
    let whole = whole.iter().copied().flatten().filter(|(english, _)| !has(english));
    let composed = composed.iter().filter(|(english, _)| {
        // The name of a kind, which stands for a value, or a sentence with something behind it.
        !has(&english.replace("text", "{}")) && !english.split("{}").all(has)
    });
    let gone: Vec<&str> = whole.chain(composed).map(|(english, _)| *english).collect();
    assert!(gone.is_empty(), "nothing says it any more:\n{}", gone.join("\n"));
}

#[test]
fn a_row_names_values_that_its_sentence_has_and_all_of_them() {
    let number = Regex::new(r"\{(\d)\}").unwrap();
    for (english, korean) in TABLES.into_iter().flatten() {
        let mut named: Vec<usize> =
            number.captures_iter(korean).map(|found| found[1].parse().unwrap()).collect();
        named.sort_unstable();
        let values: Vec<usize> = (0..english.matches("{}").count()).collect();
        assert_eq!(named, values, "{korean}");
    }
}

/// The messages of a fixture: behind the place and the path of the key.
fn messages(text: &str) -> Vec<String> {
    let before = Regex::new(
        r#"^  (?:\d+:\d+ +)?(?: *)(?:[A-Za-z_0-9<-]+(?:\.[A-Za-z_0-9-]+|\["?[^\]]*\])*: )?"#,
    )
    .unwrap();
    let problems = text.lines().filter(|line| line.starts_with("  ") && !line.contains(" more"));
    problems.map(|line| before.replace(line, "").into_owned()).collect()
}

#[test]
fn most_problems_of_the_fixtures_are_told_in_korean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/bad");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut all: Vec<String> =
        files.flat_map(|path| messages(&fs::read_to_string(path).unwrap())).collect();
    all.sort();
    all.dedup();
    let english: Vec<&String> = all.iter().filter(|said| in_korean(said).is_none()).collect();
    for said in &english {
        println!("not in Korean: {said}");
    }
    println!("{} of {} are told in Korean", all.len() - english.len(), all.len());
    assert!(all.len() > 200, "only {} messages", all.len());
    assert!((all.len() - english.len()) * 100 >= all.len() * TRANSLATED_MIN);
}

#[test]
fn a_problem_is_told_with_its_values_its_advice_and_where_it_is() {
    for (english, korean) in [
        (
            "unknown key; did you mean \"status\"? (probe login)",
            "알 수 없는 키입니다. \"status\"이(가) 아닌지 확인하십시오 (감시 항목 login)",
        ),
        (
            "nothing is called \"${pw}\"; did you mean \"${secret.pw}\"? (probe login, step list)",
            "그런 이름의 값이 없습니다: \"${pw}\". \"${secret.pw}\"이(가) 아닌지 확인하십시오 (감시 항목 \
             login, 단계 list)",
        ),
        ("a/b.yml: no such file (site mapo)", "a/b.yml: 파일이 없습니다 (기관 mapo)"),
        (
            "expected a mapping, found text; write { roots: roots.pem }",
            "매핑이어야 하는데 글자입니다. { roots: roots.pem }처럼 적으십시오",
        ),
        (
            "10s is not longer than the timeout of 15s (the default); a run must end before the next one \
             starts, so set a shorter timeout",
            "10s: timeout 15s(기본값)보다 길지 않습니다. 다음 실행 전에 끝나도록 timeout을 줄이십시오",
        ),
        ("expected text, found a list", "형식이 다릅니다. 필요한 것: 글자, 실제: 목록"),
    ] {
        assert_eq!(in_korean(english).as_deref(), Some(korean));
    }
}

#[test]
fn what_is_not_in_the_tables_stays_as_it_is() {
    for unknown in ["", "no such sentence", "a: b", "a (probe b)", "{0}", "봉수"] {
        assert_eq!(in_korean(unknown), None, "{unknown}");
    }
}

#[test]
fn the_place_and_the_path_of_the_key_stay_in_front() {
    let error = crate::config::parse(
        "services:\n  - name: gpki\n    probs: []\n",
        Path::new("a.yml"),
        &crate::config::Nothing,
    );
    let text = report(&error.unwrap_err());
    assert!(text.starts_with("a.yml: 문제 "), "{text}");
    assert!(text.contains("\n  3:5  services[0].probs: 알 수 없는 키입니다. \"probes\""), "{text}");
}

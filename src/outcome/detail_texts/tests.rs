use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::*;
use crate::sentences::DEPTH_MAX;

/// Where details are made.
const ROOMS: [&str; 15] = [
    "src/probe",
    "src/transport",
    "src/template",
    "src/controls",
    "src/own_time",
    "src/identities.rs",
    "src/file_work.rs",
    "src/offload.rs",
    "src/secrets.rs",
    "src/config/login/identity.rs",
    "src/outcome/failed_tls.rs",
    "src/outcome/bounds.rs",
    "crates/base/src/files.rs",
    "crates/chain/src",
    "crates/sign/src",
];

/// Sentences of these rooms that are no details: what is logged, written in a configuration or asked of
/// a server. Each begins like one of these.
const NO_DETAILS: &[&str] = &[
    "a certificate for TLS is given as cert",
    "a control answers: this vantage is online again",
    "has pkcs12, which holds certificate and key",
    "input[type=password",
    "it has more entries than this program writes",
    "its ${{}} come to more than",
    "its greeting",
    "its salt is not whole",
    "its version is",
    "login step",
    "meta[",
    "no client for the control",
    "no control answers: this vantage is offline and has no vote",
    "optional login step passed over",
    "recursion limit exceeded",
    "the record of held accounts cannot be written",
    "the record of held accounts is damaged",
    "this prober stood still",
    "{}: no certificate",
    "{} from here",
    "\"${}\"; write",
];

/// The code of a file, without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split("\n#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|end| end == "rs") {
        found.push(path.to_owned());
    }
}

/// The files of a folder, or the file, of our repository.
fn files_of(room: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut found);
    assert!(!found.is_empty(), "{room} is gone");
    found
}

/// Code with every value of a format as `{}`.
fn with_marks(code: &str) -> String {
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let value = Regex::new(r"\{[^{}\n]*\}").unwrap();
    let code = code.replace("\\\"", "\"");
    value.replace_all(&continued.replace_all(&code, ""), "{}").into_owned()
}

/// What a room says: its texts of two words and more, and where each stands.
fn said_in(room: &str) -> Vec<(String, PathBuf)> {
    // Comments, single characters and patterns are passed over, as they may hold a quotation mark.
    let token = Regex::new(
        r##"//[^\n]*|'(?:[^'\\\n]|\\[^'\n]+)'|r#"(?s:.*?)"#|r"[^"]*"|"((?:[^"\\]|\\(?s:.))*)""##,
    )
    .unwrap();
    let words = Regex::new(r"[a-z'] (?:[a-z]|\{\}.*[a-z]{2})").unwrap();
    let mut said = Vec::new();
    for file in files_of(room) {
        let code = code(&file);
        for found in token.captures_iter(&code).filter_map(|found| found.get(1)) {
            let text = with_marks(found.as_str());
            let before = code[..found.start() - 1].trim_end();
            let is_for_us = [".expect(", "unreachable!(", "panic!(", "reason ="];
            if words.is_match(&text) && !is_for_us.iter().any(|end| before.ends_with(end)) {
                said.push((text, file.clone()));
            }
        }
    }
    said
}

/// Whether a row has all of a text, or its parts in their order.
fn is_told(text: &str) -> bool {
    // What a sentence is about stays in front of it.
    let alone = text.trim_start_matches("; ").trim_start_matches("{}: ");
    let has_parts = |english: &str| {
        let mut rest = english;
        text.split("{}").map(str::trim).filter(|part| !part.is_empty()).all(|part| {
            let Some((_, behind)) = rest.split_once(part) else { return false };
            rest = behind;
            true
        })
    };
    TABLES[..WHOLE].iter().copied().flatten().any(|(english, _)| [text, alone].contains(english))
        || TABLES[WHOLE..].iter().copied().flatten().any(|(english, _)| has_parts(english))
}

/// Whoever writes a detail in English writes its row.
#[test]
fn every_detail_is_told_in_korean() {
    let said: Vec<(String, PathBuf)> = ROOMS.into_iter().flat_map(said_in).collect();
    let is_no_detail = |text: &str| NO_DETAILS.iter().any(|begin| text.starts_with(begin));
    let mut english: Vec<String> = said
        .iter()
        .filter(|(text, _)| !is_told(text) && !is_no_detail(text))
        .map(|(text, file)| format!("{}: {text}", file.display()))
        .collect();
    english.sort();
    assert!(
        english.is_empty(),
        "without a row in outcome/detail_texts, or a line in NO_DETAILS of its tests:\n{}",
        english.join("\n")
    );
    for begin in NO_DETAILS {
        let still = said.iter().any(|(text, _)| text.starts_with(begin));
        assert!(still, "nothing says it any more: {begin}");
    }
}

/// A failure that is made elsewhere is not seen by the test above.
#[test]
fn failures_are_made_in_these_rooms_alone() {
    let rooms: Vec<PathBuf> = ROOMS.into_iter().flat_map(files_of).collect();
    for file in files_of("src").into_iter().chain(files_of("crates")) {
        let code = code(&file);
        let makes = code.contains("Failure::new(") || code.contains("TlsFailure::new(");
        let is_test = file.file_name().is_some_and(|name| name == "tests.rs");
        // The type itself, and what was told before a restart.
        let has_been_told = file.ends_with("outcome/mod.rs") || file.ends_with("src/failures.rs");
        assert!(!makes || is_test || has_been_told || rooms.contains(&file), "{}", file.display());
    }
}

fn told(english: &str) -> Option<String> {
    Some(in_korean(english)?.iter().map(ToldPart::text).collect())
}

#[test]
fn every_sentence_is_one_that_the_source_has() {
    let code: String = ROOMS.into_iter().flat_map(files_of).map(|file| code(&file)).collect();
    let source = with_marks(&code);
    for (english, _) in TABLES[..WHOLE].iter().copied().flatten() {
        assert!(source.contains(english), "nothing says it any more: {english}");
    }
    for (english, _) in TABLES[WHOLE..].iter().copied().flatten() {
        let parts = english.split("{}").flat_map(|part| part.split([':', ';', ',']));
        for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
            assert!(source.contains(part), "nothing says it any more: {part}");
        }
    }
}

#[test]
fn a_row_names_values_that_its_sentence_has() {
    let number = Regex::new(r"\{(\d)\}").unwrap();
    for (english, korean) in TABLES.into_iter().flatten() {
        let values = english.matches("{}").count();
        for found in number.captures_iter(korean) {
            assert!(found[1].parse::<usize>().unwrap() < values, "{korean}");
        }
        assert_eq!(number.replace_all(korean, "").matches(['{', '}']).count(), 0, "{korean}");
    }
}

#[test]
fn a_detail_is_told_with_its_values_and_with_the_sentences_in_it() {
    for (english, korean) in [
        ("www.gov.kr does not exist", "DNS에 없는 이름입니다: www.gov.kr"),
        ("status 503, expected 200", "상태 코드 503, 예상한 값 200"),
        ("the host refused the connection", "연결이 거부되었습니다 (대상 호스트)"),
        (
            "the body is not as expected (expect.body[1]: contains \"a: b; (c)\")",
            "본문: 예상과 다릅니다 (expect.body[1]: contains \"a: b; (c)\")",
        ),
        (
            "the server closed the connection before the body was complete",
            "서버가 연결을 끊었습니다: 본문을 모두 보내기 전",
        ),
        (
            "the certificate of CN=Test Root CA 1 expired on 2026-01-01T00:00:00Z",
            "인증서의 유효기간이 2026-01-01T00:00:00Z에 끝났습니다: CN=Test Root CA 1",
        ),
        (
            "no sign of a login: the body is not as expected (expect.body: contains \"x\")",
            "로그인된 흔적이 없습니다. 본문: 예상과 다릅니다 (expect.body: contains \"x\")",
        ),
        (
            "none of our name servers answers; the run had dns_timeout: the name server did not \
             answer in time",
            "프로버의 DNS 서버가 모두 응답하지 않습니다. 실행 결과: dns_timeout: DNS 서버가 제한 시간 \
             안에 응답하지 않았습니다",
        ),
        (
            "min_version: the server chose TLS 1.2, expected TLS 1.3; issuer: is A, expected B",
            "min_version: 서버가 고른 버전은 TLS 1.2, 예상은 TLS 1.3; issuer: 실제 A, 예상 B",
        ),
        (
            "revocation cannot be checked: http://crl.example/a.crl: the list is out of date",
            "폐지 여부를 확인할 수 없습니다: http://crl.example/a.crl: 폐지 목록의 유효기간이 지났습니다",
        ),
        (
            "identity gpki cannot be used: /run/signPri.key cannot be opened with the password; the \
             secret must hold the password of this file and nothing else",
            "인증서를 쓸 수 없습니다 (gpki): /run/signPri.key: 설정된 비밀번호로 열 수 없습니다; 비밀 값에는 \
             이 파일의 비밀번호만 있어야 합니다",
        ),
        (
            "1 of 4 addresses are up; 127.0.0.5: the body is not as expected (expect.body: exists)",
            "주소 4개 가운데 1개 정상. 127.0.0.5: 본문: 예상과 다릅니다 (expect.body: exists)",
        ),
        (
            "key: is RSA 1024, expected a key of at least 2048 bits",
            "key: 실제 RSA 1024, 예상 2048비트 이상의 키",
        ),
    ] {
        assert_eq!(told(english).as_deref(), Some(korean));
    }
}

#[test]
fn what_is_not_in_the_table_stays_as_it_is() {
    for unknown in ["", "; ", "{}", "{0}", "no such sentence; nor this", "reason: text", "봉수"] {
        assert_eq!(in_korean(unknown), None, "{unknown}");
    }
}

/// A stranger's text cannot make it work long.
#[test]
fn sentences_within_sentences_end() {
    let deep = "no sign of a login: ".repeat(100);
    let korean = told(&deep).unwrap();
    assert_eq!(korean.matches("로그인된 흔적이 없습니다").count(), DEPTH_MAX);
    assert!(in_korean(&"; ".repeat(2000)).is_none());
}

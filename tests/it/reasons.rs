//! `docs/reasons.md`, for people, and `docs/reasons.json`, for the boards and the checks of the alert
//! rules, are the table of the source. `BONGSU_REGENERATE=1 cargo test --test it reasons` writes
//! them.

use std::fmt::Write;
use std::path::Path;

use bongsu::outcome::{Bilingual, Reason, Stage};

const HEAD: &str = "\
# 실패 원인 · Reasons

모든 실패에는 이 목록에 있는 원인 하나가 붙습니다. 지표의 `reason` 라벨, 경보, 상태 화면이 같은 이름을
씁니다. `stage`는 실행의 어느 단계에서 일어났는지입니다. **판단 불가**로 표시된 원인은 서비스에 대해
아무것도 말해 주지 않으므로(감시용 계정, 감시용 인증서, 프로버의 회선) 장애로 세지 않고 담당자에게
티켓으로만 알립니다.

Every failure has one reason of this list: the label `reason` of the metrics, the alerts and the status
page use the same names. `stage` says in which part of the run it happened. Reasons marked **unknown**
say nothing about the service (our account, our certificate, our line): they make a ticket and never
count as an outage.
";

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Dns => "DNS 조회 · name resolution",
        Stage::Tcp => "접속 · connection",
        Stage::Tls => "암호 통신과 인증서 · TLS and certificates",
        Stage::Http => "요청과 응답 · HTTP",
        Stage::Content => "응답의 내용 · content",
        Stage::Login => "로그인 · login",
        Stage::Probe => "프로버 자체 · the prober itself",
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for stage in Stage::ALL {
        let _ = write!(
            page,
            "\n## `{}`: {}\n\n| reason | 뜻 · meaning | 우선 확인 사항 · check first |\n|---|---|---|\n",
            stage.as_str(),
            title(stage)
        );
        for reason in Reason::ALL.iter().filter(|reason| reason.stage() == stage) {
            let unknown = if reason.says_nothing_about_the_service() {
                "<br>**판단 불가 · unknown**"
            } else {
                ""
            };
            let (meaning, look) = (reason.meaning(), reason.first_look());
            let _ = writeln!(
                page,
                "| `{}`<br>{}<br>{}{unknown} | {}<br>{} | {}<br>{} |",
                reason.as_str(),
                reason.short().korean,
                reason.short().english,
                meaning.korean,
                meaning.english,
                look.korean,
                look.english
            );
        }
    }
    page
}

/// One reason a line.
fn table() -> String {
    let both = |text: Bilingual| {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!("{{\"ko\": {}, \"en\": {}}}", quoted(text.korean), quoted(text.english))
    };
    let rows: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| {
            format!(
                "  {{\"reason\": \"{}\", \"stage\": \"{}\", \"unknown\": {}, \"short\": {}, \
                 \"meaning\": {}}}",
                reason.as_str(),
                reason.stage().as_str(),
                reason.says_nothing_about_the_service(),
                both(reason.short()),
                both(reason.meaning())
            )
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

#[test]
fn the_published_lists_are_the_one_of_the_source() {
    for (name, text) in [("docs/reasons.md", page()), ("docs/reasons.json", table())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("BONGSU_REGENERATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(published == text, "{name} differs; BONGSU_REGENERATE=1 writes it anew");
    }
}

/// Characters of a name in a column of a board.
const SHORT_MAX: usize = 15;

#[test]
fn every_reason_is_explained_in_both_languages() {
    let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
    for reason in Reason::ALL {
        for text in [reason.meaning(), reason.first_look()] {
            let name = reason.as_str();
            assert!(is_korean(text.korean), "{name}: {}", text.korean);
            assert!(text.english.len() > 8 && !is_korean(text.english), "{name}: {}", text.english);
            assert!(!format!("{}{}", text.korean, text.english).contains('|'), "{name}");
        }
        assert!(reason.meaning().korean.ends_with('.'), "{}", reason.meaning().korean);
        let short = reason.short();
        assert!(is_korean(short.korean) && !is_korean(short.english), "{short:?}");
        assert!(short.korean.chars().count() <= SHORT_MAX, "{short:?} is too long for a table");
    }
}

/// What happened once belongs to the incident's own page: advice that is read at night names no
/// date.
#[test]
fn no_advice_carries_a_date() {
    for reason in Reason::ALL {
        let (meaning, look) = (reason.meaning(), reason.first_look());
        for text in [meaning.korean, meaning.english, look.korean, look.english] {
            assert!(!text.contains("20"), "{}: {text}", reason.as_str());
        }
    }
}

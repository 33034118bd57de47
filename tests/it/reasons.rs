//! `docs/reasons.md` is the table of the source. `BONGSU_REGENERATE=1 cargo test --test it reasons`
//! writes it.

use std::fmt::Write;
use std::path::Path;

use bongsu::outcome::{Reason, Stage};

const HEAD: &str = "\
# 실패 원인 · Reasons

모든 실패에는 이 목록에 있는 원인 하나가 붙습니다. 지표의 `reason` 라벨, 경보, 상태 화면이 같은 이름을
씁니다. `stage`는 점검의 어느 단계에서 일어났는지입니다. **판단 불가**로 표시된 원인은 서비스에 대해
아무것도 말해 주지 않으므로(우리 계정, 우리 인증서, 우리 회선) 장애로 세지 않고 담당자에게 표로만
갑니다.

Every failure has one reason of this list: the label `reason` of the metrics, the alerts and the status
page use the same names. `stage` says in which part of the run it happened. Reasons marked **unknown**
say nothing about the service (our account, our certificate, our line): they make a ticket and never
count as an outage.
";

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Dns => "이름 찾기 · name resolution",
        Stage::Tcp => "접속 · connection",
        Stage::Tls => "암호 통신과 인증서 · TLS and certificates",
        Stage::Http => "요청과 응답 · HTTP",
        Stage::Content => "응답의 내용 · content",
        Stage::Login => "로그인 · login",
        Stage::Probe => "점검 자신 · the prober itself",
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for stage in Stage::ALL {
        let _ = write!(
            page,
            "\n## `{}`: {}\n\n| reason | 뜻 · meaning | 먼저 볼 것 · look first |\n|---|---|---|\n",
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
                "| `{}`{unknown} | {}<br>{} | {}<br>{} |",
                reason.as_str(),
                meaning.korean,
                meaning.english,
                look.korean,
                look.english
            );
        }
    }
    page
}

#[test]
fn the_published_list_is_the_one_of_the_source() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    if std::env::var_os("BONGSU_REGENERATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(published == page(), "docs/reasons.md differs; BONGSU_REGENERATE=1 writes it anew");
}

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

//! What somebody meant who typed an address, a file or a probe where a word of ours belongs.

use std::ffi::OsStr;
use std::path::Path;

use base::{shell_word, visible};

use crate::language::Language;

/// What a word looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    Address,
    Configuration,
    Table,
    /// `gpki/portal`.
    Probe,
}

impl Typed {
    /// None where it looks like nothing of that.
    pub fn of(word: &str) -> Option<Typed> {
        if word.starts_with('-') || word.chars().any(char::is_whitespace) {
            return None;
        }
        if word.contains("://") {
            return Some(Typed::Address);
        }
        if let Some(file) = Typed::file(word) {
            return Some(file);
        }
        match (word.contains(['.', ':']), word.contains('/')) {
            (true, _) => Some(Typed::Address),
            (false, true) => Some(Typed::Probe),
            (false, false) => None,
        }
    }

    /// A word that is the name of a file, whether or not it is there. What has a scheme is none.
    pub fn file(word: &str) -> Option<Typed> {
        if word.contains("://") {
            return None;
        }
        let path = Path::new(word);
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Typed::Table),
            "yml" | "yaml" | "json" => Some(Typed::Configuration),
            _ if word.starts_with(['/', '.', '~']) || path.is_file() => Some(Typed::Configuration),
            _ => None,
        }
    }

    /// What to type instead, ending in a line break.
    pub fn instead(self, word: &str, language: Language) -> String {
        let may_be_probe = word.contains('/') && !word.contains("://");
        let word = visible(shell_word(word));
        let probe = (
            format!("bongsu probe {word}"),
            language.pick(
                "설정에 있는 감시 항목을 한 번 확인",
                "looks once at a probe of the configuration",
            ),
        );
        let mut rows: Vec<(String, &str)> = match self {
            Typed::Address => vec![
                (
                    format!("bongsu probe --url {word}"),
                    language.pick("설정 없이 한 번 확인", "looks once"),
                ),
                (
                    format!("bongsu init {word}"),
                    language.pick("첫 설정 파일 작성", "writes a first configuration"),
                ),
            ],
            Typed::Configuration => vec![
                (
                    format!("bongsu check {word}"),
                    language.pick("설정 파일 검사", "checks the file"),
                ),
                (
                    format!("bongsu --config.file={word}"),
                    language.pick("설정 파일로 감시 시작", "probes by it"),
                ),
            ],
            Typed::Table => vec![(
                format!("bongsu import csv {word}"),
                language.pick("표로 설정 파일 작성", "makes a configuration of the table"),
            )],
            Typed::Probe => Vec::new(),
        };
        if matches!(self, Typed::Probe | Typed::Address) && may_be_probe {
            rows.push(probe);
        }
        let width = rows.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        let lines = rows.iter().map(|(command, what)| format!("  {command:<width$}   {what}\n"));
        let heading = language.pick("혹시 이렇게 입력하려던 것입니까?\n", "did you mean:\n");
        format!("{heading}{}", lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_by_its_form() {
        for (word, wanted) in [
            ("https://a.go.kr", Some(Typed::Address)),
            ("www.gov.kr", Some(Typed::Address)),
            ("www.gov.kr/a.json", Some(Typed::Configuration)),
            ("https://www.gov.kr/a.json", Some(Typed::Address)),
            ("10.0.0.1:8443", Some(Typed::Address)),
            ("localhost:8080", Some(Typed::Address)),
            ("정부24.한국", Some(Typed::Address)),
            ("bongsu.yml", Some(Typed::Configuration)),
            ("./설정", Some(Typed::Configuration)),
            ("/etc/bongsu/BONGSU.YAML", Some(Typed::Configuration)),
            ("목록.CSV", Some(Typed::Table)),
            ("gpki/portal", Some(Typed::Probe)),
            ("chek", None),
            ("--url", None),
            ("a b.yml", None),
        ] {
            assert_eq!(Typed::of(word), wanted, "{word}");
        }
    }
}

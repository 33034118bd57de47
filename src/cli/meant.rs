//! What somebody meant who typed an address, a file or a probe where a word of ours belongs.

use std::ffi::OsStr;
use std::path::Path;

use base::{shell_word, visible};

use crate::language::Language;

/// What a word looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedWord {
    Address,
    Configuration,
    Table,
    /// `gpki/portal`.
    Probe,
}

impl TypedWord {
    /// None where it looks like nothing of that.
    pub fn of(word: &str) -> Option<TypedWord> {
        if word.starts_with('-') || word.chars().any(char::is_whitespace) {
            return None;
        }
        if word.contains("://") {
            return Some(TypedWord::Address);
        }
        if let Some(file) = TypedWord::file(word) {
            return Some(file);
        }
        match (word.contains(['.', ':']), word.contains('/')) {
            (true, _) => Some(TypedWord::Address),
            (false, true) => Some(TypedWord::Probe),
            (false, false) => None,
        }
    }

    /// A word that is the name of a file, whether or not it is there. What has a scheme is none.
    pub fn file(word: &str) -> Option<TypedWord> {
        if word.contains("://") {
            return None;
        }
        let path = Path::new(word);
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(TypedWord::Table),
            "yml" | "yaml" | "json" => Some(TypedWord::Configuration),
            _ if word.starts_with(['/', '.', '~']) || path.is_file() => {
                Some(TypedWord::Configuration)
            }
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
            TypedWord::Address => vec![
                (
                    format!("bongsu probe --url {word}"),
                    language.pick("설정 없이 한 번 확인", "looks once"),
                ),
                (
                    format!("bongsu init {word}"),
                    language.pick("첫 설정 파일 작성", "writes a first configuration"),
                ),
            ],
            TypedWord::Configuration => vec![
                (
                    format!("bongsu check {word}"),
                    language.pick("설정 파일 검사", "checks the file"),
                ),
                (
                    format!("bongsu --config.file={word}"),
                    language.pick("설정 파일로 감시 시작", "probes by it"),
                ),
            ],
            TypedWord::Table => vec![(
                format!("bongsu import csv {word}"),
                language.pick("표로 설정 파일 작성", "makes a configuration of the table"),
            )],
            TypedWord::Probe => Vec::new(),
        };
        if matches!(self, TypedWord::Probe | TypedWord::Address) && may_be_probe {
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
            ("https://a.go.kr", Some(TypedWord::Address)),
            ("www.gov.kr", Some(TypedWord::Address)),
            ("www.gov.kr/a.json", Some(TypedWord::Configuration)),
            ("https://www.gov.kr/a.json", Some(TypedWord::Address)),
            ("10.0.0.1:8443", Some(TypedWord::Address)),
            ("localhost:8080", Some(TypedWord::Address)),
            ("정부24.한국", Some(TypedWord::Address)),
            ("bongsu.yml", Some(TypedWord::Configuration)),
            ("./설정", Some(TypedWord::Configuration)),
            ("/etc/bongsu/BONGSU.YAML", Some(TypedWord::Configuration)),
            ("목록.CSV", Some(TypedWord::Table)),
            ("gpki/portal", Some(TypedWord::Probe)),
            ("chek", None),
            ("--url", None),
            ("a b.yml", None),
        ] {
            assert_eq!(TypedWord::of(word), wanted, "{word}");
        }
    }
}

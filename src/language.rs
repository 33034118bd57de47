//! The languages of people: of pages, of what is printed in a terminal.

use crate::outcome::{self, Bilingual};
use crate::sentences::ToldPart;

/// A language that we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Korean,
    English,
}

impl Language {
    /// Of a terminal: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty (POSIX, chapter
    /// 8.2). What is not Korean is English.
    pub fn of_locale<'a>(locales: impl IntoIterator<Item = &'a str>) -> Language {
        match locales.into_iter().find(|locale| !locale.is_empty()) {
            Some(locale)
                if locale == "ko" || locale.starts_with("ko_") || locale.starts_with("ko.") =>
            {
                Language::Korean
            }
            _ => Language::English,
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Language::Korean => "ko",
            Language::English => "en",
        }
    }

    /// What a reader of the other language calls it.
    pub const fn name(self) -> &'static str {
        self.pick("한국어", "English")
    }

    /// The one that a page offers instead.
    pub const fn other(self) -> Language {
        match self {
            Language::Korean => Language::English,
            Language::English => Language::Korean,
        }
    }

    /// The sentence in this language.
    pub const fn of_both(self, text: Bilingual) -> &'static str {
        self.pick(text.korean, text.english)
    }

    /// The detail of a failure. A sentence without a translation stays English.
    pub fn of_detail(self, detail: &str) -> Vec<ToldPart<'_>> {
        let korean = match self {
            Language::Korean => outcome::in_korean(detail),
            Language::English => None,
        };
        korean.unwrap_or_else(|| vec![ToldPart::Quoted(detail)])
    }

    /// The text in this language.
    pub const fn pick(self, korean: &'static str, english: &'static str) -> &'static str {
        match self {
            Language::Korean => korean,
            Language::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_counts_and_the_rest_of_the_world_reads_english() {
        for (locales, wanted) in [
            (&["ko_KR.UTF-8"][..], Language::Korean),
            (&["", "", "ko_KR.UTF-8"], Language::Korean),
            (&["C", "", "ko_KR.UTF-8"], Language::English),
            (&["ko"], Language::Korean),
            (&["kok_IN"], Language::English),
            (&["en_US.UTF-8"], Language::English),
            (&[], Language::English),
        ] {
            assert_eq!(Language::of_locale(locales.iter().copied()), wanted, "{locales:?}");
        }
    }
}

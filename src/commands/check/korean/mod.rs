//! Problems of a configuration in Korean. They are made in English where they are found, and are so in
//! JSON, in the log and in answers to a reload; who reads Korean in a terminal is told the sentences of
//! these tables. What is not in them stays English, as do quotations: names, values, other programs' errors.

mod estate;
mod probes;
mod yaml;

use crate::config::ReadError;
use crate::sentences::{Row, Sentences, ToldPart};

const TABLES: [&[Row]; 16] = [
    yaml::FILES,
    yaml::YAML,
    yaml::KEYS,
    estate::SERVICES,
    estate::SITES,
    estate::SECRETS,
    estate::TEXTS,
    estate::MAINTENANCE,
    estate::CONTROLS,
    probes::ADDRESSES,
    probes::PROBES,
    probes::REQUESTS,
    probes::EXPECTATIONS,
    probes::TLS,
    probes::LOGINS,
    yaml::COMPOSED,
];

const SENTENCES: Sentences = Sentences { tables: &TABLES, is_label: |_| false, separator: None };

/// Where a problem may say at its end which probe, step or site it is about.
const SCOPES: [&str; 2] = [" (probe ", " (site "];

/// The problems with what became of it, as [`ReadError::report`] has them in English.
pub(super) fn report(error: &ReadError) -> String {
    error.laid_out(
        |count| format!("문제 {count}개, 아무것도 시작하지 않았습니다"),
        |message| in_korean(message).unwrap_or_else(|| message.to_owned()),
        |more| format!("외 {more}개"),
    )
}

/// The problem in Korean, `None` where the tables do not have its sentence.
fn in_korean(message: &str) -> Option<String> {
    let scope = message.ends_with(')').then(|| {
        let starts = SCOPES.iter().filter_map(|scope| message.rfind(scope));
        starts.min()
    });
    let (message, scope) = message.split_at(scope.flatten().unwrap_or(message.len()));
    let told = SENTENCES.in_korean(message).or_else(|| {
        // A file, and what is wrong with it.
        let (file, said) = message.split_once(": ")?;
        let told = SENTENCES.in_korean(said)?;
        Some([vec![ToldPart::Quoted(file), ToldPart::Said(": ")], told].concat())
    })?;
    let scope = SENTENCES.in_korean(scope).unwrap_or_else(|| vec![ToldPart::Quoted(scope)]);
    Some(told.iter().chain(&scope).map(ToldPart::text).collect())
}

#[cfg(test)]
mod tests;

//! What an answer or a handshake must look like.

use serde_json::{Value, json};

use super::reference;
use super::value::{
    any_of, duration, flag, list_of, map_of, object, one_or_many, text, whole, word,
};
use crate::config::expect::{MATCHERS, SUBJECTS, URL_PARTS, may_be_shown};
use crate::config::tls_expect;
use crate::outcome::Reason;

pub(super) fn expect() -> Value {
    object(SUBJECTS, &[], subject)
}

pub(super) fn fail_if() -> Value {
    let known: Vec<&str> = ["reason"].iter().chain(SUBJECTS).copied().collect();
    object(&known, &["reason"], |key| match key {
        "reason" => reason(),
        "time" => json!(false),
        subject => self::subject(subject),
    })
}

/// The reasons that a page can show.
pub(super) fn reason() -> Value {
    let labels = Reason::ALL.iter().filter(|reason| may_be_shown(reason));
    word(&labels.map(|reason| reason.as_str()).collect::<Vec<_>>())
}

pub(super) fn subject(key: &str) -> Value {
    match key {
        "status" => one_or_many(json!({
            "type": ["integer", "string"],
            "description": "200, 2xx, 200-299, or a list of these",
        })),
        "version" => one_or_many(word(&["1.0", "1.1", "2"])),
        "tls" => flag(),
        "url" => {
            let parts: Vec<&str> = URL_PARTS.iter().map(|(name, _)| *name).collect();
            let parts = object(&parts, &[], |_| reference("matcher"));
            any_of(&[reference("matcher"), parts])
        }
        "body" => one_or_many(reference("matcher")),
        "css" | "json" | "header" | "cookie" => map_of(reference("matcher")),
        "time" => object(&["lt"], &["lt"], |_| duration()),
        _ => json!(true),
    }
}

pub(super) fn matcher() -> Value {
    let mut tests = object(MATCHERS, &[], |key| match key {
        "in" => list_of(text()),
        "lt" | "gt" => text(),
        "contains" | "not_contains" | "starts_with" | "matches" => {
            json!({ "type": ["string", "number", "boolean"], "minLength": 1 })
        }
        _ => text(),
    });
    if let Some(tests) = tests.as_object_mut() {
        tests.insert("minProperties".into(), json!(1));
        tests.insert("maxProperties".into(), json!(1));
    }
    any_of(&[text(), tests])
}

pub(super) fn tls_expect() -> Value {
    object(tls_expect::SUBJECTS, &[], |key| match key {
        "time" => subject("time"),
        "min_version" => word(&["1.2", "1.3"]),
        "issuer" => reference("matcher"),
        "key" => object(&["type", "min_bits"], &[], |key| match key {
            "type" => one_or_many(word(&["rsa", "ecdsa", "ed25519"])),
            _ => whole(),
        }),
        "min_days_left" => whole(),
        _ => one_or_many(text()),
    })
}

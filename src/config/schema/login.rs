//! Login flows and their steps.

use serde_json::{Value, json};

use super::value::{
    any_of, duration, flag, list_of, map_of, name, object, one_or_many, size, text, url, whole,
    word,
};
use super::{content, probe, reference};
use crate::config::expect::SUBJECTS;
use crate::config::login::{capture, exec, read, sign, step};

pub(super) fn login() -> Value {
    object(read::KEYS, &["steps"], |key| match key {
        "base" => url(),
        "charset" | "account" => text(),
        "guard" => object(&["max_failures", "slow_to"], &[], |key| match key {
            "slow_to" => duration(),
            _ => whole(),
        }),
        "allow_hosts" => one_or_many(text()),
        "components" | "set" => map_of(text()),
        "waiting_room" => {
            let patient = object(&["degraded_for"], &["degraded_for"], |_| duration());
            any_of(&[word(&["down", "degraded"]), patient])
        }
        "form_changed" => word(&["unknown", "down"]),
        "identities" => {
            map_of(object(&["cert", "key", "password", "pkcs12"], &[], |key| match key {
                "password" => reference("secret_source"),
                _ => text(),
            }))
        }
        "body_limit" => size(),
        "excerpt" => flag(),
        "steps" => list_of(reference("step")),
        "finally" => list_of(reference("last_step")),
        _ => probe::request(key),
    })
}

/// A step; one of `finally` may have a condition.
pub(super) fn step(is_last: bool) -> Value {
    let mut known = step::KEYS.to_vec();
    if is_last {
        known.push("if");
    }
    object(&known, &["name"], |key| match key {
        "name" => name("Unique in its flow"),
        "get" | "post" | "put" | "delete" | "head" | "if" | "component" => text(),
        "submit" => submit(),
        "sign" => sign(),
        "exec" => exec(),
        "wait" => duration(),
        "query" => map_of(one_or_many(text())),
        "set" => map_of(text()),
        "follow" => {
            probe::follow(&["redirects", "auto_submit", "max_hops", "allow_hosts", "refresh"])
        }
        "capture" => map_of(capture()),
        "optional" => flag(),
        "poll_until" => poll(),
        _ => probe::request(key),
    })
}

fn submit() -> Value {
    object(step::SUBMIT_KEYS, &["form"], |key| match key {
        "fields" | "add" => map_of(one_or_many(text())),
        "drop" => one_or_many(text()),
        "method" => word(&["get", "post"]),
        _ => text(),
    })
}

fn sign() -> Value {
    object(sign::KEYS, &["with", "data", "as"], |key| match key {
        "format" => word(&["cms", "raw"]),
        "digest" => word(&["sha256", "sha384", "sha512"]),
        "encode" => word(&["base64", "base64url", "hex"]),
        "detached" | "signed_attributes" | "chain" => flag(),
        "envelope" => object(&["to", "cipher"], &["to"], |key| match key {
            "cipher" => word(&["seed-cbc", "aes128-cbc", "aes256-cbc"]),
            _ => text(),
        }),
        _ => text(),
    })
}

fn exec() -> Value {
    object(exec::KEYS, &["command"], |key| match key {
        "command" | "captures" => list_of(text()),
        "env" => map_of(text()),
        "to" => url(),
        "timeout" => duration(),
        _ => json!(true),
    })
}

fn capture() -> Value {
    object(capture::KEYS, &[], |key| match key {
        "decode" => word(&["base64", "base64url", "hex", "url", "html"]),
        "all" | "optional" | "secret" => flag(),
        _ => text(),
    })
}

fn poll() -> Value {
    let known: Vec<&str> = ["every", "at_most", "reason"].iter().chain(SUBJECTS).copied().collect();
    object(&known, &[], |key| match key {
        "every" | "at_most" => duration(),
        "reason" => content::reason(),
        subject => content::subject(subject),
    })
}

//! The JSON Schema (draft 2020-12) of a configuration, for editors: `bongsu check --print-schema`.
//!
//! Its keys are the lists that the readers go by, and a test holds the two together: where a reader
//! asks for the fields of a mapping, the schema must know exactly these. What a value means is said
//! more loosely than the readers say it: a schema that refuses what is right would be worse than
//! none.

mod content;
mod login;
mod probe;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Map, Value, json};

use self::value::{any_of, flag, list_of, map_of, object, one_or_many, text, word};
use super::{inherit, load, maintenance, service};

/// The whole schema, as a document that ends in a line break.
pub fn schema() -> String {
    let mut definitions = Map::new();
    for (name, definition) in [
        ("service", service()),
        ("probe", probe::probe()),
        ("http", probe::http()),
        ("tls", probe::tls()),
        ("tls_expect", content::tls_expect()),
        ("expect", content::expect()),
        ("fail_if", content::fail_if()),
        ("matcher", content::matcher()),
        ("login", login::login()),
        ("step", login::step(false)),
        ("last_step", login::step(true)),
        ("proxy", probe::proxy()),
        ("trust", probe::trust()),
        ("client_cert", probe::client_cert()),
        ("basic_auth", probe::basic_auth()),
        ("secret_source", secret_source()),
    ] {
        definitions.insert(name.to_owned(), definition);
    }
    let mut whole = object(load::KEYS, &[], |key| match key {
        "defaults" => {
            let known: Vec<&str> = ["slo"].iter().chain(&inherit::KEYS).copied().collect();
            object(&known, &[], shared)
        }
        "include" | "controls" => one_or_many(text()),
        "secrets" => map_of(secret()),
        "services" => list_of(reference("service")),
        "maintenance" => list_of(window()),
        _ => json!(true),
    });
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.insert("title".into(), "Configuration of Bongsu".into());
        whole.insert("$defs".into(), Value::Object(definitions));
    }
    // Nothing in it can fail to be written.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn service() -> Value {
    let known: Vec<&str> = service::KEYS.iter().chain(&inherit::KEYS).copied().collect();
    object(&known, &["name"], |key| match key {
        "name" => value::name("Its key in metrics and alerts: a-z 0-9 _ . -"),
        "title" | "owner" | "alternative" => text(),
        "grade" => any_of(&[json!({ "enum": [1, 2, 3, 4] }), value::named()]),
        "needs" => one_or_many(text()),
        "secrets" => map_of(secret()),
        "for_each" => object(&["site"], &["site"], |_| {
            any_of(&[
                list_of(text()),
                object(&["file"], &["file"], |_| text()),
                map_of(any_of(&[map_of(text()), json!({ "type": "null" })])),
            ])
        }),
        "vars" => map_of(text()),
        "probes" => list_of(reference("probe")),
        "enabled" => flag(),
        _ => shared(key),
    })
}

/// What defaults, services and probes have alike.
fn shared(key: &str) -> Value {
    match key {
        "slo" => any_of(&[json!({ "type": "number" }), text()]),
        "interval" | "timeout" | "latency_objective" => value::duration(),
        "recheck" => any_of(&[value::duration(), json!({ "enum": ["off", false] })]),
        "user_agent" => text(),
        "headers" | "labels" => map_of(text()),
        "dns" => object(&["servers"], &["servers"], |_| one_or_many(text())),
        "ip" => word(&["prefer_ipv4", "prefer_ipv6", "only_ipv4", "only_ipv6", "both"]),
        "proxy" => reference("proxy"),
        "trust" => reference("trust"),
        "revocation" => any_of(&[word(&["off", "soft", "hard"]), json!({ "const": false })]),
        "post_quantum" => flag(),
        _ => json!(true),
    }
}

fn secret() -> Value {
    object(&["env", "file", "hosts"], &[], |key| match key {
        "hosts" => one_or_many(text()),
        _ => text(),
    })
}

fn secret_source() -> Value {
    object(&["env", "file"], &[], |_| text())
}

fn window() -> Value {
    object(maintenance::KEYS, &["name", "targets", "timezone"], |key| match key {
        "targets" => one_or_many(text()),
        "kind" => word(&["announced", "emergency"]),
        _ => text(),
    })
}

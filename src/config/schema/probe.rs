//! Probes of HTTP and of TLS.

use serde_json::Value;

use super::value::{any_of, flag, map_of, name, object, one_or_many, size, text, url, whole, word};
use super::{reference, shared};
use crate::config::{StartTls, http, probe, tls};

pub(super) fn probe() -> Value {
    object(&probe::known(), &["name"], |key| match key {
        "name" => name("Unique in its service"),
        "enabled" => flag(),
        "component" => text(),
        "http" | "tls" | "login" => reference(key),
        _ => shared(key),
    })
}

pub(super) fn http() -> Value {
    object(http::KEYS, &["url"], |key| match key {
        "url" => url(),
        "method" => text(),
        "oauth2" => object(
            &["token_url", "client_id", "client_secret", "scope"],
            &["token_url", "client_id", "client_secret"],
            |key| if key == "token_url" { url() } else { text() },
        ),
        "compression" | "excerpt" => flag(),
        "body_limit" | "pad_request" => size(),
        "charset" => text(),
        "follow" => follow(&["redirects", "allow_hosts", "refresh"]),
        _ => request(key),
    })
}

pub(super) fn tls() -> Value {
    object(tls::KEYS, &["address"], |key| match key {
        "address" => text(),
        "alpn" => one_or_many(text()),
        "starttls" => word(&StartTls::WORDS.map(|(word, _)| word)),
        "expect" | "warn" => reference("tls_expect"),
        _ => client(key),
    })
}

/// What HTTP probes and login steps send and expect alike.
pub(super) fn request(key: &str) -> Value {
    match key {
        "headers" => map_of(text()),
        "body" | "bearer" => text(),
        "form" => map_of(one_or_many(text())),
        "basic_auth" => reference("basic_auth"),
        "expect" | "warn" => reference("expect"),
        "fail_if" => one_or_many(reference("fail_if")),
        _ => client(key),
    }
}

/// How a client connects. A document of JSON may be anything.
pub(super) fn client(key: &str) -> Value {
    match key {
        "client_cert" => any_of(&[reference("client_cert"), text()]),
        "server_name" | "connect_to" => text(),
        "http_version" => word(&["any", "1.1", "2"]),
        "addresses" => {
            let words = || word(&["first", "all"]);
            let mapping = object(&["look_at", "up"], &["look_at"], |key| match key {
                "look_at" => words(),
                _ => word(&["all", "any"]),
            });
            any_of(&[words(), mapping])
        }
        _ => shared(key),
    }
}

pub(super) fn follow(keys: &[&str]) -> Value {
    object(keys, &[], |key| match key {
        "redirects" | "max_hops" => whole(),
        "allow_hosts" => one_or_many(text()),
        "refresh" => flag(),
        _ => text(),
    })
}

pub(super) fn proxy() -> Value {
    let mapping = object(&["url", "username", "password", "no_proxy"], &["url"], |key| match key {
        "no_proxy" => one_or_many(text()),
        _ => text(),
    });
    any_of(&[text(), mapping])
}

pub(super) fn trust() -> Value {
    object(&["roots", "intermediates"], &[], |key| match key {
        "roots" => one_or_many(text()),
        _ => text(),
    })
}

pub(super) fn client_cert() -> Value {
    object(&["cert", "key"], &["cert", "key"], |_| text())
}

pub(super) fn basic_auth() -> Value {
    object(&["username", "password"], &["username", "password"], |_| text())
}

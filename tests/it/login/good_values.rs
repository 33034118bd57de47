//! Every key of a step and every pipe where it does what it is for. Which keys there are, the schema
//! says, and which pipes, the program; one without a good case here fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::{Outcome, Reason};
use bongsu::probe::login::lockout::store::AccountStore;
use serde_json::{Value, json};

use super::canary_pipes::all_pipes;
use super::flow::{Flow, PASS};
use super::flow_keys::{file, officer, write_named_files};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

const PAGE: &str =
    "<b id=t>t-1</b><form id=f method=post action=/made><input name=a value=1></form>";

async fn site() -> RoutedSite {
    let looks = AtomicUsize::new(0);
    let mut routes = Routes::new()
        .on("GET", "/page", |_| Reply::html(PAGE))
        .on("GET", "/moved", |_| Reply::redirect("/made"))
        .on("POST", "/after", |_| Reply::html("<a href=/logout>after</a>"))
        .on("GET", "/out", |_| Reply::html("out"))
        .on("GET", "/turn", move |_| {
            let looks = looks.fetch_add(1, Ordering::SeqCst);
            Reply::html(if looks == 0 { "wait" } else { "go" })
        });
    for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
        routes = routes.on(method, "/made", |_| Reply::html("<b id=made>made</b>"));
    }
    routes.serve().await
}

/// What came of a flow.
struct Seen {
    outcome: Outcome,
    asked: Vec<Asked>,
}

impl Seen {
    fn made(&self) -> &Asked {
        self.asked.iter().find(|asked| asked.path == "/made").expect("/made was not asked")
    }

    /// What the step behind was given.
    fn after(&self) -> String {
        self.asked.iter().find(|asked| asked.path == "/after").expect("no step after it").text()
    }

    fn failed_with(&self) -> Option<Reason> {
        self.outcome.result.as_ref().err().map(|failure| failure.reason)
    }

    fn step(&self) -> &bongsu::outcome::StepFacts {
        &self.outcome.facts.steps[1]
    }
}

/// Runs a flow whose second step is this one, between a page and one that posts `after`.
async fn seen(step: &Value, after: &str) -> Seen {
    let site = site().await;
    let mut step = step.clone();
    if step["name"].is_null() {
        step["name"] = json!("in");
    }
    let (is_last, mut steps) = (
        step["if"].is_string(),
        vec![json!({ "name": "page", "get": "/page", "capture": {
            "t": { "css": "#t" } } })],
    );
    let mut login = json!({ "base": site.url("") });
    if step["sign"].is_object() {
        login["identities"] = json!({ "officer": officer() });
    }
    if is_last {
        login["finally"] = json!([step]);
    } else {
        steps.push(step);
        steps.push(json!({ "name": "after", "post": "/after", "body": after,
            "expect": { "css": { "a[href*=logout]": "exists" } } }));
    }
    login["steps"] = Value::Array(steps);
    let flow = Flow::load(AccountStore::default(), |directory| {
        fs::write(directory.join("key"), "key").unwrap();
        if !login["identities"].is_null() {
            write_named_files(directory, "user", PASS, "key");
        }
        file(&[("login".into(), login)])
    });
    let outcome = flow.run().await;
    Seen { outcome, asked: site.asked() }
}

fn step_keys() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bongsu.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let of = |kind: &str| schema["$defs"][kind]["properties"].as_object().unwrap().clone();
    of("step").into_iter().chain(of("last_step")).map(|(key, _)| key).collect()
}

type Looks = fn(&Seen) -> bool;

/// A step with the key, what is posted after it, and whether it did what it is for.
fn good(key: &str) -> Option<(Value, &'static str, Looks)> {
    let (step, after, looks): (Value, &str, Looks) = match key {
        "name" => {
            (json!({ "name": "named", "get": "/made" }), "x", |s| &*s.step().step.name == "named")
        }
        "component" => (json!({ "get": "/made", "component": "gpki" }), "x", |s| {
            &*s.step().step.component == "gpki"
        }),
        "get" => (json!({ "get": "/made" }), "x", |s| s.made().method == "GET"),
        "post" => (json!({ "post": "/made" }), "x", |s| s.made().method == "POST"),
        "put" => (json!({ "put": "/made" }), "x", |s| s.made().method == "PUT"),
        "delete" => (json!({ "delete": "/made" }), "x", |s| s.made().method == "DELETE"),
        "head" => (json!({ "head": "/made" }), "x", |s| s.made().method == "HEAD"),
        "submit" => (json!({ "submit": { "form": "#f", "fields": { "a": "2" } } }), "x", |s| {
            (&*s.made().method, &*s.made().text()) == ("POST", "a=2")
        }),
        "sign" => {
            (
                json!({ "sign": { "with": "officer", "data": "x", "as": "signed" } }),
                "${signed}",
                |s| {
                    // ContentInfo of a SignedData (RFC 5652).
                    STANDARD.decode(s.after()).is_ok_and(|der| der[0] == 0x30 && der.len() > 500)
                },
            )
        }
        "exec" => {
            let gives = "cat > /dev/null; echo '{\"captures\": {\"told\": \"by a program\"}}'";
            let exec = json!({ "command": ["/bin/sh", "-c", gives], "captures": ["told"] });
            (json!({ "exec": exec }), "${told}", |s| s.after() == "by a program")
        }
        "wait" => {
            (json!({ "wait": "20ms" }), "x", |s| s.step().elapsed >= Duration::from_millis(20))
        }
        "query" => {
            (json!({ "get": "/made", "query": { "q": "1 2" } }), "x", |s| s.made().query == "q=1+2")
        }
        "headers" => (json!({ "get": "/made", "headers": { "X-A": "${t}" } }), "x", |s| {
            s.made().header("x-a") == Some("t-1")
        }),
        "bearer" => (json!({ "get": "/made", "bearer": "${t}" }), "x", |s| {
            s.made().header("authorization") == Some("Bearer t-1")
        }),
        "basic_auth" => {
            let basic = json!({ "username": "u", "password": "${t}" });
            (json!({ "get": "/made", "basic_auth": basic }), "x", |s| {
                s.made().header("authorization") == Some("Basic dTp0LTE=")
            })
        }
        "set" => {
            (json!({ "get": "/made", "set": { "v": "${t}-2" } }), "${v}", |s| s.after() == "t-1-2")
        }
        "body" => (json!({ "post": "/made", "body": "<a>${t}</a>" }), "x", |s| {
            s.made().text() == "<a>t-1</a>"
        }),
        "form" => (json!({ "post": "/made", "form": { "a": ["1", "${t}"] } }), "x", |s| {
            s.made().text() == "a=1&a=t-1"
        }),
        "json" => (json!({ "post": "/made", "json": { "a": [1, "${t}"] } }), "x", |s| {
            serde_json::from_str::<Value>(&s.made().text()).unwrap() == json!({ "a": [1, "t-1"] })
        }),
        "follow" => (json!({ "get": "/moved", "follow": { "redirects": 1 } }), "x", |s| {
            s.made().method == "GET"
        }),
        "fail_if" => {
            let rule = json!({ "reason": "notice_page", "body": { "contains": "made" } });
            (json!({ "get": "/made", "fail_if": rule }), "x", |s| {
                s.failed_with() == Some(Reason::NoticePage)
            })
        }
        "expect" => {
            (json!({ "get": "/made", "expect": { "css": { "#other": "exists" } } }), "x", |s| {
                s.failed_with() == Some(Reason::BodyMismatch)
            })
        }
        "capture" => {
            (json!({ "get": "/made", "capture": { "c": { "css": "#made" } } }), "${c}", |s| {
                s.after() == "made"
            })
        }
        "warn" => {
            (json!({ "get": "/made", "warn": { "body": { "contains": "other" } } }), "x", |s| {
                s.outcome.facts.warnings.len() == 1 && s.after() == "x"
            })
        }
        "optional" => {
            (json!({ "submit": { "form": "#gone" }, "optional": true }), "x", |s| s.after() == "x")
        }
        "poll_until" => {
            let poll = json!({ "body": { "contains": "go" }, "every": "100ms", "at_most": "5s" });
            (json!({ "get": "/turn", "poll_until": poll }), "x", |s| {
                s.asked.iter().filter(|asked| asked.path == "/turn").count() == 2
                    && s.after() == "x"
            })
        }
        "if" => (json!({ "name": "out", "get": "/out", "if": "page.ok" }), "x", |s| {
            s.asked.iter().any(|asked| asked.path == "/out")
        }),
        _ => return None,
    };
    Some((step, after, looks))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_step_does_what_it_is_for() {
    let keys = step_keys();
    assert!(keys.len() >= 27 && keys.contains("poll_until") && keys.contains("if"), "{keys:?}");
    let mut wrong = Vec::new();
    for key in &keys {
        let Some((step, after, looks)) = good(key) else {
            wrong.push(format!("{key} has no good case"));
            continue;
        };
        assert!(step.get(key.as_str()).is_some(), "the good case of {key} does not have it");
        let seen = seen(&step, after).await;
        let fails = ["fail_if", "expect"].contains(&key.as_str());
        if !looks(&seen) || seen.outcome.result.is_err() != fails {
            wrong.push(format!("{key}: {:?} {:?}", seen.outcome.result, seen.asked));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of `a Z가`, as `openssl dgst` and `openssl enc` have it, with the key `0123456789abcdef`.
fn made(pipe: &str) -> Option<(&'static str, &'static str)> {
    Some(match pipe {
        "upper" => ("upper", "A Z가"),
        "lower" => ("lower", "a z가"),
        "md5" => ("md5", "4b7711a130465bc6ab46f55b53a2da83"),
        "sha1" => ("sha1", "26bbb78a089fc3ac7f258c9bed4b43d5ae4ec645"),
        "sha256" => ("sha256", "4d3b8d0bf9e1bbd5099ae694b9833119f8b54377adc009dd1ca9266c4d87da21"),
        "sha512" => (
            "sha512",
            "9f1c3a02f0ef65bcd490d80a1b5cef02ecae09888e5485e2d7e36f352059e734808f989ff6cdc96b4fc19c723c1d\
             75fa06439798cdb9d96e88addb310aef6899",
        ),
        "hmac_sha1" => ("hmac_sha1:key", "bb3285f2b1432bcc84827decf3eedea30d61618b"),
        "hmac_sha256" => {
            ("hmac_sha256:key", "5c9d597d8abb05dc64f4f2117a268ab2d6b4963bfe384630122bc2d16d109de7")
        }
        "hmac_sha512" => (
            "hmac_sha512:key",
            "8824877af5ae9b6abfe926367779b8a596047815bca4670458ee77ddd1c7b06227e86988cfefe349e31dabdf4a86\
             703093796bb1b1b0f9170ea6abec0f509361",
        ),
        "aes_cbc" => ("aes_cbc:key,iv | base64", "SKHih9aL7A0TJehoXYie7A=="),
        "seed_cbc" => ("seed_cbc:key,iv | base64", "pbHlGO7Pz2IsbHM0scPPcQ=="),
        "hex" => ("hex", "61205aeab080"),
        "base64" => ("base64", "YSBa6rCA"),
        "base64url" => ("base64url", "YSBa6rCA"),
        "urlencode" => ("urlencode", "a%20Z%EA%B0%80"),
        "base64_decode" => ("base64 | base64_decode", "a Z가"),
        "hex_decode" => ("hex | hex_decode", "a Z가"),
        "euc_kr" => ("euc_kr | hex", "61205ab0a1"),
        "rsa" => ("rsa:n,e", ""),
        // A zero for each digit.
        "totp" => ("totp", "000000"),
        "date:FORMAT" => ("date:Asia/Seoul %Y-%m-%d", "0000-00-00"),
        "uuid" => ("uuid", ""),
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pipe_makes_what_it_is_for() {
    let site =
        Routes::new().on("POST", "/made", |_| Reply::html("<a href=/logout>x</a>")).serve().await;
    for pipe in all_pipes() {
        let (written, wanted) = made(&pipe).unwrap_or_else(|| panic!("{pipe} has no good case"));
        let source = match pipe.as_str() {
            "totp" => "${secret.otp | ",
            "uuid" | "date:FORMAT" => "${",
            _ => "${value | ",
        };
        let flow = Flow::new(&format!(
            "base: {}\nset: {{ value: 'a Z가', key: 0123456789abcdef, iv: fedcba9876543210, n: {}, e: '3' \
             }}\nsteps:\n  - {{ name: in, post: /made, body: '{source}{written}}}', expect: {{ css: {{ \
             'a[href*=logout]': exists }} }} }}\n",
            site.url(""),
            "f".repeat(256)
        ));
        flow.succeed().await;
        let sent = site.asked().pop().unwrap().text();
        let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        match pipe.as_str() {
            "rsa" => assert_eq!(sent.len(), 256, "{sent}"),
            "uuid" => assert_eq!((sent.len(), sent.matches('-').count()), (36, 4), "{sent}"),
            "totp" | "date:FORMAT" => assert_eq!(digits(&sent), wanted, "{pipe}"),
            _ => assert_eq!(sent, wanted, "{pipe}"),
        }
    }
}

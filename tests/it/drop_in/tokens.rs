//! `oauth2` of modules: what is taken for a token, and what becomes of a run without one.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::both::Both;
use super::{daemon, path, series};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::secure::acceptor;

/// With what has a meaning in a form.
const SECRET: &str = "s/e c+r&t=%";

/// Says who asked.
async fn service() -> RoutedSite {
    let said = |asked: &Asked| {
        let said = asked.header("authorization").unwrap_or("nothing");
        Reply::html(format!("said {said}."))
    };
    Routes::new().on("GET", "/", said).on("GET", "/away", |_| Reply::redirect("/")).serve().await
}

/// One module for each of these, which succeeds where the service hears this.
fn modules(keys: &[(&str, String, &str)]) -> String {
    let mut text = "modules:\n".to_owned();
    for (name, oauth2, said) in keys {
        writeln!(
            text,
            "  {name}: {{ prober: http, timeout: 20s, http: {{ oauth2: {{ client_id: 'bong su', {oauth2} }}, \
             fail_if_body_not_matches_regexp: ['^said {said}\\.$'] }} }}"
        )
        .unwrap();
    }
    text
}

fn known(token_url: &str) -> String {
    format!("client_secret: '{SECRET}', token_url: '{token_url}'")
}

fn json(body: &str) -> Reply {
    Reply::bytes(body.into()).header("Content-Type", "application/json;charset=UTF-8")
}

const GOOD: &str = r#"{"access_token":"abc"}"#;

/// Whether the client says who it is in the header, as a form would encode it.
fn is_known(asked: &Asked) -> bool {
    // "~" and "*" apart, of which there are none, every client encodes alike.
    let pair = "bong+su:s%2Fe+c%2Br%26t%3D%25";
    asked.header("authorization") == Some(&format!("Basic {}", STANDARD.encode(pair)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_server_answers_is_read_alike() {
    let service = service().await;
    let of_type = |kind: &str| format!(r#"{{"access_token":"abc","token_type":{kind}}}"#);
    let until = |time: &str| format!(r#"{{"access_token":"abc","expires_in":{time}}}"#);
    let form = "application/x-www-form-urlencoded";
    let answers = [
        ("plain", json(GOOD), "Bearer abc", true),
        ("bearer", json(&of_type("\"bEARER\"")), "Bearer abc", true),
        ("no_type", json(&of_type("null")), "Bearer abc", true),
        ("mac", json(&of_type("\"mac\"")), "MAC abc", true),
        ("basic", json(&of_type("\"BASIC\"")), "Basic abc", true),
        ("odd", json(&of_type("\"DPoP\"")), "DPoP abc", true),
        ("number_type", json(&of_type("7")), ".*", false),
        ("hour", json(&until("3600")), "Bearer abc", true),
        ("quoted", json(&until("\"3600\"")), "Bearer abc", true),
        ("over", json(&until("-1")), "Bearer abc", true),
        ("no_time", json(&until("null")), "Bearer abc", true),
        ("soon", json(&until("\"soon\"")), ".*", false),
        ("part", json(&until("1.5")), ".*", false),
        ("none", json("{}"), ".*", false),
        ("nothing", json("null"), ".*", false),
        ("empty", json(r#"{"access_token":""}"#), ".*", false),
        ("number", json(r#"{"access_token":7}"#), ".*", false),
        ("list", json("[]"), ".*", false),
        ("html", Reply::html("<h1>no</h1>"), ".*", false),
        ("untyped", Reply::bytes(GOOD.into()), "Bearer abc", true),
        (
            "form",
            Reply::bytes("access_token=a%62c&token_type=mac&expires_in=soon".into())
                .header("Content-Type", form),
            "MAC abc",
            true,
        ),
        (
            "text",
            Reply::bytes("access_token=abc".into()).header("Content-Type", "text/plain"),
            "Bearer abc",
            true,
        ),
        ("created", json(GOOD).with_status(201), "Bearer abc", true),
        ("refused", json(r#"{"error":"invalid_client"}"#).with_status(401), ".*", false),
        ("broken", json(GOOD).with_status(500), ".*", false),
        ("line", json("{\"access_token\":\"a\\nb\"}"), ".*", false),
        ("hung_up", Reply::hang_up(), ".*", false),
        ("no_location", Reply::status(302), ".*", false),
    ];
    let mut routes = Routes::new()
        .on("POST", "/307", |_| Reply::redirect("/plain").with_status(307))
        .on("POST", "/302", |_| Reply::redirect("/got"))
        .on("GET", "/got", |_| json(GOOD))
        .on("POST", "/for_ever", |_| Reply::redirect("/for_ever").with_status(307));
    for (name, answer, ..) in &answers {
        let answer = answer.clone();
        let given = move |asked: &Asked| match is_known(asked) {
            true => answer.clone(),
            false => Reply::status(403),
        };
        routes = routes.on("POST", &format!("/{name}"), given);
    }
    let tokens = routes.serve().await;
    let at = |name: &str| known(&tokens.url(&format!("/{name}")));
    let mut keys: Vec<_> =
        answers.iter().map(|(name, _, said, _)| (*name, at(name), *said)).collect();
    keys.extend([
        ("repeated", at("307"), "Bearer abc"),
        ("got", at("302"), "Bearer abc"),
        ("for_ever", at("for_ever"), ".*"),
        ("away", known("http://127.0.0.1:9/token"), ".*"),
        ("nowhere", known("http://no-such-name.invalid/"), ".*"),
        (
            "wrong_secret",
            format!("client_secret: other, token_url: '{}'", tokens.url("/plain")),
            ".*",
        ),
    ]);
    let both = Both::with(&modules(&keys));
    let more = [
        ("repeated", true),
        ("got", true),
        ("for_ever", false),
        ("away", false),
        ("nowhere", false),
        ("wrong_secret", false),
    ];
    let cases = answers.iter().map(|(name, _, _, success)| (*name, *success)).chain(more);
    for (module, success) in cases {
        let found = both.same(&service.url("/"), module);
        assert_eq!(found["probe_success"] == 1.0, success, "{module}: {found:?}");
        if !success {
            // The phases are there, and nothing was asked.
            assert_eq!(found["probe_http_duration_seconds{phase=\"processing\"}"], 0.0);
            assert_eq!((found["probe_http_status_code"], found["probe_ip_protocol"]), (0.0, 4.0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_alike() {
    let (service, files) = (service().await, Files::new());
    let root = Authority::root("Token Authority");
    let roots = files.write(&root.cert.pem).display().to_string();
    let secret = files.write(format!("{SECRET}\n")).display().to_string();
    let told = |asked: &Asked| {
        if !is_known(asked) {
            return Reply::status(401);
        }
        let fields = ["grant_type", "scope", "audience", "client_id"];
        let fields = fields.map(|name| asked.field(name).unwrap_or_else(|| "-".into()));
        json(&format!(r#"{{"access_token":"{}"}}"#, fields.join("/")))
    };
    let in_form = |asked: &Asked| {
        let given = ["client_id", "client_secret"].map(|name| asked.field(name));
        let is_known = given == [Some("bong su".into()), Some(SECRET.into())];
        if is_known { json(GOOD) } else { Reply::status(400) }
    };
    let tokens = Routes::new().on("POST", "/", told).on("POST", "/form", in_form).serve().await;
    // What a proxy is asked for has the whole URL.
    let proxy = Routes::new().on("POST", "http://tokens.probe.test/", |_| json(GOOD)).serve().await;
    let leaf = root.issue(Leaf::named("tokens.probe.test"));
    let ip = "127.0.0.1".parse().unwrap();
    let secure = Routes::new().on("POST", "/", told).serve_at(ip, Some(acceptor(&leaf, &[]))).await;
    let plain = known(&tokens.url("/"));
    let over_tls = |keys: &str| format!("{}, tls_config: {{ {keys} }}", known(&secure.url("/")));
    let bare = "Bearer client_credentials/-/-/-";
    let both = Both::with(&modules(&[
        ("plain", plain.clone(), bare),
        (
            "scopes",
            format!("{plain}, scopes: [read, status]"),
            "Bearer client_credentials/read status/-/-",
        ),
        (
            "params",
            format!("{plain}, endpoint_params: {{ grant_type: other, audience: a&b, scope: x }}"),
            "Bearer other/x/a&b/-",
        ),
        (
            "of_file",
            format!("client_secret_file: '{secret}', token_url: '{}'", tokens.url("/")),
            bare,
        ),
        (
            "no_file",
            format!("client_secret_file: /nowhere/a, token_url: '{}'", tokens.url("/")),
            ".*",
        ),
        ("in_form", known(&tokens.url("/form")), "Bearer abc"),
        ("trusted", over_tls(&format!("ca_file: '{roots}', server_name: tokens.probe.test")), bare),
        ("misnamed", over_tls(&format!("ca_file: '{roots}'")), ".*"),
        ("untrusted", over_tls("server_name: tokens.probe.test"), ".*"),
        ("unverified", over_tls("insecure_skip_verify: true"), bare),
        ("no_roots", over_tls("ca_file: /nowhere/a.pem"), ".*"),
        (
            "proxied",
            format!("{}, proxy_url: '{}'", known("http://tokens.probe.test/"), proxy.url("/")),
            "Bearer abc",
        ),
        ("dead_proxy", format!("{plain}, proxy_url: 'http://127.0.0.1:9/'"), ".*"),
    ]));
    for (module, success) in [
        ("plain", true),
        ("scopes", true),
        ("params", true),
        ("of_file", true),
        ("no_file", false),
        ("in_form", true),
        // The next run knows the way already.
        ("in_form", true),
        ("trusted", true),
        ("misnamed", false),
        ("untrusted", false),
        ("unverified", true),
        ("no_roots", false),
        ("proxied", true),
        ("dead_proxy", false),
    ] {
        both.agree(&service.url("/"), module, success);
    }
    // The same host, by a redirect.
    both.agree(&service.url("/away"), "plain", true);
    // A token goes before what the target's URL says.
    both.agree(&service.url("/").replace("http://", "http://ops:pw@"), "plain", true);
}

/// A server that wants the client's name in the form refuses the header once, and not at each run.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_client_is_named_is_found_once() {
    let (service, in_form) = (service().await, |asked: &Asked| match asked.field("client_id") {
        Some(_) => json(GOOD),
        None => Reply::status(401),
    });
    let tokens = Routes::new().on("POST", "/", in_form).serve().await;
    let daemon = daemon(&modules(&[("in_form", known(&tokens.url("/")), "Bearer abc")]), &[]);
    for asked in 2..=4 {
        let found = series(&daemon.get(&path(&service.url("/"), "in_form")));
        assert_eq!((found["probe_success"], tokens.asked().len()), (1.0, asked));
    }
}

/// blackbox_exporter waits for such a server without an end, so that this is about ours alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_server_that_is_silent_takes_no_longer_than_the_run() {
    let service = service().await;
    let tokens = Routes::new().on("POST", "/", |_| Reply::silence()).serve().await;
    let modules = modules(&[("silent", known(&tokens.url("/")), ".*")]);
    let daemon = daemon(&modules.replace("20s", "1s"), &[]);
    let silent = path(&service.url("/"), "silent");
    let found = series(&daemon.get(&silent));
    assert_eq!(found["probe_success"], 0.0);
    assert!(found["probe_duration_seconds"] < 10.0, "{found:?}");
    assert_eq!((tokens.asked().len(), service.asked().len()), (1, 0));
    let text = daemon.get(&format!("{silent}&debug=true")).text();
    assert!(text.contains("no token: "), "{text}");
}

/// What says who we are is for the target's host.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_shown_to_another_host() {
    let other = Routes::new().on("GET", "/", |_| Reply::html("x"));
    let other = other.serve_at("127.0.0.2".parse().unwrap(), None).await;
    let led_to = other.url("/");
    let target =
        Routes::new().on("GET", "/", move |_| Reply::redirect(led_to.clone())).serve().await;
    let tokens = Routes::new().on("POST", "/", |_| json(GOOD)).serve().await;
    let module = format!(
        "modules:\n  led: {{ prober: http, http: {{ oauth2: {{ client_id: a, {} }} }} }}\n",
        known(&tokens.url("/"))
    );
    let daemon = daemon(&module, &[]);
    assert_eq!(series(&daemon.get(&path(&target.url("/"), "led")))["probe_success"], 1.0);
    assert_eq!(target.asked()[0].header("authorization"), Some("Bearer abc"));
    assert_eq!(other.asked()[0].header("authorization"), None);
}

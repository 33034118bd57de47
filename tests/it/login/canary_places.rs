//! A secret is planted at every place of a flow. Where a secret may not stand, the file is refused
//! without showing it; wherever it may, it is sent, the site sends it back, and nothing that the program
//! puts out holds it. A key that is new is planted, too: which there are, the schema says.

use serde_json::{Value, json};

use super::canary::{KEY, PASS, PutOut, USER, everything, forms, is_clean};
use super::flow_keys::{FlowPlace, file, places, write_named_files};
use crate::support::daemon::Setup;
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

const PAGE: &str =
    "<a id=out href=/logout>x</a><form id=f method=post action=/made><input name=x></form>";

/// What a place was sent, as text.
fn sent(asked: &Asked) -> String {
    let headers = asked.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let mut text: String = headers.collect();
    text.push_str(&format!("{}\n{}\n", asked.query, asked.text()));
    // Names and passwords of Basic authorization.
    for (_, value) in &asked.headers {
        text.push_str(&decoded(value.trim_start_matches("Basic ")));
    }
    text
}

fn decoded(base64: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends back everything that it was sent.
fn repeat(asked: &Asked) -> Reply {
    let authorization = asked.header("authorization").unwrap_or_default();
    let shown = asked.header("x").unwrap_or(authorization);
    Reply::html(format!("<p>rejected {}</p>", sent(asked))).header("X-Echo", shown).with_status(403)
}

/// Everything below the address of a probe.
async fn site(probes: usize) -> RoutedSite {
    let mut routes = Routes::new().on("GET", "/page", |_| Reply::html(PAGE));
    for probe in 0..probes {
        let path = format!("/made/at-{probe}");
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
            routes = routes.on(method, &path, repeat);
        }
        let form = PAGE.replace("/made", &path);
        routes = routes.on("GET", &format!("/page/at-{probe}"), move |_| Reply::html(&*form));
    }
    routes.serve().await
}

/// The places that take a secret. At all others the file is refused.
fn that_take_a_secret() -> Vec<FlowPlace> {
    let directory = tempfile::tempdir().unwrap();
    write_named_files(directory.path(), USER, PASS, KEY);
    let mut taken = Vec::new();
    for place in places().into_keys() {
        let flow = place.flow("https://a.go.kr", json!("${secret.pass}"));
        let said = place.complaints(directory.path(), &flow);
        is_clean(&place.path(), &said.concat());
        if said.is_empty() {
            taken.push(place);
        }
    }
    taken
}

/// The flow of a probe of its own: with its own account, at addresses of its own.
fn planted(place: &FlowPlace, number: usize, base: &str) -> (String, Value) {
    let mut flow = place.flow(base, json!("${secret.pass}"));
    flow["excerpt"] = json!(true);
    flow["account"] = json!(format!("user_{number}"));
    let step = &mut flow["steps"][1];
    if step["exec"].is_null() && step["expect"].is_null() {
        step["expect"] = json!({ "header": { "X-Echo": "other" }, "status": 403 });
    }
    if place.path().starts_with("finally") {
        flow["steps"][1]["expect"] = json!({ "status": 200 });
    }
    let name = format!("at-{number}");
    let text = flow.to_string();
    let text = text.replace("\"/made\"", &format!("\"/made/{name}\""));
    let text = text.replace("\"/page\"", &format!("\"/page/{name}\""));
    (name, serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_at_any_place_of_a_flow_is_refused_or_shown_nowhere() {
    let places = tokio::task::block_in_place(that_take_a_secret);
    let paths: Vec<String> = places.iter().map(FlowPlace::path).collect();
    for known in ["headers.x", "steps[1].form.x[0]", "steps[1].exec.stdin.x", "finally[0].json.x"] {
        assert!(paths.iter().any(|path| path == known), "{known} takes no secret: {paths:?}");
    }
    let site = site(places.len()).await;
    let base = site.url("");
    let number = |(number, place)| planted(place, number, &base);
    let probes: Vec<(String, Value)> = places.iter().enumerate().map(number).collect();
    let setup = || {
        let setup = Setup::new(&file(&probes)).flag("--login.allow-exec");
        write_named_files(setup.path(), USER, PASS, KEY);
        setup
    };
    let names: Vec<&str> = probes.iter().map(|(name, _)| name.as_str()).collect();
    let put_out: PutOut = tokio::task::block_in_place(|| everything(setup, &names, |_| ()));
    for ((place, name), shown) in paths.iter().zip(&names).zip(&put_out.terminal) {
        // The site is its own proxy, which refuses whoever it is asked for.
        let is_proxy = place.starts_with("proxy");
        let is_of_it = |asked: &Asked| match is_proxy {
            true => asked.header("proxy-authorization").is_some(),
            false => asked.path == format!("/made/{name}"),
        };
        let asked: Vec<Asked> = site.asked().into_iter().filter(is_of_it).collect();
        let had_it = |asked: &Asked| forms(PASS).iter().any(|form| sent(asked).contains(form));
        let is_told = place.contains(".exec.stdin") && shown.contains("told {");
        assert!(
            is_told || asked.iter().any(had_it),
            "{place}: it was not sent\n{asked:?}\n{shown}"
        );
        if !place.starts_with("finally") && !is_proxy {
            assert!(shown.contains("[masked]"), "{place}: nothing was masked\n{shown}");
        }
    }
}

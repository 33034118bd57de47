//! What pipes make of a secret is as secret as it is: each pipe that there is, alone and before each
//! other, goes to a site that sends all of it back, and nothing that the program puts out holds it. The
//! pipes are those that the program itself names, so that a new one is tried, too.

use bongsu::outcome::Reason;
use serde_json::{Map, Value, json};

use super::canary::{KEY, PASS, PutOut, USER, everything};
use super::flow::Flow;
use super::flow_keys::{file, officer, write_named_files};
use crate::support::daemon::Setup;
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

/// What no secret stands before: these take the place of whatever does.
const MADE_OF_NOTHING: [&str; 2] = ["date:FORMAT", "uuid"];

/// What an error lists behind `intro`.
fn listed(value: &str, intro: &str) -> Vec<String> {
    let error = Flow::refused(&format!(
        "base: https://a.go.kr\nsteps:\n  - {{ name: s, post: /, body: '{value}' }}\n"
    ));
    let (_, list) = error.split_once(intro).unwrap_or_else(|| panic!("{error}"));
    let (list, _) = list.split_once(" (probe login").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// Every pipe, as the program names it.
pub(super) fn all_pipes() -> Vec<String> {
    let all = listed("${secret.pass | zzzzzzzzzzzz}", "; there are ");
    assert!(all.len() > 15 && all.contains(&"rsa".to_owned()), "{all:?}");
    all
}

/// Those that make something of a secret.
fn pipes() -> Vec<String> {
    let of_secrets = |name: &String| !MADE_OF_NOTHING.contains(&name.as_str());
    all_pipes().into_iter().filter(of_secrets).collect()
}

/// The pipe with what it needs behind its colon, if it stands first behind a secret.
fn first(pipe: &str) -> String {
    match pipe {
        "rsa" => "rsa:small,e".into(),
        "base64_decode" => "base64 | base64_decode".into(),
        "hex_decode" => "hex | hex_decode".into(),
        pipe => with_keys(pipe),
    }
}

/// The pipe behind another, of which it takes bytes as well as text.
fn second(pipe: &str) -> String {
    match pipe {
        "rsa" => "rsa:large,e".into(),
        "upper" | "lower" | "euc_kr" | "base64_decode" => format!("base64 | {pipe}"),
        "hex_decode" => "hex | hex_decode".into(),
        pipe => with_keys(pipe),
    }
}

fn with_keys(pipe: &str) -> String {
    if pipe.starts_with("hmac_") {
        format!("{pipe}:secret.key")
    } else if pipe.ends_with("_cbc") {
        format!("{pipe}:key,iv")
    } else {
        pipe.into()
    }
}

/// Bytes are not sent as they are.
fn ended(pipe: &str) -> &'static str {
    match pipe {
        "euc_kr" | "base64_decode" | "hex_decode" => " | hex",
        pipe if pipe.ends_with("_cbc") => " | base64",
        _ => "",
    }
}

/// The values of a probe: a secret behind this pipe, alone and before each other.
fn values(pipe: &str, all: &[String]) -> Vec<String> {
    let source = if pipe == "totp" { "secret.otp" } else { "secret.pass" };
    let before = format!("{source} | {}", first(pipe));
    let others = all.iter().filter(|other| *other != "totp");
    let pairs = others.map(|other| format!("${{{before} | {}{}}}", second(other), ended(other)));
    std::iter::once(format!("${{{before}{}}}", ended(pipe))).chain(pairs).collect()
}

/// Posts the values as fields, and fails.
fn probe(base: &str, pipe: &str, values: &[String]) -> (String, Value) {
    let fields: Map<String, Value> =
        values.iter().enumerate().map(|(at, value)| (format!("f{at:02}"), json!(value))).collect();
    let name = pipe.replace('_', "-");
    let mut flow = json!({
        "base": base,
        "excerpt": true,
        "account": format!("user_{name}"),
        "set": { "small": "f".repeat(128), "large": "f".repeat(1024), "e": "10001",
            "key": "0123456789abcdef", "iv": "fedcba9876543210" },
        "steps": [{ "name": "in", "post": format!("/made/{name}"), "form": fields,
            "expect": { "css": { "#out": "exists" } } }],
    });
    if values.iter().any(|value| value.contains("identity.") || value.contains("signed")) {
        flow["identities"] = json!({ "officer": officer() });
        let sign = json!({ "with": "officer", "data": "x", "as": "signed" });
        flow["steps"].as_array_mut().unwrap().insert(0, json!({ "name": "sign", "sign": sign }));
    }
    (name, flow)
}

/// Sends back the fields, decoded.
fn repeat(asked: &Asked) -> Reply {
    let fields: Vec<String> = sent(asked).into_iter().map(|(_, value)| value).collect();
    Reply::html(format!("<p>{}</p>", fields.join(" ~ "))).with_status(403)
}

fn sent(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&asked.body).into_owned().collect()
}

async fn site(names: &[String]) -> RoutedSite {
    let on = |routes: Routes, name: &String| {
        routes.on("POST", &format!("/made/{}", name.replace('_', "-")), repeat)
    };
    names.iter().fold(Routes::new(), on).serve().await
}

/// Puts these out: by probe, the values that it sends.
async fn all_is_masked(wanted: &[(String, Vec<String>)]) {
    let site = site(&wanted.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()).await;
    let base = site.url("");
    let probes: Vec<(String, Value)> =
        wanted.iter().map(|(name, values)| probe(&base, name, values)).collect();
    let setup = || {
        let setup = Setup::new(&file(&probes));
        write_named_files(setup.path(), USER, PASS, KEY);
        setup
    };
    let names: Vec<&str> = probes.iter().map(|(name, _)| name.as_str()).collect();
    let put_out: PutOut = tokio::task::block_in_place(|| everything(setup, &names, |_| ()));
    let shown = put_out.all().to_lowercase();
    for (((_, values), name), terminal) in wanted.iter().zip(&names).zip(&put_out.terminal) {
        let asked = site.of("POST", &format!("/made/{name}"));
        assert!(asked.len() >= 3, "{name}: by hand, in JSON and by the daemon: {terminal}");
        for (written, (_, value)) in asked.iter().flat_map(|asked| values.iter().zip(sent(asked))) {
            // Six digits are somewhere in every log; where the page shows them they are masked.
            let is_code = value.len() == 6;
            assert!(
                is_code || !shown.contains(&value.to_lowercase()),
                "{written} is shown: {value}"
            );
        }
        let masked = vec!["[masked]"; values.len()].join(" ~ ");
        assert!(terminal.contains(&masked), "{name}: not all are masked\n{terminal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_pipe_makes_of_a_secret_is_shown_nowhere() {
    let all = pipes();
    let wanted: Vec<_> = all.iter().map(|pipe| (pipe.clone(), values(pipe, &all))).collect();
    all_is_masked(&wanted).await;
}

/// Of what a certificate holds, the random number is the only secret.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_and_the_random_number_of_a_key_are_shown_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    write_named_files(directory.path(), USER, PASS, KEY);
    let path = directory.path().display();
    let error = Flow::refused(&format!(
        "base: https://a.go.kr\nidentities: {{ officer: {{ cert: {path}/signCert.der, key: \
         {path}/signPri.key, password: {{ file: {path}/keypass }} }} }}\nsteps:\n  - {{ name: s, post: \
         /, body: '${{identity.officer.zzzzzzzz}}' }}\n"
    ));
    let known = "serial, serial_hex, serial_dec, subject, issuer, pem, der, vid_random (";
    assert!(error.contains(known), "a new one may be a secret: {error}");
    let all = pipes();
    let of = |source: &str| -> Vec<String> {
        let others = all.iter().filter(|other| !["totp", "rsa"].contains(&other.as_str()));
        let piped =
            others.map(|other| format!("${{{source} | {}{}}}", second(other), ended(other)));
        std::iter::once(format!("${{{source}}}")).chain(piped).collect()
    };
    // A signed message is so large that an excerpt has room for one.
    let one = |(at, value): (usize, String)| (format!("signed-{at}"), vec![value]);
    let mut wanted: Vec<_> = of("signed").into_iter().enumerate().map(one).collect();
    wanted.push(("random".into(), of("identity.officer.vid_random")));
    all_is_masked(&wanted).await;
}

/// A captured secret, by everything that a capture can take it from and decode it of.
#[tokio::test]
async fn what_is_captured_as_a_secret_is_masked_wherever_it_came_from() {
    let site = Routes::new()
        .on("GET", "/go", |_| Reply::redirect("/page?u=canary-url"))
        .on("GET", "/page", |_| {
            Reply::html(
                "<i>canary-css</i><b title='canary-attr'></b><u>Y2FuYXJ5LWI2ND8+</u><s>Y2FuYXJ5LXVybDY0Pz4\
                 </s><q>63616e6172792d686578</q><em>canary%2Dper%2Fcent</em><var>canary&amp;lt;html</var>\
                 <script>id='canary-regex'</script>",
            )
            .header("X-Token", "canary-header")
            .header("Set-Cookie", "sid=canary-cookie; Path=/")
        })
        .on("GET", "/json", |_| {
            let mut reply = Reply::status(200).header("Content-Type", "application/json");
            reply.body = r#"{"t":"canary-json"}"#.into();
            reply
        })
        .on("GET", "/echo", |_| {
            Reply::html(
                "canary-css canary-attr canary-b64?> canary-url64?> canary-hex canary-per/cent \
                 canary&lt;html canary-regex canary-header canary-cookie canary-url canary-json \
                 Y2FuYXJ5LWI2ND8+ 63616e6172792d686578 canary%2Dper%2Fcent",
            )
            .with_status(403)
        })
        .serve()
        .await;
    let flow = Flow::new(&format!(
        r#"base: {}
excerpt: true
steps:
  - name: page
    get: /go
    follow: {{ redirects: 3 }}
    capture:
      css: {{ css: i, secret: true }}
      attr: {{ css: b, attr: title, secret: true }}
      b64: {{ css: u, decode: base64, secret: true }}
      url64: {{ css: s, decode: base64url, secret: true }}
      hexed: {{ css: q, decode: hex, secret: true }}
      percent: {{ css: em, decode: url, secret: true }}
      html: {{ css: var, decode: html, secret: true }}
      regex: {{ regex: "id='(.+)'", secret: true }}
      header: {{ header: X-Token, secret: true }}
      cookie: {{ cookie: sid, secret: true }}
      url: {{ url_query: u, secret: true }}
  - {{ name: json, get: /json, capture: {{ json: {{ json: $.t, secret: true }} }} }}
  - {{ name: echo, get: /echo }}
"#,
        site.url("")
    ));
    let outcome = flow.run().await;
    let shown = format!("{outcome:?} {}", outcome.facts.excerpt().unwrap());
    assert_eq!(outcome.result.unwrap_err().reason, Reason::HttpStatus);
    for private in ["canary", "Y2Fu", "63616e"] {
        assert!(!shown.to_lowercase().contains(&private.to_lowercase()), "{private} in {shown}");
    }
}

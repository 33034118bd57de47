//! What a page hands out and wants back: tokens in headers, `Authorization`, values made of others.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::{Reason, Verdict};
use sha2::{Digest, Sha256};

use super::config_errors::refused;
use super::flow::{Flow, PASS, USER};
use crate::support::http::{Asked, Reply, Routes};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

pub(super) fn json(document: &serde_json::Value) -> Reply {
    let mut reply = Reply::html(document.to_string());
    reply.headers = vec![("Content-Type".into(), "application/json".into())];
    reply
}

/// A member of a JSON body.
pub(super) fn member(asked: &Asked, name: &str) -> String {
    let document: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    document[name].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_of_json_goes_into_authorization_and_is_renewed() {
    let site = Routes::new()
        .on("POST", "/api/v1/auth/login", |asked| {
            let good = (member(asked, "id"), member(asked, "password"));
            if good != (USER.to_owned(), PASS.to_owned()) {
                return json(&serde_json::json!({ "message": "no" })).with_status(401);
            }
            json(&serde_json::json!({ "accessToken": "jwt.one", "refreshToken": "again" }))
        })
        .on("POST", "/api/v1/auth/refresh", |asked| {
            assert_eq!(member(asked, "refreshToken"), "again");
            json(&serde_json::json!({ "accessToken": "jwt.two" }))
        })
        .on("GET", "/api/v1/me", |asked| match asked.header("authorization") {
            Some("Bearer jwt.two") => json(&serde_json::json!({ "id": USER })),
            _ => Reply::status(401),
        })
        .serve()
        .await;
    let flow = Flow::of_recipe("json-token", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn the_token_of_a_cookie_comes_back_in_a_header() {
    let site = Routes::new()
        .on("GET", "/", |_| {
            Reply::html("<div id=app></div>").header("Set-Cookie", "XSRF-TOKEN=a%2Bb%3D; Path=/")
        })
        .on("POST", "/login", |asked| {
            let twice = (asked.cookie("XSRF-TOKEN"), asked.header("x-xsrf-token"));
            assert_eq!(twice, (Some("a%2Bb%3D".into()), Some("a+b=")));
            json(&serde_json::json!({ "authenticated": member(asked, "password") == PASS }))
        })
        .serve()
        .await;
    Flow::of_recipe("csrf-cookie", &site.url("")).succeed().await;
}

#[tokio::test]
async fn the_token_of_a_meta_element_comes_back_in_a_header() {
    let site = Routes::new()
        .on("GET", "/login", |_| Reply::html("<meta name=_csrf content='m-1'><div></div>"))
        .on("POST", "/login", |asked| {
            let good = asked.header("x-csrf-token") == Some("m-1")
                && asked.header("x-requested-with") == Some("XMLHttpRequest")
                && asked.field("password").as_deref() == Some(PASS);
            json(&serde_json::json!({ "result": if good { "success" } else { "fail" } }))
        })
        .serve()
        .await;
    Flow::of_recipe("csrf-meta", &site.url("")).succeed().await;
}

#[tokio::test]
async fn a_step_authenticates_by_basic_and_the_next_by_what_it_got() {
    let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASS}")));
    let site = Routes::new()
        .on("POST", "/token", move |asked| match asked.header("authorization") {
            Some(given) if given == basic => Reply::html("").header("X-Auth-Token", "t-9"),
            _ => Reply::status(401),
        })
        .on("GET", "/me", |asked| match asked.header("authorization") {
            Some("Token t-9") => Reply::html("<a>로그아웃</a>"),
            _ => Reply::status(403),
        })
        .serve()
        .await;
    let flow = Flow::of_recipe("basic", &site.url(""));
    flow.succeed().await;
    // It is a credential step: a refusal that a rule names holds the account.
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("token".into(), Reason::BadCredentials));
    let before = site.of("POST", "/token").len();
    assert_eq!(flow.fail().await, ("token".into(), Reason::AccountHeld));
    assert_eq!(site.of("POST", "/token").len(), before);
}

#[tokio::test]
async fn a_value_is_made_of_two_secrets_before_it_is_hashed() {
    let site = Routes::new()
        .on("POST", "/auth/login-jwt", |asked| {
            let digest = STANDARD.encode(Sha256::digest(format!("{USER}{PASS}")));
            let good = member(asked, "password") == digest;
            json(&serde_json::json!({ "resultCode": if good { "200" } else { "300" } }))
        })
        .serve()
        .await;
    let flow = Flow::of_recipe("password-hash", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn a_digest_is_in_upper_case_and_a_time_is_that_of_korea() {
    let site =
        Routes::new().on("POST", "/pubcLogin.do", |_| Reply::html("<a>로그아웃</a>")).serve().await;
    let seconds = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let before = seconds();
    Flow::of_recipe("stamped", &site.url("")).succeed().await;
    let after = seconds();
    let sent = site.of("POST", "/pubcLogin.do").remove(0);
    let digest: String = Sha256::digest(PASS).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(sent.field("pswd").unwrap(), STANDARD.encode(digest));
    let at: u128 = sent.query.strip_prefix("t=").unwrap().parse().unwrap();
    assert!((before..=after).contains(&at), "{before} {at} {after}");
    let in_korea = |ms: u128| {
        let at = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
        at.to_zoned(jiff::tz::TimeZone::get("Asia/Seoul").unwrap())
            .strftime("%Y%m%d%H%M%S")
            .to_string()
    };
    let now = sent.field("at").unwrap();
    assert!((in_korea(before)..=in_korea(after)).contains(&now), "{now}");
    assert_eq!(sent.field("mac").unwrap().len(), 64);
}

/// A token is for the host that gave it, whatever header carries it.
#[tokio::test]
async fn a_captured_value_in_a_header_does_not_follow_a_redirect_elsewhere() {
    let other = Routes::new().on("GET", "/end", |_| Reply::html("ok")).serve_at(OTHER, None).await;
    let to = other.url("/end");
    let site = Routes::new()
        .on("GET", "/", |_| Reply::html("<b>t-1</b>"))
        .on("GET", "/go", move |_| Reply::redirect(to.clone()))
        .serve()
        .await;
    for header in ["headers: { X-Plain: '${t}' }", "bearer: '${t}'"] {
        let flow = format!(
            "base: {}\nallow_hosts: [127.0.0.2]\nsteps:\n  - {{ name: page, get: /, capture: {{ t: {{ css: \
             b }} }} }}\n  - name: go\n    get: /go\n    {header}\n",
            site.url("")
        );
        Flow::new(&flow).succeed().await;
    }
    let sent = site.of("GET", "/go");
    assert_eq!(sent[0].header("x-plain"), Some("t-1"));
    assert_eq!(sent[1].header("authorization"), Some("Bearer t-1"));
    for asked in other.of("GET", "/end") {
        assert_eq!((asked.header("x-plain"), asked.header("authorization")), (None, None));
    }
}

/// The host binding is that of what a value is made of.
#[tokio::test]
async fn what_is_made_of_a_secret_goes_to_no_other_host() {
    let thief = Routes::new().on("POST", "/in", |_| Reply::html("ok")).serve_at(OTHER, None).await;
    let action = thief.url("/in");
    let site = Routes::new()
        .on("GET", "/login", move |_| {
            Reply::html(format!("<form method=post action='{action}'><input name=pw></form>"))
        })
        .serve()
        .await;
    for value in ["${made}", "${twice | upper}", "${salt | hmac_sha256:secret.pass}"] {
        let flow = Flow::new(&format!(
            "base: {}\nset:\n  salt: 'of the page'\n  made: '${{secret.pass | sha256}}'\n  twice: \
             'x${{made}}'\nsteps:\n  - {{ name: page, get: /login }}\n  - name: in\n    submit: {{ \
             form: form, fields: {{ pw: '{value}' }} }}\n    follow: {{ allow_hosts: 127.0.0.2 }}\n    expect: {{ body: {{ contains: ok }} \
             }}\n",
            site.url("")
        ));
        assert_eq!(flow.fail().await, ("in".into(), Reason::SecretHost), "{value}");
    }
    assert_eq!(thief.lines(), Vec::<String>::new());
}

/// A value of `set` is made once, and in its own place in the order of steps.
#[tokio::test]
async fn a_value_keeps_what_it_was_made_of() {
    let site = Routes::new().on("GET", "/", |_| Reply::html("<b>one</b>")).serve().await;
    let flow = format!(
        "base: {}\nset: {{ id: '${{uuid}}' }}\nsteps:\n  - {{ name: a, get: /, query: {{ id: '${{id}}' \
         }}, capture: {{ t: {{ css: b }} }} }}\n  - {{ name: b, get: /, set: {{ both: '${{id}}/${{t}}' \
         }}, query: {{ id: '${{id}}', both: '${{both | upper}}' }} }}\nfinally:\n  - {{ name: c, \
         get: /, query: {{ both: '${{both | lower}}' }} }}\n",
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    let queries: Vec<String> = site.asked().iter().map(|asked| asked.query.clone()).collect();
    let id = queries[0].strip_prefix("id=").unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(queries[1], format!("id={id}&both={}%2FONE", id.to_uppercase()));
    assert_eq!(queries[2], format!("both={id}%2Fone"));
}

/// A page that gives no good value has changed; the password was not sent and is not to blame.
#[tokio::test]
async fn a_bad_value_of_a_page_is_no_bad_password() {
    let site = Routes::new()
        .on("GET", "/", |_| Reply::html("<b>not base64!</b>"))
        .on("POST", "/in", |_| Reply::html("<a href=/logout>x</a>"))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nguard: {{ slow_to: 1h }}\nsteps:\n  - {{ name: page, get: /, capture: {{ key: {{ \
         css: b }} }} }}\n  - name: in\n    post: /in\n    form: {{ pw: '${{secret.pass | \
         hmac_sha256:key,base64}}' }}\n    expect: {{ css: {{ 'a[href*=logout]': exists }} }}\n",
        site.url("")
    ));
    for _ in 0..2 {
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Down);
        let failure = outcome.result.err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
        assert_eq!(failure.detail, "the key is not base64");
        assert_eq!(failure.step.unwrap().name.as_ref(), "in");
    }
    assert!(site.of("POST", "/in").is_empty());
}

#[test]
fn what_is_wrong_with_a_value_is_said_at_load() {
    refused(
        "base: https://a.go.kr\nset:\n  a b: x\n  secret: x\n  one: '${two}'\n  bad: \
         '${secret.pas}'\n  known: '${bad}'\nsteps:\n  - name: s\n    set: { one: y, again: \
         '${later}', fine: '00' }\n    post: /\n    body: '${again}'\n    bearer: literal\n    \
         headers: { Authorization: 'Bearer ${fine}' }\n  - name: t\n    get: /\n    set: { later: \
         z }\n    capture: { fine: { css: b } }\n",
        &[
            "set[\"a b\"]: \"a b\" cannot be a value's name; use letters, digits, _ and - (probe login)",
            "set.secret: \"secret\" has a meaning already; choose another name (probe login)",
            "set.one: nothing is called \"${two}\"; known here: secret.NAME (probe login)",
            "set.bad: no secret named \"pas\" under secrets; did you mean \"pass\"? (probe login)",
            "steps[0].set.again: \"later\" is set by step t, which has not been done at this point; only \
             captures of earlier steps have a value (probe login, step s)",
            "steps[0].bearer: a literal password can be read by everyone who reads this file; declare \
             it under secrets (env or file) and write ${secret.NAME} (probe login, step s)",
            "steps[0].headers.Authorization: a literal password can be read by everyone who reads this \
             file; declare it under secrets (env or file) and write ${secret.NAME} (probe login, step \
             s)",
            "steps[1].capture.fine: \"fine\" has a meaning already; choose another name (probe login, \
             step t)",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_pipe_is_said_at_load() {
    let value = |pipes: &str| {
        let flow = format!(
            "base: https://a.go.kr\nset: {{ odd: 'zz', token: '00ff' }}\nsteps:\n  - {{ name: s, \
             post: /, body: '${{secret.pass | {pipes}}}', expect: {{ css: {{ a: exists }} }} }}\n"
        );
        let error = Flow::refused(&flow);
        let line = error.lines().nth(1).unwrap_or_default();
        assert!(line.contains("steps[0].body: "), "{error}");
        assert!(line.ends_with(" (probe login, step s)"), "{error}");
        let (_, said) = line.split_once("steps[0].body: ").unwrap();
        said.trim_end_matches(" (probe login, step s)").to_owned()
    };
    for (pipes, said) in [
        ("sha", "there is no pipe \"sha\"; did you mean \"sha1\"?"),
        ("upper:x", "upper takes nothing behind a colon"),
        (
            "hmac_sha1",
            "write hmac_sha1:KEY, with the names of values; behind them may stand text, hex or \
             base64, which says how they are written (text without it)",
        ),
        (
            "hmac_sha1:",
            "write hmac_sha1:KEY, with the names of values; behind them may stand text, \
          hex or base64, which says how they are written (text without it)",
        ),
        ("hmac_sha1:tokem", "hmac_sha1: nothing is called \"${tokem}\"; did you mean \"token\"?"),
        ("hmac_sha1:odd,hex", "hmac_sha1: the key is not hex"),
        ("euc_kr", "its last pipe gives bytes and no text; add | base64 or | hex"),
        ("date:Asia/Seol %Y", "no time zone is called \"Asia/Seol\"; did you mean \"Asia/Seoul\"?"),
        (
            "date:Asia/Seoul",
            "\"date:Asia/Seoul\" has no format; write it as date:Asia/Seoul %Y%m%d%H%M%S",
        ),
    ] {
        assert_eq!(value(pipes), said, "{pipes}");
    }
    let many = vec!["hex"; 17].join(" | ");
    assert_eq!(value(&many), "has 17 pipes; the most is 16");
}

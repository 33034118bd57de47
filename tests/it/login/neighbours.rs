//! What stands beside the pages and files that this prober once got wrong: the same mistakes, made by
//! others.

use std::net::IpAddr;

use bongsu::outcome::{Reason, Verdict};

use super::config_errors::refused;
use super::flow::{Flow, PASS};
use crate::support::http::{Reply, RoutedSite, Routes, Site};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
const MARKER: &str = "expect: { css: { 'a[href*=logout]': exists } }";

/// A control that sends nothing by itself is no field that the page has lost.
#[tokio::test]
async fn what_is_not_ticked_not_chosen_or_disabled_can_be_filled_in() {
    let page = "<form id=f method=post action=/in><input type=radio name=userSe value=GNR><input \
        type=radio name=userSe value=ENT><input type=checkbox name=save value=Y><select name=tab \
        size=3><option>1<option>2</select><input name=pw disabled></form>";
    let site = Routes::new()
        .on("GET", "/page", move |_| Reply::html(page))
        .on("POST", "/in", |_| Reply::html("<a href=/logout>x</a>"))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - name: in\n    submit: {{ form: form, \
         fields: {{ userSe: ENT, save: Y, tab: '2', pw: '${{secret.pass}}' }} }}\n    {MARKER}\n",
        site.url("")
    ));
    flow.succeed().await;
    let sent = site.of("POST", "/in").remove(0);
    let fields: Vec<_> = url::form_urlencoded::parse(&sent.body).into_owned().collect();
    let wanted = [("userSe", "ENT"), ("save", "Y"), ("tab", "2"), ("pw", PASS)];
    assert_eq!(fields, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// A whole form that is gone, or a button, holds nothing against the account either.
#[tokio::test]
async fn a_form_or_a_button_that_is_gone_is_no_wrong_password() {
    let site = Routes::new()
        .on("GET", "/page", |_| Reply::html("<form id=g method=post><input name=pw></form>"))
        .serve()
        .await;
    for submit in ["form: 'form#f'", "form: 'form#g', button: '#go'"] {
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - name: in\n    submit: {{ {submit}, \
             fields: {{ pw: '${{secret.pass}}' }} }}\n    {MARKER}\n",
            site.url("")
        ));
        for _ in 0..2 {
            assert_eq!(flow.fail().await, ("in".into(), Reason::FormMissing));
        }
        assert!(flow.surroundings.accounts.holds().iter().all(|(_, _, held)| !held));
    }
    assert!(site.lines().iter().all(|line| line == "GET /page"));
}

/// Every reason that a sentence can give about a refusal gives way to the proof of the login, by page,
/// address or JSON alike.
#[tokio::test]
async fn no_sentence_about_a_refusal_beats_a_proof() {
    let site = Routes::new()
        .on("POST", "/in", |_| {
            let mut reply =
                Reply::html(r#"{"user":"kim","notice":"비밀번호 오류 3회, 폐지된 인증서"}"#);
            reply.headers = vec![("Content-Type".into(), "application/json".into())];
            reply
        })
        .serve()
        .await;
    let flow = |reason: &str, expect: &str| {
        Flow::new(&format!(
            "base: {}\nsteps:\n  - name: in\n    post: /in\n    form: {{ p: '${{secret.pass}}' }}\n    \
             fail_if: [ {{ reason: {reason}, body: {{ matches: '비밀번호|폐지' }} }} ]\n    expect: {{ \
             {expect} }}\n",
            site.url("")
        ))
    };
    for reason in [
        "bad_credentials",
        "account_locked",
        "captcha",
        "mfa_required",
        "cert_rejected",
        "not_logged_in",
        "password_expired",
        "duplicate_session",
    ] {
        for proof in ["json: { $.user: kim }", "body: { contains: kim }", "url: { path: /in }"] {
            flow(reason, proof).succeed().await;
        }
        let missed = flow(reason, "json: { $.user: lee }").fail().await;
        assert_eq!(missed.1.as_str(), reason, "without a proof the rule counts");
    }
    // What is no refusal is not hidden by a proof.
    let notice = flow("notice_page", "json: { $.user: kim }").fail().await;
    assert_eq!(notice, ("in".into(), Reason::NoticePage));
}

/// Each way in which a page leads on is a hop, and none leads to a host that the flow does not name; a
/// host below a named one is another.
#[tokio::test]
async fn no_way_of_leading_on_leaves_the_hosts_of_the_flow() {
    let other = Routes::new()
        .on("GET", "/", |_| Reply::html("up"))
        .on("POST", "/", |_| Reply::html("up"))
        .serve_at(OTHER, None)
        .await;
    let (refresh, meta) = (other.url("/"), other.url("/"));
    let (form, location) =
        (other.url("/"), other.url("/").replace("127.0.0.2", "a.127.0.0.1.invalid"));
    let site: RoutedSite = Routes::new()
        .on("GET", "/refresh", move |_| {
            Reply::html("x").header("Refresh", format!("0; url={refresh}"))
        })
        .on("GET", "/meta", move |_| {
            Reply::html(format!("<meta http-equiv=refresh content='0;url={meta}'>"))
        })
        .on("GET", "/form", move |_| {
            Reply::html(format!("<form id=again method=post action='{form}'></form>"))
        })
        .on("GET", "/below", move |_| Reply::redirect(&*location))
        .serve()
        .await;
    for path in ["refresh", "meta", "form", "below"] {
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - name: one\n    get: /{path}\n    follow: {{ redirects: 3, refresh: \
             true, auto_submit: 'form#again' }}\n",
            site.url("")
        ));
        assert_eq!(flow.fail().await, ("one".into(), Reason::RedirectUnexpectedHost), "{path}");
    }
    assert_eq!(other.lines(), Vec::<String>::new());
}

/// A credential is whatever is not the file's own text, in any header that carries one.
#[test]
fn literal_credentials_are_refused_whatever_they_are_made_of() {
    let step = |header: &str| {
        format!(
            "base: https://a.go.kr\nset: {{ fixed: abc, zone: '${{date:UTC %Y}}' }}\nsteps:\n  - {{ name: \
             page, get: /, capture: {{ t: {{ css: b }} }} }}\n  - {{ name: one, get: /, {header} }}\n"
        )
    };
    let literal = "a literal password can be read by everyone who reads this file; declare it under \
                   secrets (env or file) and write ${secret.NAME} (probe login, step one)";
    for header in [
        "headers: { Authorization: Basic YTpi }",
        "headers: { authorization: 'Bearer ${fixed}' }",
        "headers: { Proxy-Authorization: 'Bearer ${fixed | upper}' }",
    ] {
        let (_, name) = header.split_once("{ ").unwrap();
        let (name, _) = name.split_once(':').unwrap();
        refused(&step(header), &[&format!("steps[1].headers.{name}: {literal}")]);
    }
    refused(&step("bearer: '${fixed}'"), &[&format!("steps[1].bearer: {literal}")]);
    for header in [
        "headers: { Authorization: 'Token ${t}' }",
        "headers: { Proxy-Authorization: 'Basic ${t | base64}' }",
        "headers: { X-Auth-Token: '${t}' }",
        "headers: { Cookie: 'SESSION=${t}' }",
        "bearer: '${fixed}.${t}'",
    ] {
        Flow::new(&step(header));
    }
}

/// A logout that was impossible for another reason than a refusal: nothing was sent at all.
#[tokio::test]
async fn nothing_is_said_about_a_logout_after_a_login_that_was_never_sent() {
    let site = Routes::new()
        .on("GET", "/page", |_| Reply::html("시스템 점검"))
        .on("GET", "/logout", |_| Reply::html("no session").with_status(500))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nfail_if: [ {{ reason: notice_page, body: {{ contains: 점검 }} }} ]\nsteps:\n  - {{ name: \
         page, get: /page }}\n  - name: in\n    submit: {{ form: form, fields: {{ pw: \
         '${{secret.pass}}' }} }}\n    {MARKER}\nfinally:\n  - {{ name: out, get: /logout }}\n",
        site.url("")
    ));
    let outcome = flow.run().await;
    assert_eq!(outcome.verdict(), Verdict::Down);
    assert_eq!(outcome.result.unwrap_err().reason, Reason::NoticePage);
    assert_eq!(outcome.facts.warnings, []);
}

/// How a server ends connections beside closing them after each answer.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// The answer has no length and is over with the connection (HTTP/1.0).
    WithTheBody,
    /// It promises more and hangs up on the second request, unanswered.
    OnTheSecondRequest,
}

/// A browser asks again on a connection of its own; a password is sent once all the same.
#[tokio::test]
async fn a_whole_login_at_servers_that_end_connections_otherwise() {
    for ends in [Ends::WithTheBody, Ends::OnTheSecondRequest] {
        let site = Site::scripted(move |mut visitor| async move {
            let request = visitor.request().await;
            let body = match request.split(' ').nth(1) {
                Some("/page") => "<form id=f method=post action=/in><input name=pw></form>",
                Some("/in" | "/main") => "<a href=/logout>x</a>",
                _ => "bye",
            };
            match ends {
                Ends::WithTheBody => {
                    let head = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n";
                    visitor.send(format!("{head}{body}").as_bytes()).await;
                    visitor.close().await;
                }
                Ends::OnTheSecondRequest => {
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nKeep-Alive: timeout=60";
                    let length = body.len();
                    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
                    visitor.send(answer.as_bytes()).await;
                    visitor.request().await;
                }
            }
        })
        .await;
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - name: in\n    submit: {{ form: form, \
             fields: {{ pw: '${{secret.pass}}' }} }}\n    {MARKER}\n  - {{ name: main, get: /main }}\nfinally:\n  \
             - {{ name: out, if: in.sent, get: /logout }}\n",
            site.url("")
        ));
        flow.succeed().await;
        let count = |line: &str| site.requests().iter().filter(|r| r.starts_with(line)).count();
        assert_eq!(count("POST /in "), 1, "{ends:?}: {:#?}", site.requests());
        assert!(count("GET /main ") >= 1 && count("GET /logout ") >= 1, "{ends:?}");
    }
}

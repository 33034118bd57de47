//! Secrets: they arrive where they belong, nowhere else, and in nothing that people read.

use bongsu::config::{Auth, RequestBody};
use bongsu::outcome::{Outcome, Reason, Verdict};
use bongsu::template::{Part, SecretOnly, Template};

use crate::support::http::{Site, page, redirect};
use crate::support::visit::{Visit, contains, json, reason, secret, text, up};

const CANARY: &str = "c4nary-\"비밀\"-&=?";

struct File(tempfile::TempDir);

impl File {
    fn holding(content: &str) -> File {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret"), content).unwrap();
        File(directory)
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("secret")
    }
}

/// No form of the canary is in anything that is kept of a run.
#[track_caller]
fn assert_silent(outcome: &Outcome) {
    let mut shown = format!("{outcome:?} {:?}", outcome.cause().map(ToString::to_string));
    for warning in &outcome.facts.warnings {
        shown.push_str(&warning.to_string());
    }
    for form in ["c4nary", "YzRuYXJ5", "비밀", "%EB%B9%84", "Basic "] {
        assert!(!shown.contains(form), "{form} in {shown}");
    }
}

fn carrying(url: &str, file: &File) -> Vec<Visit> {
    let visit = || Visit::to(url).secret("pass", &file.path(), &["127.0.0.1"]);
    let key =
        Template { parts: vec![Part::Text("k=".to_owned()), SecretOnly("pass".into()).into()] };
    vec![
        visit().auth(Auth::Basic { username: text("probe"), password: secret("pass") }),
        visit().auth(Auth::Bearer(secret("pass"))),
        visit().header("x-key", key),
        visit().posting(RequestBody::Form(vec![("pw".to_owned(), secret("pass"))])),
        visit().posting(json("pw", secret("pass"))),
        visit().posting(RequestBody::Raw(secret("pass"))),
    ]
}

/// Sends the request back in every place that a response has.
fn echo(request: &str) -> String {
    let line: String =
        request.chars().filter(|c| !c.is_control() && c.is_ascii()).take(2000).collect();
    page("500 Oops", &format!("X-Echo: {line}\r\nServer: {line}\r\n"), request)
}

#[tokio::test]
async fn secrets_arrive_encoded_for_their_place() {
    let file = File::holding(&format!("{CANARY}\n"));
    let site = Site::routed(|_| page("200 OK", "", "")).await;
    for visit in carrying(&site.url("/"), &file) {
        up(&visit.run().await);
    }
    let requests = site.requests();
    let json = r#"{"pw":"c4nary-\"비밀\"-&=?"}"#;
    let form = "pw=c4nary-%22%EB%B9%84%EB%B0%80%22-%26%3D%3F";
    assert!(requests[0].contains("authorization: Basic cHJvYmU6YzRuYXJ5LSLruYTrsIAiLSY9Pw==\r\n"));
    assert!(requests[1].contains(&format!("authorization: Bearer {CANARY}\r\n")));
    assert!(requests[2].contains(&format!("x-key: k={CANARY}\r\n")));
    assert!(requests[3].ends_with(form), "{}", requests[3]);
    assert!(requests[4].ends_with(json), "{}", requests[4]);
    assert!(requests[5].ends_with(&format!("\r\n\r\n{CANARY}")));
}

#[tokio::test]
async fn a_server_that_echoes_everything_leaks_nothing_into_the_outcome() {
    let file = File::holding(CANARY);
    let site = Site::routed(echo).await;
    for visit in carrying(&site.url("/?q=c4nary"), &file) {
        let outcome = visit.run().await;
        assert_eq!(reason(&outcome), Reason::HttpStatus);
        assert_silent(&outcome);
    }
    for visit in carrying(&site.url("/"), &file) {
        let server = (http::header::SERVER, contains("nginx"));
        let visit = visit.expecting_status(500).with(|o| o.rules.expect.header.push(server));
        let outcome = visit.run().await;
        assert_eq!(reason(&outcome), Reason::HeaderMismatch);
        assert_silent(&outcome);
    }
    for visit in carrying(&site.url("/"), &file) {
        let outcome = visit.expecting_status(500).expecting_body(contains("welcome")).run().await;
        assert_eq!(reason(&outcome), Reason::BodyMismatch);
        assert_silent(&outcome);
    }
}

#[tokio::test]
async fn broken_answers_that_quote_the_request_leak_nothing() {
    let file = File::holding(CANARY);
    for broken in ["{request}", "HTTP/1.1 {request}", "HTTP/1.1 200 OK\r\n{request}: x\r\n\r\n"] {
        let site = Site::routed(move |request| broken.replace("{request}", request)).await;
        for visit in carrying(&site.url("/"), &file) {
            assert_silent(&visit.run().await);
        }
    }
    let site = Site::routed(|_| redirect(302, "ftp://evil.example/?c4nary")).await;
    for visit in carrying(&site.url("/"), &file) {
        assert_silent(&visit.run().await);
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let file = File::holding(CANARY);
    let thief = Site::routed(|_| page("200 OK", "", "")).await;
    let to = format!("http://localhost:{}/", thief.address.port());
    for status in [302, 307] {
        let to = to.clone();
        let site = Site::routed(move |_| redirect(status, &to)).await;
        for visit in carrying(&site.url("/"), &file) {
            let has_body = visit.options.body != RequestBody::None;
            let outcome = visit.run().await;
            assert_silent(&outcome);
            if status == 307 && has_body {
                assert_eq!(reason(&outcome), Reason::SecretHost);
                assert_eq!(outcome.verdict(), Verdict::Unknown);
            } else {
                up(&outcome);
            }
        }
    }
    assert!(!thief.requests().is_empty());
    for request in thief.requests() {
        assert!(!request.contains("c4nary") && !request.contains("authorization"), "{request}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_or_is_bound_elsewhere_is_never_sent() {
    let file = File::holding(CANARY);
    let site = Site::routed(|_| page("200 OK", "", "")).await;
    let auth = || Auth::Bearer(secret("pass"));
    let elsewhere =
        Visit::to(site.url("/")).secret("pass", &file.path(), &["www.go.kr"]).auth(auth());
    let outcome = elsewhere.run().await;
    assert_eq!(reason(&outcome), Reason::SecretHost);
    assert_silent(&outcome);
    let path = file.path();
    drop(file);
    let gone = Visit::to(site.url("/")).secret("pass", &path, &["127.0.0.1"]).auth(auth());
    let outcome = gone.run().await;
    assert_eq!(reason(&outcome), Reason::SecretMissing);
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert!(site.requests().is_empty(), "nothing was sent");
}

//! `oauth2` of HTTP probes: the token is fetched where it is given, kept while it lives, renewed
//! when it is refused, and its server's troubles are not the target's.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu::config::{self, Target};
use bongsu::outcome::{Outcome, Reason, Verdict};
use bongsu::probe::surroundings::Surroundings;
use bongsu::probe::{self, Probe};
use bongsu::stop::Stop;

use crate::support::http::{Site, page};
use crate::support::visit::{detail, reason};

/// With what has a meaning in a form, and what is not ASCII.
const CLIENT_SECRET: &str = "canary:s/e+c%r&t=비밀";
const TOKEN: &str = "canary-token-1";

/// A probe that lives over several runs, as the daemon's do.
struct Tokened {
    _directory: tempfile::TempDir,
    target: Arc<Target>,
    probe: Arc<dyn Probe>,
}

impl Tokened {
    fn new(token_url: &str, url: &str, more: &str) -> Tokened {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("client"), CLIENT_SECRET).unwrap();
        let yaml = format!(
            "secrets: {{ client: {{ file: client }} }}\nservices:\n  - name: api\n    probes:\n      \
             - name: health\n        timeout: 3s\n        http:\n          url: {url}\n          \
             oauth2: {{ token_url: \"{token_url}\", client_id: 'bong su', client_secret: \
             '${{secret.client}}', scope: 'read status' }}\n{more}"
        );
        let path = directory.path().join("bongsu.yml");
        fs::write(&path, &yaml).unwrap();
        let config = config::load(&path).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let target = Arc::clone(&config.targets[0]);
        let probe = probe::build(&target, &Arc::new(Surroundings::new(&config)));
        Tokened { _directory: directory, target, probe }
    }

    async fn run(&self) -> Outcome {
        probe::run(&*self.probe, self.target.schedule.timeout(), &Stop::default()).await
    }

    async fn up(&self) {
        let outcome = self.run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    }
}

fn answer(token: &str, more: &str) -> String {
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"{more}}}");
    page("200 OK", "Content-Type: application/json\r\n", &body)
}

/// Lets in who shows this token.
async fn service(token: &'static str) -> Site {
    Site::routed(move |request| {
        let given = format!("authorization: Bearer {token}\r\n");
        if request.to_lowercase().contains(&given.to_lowercase()) {
            page("200 OK", "", "fine")
        } else {
            page("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "no")
        }
    })
    .await
}

#[tokio::test]
async fn a_token_is_asked_for_once_while_it_lives() {
    let tokens = Site::routed(|_| answer(TOKEN, ",\"expires_in\":3600")).await;
    let site = service(TOKEN).await;
    let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
    for _ in 0..3 {
        probe.up().await;
    }
    let asked = tokens.requests();
    assert_eq!(asked.len(), 1);
    // RFC 6749 section 2.3.1: each half is encoded as in a form.
    let pair = "bong+su:canary%3As%2Fe%2Bc%25r%26t%3D%EB%B9%84%EB%B0%80";
    let basic = format!("authorization: Basic {}\r\n", STANDARD.encode(pair));
    assert!(asked[0].contains(&basic), "{}", asked[0]);
    assert!(asked[0].starts_with("POST /token "), "{}", asked[0]);
    assert!(asked[0].contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert!(asked[0].ends_with("grant_type=client_credentials&scope=read+status"), "{}", asked[0]);
    let sent = site.requests();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| !request.contains("Basic")), "{sent:?}");
}

#[tokio::test]
async fn a_token_without_a_life_of_its_own_serves_one_run() {
    let site = service(TOKEN).await;
    for life in ["", ",\"expires_in\":\"0\""] {
        let tokens = Site::routed(move |_| answer(TOKEN, life)).await;
        let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
        probe.up().await;
        probe.up().await;
        assert_eq!(tokens.requests().len(), 2, "{life}");
    }
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_renewed_once() {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let tokens = Site::routed(move |_| {
        let token = format!("canary-token-{}", count.fetch_add(1, Ordering::SeqCst));
        answer(&token, ",\"expires_in\":\"3600\"")
    })
    .await;
    // The first token is taken once, after that only the second.
    let first = AtomicUsize::new(0);
    let site = Site::routed(move |request| {
        let is = |token| request.contains(&format!("Bearer canary-token-{token}\r\n"));
        if is(1) || is(0) && first.fetch_add(1, Ordering::SeqCst) == 0 {
            page("200 OK", "", "fine")
        } else {
            page("401 Unauthorized", "", "no")
        }
    })
    .await;
    let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
    for _ in 0..3 {
        probe.up().await;
    }
    assert_eq!((tokens.requests().len(), site.requests().len()), (2, 4));
}

/// A new token that is refused is the service's answer, and nothing is asked again.
#[tokio::test]
async fn a_service_that_refuses_a_new_token_is_down() {
    let tokens = Site::routed(|_| answer("canary-other", ",\"expires_in\":3600")).await;
    let site = service(TOKEN).await;
    let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
    let outcome = probe.run().await;
    assert_eq!((reason(&outcome), outcome.verdict()), (Reason::HttpStatus, Verdict::Down));
    assert_eq!((tokens.requests().len(), site.requests().len()), (1, 1));
    // In the next run the kept one may have ended: it is renewed, once.
    assert_eq!(reason(&probe.run().await), Reason::HttpStatus);
    assert_eq!((tokens.requests().len(), site.requests().len()), (2, 3));
}

#[tokio::test]
async fn trouble_of_the_token_server_is_not_the_services() {
    let site = service(TOKEN).await;
    let json = "Content-Type: application/json\r\n";
    let large = "x".repeat(100_000);
    let answers = [
        (page("503 Busy", "", "oops"), "status 503"),
        (page("401 No", json, r#"{"error":"invalid_client"}"#), "status 401 invalid_client"),
        (page("302 Found", "Location: /elsewhere\r\n", ""), "status 302"),
        (page("200 OK", json, "<html>canary</html>"), "the answer is no JSON with an access_token"),
        (page("200 OK", json, r#"{"access_token":""}"#), "the token cannot stand in a header"),
        (
            page("200 OK", json, r#"{"access_token":"canary","token_type":"mac"}"#),
            "the token is of another type than Bearer",
        ),
        (page("200 OK", json, &large), "body_too_large: "),
        (String::new(), "connection_reset: "),
    ];
    for (answer, said) in answers {
        let tokens = Site::routed(move |_| answer.clone()).await;
        let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
        let outcome = probe.run().await;
        assert_eq!(reason(&outcome), Reason::TokenFailed, "{said}");
        assert_eq!(outcome.verdict(), Verdict::Unknown, "{said}");
        let told = detail(&outcome);
        assert!(told.starts_with(&format!("no token of 127.0.0.1: {said}")), "{told}");
        assert!(!told.contains("canary"), "{told}");
        let failure = outcome.result.as_ref().unwrap_err();
        assert_eq!(probe.target.blamed(failure), "bongsu");
    }
    assert!(site.requests().is_empty());
}

/// What a service sends back of a token is masked.
#[tokio::test]
async fn a_token_is_in_nothing_that_is_kept_of_a_run() {
    let tokens = Site::routed(|_| answer(TOKEN, ",\"expires_in\":3600")).await;
    let site = Site::routed(|request| {
        let header = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        let token = header.unwrap_or("none").trim();
        match request.starts_with("GET / ") {
            true => page("302 Found", &format!("Location: /of/{token}/\r\n"), ""),
            false => page("404 Not Found", "", token),
        }
    })
    .await;
    let probe = Tokened::new(&tokens.url("/token"), &site.url("/"), "");
    for _ in 0..2 {
        let outcome = probe.run().await;
        assert_eq!(reason(&outcome), Reason::HttpStatus);
        let shown = format!("{outcome:?}");
        assert!(shown.contains("/of/[masked]/"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

//! Each way in which Prometheus fails has a clear word.

use std::net::TcpListener;

use serde_json::json;

use super::{report, url};
use crate::support::daemon::Setup;
use crate::support::http::{Reply, RoutedSite, Routes, Site};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::prometheus::Prometheus;

const MONTH: [&str; 2] = ["--month", "2026-02"];

/// What is said on standard error, and the exit code.
fn refusal(url: &str, arguments: &[&str]) -> (i32, String) {
    let output = report(&Setup::new(""), "month", url, &[&MONTH, arguments].concat());
    assert!(output.stdout.is_empty(), "half a report");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A server that answers every question so.
async fn answering(reply: Reply) -> RoutedSite {
    let (first, second, third) = (reply.clone(), reply.clone(), reply);
    Routes::new()
        .on("GET", "/api/v1/status/runtimeinfo", move |_| first.clone())
        .on("POST", "/api/v1/query", move |_| second.clone())
        .on("POST", "/api/v1/query_range", move |_| third.clone())
        .serve()
        .await
}

async fn refused(site: &RoutedSite, arguments: &'static [&'static str]) -> (i32, String) {
    let url = site.url("");
    tokio::task::spawn_blocking(move || refusal(&url, arguments)).await.unwrap()
}

fn reply(status: u16, body: serde_json::Value) -> Reply {
    Reply::bytes(body.to_string().into_bytes()).with_status(status)
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, said) = refusal(&format!("http://127.0.0.1:{port}/prometheus/"), &[]);
    assert_eq!(code, 1);
    let wanted = format!(
        "http://127.0.0.1:{port}/prometheus/api/v1/status/runtimeinfo: Connection refused (os error \
         111); is it running, and may this host reach it?\n"
    );
    assert_eq!(said, wanted);
}

/// A real one behind TLS and a password, as `--web.config.file` makes it.
#[test]
fn a_secured_prometheus_is_asked_with_password_and_authority_or_not_at_all() {
    let files = Files::new();
    let authority = Authority::root("Operations Root");
    let leaf = authority.issue(Leaf::named("127.0.0.1"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    let web = files.write(format!(
        "tls_server_config: {{ cert_file: '{}', key_file: '{}' }}\nbasic_auth_users: {{ report: \
         '{hash}' }}\n",
        cert.display(),
        key.display()
    ));
    let web = format!("--web.config.file={}", web.display());
    let dir = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start_in(dir, "global: {}", &[&web]);
    let url = format!("https://{}", prometheus.address());
    let ca = files.write(&authority.cert.pem).display().to_string();
    let right = files.write("report:correct horse\n").display().to_string();
    let wrong = files.write("report:wrong").display().to_string();

    let (code, said) = refusal(&url, &[]);
    assert_eq!(code, 1);
    assert!(said.contains("TLS: invalid peer certificate: UnknownIssuer; give"), "{said}");
    let (_, said) = refusal(&url, &["--ca-file", &ca]);
    assert!(
        said.contains("401 Unauthorized: it wants to know who asks; give --basic-file"),
        "{said}"
    );
    let (_, said) = refusal(&url, &["--ca-file", &ca, "--basic-file", &wrong]);
    assert!(said.contains("401 Unauthorized") && !said.contains("wrong"), "{said}");
    // Let in, it says that it has 15 days.
    let (_, said) = refusal(&url, &["--ca-file", &ca, "--basic-file", &right]);
    assert!(said.contains("it keeps samples for 15 days, and what is asked for began"), "{said}");
    let (_, said) = refusal(&url, &["--ca-file", &ca, "--basic-file", &right, "--incomplete"]);
    assert!(said.contains("it has no service:down in this time; does it scrape Bongsu"), "{said}");
    let plain = format!("http://{}", prometheus.address());
    let (_, said) = refusal(&plain, &[]);
    assert!(
        said.contains("400 Bad Request: \"Client sent an HTTP request to an HTTPS server.\""),
        "{said}"
    );
}

#[test]
fn a_plain_prometheus_is_not_asked_over_tls() {
    let prometheus = Prometheus::start("global: {}");
    let (_, said) = refusal(&url(&prometheus).replace("http://", "https://"), &[]);
    assert!(said.contains("it does not speak TLS; write http://"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_refused_is_told_with_its_reason() {
    let refusal = json!({"status": "error", "errorType": "execution", "error": "query processing would load too many samples into memory"});
    let site = answering(reply(422, refusal)).await;
    let (code, said) = refused(&site, &[]).await;
    assert_eq!(code, 1);
    let wanted = "/api/v1/query_range: it refused the question: execution: query processing would load too many samples";
    assert!(said.contains(wanted), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_makes_no_report() {
    let partial = json!({
        "status": "success",
        "data": {"resultType": "matrix", "result": []},
        "warnings": ["store 10.0.0.2:10901 did not answer"],
    });
    let site = answering(reply(200, partial)).await;
    let (code, said) = refused(&site, &[]).await;
    assert_eq!(code, 1);
    assert!(said.contains("only a part: store 10.0.0.2:10901 did not answer"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_prometheus_is_told_so() {
    let site = answering(Reply::html("<h1>Grafana</h1>")).await;
    let (_, said) = refused(&site, &[]).await;
    assert!(said.contains("200 OK: \"<h1>Grafana</h1>\"; is it the right server"), "{said}");
    let site = answering(Reply::redirect("/login?next=query")).await;
    let (_, said) = refused(&site, &[]).await;
    assert!(said.contains("it redirects to /login?next=query; name the server itself"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_half_answers_end() {
    let site = answering(Reply::silence()).await;
    let (_, said) = refused(&site, &["--timeout", "1s"]).await;
    assert!(said.contains("no answer within 1s; give it more time with --timeout"), "{said}");
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{\"status\":";
    let site = Site::answering(half).await;
    let url = site.url("");
    let asked = tokio::task::spawn_blocking(move || refusal(&url, &["--timeout", "20s"])).await;
    let (_, said) = asked.unwrap();
    assert!(said.contains("/api/v1/status/runtimeinfo: the answer broke off"), "{said}");
}

#[test]
fn what_is_wrong_on_the_command_line_is_usage() {
    let (code, said) = refusal("http://report:secret@127.0.0.1/", &[]);
    assert_eq!(code, 2);
    assert!(
        said.contains("a password does not belong on a command line; use --basic-file"),
        "{said}"
    );
    let setup = Setup::new("");
    for (month, wanted) in [
        ("2026-13", "it is no month; write 2026-11"),
        ("2026-2", "it is no month; write 2026-11"),
        ("2999-01", "2999-01 has not begun yet"),
    ] {
        let output = report(&setup, "month", "http://127.0.0.1:1", &["--month", month]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
    let (code, said) = refusal("http://127.0.0.1:1", &["--basic-file", "/no/such"]);
    assert_eq!(code, 2);
    assert!(said.contains("/no/such"), "{said}");
}

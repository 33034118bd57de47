//! Each way in which Alertmanager fails has a clear word, too, and leaves no report without it.

use std::net::TcpListener;

use super::{report, url};
use crate::support::daemon::Setup;
use crate::support::http::{Reply, RoutedSite, Routes};
use crate::support::prometheus::Prometheus;

const SILENCES: &str = "/api/v2/silences";

/// What is said of an Alertmanager by a report of a month from a Prometheus that is well, and the exit code.
fn refusal(alertmanager: &str, arguments: &[&str]) -> (i32, String) {
    let prometheus = Prometheus::start("global: {}");
    let month = ["--month", "2026-02", "--incomplete", "--alertmanager", alertmanager];
    let arguments = [&month, arguments].concat();
    let output = report(&Setup::new(""), "month", &url(&prometheus), &arguments);
    assert!(output.stdout.is_empty(), "half a report");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

async fn refused(site: &RoutedSite, arguments: Vec<String>) -> (i32, String) {
    let url = site.url("");
    let asked = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refusal(&url, &arguments)
    });
    asked.await.unwrap()
}

async fn answering(reply: Reply) -> RoutedSite {
    Routes::new().on("GET", SILENCES, move |_| reply.clone()).serve().await
}

#[test]
fn no_alertmanager_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, said) = refusal(&format!("http://127.0.0.1:{port}"), &[]);
    assert_eq!(code, 1);
    let wanted = format!(
        "http://127.0.0.1:{port}{SILENCES}: Connection refused (os error 111); is it running, and may \
         this host reach it?\n"
    );
    assert_eq!(said, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_alertmanager_or_gives_no_answer_is_told_so() {
    for (reply, wanted) in [
        (
            Reply::html("<h1>Grafana</h1>"),
            "it answered 200 OK: \"<h1>Grafana</h1>\"; is it the right",
        ),
        (
            Reply::html("[{\"id\": 1}]"),
            "it answered 200 OK: \"[{\\\"id\\\": 1}]\"; is it the right",
        ),
        (Reply::status(503), "it answered 503 Service Unavailable"),
        (Reply::status(403), "403 Forbidden: whoever asks so may not; see what its proxy allows"),
        (Reply::redirect("/login"), "it redirects to /login; name the server itself"),
        (Reply::silence(), "no answer within 2s; give it more time with --timeout"),
        (Reply::hang_up(), "connection closed before message completed"),
    ] {
        let site = answering(reply).await;
        let (code, said) = refused(&site, vec!["--timeout".into(), "2s".into()]).await;
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(&format!("{SILENCES}: ")) && said.contains(wanted),
            "{wanted}: {said}"
        );
    }
}

/// The password of Prometheus is none of Alertmanager's business.
#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_with_a_password_has_flags_of_its_own() {
    let setup = Setup::new("");
    let file = |name: &str, text: &str| setup.write(name, text).display().to_string();
    let site = answering(Reply::status(401)).await;
    let prometheus = vec!["--basic-file".to_owned(), file("prometheus", "report:canary-p")];
    let (_, said) = refused(&site, prometheus.clone()).await;
    let wanted = "401 Unauthorized: it wants to know who asks; give --alertmanager-basic-file or \
                  --alertmanager-bearer-file";
    assert!(said.contains(wanted), "{said}");
    let own = ["--alertmanager-bearer-file".to_owned(), file("token", "canary-a")];
    let (_, said) = refused(&site, [&prometheus[..], &own].concat()).await;
    assert!(said.contains("401 Unauthorized") && !said.contains("canary"), "{said}");
    let sent: Vec<_> =
        site.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("Bearer canary-a".to_owned())]);
}

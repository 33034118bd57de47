//! What is kept of a run that failed: its responses, masked, and the id that its target has of it.

use std::sync::Arc;
use std::time::Duration;

use bongsu::config::Excerpt;
use bongsu::outcome::Reason;

use crate::support::daemon::{Setup, eventually};
use crate::support::http::{Asked, Reply, Routes, Site, page, redirect};
use crate::support::visit::{Visit, contains, reason, up};

/// Trace-id and span of a request (W3C Trace Context).
fn trace(asked: &Asked) -> (String, String) {
    let parts: Vec<&str> = asked.header("traceparent").unwrap().split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("{parts:?}") };
    assert_eq!((version, flags, trace.len(), span.len()), ("00", "01", 32, 16));
    (trace.to_owned(), span.to_owned())
}

#[tokio::test]
async fn every_request_of_a_run_carries_the_id_of_the_run() {
    let site = Routes::new()
        .on("GET", "/", |_| Reply::redirect("/in"))
        .on("GET", "/in", |_| Reply::html("봉수"))
        .serve()
        .await;
    let outcome = Visit::to(site.url("/")).run().await;
    up(&outcome);
    let asked: Vec<(String, String)> = site.asked().iter().map(trace).collect();
    let id = outcome.facts.trace_id.unwrap().to_string();
    assert!(asked.len() == 2 && asked.iter().all(|(trace, _)| *trace == id), "{asked:?}");
    assert_ne!(asked[0].1, asked[1].1, "each request is a span of its own");
    let other = Visit::to(site.url("/")).run().await;
    assert_ne!(other.facts.trace_id, outcome.facts.trace_id);
    assert!(outcome.facts.evidence.is_empty(), "nothing is kept of a good run");
}

#[tokio::test]
async fn a_trace_of_the_files_own_is_left_alone() {
    let site = Routes::new().on("GET", "/", |_| Reply::html("봉수")).serve().await;
    let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    up(&Visit::to(site.url("/"))
        .header("traceparent", bongsu::template::Template::plain(own))
        .run()
        .await);
    assert_eq!(site.asked()[0].header("traceparent"), Some(own));
}

#[tokio::test]
async fn a_failure_keeps_status_line_headers_and_the_beginning_of_the_page() {
    let long = format!("<h1>점검 중</h1>{}", "x".repeat(10_000));
    let headers = "Server: JEUS\r\nSet-Cookie: JSESSIONID=0A1B2C3D; Path=/\r\nRetry-After: 120\r\n\
                   Content-Type: text/html; charset=utf-8\r\n";
    let site = Site::answering(page("503 Under Construction", headers, &long)).await;
    let outcome = Visit::to(site.url("/a/b?token=t0ken")).run().await;
    assert_eq!(reason(&outcome), Reason::HttpStatus);
    let [kept] = &outcome.facts.evidence[..] else { panic!("{outcome:?}") };
    assert_eq!(kept.status_line.as_deref(), Some("HTTP/1.1 503 Under Construction"));
    assert_eq!((&*kept.method, &*kept.url), ("GET", &*site.url("/a/b")));
    assert_eq!(kept.address, Some(site.address.ip()));
    assert!(kept.phases.connect.is_some() && kept.phases.transfer.is_some(), "{kept:?}");
    for line in ["server: JEUS", "set-cookie: JSESSIONID=[masked]; Path=/", "retry-after: 120"] {
        assert!(kept.headers.iter().any(|header| header == line), "{line}: {:?}", kept.headers);
    }
    let body = kept.body.as_deref().unwrap();
    assert!(body.starts_with("<h1>점검 중</h1>xx") && body.len() == 4096, "{}", body.len());
    let none = Visit::to(site.url("/")).with(|options| options.excerpt = Excerpt::Never);
    let quiet = none.run().await;
    assert_eq!((quiet.facts.excerpt(), quiet.facts.evidence.len()), (None, 1));
}

#[tokio::test]
async fn a_refused_redirect_and_a_silent_server_leave_what_there_was() {
    let site = Site::answering(redirect(302, "http://elsewhere.invalid/in?code=c0de")).await;
    let outcome = Visit::to(site.url("/")).allowing_hosts(&["sso.invalid"]).run().await;
    assert_eq!(reason(&outcome), Reason::RedirectUnexpectedHost);
    let kept = &outcome.facts.evidence[0];
    assert_eq!(kept.status_line.as_deref(), Some("HTTP/1.1 302 R"));
    let location = "location: http://elsewhere.invalid/in?[masked]";
    assert!(kept.headers.iter().any(|line| line == location), "{:?}", kept.headers);

    let silent = Site::scripted(|visitor| visitor.silence()).await;
    let outcome = Visit::to(silent.url("/")).within(Duration::from_millis(300)).run().await;
    assert_eq!(reason(&outcome), Reason::ResponseTimeout);
    let kept = &outcome.facts.evidence[0];
    assert_eq!((&kept.status_line, &kept.body, kept.headers.len()), (&None, &None, 0));
    assert_eq!(kept.address, Some(silent.address.ip()));
    let waited = kept.phases.processing.unwrap();
    assert!(waited >= Duration::from_millis(250), "{waited:?}");
}

/// The session that the answer opens is in none of its texts.
#[tokio::test]
async fn a_cookie_that_the_page_repeats_is_masked() {
    let site = Site::answering(page(
        "200 OK",
        "Set-Cookie: sid=s3ssion-value\r\nX-Debug: s3ssion-value\r\n",
        "<p>your session is s3ssion-value</p>",
    ))
    .await;
    let outcome = Visit::to(site.url("/")).expecting_body(contains("봉수")).run().await;
    assert_eq!(outcome.facts.excerpt(), Some("<p>your session is [masked]</p>"));
    let shown = format!("{:?}", outcome.facts.evidence);
    assert!(!shown.contains("s3ssion"), "{shown}");
}

/// Everything that a stranger writes is text on the page, in whatever field it stands.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_probe_and_its_json_show_what_came() {
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let keeps = Arc::clone(&seen);
    let site = Site::routed(move |request| {
        let line = request.lines().find(|line| line.starts_with("traceparent")).unwrap();
        // Of the first run: those that follow are of the same failure.
        let mut kept = keeps.lock().unwrap();
        if kept.is_empty() {
            *kept = line.split('-').nth(1).unwrap().to_owned();
        }
        page(
            "503 <script>alert(1)</script>",
            "X-One: \"><img src=x onerror=alert(2)>\r\nContent-Type: text/html; charset=utf-8\r\n",
            "<script>alert(3)</script> gpj.\u{202e}exe &amp; 봉수",
        )
    })
    .await;
    let config = format!(
        "defaults: {{ interval: 1h, timeout: 4s }}\nservices:\n  - name: gov24\n    probes:\n      \
         - name: front\n        http: {{ url: \"{}\", headers: {{ x-api-key: l1teral }} , excerpt: true \
         }}\n",
        site.url("/in?page=2&apiKey=l1teral")
    );
    tokio::task::spawn_blocking(move || {
        let daemon = Setup::new(&config).start();
        daemon.wait_until_ready();
        let path = "/api/v1/probes/gov24/front?lang=en";
        let json = eventually("it failed", || {
            let json = daemon.get(path).json();
            (!json["failures"].as_array()?.is_empty()).then_some(json)
        });
        let failure = &json["failures"][0];
        let id = seen.lock().unwrap().clone();
        assert_eq!(
            (&failure["reason"], &failure["trace_id"]),
            (&"http_status".into(), &(&*id).into())
        );
        assert_eq!(failure["address"], "127.0.0.1");
        assert_eq!(failure["hops"][0]["status"], 503);
        let came = &failure["responses"][0];
        assert_eq!(came["status_line"], "HTTP/1.1 503 <script>alert(1)</script>");
        assert_eq!(came["body"], "<script>alert(3)</script> gpj.\\u{202e}exe &amp; 봉수");
        assert_eq!(json["probe"]["id"], "gov24/front");
        let curl = json["curl"].as_str().unwrap();
        for part in
            ["--header 'x-api-key: '\"$HEADER_X_API_KEY\"", "page=2&apiKey='\"$QUERY_APIKEY\""]
        {
            assert!(curl.contains(part), "{part} is not in {curl}");
        }
        for lang in ["ko", "en"] {
            let page = daemon.get(&format!("/probes/gov24/front?lang={lang}")).text();
            for part in [
                "HTTP/1.1 503 &lt;script&gt;alert(1)&lt;/script&gt;",
                "x-one: &quot;&gt;&lt;img src=x onerror=alert(2)&gt;",
                "&lt;script&gt;alert(3)&lt;/script&gt; gpj.\\u{202e}exe &amp;amp; 봉수",
                &format!("trace-id</span> <code>{id}</code>"),
                "curl --silent",
                "<code>127.0.0.1</code>",
            ] {
                assert!(page.contains(part), "{part} is not in {page}");
            }
            for wrong in ["<script", "<img", "\u{202e}", "l1teral"] {
                assert!(!page.contains(wrong), "{wrong} is in {page}");
            }
        }
        assert_eq!(daemon.get("/api/v1/probes/gov24/other").status, 404);
    })
    .await
    .unwrap();
}

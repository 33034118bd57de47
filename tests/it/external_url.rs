//! `--web.external-url`: behind a proxy that passes the path on, behind one that strips it, and
//! asked directly.

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};

const CONFIG: &str = "defaults: { interval: 1s, timeout: 500ms }\nservices:\n  - name: saeol\n    \
                      for_each: { site: [seocho] }\n    probes:\n      - name: portal\n        \
                      http: { url: \"http://127.0.0.1:9/\" }\n";

fn running() -> Daemon {
    let daemon = Setup::new(CONFIG)
        .flag("--web.external-url=https://ops.example.go.kr/watch/bongsu/")
        .flag("--web.enable-lifecycle")
        .start();
    daemon.wait_until_ready();
    eventually("a run", || {
        (daemon.get("/api/v1/status").json()["summary"]["down"] == 1).then_some(())
    });
    daemon
}

/// What the page's links lead to, entities decoded.
fn links(page: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.replace("&amp;", "&")).collect()
}

#[test]
fn every_link_begins_with_the_path_and_leads_somewhere() {
    let daemon = running();
    for page in
        ["/watch/bongsu/", "/watch/bongsu", "/", "/watch/bongsu/probes/saeol/portal?site=seocho"]
    {
        let answer = daemon.get(page);
        assert_eq!(answer.status, 200, "{page}");
        let links = links(&answer.text());
        assert!(links.len() >= 2, "{page}: {links:?}");
        for link in links {
            if link.starts_with('?') {
                continue;
            }
            assert!(link.starts_with("/watch/bongsu/"), "{page}: {link}");
            assert_eq!(daemon.get(&link).status, 200, "{page}: {link}");
        }
    }
}

#[test]
fn everything_is_served_below_the_path_and_without_it() {
    let daemon = running();
    for path in ["/-/healthy", "/-/ready", "/metrics", "/api/v1/status", "/sd"] {
        assert_eq!(daemon.get(path).status, 200, "{path}");
        assert_eq!(daemon.get(&format!("/watch/bongsu{path}")).status, 200, "{path}");
    }
    assert_eq!(daemon.get("/watch/bongsu/nothing").status, 404);
    assert_eq!(daemon.get("/watch/bongsu-too/metrics").status, 404);
    assert_eq!(daemon.post("/watch/bongsu/-/reload").status, 200);
    let refused = Request::new("POST", "/watch/bongsu/-/reload")
        .header("Origin", "https://evil.example.kr")
        .send(daemon.address);
    assert_eq!(refused.status, 403);
    let ours = Request::new("POST", "/watch/bongsu/-/reload")
        .header("Origin", "https://ops.example.go.kr")
        .send(daemon.address);
    assert_eq!(ours.status, 200, "the page as the browser knows it");
}

#[test]
fn the_health_check_works_with_it() {
    let daemon = running();
    for url in ["https://ops.example.go.kr/watch/bongsu", "https://ops.example.go.kr"] {
        let output = Setup::new("")
            .env("BONGSU_WEB_LISTEN_ADDRESS", &daemon.address.to_string())
            .env("BONGSU_WEB_EXTERNAL_URL", url)
            .output(&["healthcheck"]);
        assert_eq!(output.status.code(), Some(0), "{url}: {output:?}");
    }
}

#[test]
fn an_external_url_with_more_than_a_path_is_refused() {
    let setup = Setup::new(CONFIG);
    let check = |url: &str| setup.output(&[&format!("--web.external-url={url}"), "check"]);
    assert_eq!(check("https://ops.example.go.kr/bongsu").status.code(), Some(0));
    for url in [
        "ops.example.go.kr/bongsu",
        "ftp://ops.example.go.kr/",
        "https://ops.example.go.kr/?x=1",
        "https://user:pass@ops.example.go.kr/",
        "https://ops.example.go.kr//evil.example.kr",
    ] {
        let output = check(url);
        assert_eq!(output.status.code(), Some(2), "{url}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("--web.external-url"), "{url}: {text}");
    }
}

#[test]
fn an_empty_external_url_is_none() {
    let setup = Setup::new(CONFIG).env("BONGSU_WEB_EXTERNAL_URL", "");
    assert!(setup.output(&["check"]).status.success());
    let daemon = setup.flag("--web.external-url=").start();
    daemon.wait_until_ready();
    assert!(daemon.get("/").text().contains("href=\"/"), "links begin at the root");
    let output = Setup::new(CONFIG).output(&["--web.external-url=ops.go.kr", "check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("write scheme, host and path"), "{said}");
}

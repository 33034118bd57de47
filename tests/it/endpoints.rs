//! What the daemon answers over HTTP, seen from the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::read::GzDecoder;

use crate::support::client::Request;
use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::Target;
use crate::support::promtool;

/// Two services: one as the target says, one that refuses connections and has everything a page
/// shows, in the words of an attacker.
fn config(url: &str) -> String {
    format!(
        r#"
defaults: {{ interval: 5s, timeout: 4s }}
services:
  - name: gov24
    title: 정부24
    probes:
      - name: front
        http: {{ url: "{url}" }}
  - name: saeol
    title: '<script>alert("새올")</script>'
    grade: 1
    owner: 행정안전부
    needs: [gov24]
    alternative: '관할 주민센터 <b>수기 접수</b>'
    for_each: {{ site: [seocho, gangnam] }}
    probes:
      - name: portal
        http: {{ url: "http://127.0.0.1:9/?q=<x>" }}
  - name: dc-daejeon
    title: 대전센터
"#
    )
}

fn running() -> (Daemon, Target) {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&config(&target.url())).flag("--vantage=대전").start();
    daemon.wait_until_ready();
    eventually("every probe has run", || {
        let summary = daemon.get("/api/v1/status").json()["summary"].clone();
        (summary["up"] == 1 && summary["down"] == 2).then_some(())
    });
    (daemon, target)
}

#[test]
fn the_metrics_are_clean_and_compressed_when_asked() {
    let (daemon, _target) = running();
    let plain = daemon.get("/metrics");
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(plain.header("content-encoding"), None);
    promtool::check_metrics(&plain.text());
    for name in [
        "probe_success{",
        "bongsu_build_info{",
        "process_resident_memory_bytes ",
        "bongsu_service_needs{",
    ] {
        assert!(plain.text().contains(&format!("\n{name}")), "{name} is missing");
    }
    let packed = Request::get("/metrics").header("Accept-Encoding", "gzip").send(daemon.address);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.contains("probe_success{service=\"gov24\""), "{text}");
    assert!(packed.body.len() * 3 < text.len());
}

#[test]
fn the_status_tells_everything_of_every_probe() {
    let (daemon, _target) = running();
    let answer = daemon.get("/api/v1/status");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status = answer.json();
    assert_eq!(status["vantage"], "대전");
    assert_eq!(status["ready"], true);
    assert_eq!(status["config"]["hash"].as_str().unwrap().len(), 16);
    let saeol = &status["services"][1];
    assert_eq!(saeol["name"], "saeol");
    assert_eq!(saeol["grade"], 1);
    assert_eq!(saeol["needs"], serde_json::json!(["gov24"]));
    let probe = &saeol["probes"][0];
    assert_eq!(probe["id"], "saeol/portal@gangnam");
    assert_eq!(probe["state"], "down");
    assert_eq!(probe["stale"], false);
    assert_eq!((&probe["stage"], &probe["reason"]), (&"tcp".into(), &"connect_refused".into()));
    assert!(probe["detail"].as_str().unwrap().len() > 10, "{probe}");
    assert!(probe["since"].as_str().unwrap().ends_with('Z'));
    assert!(probe["consecutive_failures"].as_u64().unwrap() >= 1);
    let up = &status["services"][0]["probes"][0];
    assert_eq!((&up["state"], &up["http_status"]), (&"up".into(), &200.into()));
    assert!(up["reason"].is_null() && up["last_success"].is_string());
    assert_eq!(status["services"][2]["probes"], serde_json::json!([]));
}

#[test]
fn the_page_lists_the_worst_first_in_both_languages() {
    let (daemon, _target) = running();
    let korean = daemon.get("/").text();
    assert!(korean.contains("<html lang=\"ko\">"));
    for part in ["장애 2", "정상 1", "connect_refused", "대체 창구", "봉수 — 대전", "정부24"]
    {
        assert!(korean.contains(part), "{part} is not in {korean}");
    }
    assert!(
        korean.find("connect_refused") < korean.find("/probes/gov24/"),
        "the worst is not first"
    );
    let english = Request::get("/").header("Accept-Language", "en").send(daemon.address).text();
    for part in ["<html lang=\"en\">", "down 2", "up 1", "Alternative", "Bongsu — 대전"] {
        assert!(english.contains(part), "{part} is not in {english}");
    }
    assert!(daemon.get("/?lang=en").text().contains("lang=\"en\""));
}

#[test]
fn what_comes_from_outside_stays_text() {
    let (daemon, _target) = running();
    for path in ["/", "/probes/saeol/portal?site=seocho", "/probes/%3Cscript%3E/x"] {
        let answer = daemon.get(path);
        let text = answer.text();
        assert!(
            !text.contains("<script")
                || answer.header("content-type") == Some("text/plain; charset=utf-8"),
            "{text}"
        );
        assert!(!text.contains("<b>수기"), "{text}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let page = daemon.get("/").text();
    assert!(page.contains("&lt;script&gt;alert(&quot;새올&quot;)"), "{page}");
}

#[test]
fn the_pages_style_is_the_one_the_policy_allows() {
    use base64::Engine;
    use sha2::Digest;
    let (daemon, _target) = running();
    let answer = daemon.get("/");
    let page = answer.text();
    let (_, rest) = page.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let digest = sha2::Sha256::digest(style);
    let digest = base64::engine::general_purpose::STANDARD.encode(digest);
    assert!(answer.header("content-security-policy").unwrap().contains(&digest));
}

#[test]
fn a_probes_page_shows_its_last_failures() {
    let (daemon, target) = running();
    target.answer_with(503);
    daemon.sample("bongsu_probe_failures_total{service=\"gov24\"");
    let page = daemon.get("/probes/gov24/front?lang=en").text();
    for part in ["http_status", "503", "Last failures", "Last runs"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert_eq!(daemon.get("/probes/gov24/none").status, 404);
    assert_eq!(daemon.get("/probes/saeol/portal").status, 404, "it has sites only");
}

#[test]
fn a_stale_result_is_never_shown_as_up() {
    let (target, _held) = Target::holding();
    let config =
        config(&target.url()).replace("interval: 5s, timeout: 4s", "interval: 60s, timeout: 59s");
    let daemon = Setup::new(&config).start();
    daemon.wait_until_ready();
    let status = daemon.get("/api/v1/status").json();
    assert_eq!(status["services"][0]["probes"][0]["state"], "unobserved");
    assert!(daemon.get("/?lang=ko").text().contains("<tr class=\"stale\">"));
}

#[test]
fn an_unknown_path_lists_those_there_are() {
    let (daemon, _target) = running();
    let answer = daemon.get("/metric");
    assert_eq!(answer.status, 404);
    for path in ["/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/-/reload"] {
        assert!(answer.text().contains(path), "{path}");
    }
}

#[test]
fn heads_are_answered_without_a_body_and_other_methods_refused() {
    let (daemon, _target) = running();
    for path in ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready"] {
        let answer = Request::new("HEAD", path).send(daemon.address);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
        assert_eq!(daemon.post(path).status, 405, "{path}");
    }
}

#[test]
fn slow_clients_do_not_keep_others_from_being_answered() {
    let (daemon, _target) = running();
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(daemon.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
            stream
        })
        .collect();
    assert_eq!(daemon.get("/-/healthy").status, 200);
    drop(slow);
}

#[test]
fn a_head_of_ten_megabytes_is_refused() {
    let (daemon, _target) = running();
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ");
    for _ in 0..160 {
        if stream.write_all(&[b'a'; 65_536]).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(daemon.get("/-/healthy").status, 200);
}

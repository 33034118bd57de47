//! The exposition of typical targets, whole: `UPDATE_GOLDEN=1 cargo test` writes the files anew.

use std::path::Path;

use crate::support::promtool;
use crate::support::results::{
    Script, http_target, http_up, https_503, https_up, nxdomain, offline, tls_expired, tls_target,
};

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/metrics");
    let path = path.join(name).with_extension("prom");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(expected == text, "{} differs; now:\n{text}", path.display());
    promtool::check_metrics(text);
}

#[test]
fn a_plain_http_probe_that_is_up() {
    let script = Script::new();
    let target = script.adopt(http_target("portal", "front", "http://www.example.go.kr/"));
    script.run(&target, 10, http_up());
    check("http-up", &script.text(20));
}

#[test]
fn an_https_probe_of_a_site_that_is_up() {
    let script = Script::new();
    let mut target = http_target("saeol", "front", "https://seocho.example.go.kr/");
    target.id.site = Some("seocho".into());
    target.component = "gpki".into();
    target.latency_objective = Some(std::time::Duration::from_secs(2));
    target.labels.insert("region".into(), "서울".into());
    let target = script.adopt(target);
    script.run(&target, 10, https_up());
    check("https-up", &script.text(20));
}

#[test]
fn an_https_probe_that_was_up_and_fails_with_a_recheck() {
    let script = Script::new();
    let target = script.adopt(http_target("gpki", "portal", "https://www.gpki.go.kr/"));
    script.run(&target, 10, https_up());
    script.run(&target, 40, https_503());
    script.recheck(&target, 45, nxdomain());
    check("https-failing", &script.text(60));
}

#[test]
fn a_probe_whose_vantage_is_offline() {
    let script = Script::new();
    let target = script.adopt(http_target("gpki", "portal", "https://www.gpki.go.kr/"));
    script.run(&target, 10, https_up());
    script.run(&target, 40, offline());
    check("https-unknown", &script.text(60));
}

#[test]
fn a_tls_probe_of_a_chain_with_two_faults() {
    let script = Script::new();
    let target = script.adopt(tls_target("gpki", "cert", "www.gpki.go.kr"));
    script.run(&target, 10, tls_expired());
    check("tls-bad-chain", &script.text(20));
}

//! What an accepted configuration comes to.

use std::path::Path;
use std::time::Duration;

use bongsu::config::{self, Config, Kind, Matcher, Nothing, RequestBody, Revocation};

/// Loads a text that must be right.
fn accept(text: &str) -> Config {
    config::parse(text, Path::new("test.yml"), &Nothing).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn post_quantum_is_off_unless_a_level_or_a_probe_asks_for_it() {
    let config = accept(
        "
services:
  - name: a
    probes:
      - { name: http, http: { url: www.gov.kr } }
      - { name: tls, tls: { address: www.gov.kr, post_quantum: true } }
      - { name: https, http: { url: www.gov.kr, post_quantum: true } }
      - name: login
        login:
          post_quantum: true
          base: https://www.gov.kr/
          steps:
            - { name: front, get: /, expect: { status: 200 } }
  - name: b
    post_quantum: true
    probes:
      - { name: http, http: { url: www.gov.kr } }
      - { name: tls, tls: { address: www.gov.kr, post_quantum: false } }
",
    );
    let asks = |kind: &Kind| match kind {
        Kind::Http(http) => http.client.tls.post_quantum,
        Kind::Tls(tls) => tls.tls.post_quantum,
        Kind::Login(login) => login.client.tls.post_quantum,
    };
    let asks: Vec<bool> = config.targets.iter().map(|target| asks(&target.kind)).collect();
    assert_eq!(asks, [false, true, true, true, true, false]);
}

#[test]
fn a_json_body_is_the_document_of_the_file() {
    let config = accept(
        r#"
services:
  - name: a
    vars: { name: 'b"\' }
    probes:
      - name: post
        http:
          url: https://www.gov.kr/
          json: { z: ['${name}', [], {}, null], a: { n: -1, x: 1.5, ok: true, '"': 비 } }
"#,
    );
    let Kind::Http(http) = &config.targets[0].kind else { panic!("{config:?}") };
    let RequestBody::Json(document) = &http.body else { panic!("{http:?}") };
    let written = r#"{"z":["b\"\\",[],{},null],"a":{"n":-1,"x":1.5,"ok":true,"\"":"비"}}"#;
    assert_eq!(document.as_plain(), Some(written));
}

#[test]
fn a_probe_inherits_from_its_service_and_from_the_defaults() {
    let config = accept(
        "
defaults: { interval: 60s, timeout: 20s, recheck: 7s }
services:
  - name: a
    timeout: 15s
    probes:
      - { name: one, http: { url: www.gov.kr/a?b#c } }
      - { name: quick, recheck: 100ms, tls: { address: www.gov.kr } }
      - { name: two, interval: 2m, recheck: off, tls: { address: www.gov.kr } }
",
    );
    let [one, quick, two] = &config.targets[..] else { panic!("{:?}", config.targets) };
    assert_eq!(one.schedule.interval(), Duration::from_secs(60));
    assert_eq!(one.schedule.timeout(), Duration::from_secs(15));
    assert_eq!(one.schedule.recheck(), Some(Duration::from_secs(7)));
    assert_eq!(quick.schedule.recheck(), Some(Duration::from_millis(100)));
    assert_eq!(two.schedule.interval(), Duration::from_secs(120));
    assert_eq!(two.schedule.recheck(), None);
    assert_eq!(
        (one.instance.as_str(), two.instance.as_str()),
        ("http://www.gov.kr/a", "www.gov.kr:443")
    );
    assert_eq!(one.id.to_string(), "a/one");
    let (Kind::Http(http), Kind::Tls(tls)) = (&one.kind, &two.kind) else { panic!() };
    assert_eq!(http.client.tls.revocation, Revocation::Off);
    assert_eq!(tls.tls.revocation, Revocation::Soft);
}

#[test]
fn values_are_compared_as_they_are_written() {
    let config = accept(
        "
services:
  - name: a
    probes:
      - name: one
        http:
          url: http://a/
          expect:
            header: { X-A: 00123, X-B: 1.10, X-C: 0x1F, X-D: true, X-E: '1.0', X-F: 1e3, X-G: yes }
",
    );
    let Kind::Http(http) = &config.targets[0].kind else { panic!() };
    let values: Vec<&str> = http
        .rules
        .expect
        .header
        .iter()
        .map(|(_, matcher)| match matcher {
            Matcher::Equals(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, ["00123", "1.10", "0x1F", "true", "1.0", "1e3", "yes"]);
}

#[test]
fn the_hash_knows_what_is_probed_and_nothing_of_where_files_lie() {
    let text = |url: &str, file: &str| {
        format!(
            "
secrets: {{ token: {{ file: {file} }} }}
services:
  - name: a
    probes: [{{ name: p, http: {{ url: '{url}', bearer: '${{secret.token}}' }} }}]
"
        )
    };
    let hash = |text: &str| {
        let path = Path::new("tests/fixtures/config/good/test.yml");
        config::parse(text, path, &config::Disk).unwrap_or_else(|error| panic!("{error}")).hash
    };
    let one = hash(&text("https://a/", "parts/more/token"));
    assert_eq!(one, hash(&text("https://a/", "parts/sites.csv")));
    assert_ne!(one, hash(&text("https://b/", "parts/more/token")));
    assert_eq!(one.len(), 16);
}

//! Roots that `trust.roots` lists and that are out of date: browsers refuse them, so the run is
//! degraded, `check` says it before, and the root has a series.

use bongsu::outcome::{Outcome, Reason, Verdict};
use rcgen::KeyPair;
use time::{Duration, OffsetDateTime};

use crate::support::daemon::Setup;
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::results::{Script, family, http_target, tls_target};
use crate::support::tls::Look;
use crate::support::visit::Visit;
use crate::tls_verdicts::serve;

fn ending_in(days: i64, key: KeyPair) -> Authority {
    Authority::root_with("Test Root", key, |params| {
        params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
    })
}

fn new_key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// A root that ended 30 days ago, the same root renewed, and a server below both.
struct Estate {
    files: Files,
    old: Authority,
    renewed: Authority,
    server: Server,
}

impl Estate {
    fn new() -> Estate {
        let files = Files::new();
        let key = new_key();
        let again = KeyPair::from_pem(&key.serialize_pem()).unwrap();
        let (old, renewed) = (ending_in(-30, key), ending_in(300, again));
        let server = serve(&files, &old.issue(Leaf::named("probe.test")), &[]);
        Estate { files, old, renewed, server }
    }

    async fn look(&self, roots: &[&Authority]) -> Outcome {
        let pem: String = roots.iter().map(|root| root.cert.pem.as_str()).collect();
        Look::at(self.server.port()).trusting(self.files.write(pem)).run().await
    }
}

#[tokio::test]
async fn a_listed_root_that_has_expired_degrades() {
    let estate = Estate::new();
    let outcome = estate.look(&[&estate.old]).await;

    assert_eq!(outcome.verdict(), Verdict::Degraded, "{:?}", outcome.result);
    let [warning] = &outcome.facts.warnings[..] else { panic!("{:?}", outcome.facts.warnings) };
    assert_eq!(warning.reason, Reason::TlsExpired);
    let said = &warning.detail;
    assert!(said.starts_with("the listed root CN=Test Root expired on 20"));
    let tls = outcome.facts.tls.as_ref().unwrap();
    assert!(tls.faults.is_empty(), "the chain itself is accepted");
    let root = tls.root.as_ref().unwrap();
    assert_eq!(root.subject, "CN=Test Root");

    let script = Script::new();
    let target = script.adopt(tls_target("gpki", "cert", "probe.test"));
    let end = root.not_after;
    script.run(&target, 10, (outcome.result.clone(), outcome.facts.clone()));
    let text = script.text(20);
    let ends = family(&text, "bongsu_cert_not_after_timestamp_seconds");
    let root = ends.iter().find(|line| line.contains("position=\"root\"")).unwrap();
    assert!(root.contains("subject=\"CN=Test Root\"") && root.contains("in_path=\"1\""), "{root}");
    assert!(root.ends_with(&format!(" {end}")), "{root}");
    assert_eq!(family(&text, "bongsu_cert_not_before_timestamp_seconds").len(), 2);

    // An HTTP probe has no room for it.
    let script = Script::new();
    let target = script.adopt(http_target("gpki", "portal", "https://probe.test/"));
    script.run(&target, 10, (outcome.result, outcome.facts));
    assert_eq!(family(&script.text(20), "bongsu_cert_not_after_timestamp_seconds").len(), 1);
}

#[tokio::test]
async fn an_expired_root_does_not_matter_where_a_valid_one_of_the_same_key_is_listed() {
    let estate = Estate::new();
    for roots in [[&estate.old, &estate.renewed], [&estate.renewed, &estate.old]] {
        let outcome = estate.look(&roots).await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.facts.warnings);
        let root = outcome.facts.tls.unwrap().root.unwrap();
        assert!(root.not_after > OffsetDateTime::now_utc().unix_timestamp());
    }
}

#[tokio::test]
async fn a_root_that_expires_tomorrow_and_one_that_is_not_used_are_no_matter() {
    let files = Files::new();
    let (soon, old) = (ending_in(1, new_key()), ending_in(-30, new_key()));
    let server = serve(&files, &soon.issue(Leaf::named("probe.test")), &[]);
    let roots = files.write(format!("{}{}", old.cert.pem, soon.cert.pem));
    let outcome = Look::at(server.port()).trusting_also(roots).run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.facts.warnings);
    assert_eq!(outcome.facts.tls.unwrap().trusted_by, Some("file"));
}

#[tokio::test]
async fn an_http_probe_is_degraded_too_and_says_it_once() {
    let files = Files::new();
    let old = ending_in(-30, new_key());
    let leaf = old.issue(Leaf::named("127.0.0.1"));
    let cert = files.write(&leaf.pem);
    let key = files.write(&leaf.key_pem);
    let server =
        Server::start(&["-www", "-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()]);
    let roots = files.write(&old.cert.pem);
    let url = format!("https://127.0.0.1:{}/", server.port());
    let outcome = Visit::to(url).trusting(&roots).run().await;
    assert_eq!(outcome.verdict(), Verdict::Degraded, "{:?}", outcome.result);
    assert_eq!(outcome.facts.warnings.len(), 1, "{:?}", outcome.facts.warnings);
    assert_eq!(outcome.facts.warnings[0].reason, Reason::TlsExpired);
}

#[test]
fn a_check_advises_on_roots_that_are_out_of_date() {
    let files = Files::new();
    let key = new_key();
    let again = KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let (old, renewed) = (ending_in(-30, key), ending_in(300, again));
    let advice = |roots: &[&Authority]| {
        let pem: String = roots.iter().map(|root| root.cert.pem.as_str()).collect();
        let path = files.write(pem);
        let text = format!(
            "services:\n  - name: gpki\n    trust: {{ roots: {} }}\n    probes:\n      - {{ name: a, \
             tls: {{ address: 127.0.0.1 }} }}\n",
            path.display()
        );
        String::from_utf8(Setup::new(&text).output(&["check"]).stdout).unwrap()
    };
    let said = advice(&[&old, &ending_in(1, new_key())]);
    assert_eq!(said.matches("the listed root CN=Test Root expired on 20").count(), 1, "{said}");
    let said = advice(&[&old, &renewed]);
    assert!(!said.contains("expired"), "{said}");
}

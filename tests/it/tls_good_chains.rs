//! Chains that are unusual and nevertheless good, served by `openssl s_server`.

use bongsu::outcome::{Reason, Verdict};
use rcgen::KeyPair;
use time::{Duration, OffsetDateTime};

use crate::support::pki::{Authority, Files, Leaf};
use crate::support::tls::{Look, net, reason};
use crate::tls_verdicts::serve;

#[tokio::test]
async fn keys_and_signatures_on_p521_are_accepted() {
    let files = Files::new();
    let p521 = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    let root = Authority::root_with("Test Root", p521(), |_| {});
    let leaf = root.issue_for(Leaf::named("probe.test"), &p521());
    let server = serve(&files, &leaf, &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    let leaf = &outcome.facts.tls.unwrap().chain.unwrap().certs[0];
    assert_eq!(leaf.key, "ECDSA P-521");
    assert_eq!(leaf.signature, "ecdsa-with-SHA512");
}

/// The last second of a year.
fn end_of(year: i32) -> OffsetDateTime {
    rcgen::date_time_ymd(year, 12, 31) + Duration::seconds(24 * 3600 - 1)
}

fn from_until(from: i32, until: i32) -> Leaf {
    let mut leaf = Leaf::named("probe.test");
    leaf.params.not_before = end_of(from);
    leaf.params.not_after = end_of(until);
    leaf
}

#[tokio::test]
async fn a_certificate_may_begin_before_1970_and_end_in_9999() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate_with("Test CA", |params| params.not_before = end_of(1969));
    // 1950 is the first year of UTCTime and 2049 the last (RFC 5280 section 4.1.2.5).
    for (from, until) in [(1969, 2049), (1950, 2050), (1949, 2060), (2020, 9999)] {
        let leaf = inter.issue(from_until(from, until));
        let server = serve(&files, &leaf, &[&inter.cert]);
        let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{from}-{until}: {:?}", outcome.result);
        let tls = outcome.facts.tls.unwrap();
        assert_eq!(tls.path, [0, 1]);
        let leaf = &tls.chain.as_ref().unwrap().certs[0];
        assert_eq!(leaf.not_before, end_of(from).unix_timestamp());
        assert_eq!(leaf.not_after, end_of(until).unix_timestamp());
    }
}

#[tokio::test]
async fn a_certificate_that_ended_before_1970_has_expired() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(from_until(1960, 1969)), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsExpired));
    let detail = outcome.result.unwrap_err().detail;
    assert_eq!(detail, "the certificate of CN=probe.test expired on 1969-12-31T23:59:59Z");
}

#[tokio::test]
async fn a_chain_that_is_remembered_is_told_as_before() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(Leaf::named("probe.test")), &[]);
    let roots = files.write(&root.cert.pem);
    let net = net();
    let look = || Look::at(server.port()).trusting(roots.clone()).in_world(&net);
    for _ in 0..3 {
        let outcome = look().run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
        let tls = outcome.facts.tls.unwrap();
        assert_eq!((tls.path, tls.trusted_by), (vec![0], Some("file")));
    }
    // Neither the name nor the anchors are remembered.
    let renamed = look().named("other.test").run().await;
    assert_eq!(reason(&renamed), Some(Reason::TlsNameMismatch));
    std::fs::write(&roots, Authority::root("Other Root").cert.pem).unwrap();
    look().run_until(Some(Reason::TlsUnknownIssuer)).await;
}

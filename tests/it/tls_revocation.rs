//! Revocation by lists that a local web server has: revoked, good, unreachable, stale, forged.

use std::net::TcpListener;

use bongsu::config::Revocation;
use bongsu::outcome::{Outcome, Reason, Verdict};
use time::Duration;

use crate::support::http::{Reply, Routes};
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Issued, Leaf};
use crate::support::tls::{Look, faults, net, reason, subjects};

const A_DAY: Duration = Duration::days(1);

/// A root, a certificate that points to a list, and a server that shows it.
pub(crate) struct Site {
    pub(crate) files: Files,
    pub(crate) root: Authority,
    pub(crate) leaf: Issued,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) fn with(leaf: impl FnOnce(Leaf) -> Leaf) -> Site {
        let files = Files::new();
        let root = Authority::root("Test Root");
        let leaf = root.issue(leaf(Leaf::named("probe.test")));
        let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
        let server =
            Server::start(&["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()]);
        Site { files, root, leaf, server }
    }

    pub(crate) fn look(&self, revocation: Revocation) -> Look {
        let roots = self.files.write(&self.root.cert.pem);
        Look::at(self.server.port()).trusting(roots).revocation(revocation)
    }
}

pub(crate) fn unavailable(outcome: &Outcome) -> &str {
    let warning = &outcome.facts.warnings[0];
    assert_eq!(warning.reason, Reason::TlsRevocationUnavailable);
    &warning.detail
}

#[tokio::test]
async fn a_revoked_certificate_fails_its_first_run() {
    let web = Routes::new().serve().await;
    let url = web.url("/ca.crl");
    let site = Site::with(|leaf| leaf.crl_at(&url));
    web.put("/ca.crl", Reply::bytes(site.root.revoke(&[&site.leaf], A_DAY)));

    for revocation in [Revocation::Soft, Revocation::Hard] {
        let outcome = site.look(revocation).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsRevoked), "{revocation:?}");
        assert_eq!(faults(&outcome), [Reason::TlsRevoked]);
        assert_eq!(subjects(&outcome), ["CN=probe.test"]);
        assert_eq!(outcome.verdict(), Verdict::Down);
        let detail = outcome.result.unwrap_err().detail;
        assert_eq!(detail, format!("the certificate of CN=probe.test is revoked, says {url}"));
    }
    let off = site.look(Revocation::Off).run().await;
    assert_eq!(off.verdict(), Verdict::Up);
    assert_eq!(web.paths().len(), 2, "nothing is fetched when checking is off");
}

#[tokio::test]
async fn a_certificate_that_is_not_on_the_list_is_good_and_the_list_is_kept() {
    let web = Routes::new().serve().await;
    let site = Site::with(|leaf| leaf.crl_at(&web.url("/ca.crl")));
    let other = site.root.issue(Leaf::named("other.test"));
    web.put("/ca.crl", Reply::bytes(site.root.revoke(&[&other], A_DAY)));

    let look = site.look(Revocation::Hard).in_world(&net());
    for _ in 0..3 {
        let outcome = look.run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    }
    assert_eq!(web.paths(), ["/ca.crl"]);
}

#[tokio::test]
async fn a_revoked_intermediate_counts_too() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate_with("Test CA", |params| {
        params.crl_distribution_points =
            vec![rcgen::CrlDistributionPoint { uris: vec![web.url("/root.crl")] }];
    });
    web.put("/root.crl", Reply::bytes(root.revoke(&[&inter.cert], A_DAY)));
    let leaf = inter.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let chain = files.write(&inter.cert.pem);
    let server = Server::start(&[
        "-cert",
        cert.to_str().unwrap(),
        "-key",
        key.to_str().unwrap(),
        "-cert_chain",
        chain.to_str().unwrap(),
    ]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsRevoked));
    assert!(outcome.result.unwrap_err().detail.starts_with("the certificate of CN=Test CA is"));
}

#[tokio::test]
async fn an_unreachable_list_degrades_softly_and_fails_hard() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::with(|leaf| leaf.crl_at(&format!("http://{free}/ca.crl")));

    let soft = site.look(Revocation::Soft).run().await;
    assert_eq!(soft.verdict(), Verdict::Degraded, "{:?}", soft.result);
    assert!(unavailable(&soft).contains("refused"), "{}", unavailable(&soft));
    assert!(faults(&soft).is_empty(), "never called revoked");

    let hard = site.look(Revocation::Hard).run().await;
    assert_eq!(reason(&hard), Some(Reason::TlsRevocationUnavailable));
    assert_eq!(hard.verdict(), Verdict::Down);
}

#[tokio::test]
async fn a_silent_list_does_not_hold_the_run_beyond_its_deadline() {
    let web = Routes::new().serve().await;
    web.put("/ca.crl", Reply::silence());
    let site = Site::with(|leaf| leaf.crl_at(&web.url("/ca.crl")));

    let look = site.look(Revocation::Soft).within(std::time::Duration::from_secs(2));
    let outcome = look.run().await;

    assert_eq!(outcome.verdict(), Verdict::Degraded, "{:?}", outcome.result);
    assert!(unavailable(&outcome).ends_with("not fetched in time"), "{}", unavailable(&outcome));
}

#[tokio::test]
async fn lists_that_prove_nothing_are_unavailable() {
    let web = Routes::new().serve().await;
    let site = Site::with(|leaf| leaf.crl_at(&web.url("/ca.crl")));
    let impostor = Authority::root("Test Root");
    let stranger = Authority::root("Other Root");
    let good = site.root.revoke(&[&site.leaf], A_DAY);
    let mut tampered = good.clone();
    let last = tampered.len() - 1;
    tampered[last] ^= 1;
    let cases = [
        ("out of date", Reply::bytes(site.root.revoke(&[&site.leaf], -A_DAY))),
        ("not signed by the issuer", Reply::bytes(impostor.revoke(&[&site.leaf], A_DAY))),
        ("not signed by the issuer", Reply::bytes(tampered)),
        ("the list of another issuer", Reply::bytes(stranger.revoke(&[&site.leaf], A_DAY))),
        ("not a revocation list", Reply::bytes(b"<html>moved</html>".to_vec())),
        ("more than 10485760 bytes", Reply::endless()),
        ("too many redirects", Reply::redirect(web.url("/ca.crl"))),
        ("other than http", Reply::redirect("https://127.0.0.1:1/ca.crl".to_owned())),
    ];
    for (why, answer) in cases {
        web.put("/ca.crl", answer);
        let outcome = site.look(Revocation::Soft).run().await;
        assert_eq!(outcome.verdict(), Verdict::Degraded, "{why}: {:?}", outcome.result);
        assert!(unavailable(&outcome).contains(why), "{why}: {}", unavailable(&outcome));
    }
    web.put("/moved.crl", Reply::bytes(good));
    web.put("/ca.crl", Reply::redirect(web.url("/moved.crl")));
    let outcome = site.look(Revocation::Soft).run().await;
    assert_eq!(reason(&outcome), Some(Reason::TlsRevoked), "a redirect is followed");
}

#[tokio::test]
async fn a_certificate_without_a_list_that_can_be_fetched_passes_softly_only() {
    // No server is named: the client is to know one.
    let ldap = "ldap:///cn=dp1,o=Government of Korea,c=KR?certificateRevocationList";
    for site in [Site::with(|leaf| leaf), Site::with(|leaf| leaf.crl_at(ldap))] {
        let soft = site.look(Revocation::Soft).run().await;
        assert_eq!(soft.verdict(), Verdict::Up);
        let hard = site.look(Revocation::Hard).run().await;
        assert_eq!(reason(&hard), Some(Reason::TlsRevocationUnavailable));
    }
}

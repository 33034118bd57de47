//! Revocation lists that are published by LDAP, as the government PKI does it: a real directory,
//! and what a hostile one may answer.

use bongsu::config::Revocation;
use bongsu::outcome::{Outcome, Reason, Verdict};
use time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::http::{Reply, Routes};
use crate::support::pki::Leaf;
use crate::support::slapd::{Slapd, free_port, list_at};
use crate::support::tls::{faults, net, reason};
use crate::tls_revocation::{self, Site};

const A_DAY: Duration = Duration::days(1);

fn unavailable(outcome: &Outcome) -> &str {
    assert_eq!(outcome.verdict(), Verdict::Degraded, "{:?}", outcome.result);
    tls_revocation::unavailable(outcome)
}

#[tokio::test]
async fn a_certificate_on_the_list_of_a_directory_is_revoked() {
    let port = free_port();
    let site = Site::with(|leaf| leaf.crl_at(&list_at(port)));
    let _slapd = Slapd::serving(port, &site.root.revoke(&[&site.leaf], A_DAY), &site.leaf);

    for revocation in [Revocation::Soft, Revocation::Hard] {
        let outcome = site.look(revocation).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsRevoked), "{:?}", outcome.facts.warnings);
        assert_eq!(faults(&outcome), [Reason::TlsRevoked]);
        let detail = outcome.result.unwrap_err().detail;
        let said = format!("the certificate of CN=probe.test is revoked, says {}", list_at(port));
        assert_eq!(detail, said);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_on_it_is_good_and_the_list_is_kept() {
    let port = free_port();
    let site = Site::with(|leaf| leaf.crl_at(&list_at(port)));
    let other = site.root.issue(Leaf::named("other.test"));
    let slapd = Slapd::serving(port, &site.root.revoke(&[&other], A_DAY), &site.leaf);

    let look = site.look(Revocation::Hard).in_world(&net());
    let outcome = look.run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    drop(slapd);
    let outcome = look.run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "the list is kept: {:?}", outcome.result);
}

#[tokio::test]
async fn a_list_that_a_directory_does_not_have_is_unavailable() {
    let port = free_port();
    let missing = list_at(port).replace("cn=dp1", "cn=dp2");
    let site = Site::with(|leaf| leaf.crl_at(&missing));
    let _slapd = Slapd::serving(port, &site.root.revoke(&[], A_DAY), &site.leaf);
    let soft = site.look(Revocation::Soft).run().await;
    assert!(unavailable(&soft).ends_with("there is no such entry (noSuchObject)"), "{soft:?}");
    let hard = site.look(Revocation::Hard).run().await;
    assert_eq!(reason(&hard), Some(Reason::TlsRevocationUnavailable));

    let closed = free_port();
    let site = Site::with(|leaf| leaf.crl_at(&list_at(closed)));
    let soft = site.look(Revocation::Soft).run().await;
    assert!(unavailable(&soft).contains("refused"), "{}", unavailable(&soft));
}

#[tokio::test]
async fn http_is_asked_before_ldap() {
    let web = Routes::new().serve().await;
    let url = web.url("/ca.crl");
    let port = free_port();
    let site = Site::with(|leaf| leaf.crls_at(&[&list_at(port), &url]));
    // By this list alone the certificate would be good.
    let _slapd = Slapd::serving(port, &site.root.revoke(&[], A_DAY), &site.leaf);
    web.put("/ca.crl", Reply::bytes(site.root.revoke(&[&site.leaf], A_DAY)));
    let outcome = site.look(Revocation::Soft).run().await;
    assert!(outcome.result.unwrap_err().detail.ends_with(&format!("says {url}")));
}

#[tokio::test]
async fn what_is_no_answer_to_a_search_is_left() {
    let endless =
        [b"\x30\x81\x80\x02\x01\x01\x73\x7b".as_slice(), &[0; 123]].concat().repeat(100_000);
    let cases: [(&[u8], &str); 6] = [
        (b"HTTP/1.1 400 Bad Request\r\n", "the server's answer is not LDAP"),
        (b"\x30\x84\x7f\xff\xff\xff", "more than 10485760 bytes"),
        (b"\x30\x84\x00\x00\x00\x20\x02\x01", "in the middle of its answer"),
        (b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x33\x04\x00\x04\x00", "result code 51"),
        (b"\x30\x09\x02\x01\x01\x64\x04\x04\x00\x30\x00", "does not have the attribute"),
        (&endless, "more than 10485760 bytes"),
    ];
    for (answer, why) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.to_vec();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(&answer).await;
        });
        let site = Site::with(|leaf| leaf.crl_at(&list_at(port)));
        let outcome = site.look(Revocation::Soft).run().await;
        assert!(unavailable(&outcome).contains(why), "{why}: {}", unavailable(&outcome));
    }
}

//! Servers that speak only what rustls does not: named as such, with their chain.

use bongsu::outcome::{Outcome, Reason};

use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::tls::{Look, faults, reason, subjects};

/// An RSA certificate, as suites with RSA key exchange need one, signed by a root in `ca.pem`.
fn rsa_site(files: &Files, days: &str) -> [String; 2] {
    let dir = files.path();
    let root =
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=Root";
    openssl(dir, &root.split(' ').collect::<Vec<_>>());
    let request = "req -newkey rsa:2048 -nodes -keyout site.key -out site.csr -subj /CN=probe.test";
    openssl(dir, &request.split(' ').collect::<Vec<_>>());
    std::fs::write(dir.join("ext"), "subjectAltName=DNS:probe.test\n").unwrap();
    let issue = "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext";
    let mut issue: Vec<&str> = issue.split(' ').collect();
    issue.extend(["-days", days, "-out", "site.pem"]);
    openssl(dir, &issue);
    ["site.pem", "site.key"].map(|name| dir.join(name).to_str().unwrap().to_owned())
}

async fn look_at(files: &Files, [cert, key]: &[String; 2], offer: &[&str]) -> Outcome {
    let mut arguments = vec!["-cert", cert, "-key", key];
    arguments.extend(offer);
    let server = Server::start(&arguments);
    Look::at(server.port()).trusting(files.path().join("ca.pem")).run().await
}

#[tokio::test]
async fn old_versions_and_suites_are_named_and_the_chain_is_shown() {
    let files = Files::new();
    let site = rsa_site(&files, "20");
    let cases: [(&[&str], &str); 5] = [
        (
            &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
            "TLS 1.0 with TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        ),
        (
            &["-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0"],
            "TLS 1.1 with TLS_RSA_WITH_AES_128_CBC_SHA",
        ),
        (&["-tls1_2", "-cipher", "AES128-SHA"], "TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA"),
        (
            &["-tls1_2", "-cipher", "AES256-GCM-SHA384"],
            "TLS 1.2 with TLS_RSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"],
            "TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        ),
    ];
    for (offer, told) in cases {
        let outcome = look_at(&files, &site, offer).await;
        assert_eq!(reason(&outcome), Some(Reason::TlsLegacy), "{told}: {:?}", outcome.result);
        assert_eq!(subjects(&outcome), ["CN=probe.test"], "{told}");
        assert!(faults(&outcome).is_empty(), "{told}: {:?}", faults(&outcome));
        let tls = outcome.facts.tls.as_ref().unwrap();
        assert_eq!(tls.version, None, "no modern version was negotiated");
        assert_eq!(tls.trusted_by, Some("file"));
        assert_eq!(
            outcome.result.unwrap_err().detail,
            format!("the server takes {told}, which modern clients refuse, and nothing newer")
        );
    }
}

#[tokio::test]
async fn the_faults_of_an_old_servers_chain_are_found_too() {
    let files = Files::new();
    let site = rsa_site(&files, "-1");

    let outcome = look_at(&files, &site, &["-tls1_2", "-cipher", "AES128-SHA"]).await;

    assert_eq!(reason(&outcome), Some(Reason::TlsLegacy));
    // Made with a negative lifetime, so it also ends before it begins.
    assert_eq!(faults(&outcome), [Reason::TlsExpired, Reason::TlsInvalid]);
}

#[tokio::test]
async fn a_server_that_takes_nothing_at_all_is_no_legacy_server() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    // RSA key exchange without an RSA key: no suite fits.
    let server = Server::start(&[
        "-cert",
        cert.to_str().unwrap(),
        "-key",
        key.to_str().unwrap(),
        "-tls1_2",
        "-cipher",
        "AES128-SHA",
    ]);

    let outcome = Look::at(server.port()).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsHandshake));
    assert_eq!(
        outcome.result.unwrap_err().detail,
        "the server ended the handshake with alert handshake_failure"
    );
}

#[tokio::test]
async fn tls_1_2_with_a_modern_suite_is_fine() {
    let files = Files::new();
    let site = rsa_site(&files, "20");

    let outcome = look_at(&files, &site, &["-tls1_2"]).await;

    assert_eq!(reason(&outcome), None, "{:?}", outcome.result);
    let tls = outcome.facts.tls.unwrap();
    assert_eq!(tls.version, Some("TLS 1.2"));
    assert_eq!(tls.cipher.as_deref(), Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    assert_eq!(tls.chain.unwrap().certs[0].key, "RSA 2048");
}

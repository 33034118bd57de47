//! What an operator expects of a handshake and its certificate, at real servers: each subject
//! right and wrong.

use std::path::Path;

use bongsu::outcome::{Reason, Verdict};
use time::{Duration, OffsetDateTime};

use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::tls::{Look, reason};

struct Site {
    files: Files,
    root: Authority,
    server: Server,
    cert: std::path::PathBuf,
}

/// A server with an ECDSA P-256 certificate of `CN=Test Root`.
fn site(leaf: Leaf, arguments: &[&str]) -> Site {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(leaf);
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let own = ["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let server = Server::start(&[&own[..], arguments].concat());
    Site { files, root, server, cert }
}

impl Site {
    fn look(&self, expect: &str) -> Look {
        let look = Look::at(self.server.port()).trusting(self.files.write(&self.root.cert.pem));
        look.expecting(expect)
    }
}

/// `openssl x509 -fingerprint -sha256`: `sha256 Fingerprint=AB:CD...`.
fn fingerprint(cert: &Path) -> String {
    let printed = openssl(
        Path::new("/"),
        &["x509", "-in", cert.to_str().unwrap(), "-noout", "-fingerprint", "-sha256"],
    );
    printed.split_once('=').unwrap().1.trim().to_owned()
}

/// The pin of RFC 7469 appendix A, by OpenSSL.
fn pin(files: &Files, cert: &Path) -> String {
    let run = |arguments: &[&str]| openssl(Path::new("/"), arguments);
    let key = files.write(run(&["x509", "-in", cert.to_str().unwrap(), "-noout", "-pubkey"]));
    let (der, digest) = (files.write(""), files.write(""));
    let (der, digest) = (der.to_str().unwrap(), digest.to_str().unwrap());
    run(&["pkey", "-pubin", "-in", key.to_str().unwrap(), "-outform", "DER", "-out", der]);
    run(&["dgst", "-sha256", "-binary", "-out", digest, der]);
    run(&["base64", "-in", digest]).trim().to_owned()
}

#[tokio::test]
async fn each_subject_holds_or_is_a_mismatch_that_says_what_was_found() {
    let site = site(Leaf::named("probe.test"), &["-tls1_2"]);
    let (fingerprint, pin) = (fingerprint(&site.cert), pin(&site.files, &site.cert));
    let other = "ab".repeat(32);
    let good = [
        "min_version: 1.2".to_owned(),
        "issuer: CN=Test Root".to_owned(),
        "issuer: { contains: Root }".to_owned(),
        "key: { type: [rsa, ecdsa], min_bits: 256 }".to_owned(),
        format!("fingerprint: '{fingerprint}'"),
        format!("fingerprint: [{other}, '{fingerprint}']"),
        format!("pin_sha256: '{pin}'"),
        "min_days_left: 1".to_owned(),
        "time: { lt: 19s }".to_owned(),
    ];
    for expect in &good {
        let outcome = site.look(expect).run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{expect}: {:?}", outcome.result);
    }
    let bad = [
        ("min_version: 1.3", "min_version: the server chose TLS 1.2, expected TLS 1.3"),
        ("issuer: { starts_with: CN=Other }", "issuer: is CN=Test Root, expected starts_with"),
        ("key: { type: rsa }", "key: is ECDSA P-256, expected RSA"),
        ("key: { min_bits: 384 }", "key: is ECDSA P-256, expected a key of at least 384 bits"),
        (&format!("fingerprint: {other}"), "fingerprint: is "),
        (&format!("pin_sha256: {other}"), "pin_sha256: is "),
        ("min_days_left: 9999", "min_days_left: the certificate of CN=probe.test has "),
    ];
    for (expect, detail) in bad {
        let outcome = site.look(expect).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsMismatch), "{expect}: {:?}", outcome.result);
        assert_eq!(outcome.verdict(), Verdict::Down);
        assert!(outcome.facts.tls.is_some(), "the certificate is shown, because it is in question");
        let said = outcome.result.unwrap_err().detail;
        assert!(said.starts_with(detail), "{expect}: {said}");
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let site = site(Leaf::named("probe.test"), &["-tls1_2"]);
    let expect = "min_version: 1.3, issuer: CN=Other, key: { type: ed25519 }, min_days_left: 9999";
    let detail = site.look(expect).run().await.result.unwrap_err().detail;
    let said: Vec<&str> = detail.split("; ").filter_map(|miss| miss.split(':').next()).collect();
    assert_eq!(said, ["min_version", "issuer", "key", "min_days_left"], "{detail}");
}

#[tokio::test]
async fn few_days_left_of_an_issuer_count_too_and_a_warning_degrades_only() {
    let soon = OffsetDateTime::now_utc() + Duration::days(5) + Duration::hours(1);
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate_with("Test CA", |params| params.not_after = soon);
    let leaf = inter.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let chain = files.write(&inter.cert.pem);
    let [cert, key, chain] = [&cert, &key, &chain].map(|path| path.to_str().unwrap());
    let server = Server::start(&["-cert", cert, "-key", key, "-cert_chain", chain]);
    let roots = files.write(&root.cert.pem);

    let look = || Look::at(server.port()).trusting(roots.clone());
    let enough = look().warning("min_days_left: 5").run().await;
    assert_eq!(enough.verdict(), Verdict::Up, "{:?}", enough.facts.warnings);
    let few = look().warning("min_days_left: 6").run().await;
    assert_eq!(few.verdict(), Verdict::Degraded, "{:?}", few.result);
    let warning = &few.facts.warnings[0];
    assert_eq!(warning.reason, Reason::TlsMismatch);
    let detail = "min_days_left: the certificate of CN=Test CA has 5 days left, expected 6";
    assert_eq!(warning.detail, detail);
}

//! Every fault a chain can have, served by `openssl s_server`: the reason, all further faults, and
//! the chain itself, which is exported although it is refused.

use bongsu::outcome::{Reason, Verdict};
use time::Duration;

use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Issued, Leaf, only_names_below};
use crate::support::tls::{Look, faults, reason, subjects};

/// A server for a leaf and what it sends along.
pub(crate) fn serve(files: &Files, leaf: &Issued, others: &[&Issued]) -> Server {
    serve_with(files, leaf, others, &[])
}

fn serve_with(files: &Files, leaf: &Issued, others: &[&Issued], more: &[&str]) -> Server {
    let cert = files.write(&leaf.pem);
    let key = files.write(&leaf.key_pem);
    let mut arguments = vec!["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let chain: String = others.iter().map(|cert| cert.pem.as_str()).collect();
    let chain = files.write(chain);
    if !others.is_empty() {
        arguments.extend(["-cert_chain", chain.to_str().unwrap()]);
    }
    arguments.extend(more);
    Server::start(&arguments)
}

#[tokio::test]
async fn a_good_chain_is_up_and_tells_its_path() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let leaf = inter.issue(Leaf::named("probe.test").valid(Duration::days(-1), Duration::days(9)));
    let server = serve(&files, &leaf, &[&inter.cert]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    let tls = outcome.facts.tls.as_ref().unwrap();
    assert_eq!(subjects(&outcome), ["CN=probe.test", "CN=Test CA"]);
    assert_eq!(tls.path, [0, 1]);
    assert_eq!(tls.trusted_by, Some("file"));
    assert_eq!(tls.version, Some("TLS 1.3"));
    assert_eq!(tls.cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    let chain = tls.chain.as_ref().unwrap();
    assert_eq!(tls.path_not_after, Some(chain.certs[0].not_after));
    assert_eq!(chain.certs[0].dns_names, ["probe.test"]);
    assert_eq!(chain.certs[0].issuer, "CN=Test CA");
    assert_eq!(chain.certs[0].key, "ECDSA P-256");
    assert_eq!(chain.certs[0].signature, "ecdsa-with-SHA256");
    let tcp = outcome.facts.tcp.unwrap();
    assert!(tcp.snd_mss > 1_000 && tcp.rtt > std::time::Duration::ZERO, "{tcp:?}");
    let phases = outcome.facts.phases;
    assert!(phases.resolve.is_some() && phases.connect.is_some() && phases.tls.is_some());
    assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
}

#[tokio::test]
async fn an_expired_leaf() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(Leaf::named("probe.test").expired()), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsExpired));
    assert_eq!(faults(&outcome), [Reason::TlsExpired]);
    assert_eq!(subjects(&outcome), ["CN=probe.test"]);
    let tls = outcome.facts.tls.unwrap();
    assert_eq!(tls.path, [0], "the path is known although it is not valid any more");
    assert_eq!(tls.version, Some("TLS 1.3"));
}

#[tokio::test]
async fn an_expired_intermediate() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate_with("Old CA", |params| {
        params.not_after = time::OffsetDateTime::now_utc() - Duration::days(2);
    });
    let leaf = inter.issue(Leaf::named("probe.test"));
    let server = serve(&files, &leaf, &[&inter.cert]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsExpired));
    let detail = &outcome.result.as_ref().unwrap_err().detail;
    assert!(detail.starts_with("the certificate of CN=Old CA expired on 20"), "{detail}");
    assert_eq!(outcome.facts.tls.unwrap().path, [0, 1]);
}

#[tokio::test]
async fn a_leaf_of_the_future() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(Leaf::named("probe.test").not_yet_valid()), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsNotYetValid));
    assert_eq!(faults(&outcome), [Reason::TlsNotYetValid]);
}

#[tokio::test]
async fn a_wrong_name() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(Leaf::named("other.test")), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsNameMismatch));
    assert_eq!(faults(&outcome), [Reason::TlsNameMismatch]);
    assert_eq!(
        outcome.result.unwrap_err().detail,
        "the certificate is for other.test, not for probe.test"
    );
}

#[tokio::test]
async fn a_name_in_the_common_name_only_is_no_name() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let mut leaf = Leaf::named("probe.test");
    leaf.params.subject_alt_names.clear();
    let server = serve(&files, &root.issue(leaf), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsNameMismatch));
    assert_eq!(
        outcome.result.unwrap_err().detail,
        "the certificate of CN=probe.test has no DNS name, so it is not for probe.test"
    );
}

#[tokio::test]
async fn a_self_signed_leaf() {
    let files = Files::new();
    let other = Authority::root("Other Root");
    let server = serve(&files, &Leaf::named("probe.test").self_signed(), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&other.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsSelfSigned));
    assert_eq!(faults(&outcome), [Reason::TlsSelfSigned]);
    assert_eq!(subjects(&outcome), ["CN=probe.test"]);
    assert!(outcome.facts.tls.unwrap().path.is_empty());
}

#[tokio::test]
async fn every_fault_is_listed_and_the_first_in_order_names_the_failure() {
    let files = Files::new();
    let leaf = Leaf::named("other.test").expired().that_is_a_ca().self_signed();
    let server = serve(&files, &leaf, &[]);

    let outcome = Look::at(server.port()).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsExpired));
    assert_eq!(
        faults(&outcome),
        [Reason::TlsExpired, Reason::TlsNameMismatch, Reason::TlsSelfSigned, Reason::TlsInvalid]
    );
}

#[tokio::test]
async fn an_unknown_issuer() {
    let files = Files::new();
    let (root, other) = (Authority::root("Test Root"), Authority::root("Other Root"));
    let inter = root.intermediate("Test CA");
    let leaf = inter.issue(Leaf::named("probe.test"));
    let server = serve(&files, &leaf, &[&inter.cert]);

    let outcome = Look::at(server.port()).trusting(files.write(&other.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer));
    assert_eq!(faults(&outcome), [Reason::TlsUnknownIssuer]);
    assert_eq!(
        outcome.result.as_ref().unwrap_err().detail,
        "no certificate of the issuer CN=Test Root is sent or trusted"
    );
    assert_eq!(subjects(&outcome).len(), 2);
}

#[tokio::test]
async fn a_private_pki_is_unknown_to_mozillas_roots_and_known_to_both() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let server = serve(&files, &root.issue(Leaf::named("probe.test")), &[]);
    let roots = files.write(&root.cert.pem);

    let public = Look::at(server.port()).run().await;
    let both = Look::at(server.port()).trusting_also(roots).run().await;

    assert_eq!(reason(&public), Some(Reason::TlsUnknownIssuer));
    assert_eq!(reason(&both), None);
    assert_eq!(both.facts.tls.unwrap().trusted_by, Some("file"));
}

#[tokio::test]
async fn a_root_with_the_right_name_and_another_key_vouches_for_nothing() {
    let files = Files::new();
    let (root, impostor) = (Authority::root("Test Root"), Authority::root("Test Root"));
    let server = serve(&files, &root.issue(Leaf::named("probe.test")), &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&impostor.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer));
}

#[tokio::test]
async fn a_missing_intermediate_that_is_configured_is_an_incomplete_chain() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let server = serve(&files, &inter.issue(Leaf::named("probe.test")), &[]);
    let look = || Look::at(server.port()).trusting(files.write(&root.cert.pem));

    let without = look().run().await;
    let with = look().intermediates(files.write(&inter.cert.pem)).run().await;

    assert_eq!(reason(&without), Some(Reason::TlsUnknownIssuer));
    assert_eq!(reason(&with), Some(Reason::TlsChainIncomplete));
    assert_eq!(faults(&with), [Reason::TlsChainIncomplete]);
    assert_eq!(with.facts.tls.as_ref().unwrap().path, [0], "only what was sent has a position");
    assert_eq!(
        with.result.unwrap_err().detail,
        "the server does not send the intermediate certificate of CN=Test CA"
    );
}

#[tokio::test]
async fn a_leaf_that_is_itself_listed_is_accepted() {
    let files = Files::new();
    let leaf = Leaf::named("probe.test").self_signed();
    let server = serve(&files, &leaf, &[]);
    let roots = files.write(&leaf.pem);

    let outcome = Look::at(server.port()).trusting(roots.clone()).run().await;
    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    assert_eq!(outcome.facts.tls.unwrap().trusted_by, Some("leaf"));

    let other_name = Look::at(server.port()).trusting(roots).named("other.test").run().await;
    assert_eq!(reason(&other_name), Some(Reason::TlsNameMismatch));
}

#[tokio::test]
async fn a_listed_leaf_still_expires_and_signs_for_nobody() {
    let files = Files::new();
    let expired = Leaf::named("probe.test").expired().self_signed();
    let server = serve(&files, &expired, &[]);
    let outcome = Look::at(server.port()).trusting(files.write(&expired.pem)).run().await;
    assert_eq!(reason(&outcome), Some(Reason::TlsExpired));

    let root = Authority::root("Test Root");
    let not_a_ca = root.intermediate_with("Not a CA", |p| p.is_ca = rcgen::IsCa::ExplicitNoCa);
    let server = serve(&files, &not_a_ca.issue(Leaf::named("probe.test")), &[]);
    let outcome = Look::at(server.port()).trusting(files.write(&not_a_ca.cert.pem)).run().await;
    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer));
}

#[tokio::test]
async fn a_ca_as_leaf_a_client_purpose_and_broken_constraints_are_invalid() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let roots = files.write(&root.cert.pem);
    let narrow = root.intermediate_with("Narrow CA", |params| {
        params.name_constraints = only_names_below("elsewhere.test");
    });
    let last = root.intermediate_with("Last CA", |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    });
    let beyond = last.intermediate("CA too many");
    let no_ca = root.intermediate_with("No CA", |params| params.is_ca = rcgen::IsCa::ExplicitNoCa);
    let leaf = || Leaf::named("probe.test");
    let cases: [(&str, Server); 5] = [
        (
            "a CA certificate is used as the server's certificate",
            serve(&files, &root.issue(leaf().that_is_a_ca()), &[]),
        ),
        (
            "the certificate is not meant for a TLS server",
            serve(&files, &root.issue(leaf().for_clients()), &[]),
        ),
        (
            "the name is outside what the CA may sign",
            serve(&files, &narrow.issue(leaf()), &[&narrow.cert]),
        ),
        (
            "there are more CAs on the path than one of them allows",
            serve(&files, &beyond.issue(leaf()), &[&beyond.cert, &last.cert]),
        ),
        (
            "a certificate that is not a CA's signs another one",
            serve(&files, &no_ca.issue(leaf()), &[&no_ca.cert]),
        ),
    ];
    for (detail, server) in &cases {
        let outcome = Look::at(server.port()).trusting(roots.clone()).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsInvalid), "{detail}: {:?}", outcome.result);
        assert_eq!(faults(&outcome), [Reason::TlsInvalid], "{detail}");
        assert_eq!(outcome.result.unwrap_err().detail, *detail);
    }
}

#[tokio::test]
async fn an_expired_and_misused_certificate_tells_both() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test").expired().for_clients());
    let server = serve(&files, &leaf, &[]);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(faults(&outcome), [Reason::TlsExpired, Reason::TlsInvalid]);
}

#[tokio::test]
async fn an_expired_cross_sign_off_the_path_is_no_fault() {
    let files = Files::new();
    let (old, root) = (Authority::root("Old Root"), Authority::root("Test Root"));
    let inter = root.intermediate("Test CA");
    let leaf = inter.issue(Leaf::named("probe.test"));
    let cross = old.expired_cross_sign(&inter);
    let server = serve(&files, &leaf, &[&cross, &inter.cert]);
    let roots = files.write(format!("{}{}", old.cert.pem, root.cert.pem));

    let outcome = Look::at(server.port()).trusting(roots).run().await;

    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    let tls = outcome.facts.tls.unwrap();
    assert_eq!(tls.chain.unwrap().certs.len(), 3);
    assert_eq!(tls.path, [0, 2]);
}

#[tokio::test]
async fn weak_keys_and_signatures() {
    let files = Files::new();
    let dir = files.path();
    let ca = ["-addext", "basicConstraints=critical,CA:TRUE"];
    openssl(
        dir,
        &[
            &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key"][..],
            &["-out", "ca.pem", "-days", "30", "-subj", "/CN=RSA Root"],
            &ca,
        ]
        .concat(),
    );
    openssl(
        dir,
        &[
            &["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "small.key"][..],
            &["-out", "small.pem", "-days", "30", "-subj", "/CN=Small Root"],
            &ca,
        ]
        .concat(),
    );
    std::fs::write(dir.join("ext"), "subjectAltName=DNS:probe.test\n").unwrap();
    let issue = |name: &str, bits: &str, ca: &str, digest: &str| {
        let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
        let (cert, key_type) = (format!("{name}.pem"), format!("rsa:{bits}"));
        openssl(
            dir,
            &[
                "req",
                "-newkey",
                &key_type,
                "-nodes",
                "-keyout",
                &key,
                "-out",
                &csr,
                "-subj",
                "/CN=probe.test",
            ],
        );
        let (ca_cert, ca_key) = (format!("{ca}.pem"), format!("{ca}.key"));
        openssl(
            dir,
            &[
                "x509",
                "-req",
                "-in",
                &csr,
                "-CA",
                &ca_cert,
                "-CAkey",
                &ca_key,
                "-CAcreateserial",
                "-days",
                "20",
                "-extfile",
                "ext",
                digest,
                "-out",
                &cert,
            ],
        );
        let (cert, key) = (dir.join(&cert), dir.join(&key));
        Server::start(&[
            "-cert",
            cert.to_str().unwrap(),
            "-key",
            key.to_str().unwrap(),
            "-cipher",
            "ALL:@SECLEVEL=0",
        ])
    };
    let cases = [
        (issue("short", "1024", "ca", "-sha256"), "ca", "has an RSA key of 1024 bits"),
        (issue("sha1", "2048", "ca", "-sha1"), "ca", "is signed with sha1WithRSAEncryption"),
        (issue("md5", "2048", "ca", "-md5"), "ca", "is signed with md5WithRSAEncryption"),
        (
            issue("below", "2048", "small", "-sha256"),
            "small",
            "is signed with sha256WithRSAEncryption and a short key",
        ),
    ];
    for (server, root, detail) in &cases {
        let roots = dir.join(format!("{root}.pem"));
        let outcome = Look::at(server.port()).trusting(roots).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsWeak), "{detail}: {:?}", outcome.result);
        assert_eq!(faults(&outcome), [Reason::TlsWeak], "{detail}");
        let told = outcome.result.unwrap_err().detail;
        assert_eq!(told, format!("the certificate of CN=probe.test {detail}"));
        assert_eq!(outcome.facts.tls.unwrap().trusted_by, Some("file"), "{detail}");
    }
}

#[tokio::test]
async fn a_chain_of_a_hundred_is_judged_by_its_first_certificates() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let leaf = inter.issue(Leaf::named("probe.test"));
    let noise: Vec<_> = (0..98).map(|n| root.intermediate(&format!("Noise {n}")).cert).collect();
    let sent: Vec<&Issued> = std::iter::once(&inter.cert).chain(&noise).collect();
    let server = serve(&files, &leaf, &sent);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(outcome.verdict(), Verdict::Up, "{:?}", outcome.result);
    assert_eq!(outcome.facts.tls.unwrap().chain.unwrap().certs.len(), 32);
}

#[tokio::test]
async fn many_issuers_of_one_name_do_not_cost_more_than_the_run() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    // Every certificate could have signed every other one.
    let tangle: Vec<_> = (0..60).map(|_| Authority::root("Tangle")).collect();
    let leaf = tangle[0].issue(Leaf::named("probe.test"));
    let sent: Vec<&Issued> = tangle.iter().rev().map(|ca| &ca.cert).collect();
    let server = serve(&files, &leaf, &sent);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer));
    assert!(outcome.elapsed < std::time::Duration::from_secs(5), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn addresses_and_international_names_are_names_too() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let roots = files.write(&root.cert.pem);
    let by_address = serve(&files, &root.issue(Leaf::named("127.0.0.1")), &[]);
    let by_name = serve(&files, &root.issue(Leaf::named("xn--3e0b707e.test")), &[]);

    let address = Look::at(by_address.port()).trusting(roots.clone()).host("127.0.0.1").run().await;
    let idna = Look::at(by_name.port()).trusting(roots.clone()).named("한국.test").run().await;
    let dot = Look::at(by_name.port()).trusting(roots).named("xn--3e0b707e.test.").run().await;

    assert_eq!(reason(&address), None);
    assert_eq!(reason(&idna), None);
    assert_eq!(reason(&dot), None);
}

#[tokio::test]
async fn the_name_decides_which_certificate_a_server_shows() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let roots = files.write(&root.cert.pem);
    let second = root.issue(Leaf::named("second.test"));
    let (cert2, key2) = (files.write(&second.pem), files.write(&second.key_pem));
    let server = serve_with(
        &files,
        &root.issue(Leaf::named("probe.test")),
        &[],
        &[
            "-servername",
            "second.test",
            "-cert2",
            cert2.to_str().unwrap(),
            "-key2",
            key2.to_str().unwrap(),
        ],
    );
    for name in ["probe.test", "second.test"] {
        let outcome = Look::at(server.port()).trusting(roots.clone()).named(name).run().await;
        assert_eq!(reason(&outcome), None, "{name}");
        assert_eq!(subjects(&outcome), [format!("CN={name}")]);
    }
}

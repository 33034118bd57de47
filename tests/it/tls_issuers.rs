//! Servers that forget their intermediate: found where the certificate says it is, as browsers
//! do, and called an incomplete chain; never at the price of the run's deadline.

use bongsu::outcome::Reason;
use chain::Revocation;
use rcgen::{CertificateParams, DnType, KeyPair};
use time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::support::http::{Reply, Routes, Site};
use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Issued, Leaf, authority_info_access};
use crate::support::tls::{Look, faults, net, reason};

/// `CN` and organisation of an authority that is somebody's own.
fn of_own(params: &mut CertificateParams) {
    params.distinguished_name.push(DnType::OrganizationName, "Own Office");
}

fn serve(files: &Files, leaf: &Issued) -> Server {
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    Server::start(&["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()])
}

#[tokio::test]
async fn a_missing_intermediate_is_fetched_once_in_any_encoding() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let server = serve(&files, &inter.issue(Leaf::named("probe.test").issuer_at(&web.url("/ca"))));
    let roots = files.write(&root.cert.pem);
    let pem = files.write(&inter.cert.pem);
    let pkcs7 = "crl2pkcs7 -nocrl -outform DER -out ca.p7c -certfile";
    let arguments: Vec<&str> = pkcs7.split(' ').chain([pem.to_str().unwrap()]).collect();
    openssl(files.path(), &arguments);

    for body in [
        inter.cert.der.clone(),
        inter.cert.pem.clone().into_bytes(),
        std::fs::read(files.path().join("ca.p7c")).unwrap(),
    ] {
        web.put("/ca", Reply::bytes(body));
        let asked = web.paths().len();
        let look = Look::at(server.port()).trusting(roots.clone()).in_world(&net());
        for _ in 0..2 {
            let outcome = look.run().await;
            assert_eq!(reason(&outcome), Some(Reason::TlsChainIncomplete), "{:?}", outcome.result);
            assert_eq!(faults(&outcome), [Reason::TlsChainIncomplete]);
            assert_eq!(
                outcome.result.unwrap_err().detail,
                "the server does not send the intermediate certificate of CN=Test CA"
            );
        }
        assert_eq!(web.paths().len(), asked + 1);
    }
}

#[tokio::test]
async fn two_missing_intermediates_are_climbed() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let upper = root.intermediate("Upper CA");
    let lower = upper.intermediate_with("Lower CA", |params| {
        params.custom_extensions.push(authority_info_access(&[&web.url("/upper")]));
    });
    web.put("/upper", Reply::bytes(upper.cert.der.clone()));
    web.put("/lower", Reply::bytes(lower.cert.der.clone()));
    let leaf = lower.issue(Leaf::named("probe.test").issuer_at(&web.url("/lower")));
    let server = serve(&files, &leaf);

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsChainIncomplete), "{:?}", outcome.result);
    assert_eq!(web.paths(), ["/lower", "/upper"]);
}

#[tokio::test]
async fn of_many_missing_intermediates_three_are_fetched() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let mut lowest = root.intermediate("CA 5");
    web.put("/5", Reply::bytes(lowest.cert.der.clone()));
    for number in (0..5).rev() {
        let above = web.url(&format!("/{}", number + 1));
        lowest = lowest.intermediate_with(&format!("CA {number}"), |params| {
            params.custom_extensions.push(authority_info_access(&[&above]));
        });
        web.put(&format!("/{number}"), Reply::bytes(lowest.cert.der.clone()));
    }
    let server = serve(&files, &lowest.issue(Leaf::named("probe.test").issuer_at(&web.url("/0"))));

    let outcome = Look::at(server.port()).trusting(files.write(&root.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer), "{:?}", outcome.result);
    assert_eq!(web.paths(), ["/0", "/1", "/2"]);
}

#[tokio::test]
async fn a_fetched_issuer_that_is_not_trusted_leaves_the_issuer_unknown() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let (root, other) = (Authority::root("Test Root"), Authority::root("Other Root"));
    let inter = root.intermediate("Test CA");
    web.put("/ca", Reply::bytes(inter.cert.der.clone()));
    let server = serve(&files, &inter.issue(Leaf::named("probe.test").issuer_at(&web.url("/ca"))));

    let outcome = Look::at(server.port()).trusting(files.write(&other.cert.pem)).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer));
}

#[tokio::test]
async fn an_issuer_that_cannot_be_fetched_leaves_it_unknown_in_time() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let server = serve(&files, &inter.issue(Leaf::named("probe.test").issuer_at(&web.url("/ca"))));
    let roots = files.write(&root.cert.pem);
    for answer in [
        Reply::silence(),
        Reply::endless(),
        Reply::bytes(b"no certificate".to_vec()),
        Reply::redirect(web.url("/ca")),
    ] {
        web.put("/ca", answer);
        let look = Look::at(server.port()).trusting(roots.clone());
        let outcome = look.within(std::time::Duration::from_secs(2)).run().await;
        assert_eq!(reason(&outcome), Some(Reason::TlsUnknownIssuer), "{:?}", outcome.result);
    }
}

#[tokio::test]
async fn an_intermediate_that_another_server_shows_tells_who_forgot_it() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    let roots = files.write(&root.cert.pem);
    let forgetful = serve(&files, &inter.issue(Leaf::named("probe.test")));
    let whole = inter.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&whole.pem), files.write(&whole.key_pem));
    let chain = files.write(&inter.cert.pem);
    let words = [&cert, &key, &chain].map(|path| path.to_str().unwrap());
    let careful = Server::start(&["-cert", words[0], "-key", words[1], "-cert_chain", words[2]]);
    let world = net();
    let look = |server: &Server| Look::at(server.port()).trusting(roots.clone()).in_world(&world);

    let before = look(&forgetful).run().await;
    let other = look(&careful).run().await;
    let after = look(&forgetful).run().await;

    assert_eq!(reason(&before), Some(Reason::TlsUnknownIssuer), "{:?}", before.result);
    assert_eq!(reason(&other), None, "{:?}", other.result);
    assert_eq!(faults(&after), [Reason::TlsChainIncomplete]);
    assert_eq!(
        after.result.unwrap_err().detail,
        "the server does not send the intermediate certificate of CN=Test CA"
    );
}

#[tokio::test]
async fn a_leaf_alone_below_an_own_root_of_the_same_organisation_lacks_an_intermediate() {
    let files = Files::new();
    let root = Authority::root_with("Own Root", KeyPair::generate().unwrap(), of_own);
    let inter = root.intermediate_with("Own CA", of_own);
    let roots = files.write(&root.cert.pem);
    // Nobody is there.
    let url = "http://127.0.0.1:9/ca";
    for (leaf, told) in [
        (Leaf::named("probe.test"), ""),
        (
            Leaf::named("probe.test").issuer_at(url),
            "; the certificate says that it is at http://127.0.0.1:9/ca",
        ),
    ] {
        let server = serve(&files, &inter.issue(leaf));
        let outcome = Look::at(server.port()).trusting(roots.clone()).run().await;
        assert_eq!(faults(&outcome), [Reason::TlsChainIncomplete]);
        let detail = outcome.result.unwrap_err().detail;
        let wanted = "the server sends its own certificate alone, and not that of its issuer CN=Own \
                      CA,O=Own Office, which is of the same organisation as the listed root CN=Own \
                      Root,O=Own Office";
        assert_eq!(detail, format!("{wanted}{told}"));
    }
}

/// A new root of the same organisation: the server sends all that it should.
#[tokio::test]
async fn what_sends_its_intermediate_is_not_blamed_for_a_root_that_is_not_listed() {
    let files = Files::new();
    let listed = Authority::root_with("Own Root", KeyPair::generate().unwrap(), of_own);
    let new = Authority::root_with("New Root", KeyPair::generate().unwrap(), of_own);
    let inter = new.intermediate_with("Own CA", of_own);
    let leaf = inter.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let chain = files.write(&inter.cert.pem);
    let words = [&cert, &key, &chain].map(|path| path.to_str().unwrap());
    let server = Server::start(&["-cert", words[0], "-key", words[1], "-cert_chain", words[2]]);
    let outcome = Look::at(server.port()).trusting(files.write(&listed.cert.pem)).run().await;
    assert_eq!(faults(&outcome), [Reason::TlsUnknownIssuer]);
}

/// Whoever writes certificates may not have this machine ask its own services. Behind a proxy the site is
/// elsewhere.
#[tokio::test]
async fn a_site_elsewhere_sends_nobody_to_this_machine() {
    let web = Routes::new().serve().await;
    let files = Files::new();
    let root = Authority::root("Test Root");
    let inter = root.intermediate("Test CA");
    web.put("/ca", Reply::bytes(inter.cert.der.clone()));
    web.put("/crl", Reply::bytes(root.revoke(&[], Duration::hours(1))));
    let port = web.url("").rsplit_once(':').unwrap().1.to_owned();
    let roots = files.write(&root.cert.pem);
    for host in ["127.0.0.1", "127.9.9.9", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let url = |path: &str| format!("http://{host}:{port}{path}");
        let missing = serve(&files, &inter.issue(Leaf::named("probe.test").issuer_at(&url("/ca"))));
        let listed = serve(&files, &root.issue(Leaf::named("probe.test").crl_at(&url("/crl"))));
        for (server, here, elsewhere) in [
            (&missing, Some(Reason::TlsChainIncomplete), Some(Reason::TlsUnknownIssuer)),
            (&listed, None, Some(Reason::TlsRevocationUnavailable)),
        ] {
            let look =
                || Look::at(server.port()).trusting(roots.clone()).revocation(Revocation::Hard);
            let before = web.paths().len();
            let outcome = look().through(&tunnels().await).run().await;
            assert_eq!(reason(&outcome), elsewhere, "{host}: {:?}", outcome.result);
            assert_eq!(web.paths().len(), before, "{host}");
            // The site is on this machine, and may say so.
            if host == "127.0.0.1" {
                let outcome = look().run().await;
                assert_eq!(reason(&outcome), here, "{:?}", outcome.result);
                assert_eq!(web.paths().len(), before + 1);
            }
        }
    }
}

/// A proxy that opens every tunnel.
async fn tunnels() -> Site {
    Site::scripted(|mut visitor| async move {
        let request = visitor.request().await;
        let target = request.split(' ').nth(1).unwrap().to_owned();
        let mut server = TcpStream::connect(target).await.unwrap();
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = copy_bidirectional(&mut visitor.stream, &mut server).await;
    })
    .await
}

//! Servers that forget their intermediate: found where the certificate says it is, as browsers
//! do, and called an incomplete chain; never at the price of the run's deadline.

use bongsu::outcome::Reason;

use crate::support::http::{Reply, Routes};
use crate::support::openssl::{Server, openssl};
use crate::support::pki::{Authority, Files, Issued, Leaf, authority_info_access};
use crate::support::tls::{Look, faults, net, reason};

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

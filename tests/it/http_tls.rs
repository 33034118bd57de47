//! Handshakes that break, as an HTTP probe sees them.

use bongsu::config::HttpVersions;
use bongsu::outcome::Reason;

use crate::support::SHORT;
use crate::support::http::{Site, page};
use crate::support::visit::{Visit, assert_accounted, reason};

fn https(site: &Site) -> Visit {
    Visit::to(format!("https://{}/", site.address))
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_connection_is_a_tls_timeout() {
    let site = Site::scripted(|visitor| visitor.silence()).await;
    let outcome = https(&site).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::TlsTimeout);
    assert!(outcome.facts.phases.tls.unwrap() > SHORT * 8 / 10);
    assert_eq!(outcome.facts.phases.transfer, None);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_a_reset() {
    let site = Site::scripted(|mut visitor| async move {
        let mut hello = [0; 64];
        let _ = tokio::io::AsyncReadExt::read(&mut visitor.stream, &mut hello).await;
        visitor.reset();
    });
    let outcome = https(&site.await).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset, "{outcome:?}");
    assert!(outcome.facts.phases.tls.is_some());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_failed_handshake() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.send(page("400 Bad Request", "", "plain HTTP").as_bytes()).await;
        visitor.silence().await;
    });
    let outcome = https(&site.await).run().await;
    assert_eq!(reason(&outcome), Reason::TlsHandshake, "{outcome:?}");
}

#[tokio::test]
async fn a_tls_server_that_does_not_choose_http2_is_the_wrong_version() {
    let nginx = crate::support::nginx::Nginx::serving("", &[("www/index.html", b"x")]);
    let openssl = crate::support::openssl::Server::beside(&nginx, &["-www"]);
    let visit = Visit::to(openssl.url()).trusting(&nginx.path("ca.pem"));
    let visit = visit.with(|options| options.client.versions = HttpVersions::Http2);
    assert_eq!(reason(&visit.run().await), Reason::HttpVersion);
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_and_gets_none_says_so() {
    let nginx = crate::support::nginx::Nginx::serving("", &[("www/index.html", b"x")]);
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = ["-www", "-Verify", "1", "-verify_return_error", version];
        let openssl = crate::support::openssl::Server::beside(&nginx, &arguments);
        let visit = Visit::to(openssl.url()).trusting(&nginx.path("ca.pem"));
        let outcome = visit.run().await;
        assert_eq!(reason(&outcome), Reason::TlsClientCert, "{version}: {outcome:?}");
    }
}

//! The HTTP probe against a real server.

use bongsu::config::{Auth, HttpVersions};
use bongsu::outcome::Reason;

use crate::support::dns::NameServer;
use crate::support::nginx::Nginx;
use crate::support::visit::{Visit, assert_accounted, contains, facts, reason, text, up};

fn trusting(nginx: &Nginx, url: &str) -> Visit {
    Visit::to(url).trusting(&nginx.path("ca.pem"))
}

#[tokio::test]
async fn http2_over_tls_has_every_phase_and_the_certificate() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    let outcome = trusting(&nginx, &nginx.tls("/")).run().await;
    let http = up(&outcome);
    assert_eq!((http.version, http.tls, http.body_bytes), (2.0, true, 5));
    for (name, time) in outcome.facts.phases.named() {
        assert!(time.is_some(), "{name}");
    }
    assert_accounted(&outcome);
    let tls = outcome.facts.tls.unwrap();
    assert_eq!(tls.version, Some("TLS 1.3"));
    assert_eq!(tls.chain.unwrap().certs[0].subject, "CN=server");
    assert_eq!(tls.trusted_by, Some("file"));

    let h1 = trusting(&nginx, &nginx.tls("/"))
        .with(|options| options.client.versions = HttpVersions::Http1);
    assert_eq!(up(&h1.run().await).version, 1.1);
    let h2 = trusting(&nginx, &nginx.tls("/"))
        .with(|options| options.client.versions = HttpVersions::Http2);
    assert_eq!(up(&h2.run().await).version, 2.0);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused_and_its_chain_is_kept() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    let outcome = Visit::to(nginx.tls("/")).run().await;
    assert_eq!(reason(&outcome), Reason::TlsUnknownIssuer);
    let http = facts(&outcome);
    assert_eq!((http.status, http.tls), (0, false));
    assert!(outcome.facts.phases.tls.is_some() && outcome.facts.phases.processing.is_some());
    assert_eq!(outcome.facts.tls.unwrap().chain.unwrap().certs[0].subject, "CN=server");
}

#[tokio::test]
async fn gzip_redirects_basic_auth_and_euc_kr() {
    let (page, _, _) = encoding_rs::EUC_KR.encode("행정안전부 새올 ");
    let page = page.repeat(200);
    let credentials = b"probe:{PLAIN}pa ss\n";
    let server = "
        gzip on; gzip_types *; gzip_min_length 1;
        location = /old { return 301 /ko/?from=old; }
        location /ko/ { charset euc-kr; }
        location /private/ { auth_basic area; auth_basic_user_file $DIR/users; }
    ";
    let files: [(&str, &[u8]); 3] =
        [("www/ko/index.html", &page), ("www/private/index.html", b"in"), ("users", credentials)];
    let nginx = Nginx::serving(server, &files);
    let outcome = trusting(&nginx, &nginx.tls("/old")).expecting_body(contains("새올")).run().await;
    let http = up(&outcome);
    assert_eq!(http.body_bytes, page.len() as u64);
    assert_eq!((http.redirects, http.hops.len()), (1, 2));
    assert!(http.hops[1].url.ends_with("/ko/"), "{:?}", http.hops);
    assert_accounted(&outcome);

    let refused = Visit::to(nginx.plain("/private/")).run().await;
    assert_eq!((reason(&refused), facts(&refused).status), (Reason::HttpStatus, 401));
    let auth = Auth::Basic { username: text("probe"), password: text("pa ss") };
    up(&Visit::to(nginx.plain("/private/")).auth(auth).run().await);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let server = "ssl_client_certificate $DIR/ca.pem; ssl_verify_client on;";
    let nginx = Nginx::serving(server, &[("www/index.html", b"hello")]);
    let without = trusting(&nginx, &nginx.tls("/")).run().await;
    // nginx finishes the handshake and says it in a page.
    assert_eq!((reason(&without), facts(&without).status), (Reason::HttpStatus, 400));
    let with = trusting(&nginx, &nginx.tls("/"))
        .showing(nginx.path("client.pem"), nginx.path("client.key"));
    up(&with.run().await);
}

#[tokio::test]
async fn a_server_name_replaces_the_name_in_sni_and_verification_only() {
    let server = "
        server_name www.probe.test;
        location / { return 200 'sni=$ssl_server_name host=$host'; }
    ";
    let nginx = Nginx::serving(server, &[]);
    let visit = trusting(&nginx, &nginx.tls("/"))
        .with(|options| options.client.tls.server_name = Some("www.probe.test".to_owned()))
        .expecting_body(contains("sni=www.probe.test host=127.0.0.1"));
    up(&visit.run().await);
    // A custom Host does the same, and is what HTTP/2 calls the authority.
    let host = format!("www.probe.test:{}", nginx.tls_port());
    let visit = trusting(&nginx, &nginx.tls("/")).header("host", text(&host));
    let visit = visit.expecting_body(contains("sni=www.probe.test host=www.probe.test"));
    assert_eq!(up(&visit.run().await).version, 2.0);
    let host = trusting(&nginx, &nginx.tls("/")).header("host", text("www.probe.test"));
    let host = host.expecting_body(contains("sni=www.probe.test host=www.probe.test"));
    up(&host.run().await);
}

#[tokio::test]
async fn a_name_is_resolved_verified_and_mismatched() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    let dns = NameServer::pointing("www.probe.test", "127.0.0.1").await;
    let url = format!("https://www.probe.test:{}/", nginx.tls_port());
    up(&trusting(&nginx, &url).asking(dns.address).run().await);
    let dns = NameServer::pointing("other.probe.test", "127.0.0.1").await;
    let url = format!("https://other.probe.test:{}/", nginx.tls_port());
    let outcome = trusting(&nginx, &url).asking(dns.address).run().await;
    assert_eq!(reason(&outcome), Reason::TlsNameMismatch);
}

#[tokio::test]
async fn a_padded_https_request_is_accepted_and_counted() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    for http in [HttpVersions::Http1, HttpVersions::Http2] {
        let visit = trusting(&nginx, &nginx.tls("/")).with(|options| {
            options.pad_request = Some(4096);
            options.client.versions = http;
        });
        let outcome = visit.run().await;
        up(&outcome);
        assert!(outcome.facts.tcp.is_some_and(|tcp| tcp.snd_mss > 1000), "{http:?}");
    }
}

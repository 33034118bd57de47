//! Through proxies: what is asked of them, and whose fault a failure is.

use std::time::Duration;

use bongsu::outcome::{Reason, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::hole::BlackHole;
use crate::support::http::{Site, Visitor, page};
use crate::support::nginx::Nginx;
use crate::support::visit::{Visit, assert_accounted, reason, up};

fn proxy(scheme: &str, site: &Site) -> String {
    format!("{scheme}://{}", site.address)
}

/// Opens a tunnel where CONNECT says.
async fn tunnel(mut visitor: Visitor) {
    let request = visitor.request().await;
    let target = request.split(' ').nth(1).unwrap().to_owned();
    match TcpStream::connect(target).await {
        Ok(mut server) => {
            visitor.send(b"HTTP/1.1 200 Connected\r\n\r\n").await;
            let _ = copy_bidirectional(&mut visitor.stream, &mut server).await;
        }
        Err(_) => {
            visitor.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
            visitor.close().await;
        }
    }
}

/// SOCKS5 (RFC 1928) without authentication; answers with this code instead of connecting.
async fn socks5(mut visitor: Visitor, refusal: Option<u8>) {
    let mut buffer = [0; 262];
    let stream = &mut visitor.stream;
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(&[5, 0]).await;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head, [5, 1, 0, 1], "an IPv4 address, resolved on our side");
    let mut target = [0; 6];
    stream.read_exact(&mut target).await.unwrap();
    let port = u16::from_be_bytes([target[4], target[5]]);
    let ip = std::net::Ipv4Addr::new(target[0], target[1], target[2], target[3]);
    let _ = stream.write_all(&[5, refusal.unwrap_or(0), 0, 1, 0, 0, 0, 0, 0, 0]).await;
    if refusal.is_none() {
        let mut server = TcpStream::connect((ip, port)).await.unwrap();
        let _ = copy_bidirectional(stream, &mut server).await;
    }
}

#[tokio::test]
async fn a_plain_request_is_given_to_the_proxy_whole() {
    let gateway = Site::answering(page("200 OK", "", "via proxy")).await;
    let visit = Visit::to("http://www.probe.test/path?q=1").proxied_by(&proxy("http", &gateway));
    let outcome = visit.run().await;
    up(&outcome);
    let request = &gateway.requests()[0];
    assert!(request.starts_with("GET http://www.probe.test/path?q=1 HTTP/1.1\r\n"), "{request}");
    assert_eq!(outcome.facts.phases.resolve, None, "the proxy resolves the name");
    assert_eq!((outcome.facts.dns_lookup, outcome.facts.address), (None, None));
    assert_accounted(&outcome);
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_is_verified_end_to_end() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    let gateway = Site::scripted(tunnel).await;
    let visit = || Visit::to(nginx.tls("/")).proxied_by(&proxy("http", &gateway));
    let outcome = visit().trusting(&nginx.path("ca.pem")).run().await;
    assert!(up(&outcome).tls);
    assert!(outcome.facts.phases.tls.is_some());
    assert_accounted(&outcome);
    assert!(gateway.requests()[0].starts_with("CONNECT 127.0.0.1:"));
    // A bad certificate is the server's fault, not the proxy's.
    assert_eq!(reason(&visit().run().await), Reason::TlsUnknownIssuer);
}

#[tokio::test]
async fn socks5_gets_an_address() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let gateway = Site::scripted(|visitor| socks5(visitor, None)).await;
    let url = format!("http://localhost:{}/", site.address.port());
    let outcome = Visit::to(url).proxied_by(&proxy("socks5", &gateway)).run().await;
    up(&outcome);
    assert!(outcome.facts.dns_lookup.is_some());
}

#[tokio::test]
async fn a_proxy_that_works_but_cannot_reach_the_server_speaks_of_the_server() {
    let gone = Site::answering("").await.address.port();
    let gateway = Site::scripted(tunnel).await;
    let visit = Visit::to(format!("https://127.0.0.9:{gone}/"));
    let outcome = visit.proxied_by(&proxy("http", &gateway)).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectUnreachable);
    assert_eq!(outcome.verdict(), Verdict::Down);
    for (code, expected) in
        [(5, Reason::ConnectRefused), (4, Reason::ConnectUnreachable), (1, Reason::ProxyFailed)]
    {
        let gateway = Site::scripted(move |visitor| socks5(visitor, Some(code))).await;
        let visit = Visit::to("http://127.0.0.9:1/").proxied_by(&proxy("socks5", &gateway));
        assert_eq!(reason(&visit.run().await), expected, "{code}");
    }
}

#[tokio::test]
async fn a_proxy_that_fails_says_nothing_about_the_service() {
    let mut cases = Vec::new();
    let refused = format!("http://127.0.0.9:{}", Site::answering("").await.address.port());
    cases.push((refused, "http://www.probe.test/"));
    let hole = BlackHole::new();
    cases.push((format!("http://{}", hole.address), "http://www.probe.test/"));
    let wants_password = Site::answering(page("407 Proxy Auth", "", "")).await;
    cases.push((proxy("http", &wants_password), "http://www.probe.test/"));
    cases.push((proxy("http", &wants_password), "https://www.probe.test/"));
    let hangs_up = Site::scripted(|mut visitor| async move { drop(visitor.request().await) }).await;
    cases.push((proxy("http", &hangs_up), "https://www.probe.test/"));
    let no_tls = Site::answering("HTTP/1.1 400 No\r\n\r\n").await;
    cases.push((proxy("https", &no_tls), "http://www.probe.test/"));
    cases.push((proxy("socks5", &no_tls), "http://127.0.0.1/"));
    cases.push(("http://no-such-proxy.invalid:3128".to_owned(), "http://www.probe.test/"));
    let dns = crate::support::dns::NameServer::with(&[]).await;
    for (proxy, url) in cases {
        let visit = Visit::to(url).proxied_by(&proxy).asking(dns.address);
        let outcome = visit.within(Duration::from_secs(2)).run().await;
        assert_eq!(reason(&outcome), Reason::ProxyFailed, "{proxy} {url}: {outcome:?}");
        assert_eq!(outcome.verdict(), Verdict::Unknown);
        assert!(outcome.facts.tls.is_none());
    }
}

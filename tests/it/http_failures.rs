//! One test per way in which an HTTP exchange can break, each from a real server that breaks it.

use std::time::Duration;

use bongsu::config::{HttpVersions, Matcher};
use bongsu::outcome::Reason;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

use crate::support::SHORT;
use crate::support::hole::BlackHole;
use crate::support::http::{Site, page, redirect};
use crate::support::visit::{Visit, assert_accounted, contains, detail, facts, reason, up};

/// Runs against a server that answers with these bytes and closes.
async fn against(response: impl Into<Vec<u8>>) -> bongsu::outcome::Outcome {
    let site = Site::answering(response).await;
    Visit::to(site.url("/")).run().await
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let site = Site::answering("").await;
    let port = site.address.port();
    // The address is on loopback but not the one that is listened on.
    let outcome = Visit::to(format!("http://127.0.0.99:{port}/")).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectRefused);
    assert_eq!(detail(&outcome), "the host refused the connection");
    assert_eq!(outcome.facts.address, Some("127.0.0.99".parse().unwrap()));
    assert!(outcome.facts.phases.connect.is_some());
    assert_eq!(facts(&outcome).status, 0);
}

#[tokio::test]
async fn a_black_hole_is_a_connect_timeout() {
    let hole = BlackHole::new();
    let outcome = Visit::to(format!("http://{}/", hole.address)).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectTimeout);
    assert!(outcome.facts.phases.connect.unwrap() > SHORT * 8 / 10);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn an_address_without_a_route_is_unreachable() {
    // Class E: the kernel has no route and says so at once.
    let outcome = Visit::to("http://255.255.255.255/").within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectUnreachable, "{outcome:?}");
}

#[tokio::test]
async fn a_reset_or_close_before_the_head_is_a_reset() {
    let reset = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.reset();
    });
    let outcome = Visit::to(reset.await.url("/")).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset);
    assert!(outcome.facts.phases.processing.is_some());
    assert_eq!(reason(&against("").await), Reason::ConnectionReset);
    assert_eq!(reason(&against("HTTP/1.1 200 OK\r\nContent-").await), Reason::ConnectionReset);
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_reset_and_the_status_is_kept() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let outcome = against(response).await;
        assert_eq!(reason(&outcome), Reason::ConnectionReset, "{response}");
        assert_eq!(facts(&outcome).status, 200);
        assert!(outcome.facts.phases.transfer.is_some());
    }
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
        visitor.reset();
    });
    let outcome = Visit::to(site.await.url("/")).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_response_timeout() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\nX-Slow: ").await;
        visitor.silence().await;
    });
    let outcome = Visit::to(site.await.url("/")).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::ResponseTimeout);
    assert!(outcome.facts.phases.processing.unwrap() > SHORT * 8 / 10);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_head_that_drips_for_ever_is_a_response_timeout() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\n").await;
        let mut drop = tokio::time::interval(Duration::from_millis(20));
        loop {
            drop.tick().await;
            visitor.send(b"X-A: b\r\n").await;
        }
    });
    let outcome = Visit::to(site.await.url("/")).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::ResponseTimeout);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_a_body_timeout() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        visitor.silence().await;
    });
    let outcome = Visit::to(site.await.url("/")).within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::BodyTimeout);
    assert!(outcome.facts.phases.transfer.unwrap() > SHORT * 8 / 10);
    assert_eq!(facts(&outcome).status, 200);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_bad_status_beats_a_body_that_does_not_come() {
    let site = Site::answering("HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert_eq!(reason(&Visit::to(site.url("/")).run().await), Reason::HttpStatus);
}

#[tokio::test]
async fn a_large_body_is_too_large_and_the_limit_is_what_was_read() {
    let site = Site::answering(page("200 OK", "", &"x".repeat(5000))).await;
    let limited = Visit::to(site.url("/")).with(|options| options.body_limit = 4999).run().await;
    assert_eq!(reason(&limited), Reason::BodyTooLarge);
    assert_eq!(facts(&limited).body_bytes, 4999);
    let enough = Visit::to(site.url("/")).with(|options| options.body_limit = 5000).run().await;
    assert_eq!(up(&enough).body_bytes, 5000);
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_gzip_bomb_is_too_large() {
    let bomb = gzipped(&vec![0; 100_000_000]);
    assert!(bomb.len() < 200_000);
    let outcome = against(coded("gzip", &bomb)).await;
    assert_eq!(reason(&outcome), Reason::BodyTooLarge);
    assert_eq!(facts(&outcome).content_length, bomb.len() as i64);
}

#[tokio::test]
async fn a_body_that_is_not_what_its_coding_promises_is_body_decode() {
    let mut broken = gzipped(&b"hello ".repeat(1000));
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    for (coding, body) in [
        ("gzip", broken.as_slice()),
        ("gzip", b"not gzip at all"),
        ("deflate", b"not deflate at all"),
        ("br", b"not brotli at all, really not"),
        ("gzip, br", b"x"),
    ] {
        let outcome = against(coded(coding, body)).await;
        assert_eq!(reason(&outcome), Reason::BodyDecode, "{coding}");
        assert_eq!(facts(&outcome).body_bytes, 0);
    }
}

#[tokio::test]
async fn garbage_and_huge_heads_break_the_protocol() {
    for response in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/9.9 200 OK\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0"] {
        assert_eq!(reason(&against(response).await), Reason::ProtocolError, "{response}");
    }
    let huge = format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\n\r\n", "x".repeat(10_000_000));
    assert_eq!(reason(&against(huge).await), Reason::ProtocolError);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(100_000));
    assert_eq!(reason(&against(many).await), Reason::ProtocolError);
    let two_hundred = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n",
        "Set-Cookie: a=b\r\n".repeat(200)
    );
    up(&against(two_hundred).await);
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello";
    assert_eq!(reason(&against(both).await), Reason::ProtocolError);
}

#[tokio::test]
async fn redirects_without_end_hit_the_limit() {
    let site = Site::routed(|_| redirect(302, "/again")).await;
    let outcome = Visit::to(site.url("/")).redirects(10).run().await;
    assert_eq!(reason(&outcome), Reason::RedirectLimit);
    // As blackbox_exporter: the one that passed the limit counts.
    assert_eq!((facts(&outcome).redirects, facts(&outcome).hops.len()), (11, 11));
    assert_eq!(facts(&outcome).status, 302);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_redirect_to_a_host_that_is_not_allowed_is_not_followed() {
    let other = Site::answering(page("200 OK", "", "")).await;
    let to = format!("http://127.0.0.2:{}/sso?ticket=canary", other.address.port());
    let site = Site::answering(redirect(302, &to)).await;
    let visit = Visit::to(site.url("/")).allowing_hosts(&["sso.go.kr"]);
    let outcome = visit.run().await;
    assert_eq!(reason(&outcome), Reason::RedirectUnexpectedHost);
    assert!(!format!("{outcome:?}").contains("canary"));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_every_readers_own_machine_is_not_followed() {
    let own = Site::answering(page("200 OK", "", "")).await;
    for host in ["127.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]"] {
        let to = format!("http://{host}:{}/", own.address.port());
        let site = Site::answering(redirect(302, &to)).await;
        let visit = Visit::to("http://www.gov.kr/").with(|options| {
            options.client.route.connect_to = Some(("127.0.0.1".to_owned(), site.address.port()));
        });
        let outcome = visit.run().await;
        assert_eq!(reason(&outcome), Reason::RedirectUnexpectedHost, "{host}");
        assert!(detail(&outcome).contains("which is every reader's own machine"));
    }
    assert!(own.requests().is_empty());

    let to = own.url("/");
    let site = Site::answering(redirect(302, &to)).await;
    let visit = Visit::to("http://www.gov.kr/").allowing_hosts(&["127.0.0.1"]).with(|options| {
        options.client.route.connect_to = Some(("127.0.0.1".to_owned(), site.address.port()));
    });
    let outcome = visit.run().await;
    assert!(outcome.result.is_ok(), "the file says that it is meant: {:?}", outcome.result);
    assert_eq!(own.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_nowhere_breaks_the_protocol() {
    for (location, said) in [
        ("http://", "does not lead to a URL"),
        ("http://127.0.0.1:0/", "leads to port 0, which nobody listens at"),
        ("//[::1]:0/x", "leads to port 0, which nobody listens at"),
    ] {
        let site = Site::answering(redirect(302, location)).await;
        let outcome = Visit::to(site.url("/")).run().await;
        assert_eq!(reason(&outcome), Reason::ProtocolError, "{location}");
        assert_eq!(detail(&outcome), format!("the redirect from {} {said}", site.url("/")));
    }
}

#[tokio::test]
async fn a_redirect_to_something_else_than_the_web_is_unexpected() {
    for (location, scheme) in
        [("javascript:alert(1)", "javascript"), ("ftp://a/", "ftp"), ("unix:/x", "unix")]
    {
        let site = Site::answering(redirect(302, location)).await;
        let outcome = Visit::to(site.url("/")).run().await;
        assert_eq!(reason(&outcome), Reason::RedirectUnexpectedHost, "{location}");
        let from = site.url("/");
        let said = format!("the redirect from {from} leads to {scheme}:, no web address");
        assert_eq!(detail(&outcome), said);
    }
}

/// A server that has said all it will say closes its half of the connection and goes on listening.
#[tokio::test]
async fn a_half_closed_connection_is_a_reset_by_what_was_missing() {
    let cases = [
        ("", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Le", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Phase::Body),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Phase::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", Phase::Body),
    ];
    for (sent, missing) in cases {
        let site = Site::scripted(move |mut visitor| async move {
            visitor.request().await;
            visitor.send(sent.as_bytes()).await;
            visitor.close_own_half().await;
            visitor.silence().await;
        });
        let outcome = Visit::to(site.await.url("/")).run().await;
        assert_eq!(reason(&outcome), Reason::ConnectionReset, "{sent}");
        let (what, status) = match missing {
            Phase::Head => ("it sent a complete response head", 0),
            Phase::Body => ("the body was complete", 200),
        };
        assert_eq!(detail(&outcome), format!("the server closed the connection before {what}"));
        assert_eq!(facts(&outcome).status, status, "{sent}");
        assert!(outcome.elapsed < Duration::from_secs(5), "it is not waited for the other half");
    }
    // Without a length the end of the sending side is the end of the body.
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\nall of it").await;
        visitor.close_own_half().await;
        visitor.silence().await;
    });
    let visit = Visit::to(site.await.url("/")).expecting_body(contains("all of it"));
    up(&visit.run().await);
}

/// What a half-closed connection left out.
#[derive(Clone, Copy)]
enum Phase {
    Head,
    Body,
}

#[tokio::test]
async fn a_server_without_http2_is_the_wrong_version() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let visit =
        Visit::to(site.url("/")).with(|options| options.rules.expect.version = vec!["2".into()]);
    assert_eq!(reason(&visit.run().await), Reason::HttpVersion);
    // With prior knowledge over plain TCP, an HTTP/1.1 answer is no HTTP/2.
    let visit =
        Visit::to(site.url("/")).with(|options| options.client.versions = HttpVersions::Http2);
    assert_eq!(reason(&visit.run().await), Reason::ProtocolError);
}

#[tokio::test]
async fn content_reasons_come_from_their_own_rules() {
    let json = page("200 OK", "Server: old\r\n", r#"{"status":"DOWN"}"#);
    let site = Site::answering(json).await;
    let path = serde_json_path::JsonPath::parse("$.status").unwrap();
    let path = bongsu::config::JsonPath(std::sync::Arc::new(path));
    let up_word = Matcher::Equals("UP".to_owned());
    let header = Matcher::Equals("new".to_owned());
    let cases = [
        (Reason::HttpStatus, Visit::to(site.url("/")).expecting_status(204)),
        (Reason::BodyMismatch, Visit::to(site.url("/")).expecting_body(contains("UP"))),
        (
            Reason::JsonMismatch,
            Visit::to(site.url("/")).with(|o| o.rules.expect.json.push((path, up_word))),
        ),
        (
            Reason::HeaderMismatch,
            Visit::to(site.url("/"))
                .with(|o| o.rules.expect.header.push((http::header::SERVER, header))),
        ),
        (Reason::UrlMismatch, Visit::to(site.url("/")).with(|o| o.rules.expect.tls = Some(true))),
        (
            Reason::TooSlow,
            Visit::to(site.url("/")).with(|o| {
                o.rules.expect.time =
                    Some(bongsu::config::TimeLimit { lt: Duration::from_nanos(1) });
            }),
        ),
        (
            Reason::NoticePage,
            Visit::to(site.url("/")).failing_if_body(Reason::NoticePage, contains("DOWN")),
        ),
    ];
    for (expected, visit) in cases {
        let outcome = visit.run().await;
        assert_eq!(reason(&outcome), expected);
        let pattern =
            matches!(expected, Reason::BodyMismatch | Reason::HeaderMismatch | Reason::NoticePage);
        assert_eq!(facts(&outcome).regex_failed, pattern, "{expected:?}");
    }
}

#[tokio::test]
async fn a_notice_is_seen_whatever_the_status() {
    for status in ["200 OK", "503 Service Unavailable"] {
        let site = Site::answering(page(status, "", "시스템 점검 중입니다")).await;
        let visit = Visit::to(site.url("/"));
        let visit = visit.failing_if_body(Reason::NoticePage, contains("시스템 점검"));
        assert_eq!(reason(&visit.run().await), Reason::NoticePage, "{status}");
    }
}

#[tokio::test]
async fn a_warning_degrades_and_does_not_fail() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let outcome = Visit::to(site.url("/")).warning_from(Duration::from_nanos(1)).run().await;
    up(&outcome);
    assert_eq!(outcome.facts.warnings[0].reason, Reason::TooSlow);
    assert_eq!(outcome.verdict(), bongsu::outcome::Verdict::Degraded);
}

//! What is sent, what is read, and which facts come of it: bodies, charsets, redirects, phases.

use std::time::Duration;

use bongsu::config::{HttpVersions, Matcher, RequestBody, UrlPart};
use bongsu::outcome::Reason;

use crate::support::SHORT;
use crate::support::http::{Site, page, redirect};
use crate::support::visit::{Visit, assert_accounted, contains, facts, json, reason, text, up};

#[tokio::test]
async fn a_plain_get_has_the_facts_of_blackbox_exporter() {
    let headers = "Last-Modified: Fri, 17 Nov 2023 08:46:00 GMT\r\n";
    let site = Site::answering(page("200 OK", headers, "hello")).await;
    let outcome = Visit::to(site.url("/path?q=1")).run().await;
    let http = up(&outcome);
    assert_eq!((http.status, http.version), (200, 1.1));
    assert_eq!((http.content_length, http.body_bytes), (5, 5));
    assert_eq!((http.redirects, http.tls, http.regex_failed), (0, false, false));
    assert_eq!(http.last_modified, Some(1_700_210_760));
    let phases = outcome.facts.phases;
    assert_eq!(phases.tls, None);
    for phase in [phases.resolve, phases.connect, phases.processing, phases.transfer] {
        assert!(phase.is_some(), "{phases:?}");
    }
    assert!(outcome.facts.dns_lookup.is_some(), "as blackbox_exporter, also for an address");
    assert_accounted(&outcome);
    let request = &site.requests()[0];
    assert!(request.starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("accept-encoding: gzip, deflate, br\r\n"), "{request}");
    assert!(request.contains("user-agent: bongsu/"), "{request}");
    assert!(!request.contains("content-length"), "{request}");
}

#[tokio::test]
async fn bodies_end_in_every_legal_way() {
    for (response, length, bytes) in [
        ("HTTP/1.1 204 No\r\n\r\n", 0, 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 0),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", -1, 5),
        ("HTTP/1.1 200 OK\r\n\r\nuntil close", -1, 11),
        ("HTTP/1.0 200 OK\r\n\r\nold", -1, 3),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 1, 1),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            1,
            1,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more than was said", 2, 2),
    ] {
        let site = Site::answering(response).await;
        let outcome = Visit::to(site.url("/")).run().await;
        let http = up(&outcome);
        assert_eq!((http.content_length, http.body_bytes), (length, bytes), "{response}");
    }
}

#[tokio::test]
async fn head_has_a_length_and_no_body() {
    let site = Site::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Encoding: gzip\r\n\r\n",
    );
    let site = site.await;
    let visit = Visit::to(site.url("/")).with(|options| options.method = http::Method::HEAD);
    let outcome = visit.run().await;
    assert_eq!((up(&outcome).content_length, up(&outcome).body_bytes), (1234, 0));
}

#[tokio::test]
async fn a_body_without_a_length_is_read_until_the_server_closes() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\nfirst ").await;
        tokio::task::yield_now().await;
        visitor.send(b"second").await;
        visitor.close().await;
    });
    let visit = Visit::to(site.await.url("/")).expecting_body(contains("first second"));
    up(&visit.run().await);
}

#[tokio::test]
async fn every_coding_is_decoded_and_the_wire_length_is_kept() {
    let text = "행정전자서명 ".repeat(500);
    let mut gzip = flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::fast());
    let mut zlib = flate2::read::ZlibEncoder::new(text.as_bytes(), flate2::Compression::fast());
    let mut raw = flate2::read::DeflateEncoder::new(text.as_bytes(), flate2::Compression::fast());
    let mut brotli = brotli::CompressorReader::new(text.as_bytes(), 4096, 1, 20);
    let sources: [(&str, &mut dyn std::io::Read); 4] =
        [("gzip", &mut gzip), ("deflate", &mut zlib), ("deflate", &mut raw), ("br", &mut brotli)];
    for (coding, source) in sources {
        let mut body = Vec::new();
        source.read_to_end(&mut body).unwrap();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
        );
        let site = Site::answering([head.as_bytes(), &body].concat()).await;
        let visit = Visit::to(site.url("/")).expecting_body(contains("행정전자서명"));
        let outcome = visit.run().await;
        let http = up(&outcome);
        assert_eq!(http.content_length, length as i64);
        assert_eq!(http.body_bytes, text.len() as u64);

        let off = Visit::to(site.url("/")).with(|options| options.compression = false).run().await;
        assert_eq!(up(&off).body_bytes, length as u64, "{coding} is left as it is");
        assert!(!site.requests()[1].contains("accept-encoding"));
    }
}

#[tokio::test]
async fn a_korean_page_is_read_by_header_by_meta_and_by_option() {
    let (plain, _, _) = encoding_rs::EUC_KR.encode("새올 행정시스템");
    let meta = [b"<html><meta charset='euc-kr'>".as_slice(), &plain].concat();
    let cases = [
        ("Content-Type: text/html; charset=MS949\r\n", plain.to_vec(), None),
        ("Content-Type: text/html\r\n", meta, None),
        ("", plain.to_vec(), Some(encoding_rs::EUC_KR)),
    ];
    for (header, body, charset) in cases {
        let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {}\r\n\r\n", body.len());
        let site = Site::answering([head.as_bytes(), &body].concat()).await;
        let visit = Visit::to(site.url("/")).expecting_body(contains("새올 행정"));
        up(&visit.with(|options| options.charset = charset).run().await);
    }
}

#[tokio::test]
async fn redirects_are_followed_hop_by_hop() {
    let site = Site::routed(|request| match request.split(' ').nth(1).unwrap() {
        "/" => redirect(301, "/login?ticket=canary"),
        "/login?ticket=canary" => redirect(307, "./main#top"),
        _ => page("200 OK", "", "main"),
    });
    let site = site.await;
    let path = Matcher::Equals("/main".to_owned());
    let visit = Visit::to(site.url("/")).with(|o| o.rules.expect.url.push((UrlPart::Path, path)));
    let outcome = visit.run().await;
    let http = up(&outcome);
    let hops: Vec<(String, u16)> =
        http.hops.iter().map(|hop| (hop.url.clone(), hop.status)).collect();
    let at = |path| site.url(path);
    assert_eq!(hops, [(at("/"), 301), (at("/login"), 307), (at("/main"), 200)]);
    assert_eq!(http.redirects, 2);
    assert_accounted(&outcome);
    assert!(!format!("{outcome:?}").contains("canary"));
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_counts_and_its_body_is_not_read() {
    let response = "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 4\r\n\r\nbody";
    let site = Site::answering(response).await;
    let visit = Visit::to(site.url("/")).redirects(0).expecting_status(302);
    let outcome = visit.run().await;
    let http = up(&outcome);
    assert_eq!((http.redirects, http.status), (1, 302));
    assert_eq!((http.content_length, http.body_bytes), (4, 0));
    // Unless a rule wants to see it.
    let visit = Visit::to(site.url("/")).redirects(0).expecting_status(302);
    up(&visit.expecting_body(contains("body")).run().await);
    let failed = Visit::to(site.url("/")).redirects(0).run().await;
    assert_eq!(reason(&failed), Reason::HttpStatus);
}

#[tokio::test]
async fn cookies_live_for_the_run_and_no_longer() {
    let site = Site::routed(|request| {
        if request.contains("cookie: JSESSIONID=1") {
            page("200 OK", "", "welcome")
        } else {
            redirect(302, "/\r\nSet-Cookie: JSESSIONID=1; Path=/; HttpOnly")
        }
    });
    let site = site.await;
    for _ in 0..2 {
        let cookie = ("JSESSIONID".to_owned(), Matcher::Exists);
        let visit =
            Visit::to(site.url("/")).with(|options| options.rules.expect.cookie.push(cookie));
        assert_eq!(up(&visit.run().await).redirects, 1);
    }
}

#[tokio::test]
async fn a_post_becomes_a_get_or_stays_one_as_browsers_do() {
    let site = Site::routed(|request| match request.split(' ').nth(1).unwrap() {
        "/302" => redirect(302, "/end"),
        "/307" => redirect(307, "/end"),
        _ => page("200 OK", "", ""),
    });
    let site = site.await;
    for path in ["/302", "/307"] {
        let form = RequestBody::Form(vec![("a".to_owned(), text("가 b&"))]);
        up(&Visit::to(site.url(path)).posting(form).run().await);
    }
    let requests = site.requests();
    assert!(requests[0].starts_with("POST /302"));
    assert!(requests[0].contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert!(requests[0].ends_with("a=%EA%B0%80+b%26"));
    assert!(requests[1].starts_with("GET /end"), "{}", requests[1]);
    assert!(!requests[1].contains("content-"), "{}", requests[1]);
    assert!(requests[3].starts_with("POST /end"), "{}", requests[3]);
    assert!(requests[3].ends_with("a=%EA%B0%80+b%26"));
}

#[tokio::test]
async fn forms_json_and_raw_bodies_are_encoded_for_their_place() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let form = RequestBody::Form(vec![("이름".to_owned(), text("홍길동"))]);
    let visit = Visit::to(site.url("/")).posting(form);
    up(&visit.with(|options| options.charset = Some(encoding_rs::EUC_KR)).run().await);
    assert!(site.requests()[0].ends_with("%C0%CC%B8%A7=%C8%AB%B1%E6%B5%BF"));

    let json = json("a\"", text("b\\\n"));
    up(&Visit::to(site.url("/")).posting(json).run().await);
    let request = &site.requests()[1];
    assert!(request.ends_with(r#"{"a\"":"b\\\n"}"#), "{request}");
    assert!(request.contains("content-type: application/json\r\n"));

    let raw = RequestBody::Raw(text("<soap/>"));
    let visit = Visit::to(site.url("/")).posting(raw);
    up(&visit.header("content-type", text("text/xml")).run().await);
    let request = &site.requests()[2];
    assert!(request.ends_with("\r\n\r\n<soap/>") && request.contains("content-type: text/xml\r\n"));
}

#[tokio::test]
async fn a_custom_host_is_sent_and_given_up_at_another_authority() {
    let other = Site::answering(page("200 OK", "", "")).await;
    let to = other.url("/");
    let site = Site::routed(move |request| match request.split(' ').nth(1).unwrap() {
        "/" => redirect(302, "/same"),
        _ => redirect(302, &to),
    });
    let site = site.await;
    up(&Visit::to(site.url("/")).header("host", text("www.gov.kr")).run().await);
    for request in site.requests() {
        assert!(request.contains("host: www.gov.kr\r\n"), "{request}");
    }
    assert!(other.requests()[0].contains(&format!("host: {}\r\n", other.address)));
}

#[tokio::test]
async fn a_padded_request_is_large_and_shows_the_kernels_counters() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.send(page("200 OK", "", "").as_bytes()).await;
        visitor.silence().await;
    });
    let site = site.await;
    let visit = Visit::to(site.url("/")).with(|options| options.pad_request = Some(4096));
    let outcome = visit.run().await;
    up(&outcome);
    let size = site.requests()[0].len();
    assert!((4096..4400).contains(&size), "{size}");
    let tcp = outcome.facts.tcp.expect("TCP_INFO by sock_diag");
    assert!(tcp.snd_mss > 1000, "{tcp:?}");
    let plain = Visit::to(site.url("/")).run().await;
    assert_eq!(plain.facts.tcp, None, "only padded probes pay for it");
}

#[tokio::test]
async fn a_server_that_closes_at_once_still_shows_the_path() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let visit = Visit::to(site.url("/")).with(|options| options.pad_request = Some(4096));
    assert!(visit.run().await.facts.tcp.is_some_and(|tcp| tcp.snd_mss > 1000));
}

#[tokio::test]
async fn the_kernels_counters_are_there_also_when_no_answer_comes() {
    let site = Site::scripted(|mut visitor| async move {
        visitor.request().await;
        visitor.silence().await;
    });
    let visit = Visit::to(site.await.url("/")).with(|options| options.pad_request = Some(4096));
    let outcome = visit.within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::ResponseTimeout);
    assert!(outcome.facts.tcp.is_some());
}

#[tokio::test]
async fn phases_of_a_slow_chain_account_for_the_run() {
    let site = Site::scripted(|mut visitor| async move {
        let request = visitor.request().await;
        // Both waits are the server's slowness, which the phases must show; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(120)).await;
        if request.starts_with("GET / ") {
            visitor.send(redirect(302, "/slow").as_bytes()).await;
        } else {
            visitor.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
            visitor.send(b"lf").await;
        }
        visitor.close().await;
    });
    let outcome = Visit::to(site.await.url("/")).run().await;
    up(&outcome);
    let phases = outcome.facts.phases;
    assert!(phases.processing.unwrap() >= Duration::from_millis(240), "{phases:?}");
    assert!(phases.transfer.unwrap() >= Duration::from_millis(150), "{phases:?}");
    assert_accounted(&outcome);
}

#[tokio::test]
async fn http1_only_is_what_is_spoken_on_request() {
    let site = Site::answering(page("200 OK", "", "")).await;
    let visit =
        Visit::to(site.url("/")).with(|options| options.client.versions = HttpVersions::Http1);
    assert_eq!(facts(&visit.run().await).version, 1.1);
}

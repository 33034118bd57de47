//! What real servers send and other probers got wrong: charsets, codings, cookies, dates, numbers,
//! and pages with many places to look at. Every probe is written as its users write it.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bongsu::config::{self, Nothing};
use bongsu::outcome::{Outcome, Reason, Verdict};
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;
use encoding_rs::EUC_KR;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::support::http::{Site, page, redirect};
use crate::support::visit::{detail, facts, reason, up};

/// Runs a probe from its text.
async fn run(probe: &str) -> Outcome {
    let text = format!(
        "services:\n  - name: s\n    probes:\n      - {{ name: p, interval: 60s, timeout: 20s, {probe} }}\n"
    );
    let config = config::parse(&text, Path::new("bongsu.yml"), &Nothing)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (target, surroundings) = (&config.targets[0], Arc::new(Surroundings::new(&config)));
    let probe = probe::build(target, &surroundings);
    probe::run(&*probe, target.schedule.timeout(), &Stop::default()).await
}

/// Visits a site whose every answer is this, with the rest of the keys under `http`.
async fn visit(headers: &str, body: &[u8], keys: &str) -> Outcome {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    let site = Site::answering([head.as_bytes(), body].concat()).await;
    let comma = if keys.is_empty() { "" } else { ", " };
    run(&format!("http: {{ url: '{}'{comma}{keys} }}", site.url("/"))).await
}

#[track_caller]
fn assert_degraded(outcome: &Outcome, expected: Reason) {
    assert_eq!(outcome.verdict(), Verdict::Degraded, "{outcome:?}");
    assert_eq!(outcome.facts.warnings[0].reason, expected, "{outcome:?}");
}

#[track_caller]
fn assert_up(outcome: &Outcome) {
    assert_eq!(outcome.verdict(), Verdict::Up, "{outcome:?}");
}

fn korean(text: &str) -> Vec<u8> {
    EUC_KR.encode(text).0.into_owned()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const NOTICE: &str = "fail_if: [{ reason: notice_page, body: { contains: 시스템 점검 } }]";

/// A text in UTF-8 and both kinds of UTF-16, each behind its mark.
fn marked(text: &str) -> [Vec<u8>; 3] {
    let wide = |to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(to).collect()
    };
    [format!("\u{feff}{text}").into_bytes(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
}

#[tokio::test]
async fn a_byte_order_mark_wins_over_header_page_and_option() {
    for body in marked("<meta charset=euc-kr><p>시스템 점검 중입니다") {
        for header in [
            "Content-Type: text/html; charset=euc-kr\r\n",
            "Content-Type: text/html\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "",
        ] {
            for option in ["", "charset: euc-kr, "] {
                let outcome = visit(header, &body, &format!("{option}{NOTICE}")).await;
                assert_eq!(reason(&outcome), Reason::NoticePage, "{header} {option}");
            }
        }
    }
    for body in marked(r#"{"상태":"정상"}"#) {
        let header = "Content-Type: application/json; charset=euc-kr\r\n";
        assert_up(&visit(header, &body, "expect: { json: { '$.상태': 정상 } }").await);
    }
}

#[tokio::test]
async fn a_byte_order_mark_wins_for_captures_and_forms_too() {
    let form = "<p id=v>값</p><form action=/next method=post><input name=이름 value=홍길동></form>";
    for body in marked(form) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=euc-kr\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let site = Site::answering([head.as_bytes(), &body].concat()).await;
        let steps = "[{ name: page, get: /, capture: { value: { css: p } } },
            { name: next, submit: { form: form, add: { value: '${value}' } } }]";
        let base = site.url("/");
        up(&run(&format!("login: {{ base: '{base}', charset: euc-kr, steps: {steps} }}")).await);
        let sent = site.requests();
        let expected = "%EC%9D%B4%EB%A6%84=%ED%99%8D%EA%B8%B8%EB%8F%99&value=%EA%B0%92";
        assert!(sent[1].ends_with(expected), "{}", sent[1]);
    }
}

#[tokio::test]
async fn only_a_real_meta_names_the_charset_of_a_page() {
    let notice = "<p>시스템 점검 중입니다";
    for head in [
        "<!-- <meta charset=utf-8> --><meta charset=euc-kr>",
        "<meta name=description content='charset=utf-8 guide'><meta charset=euc-kr>",
        "<meta data-charset=utf-8><meta charset=euc-kr>",
        "<metadata charset=utf-8><meta charset=euc-kr>",
        "<a title='<meta charset=utf-8>'><META CONTENT='text/html; charset=EUC-KR' HTTP-EQUIV=Content-Type>",
        "</p charset='<meta charset=utf-8>'><meta charset=euc-kr>",
        "<?php <meta charset=utf-8 ?><meta charset=euc-kr>",
        // Nobody says it; what is valid as EUC-KR only is that.
        "<!-- <meta charset=utf-8> -->",
    ] {
        for header in ["Content-Type: text/html\r\n", ""] {
            let body = korean(&format!("{head}{notice}"));
            let outcome = visit(header, &body, NOTICE).await;
            assert_eq!(reason(&outcome), Reason::NoticePage, "{head} {header}");
        }
    }
    for head in [
        "<meta name=description content='charset=euc-kr guide'>",
        "<!-- <meta charset=euc-kr> -->",
        "<meta data-charset=euc-kr>",
        "<metadata charset=euc-kr>",
        "<meta charset=utf-16>",
    ] {
        let body = format!("{head}{notice}");
        let outcome = visit("Content-Type: text/html\r\n", body.as_bytes(), NOTICE).await;
        assert_eq!(reason(&outcome), Reason::NoticePage, "{head}");
    }
}

#[tokio::test]
async fn json_and_plain_text_that_hold_a_meta_are_no_pages() {
    let body = r#"{"html":"<meta charset=euc-kr>","state":"정상"}"#;
    let expect = "expect: { json: { $.state: 정상 } }";
    for (header, option) in [
        ("application/json", ""),
        ("application/json", "charset: euc-kr, "),
        ("application/problem+json", ""),
        ("text/plain", ""),
        ("", ""),
    ] {
        let header = format!("Content-Type: {header}\r\n");
        let outcome = visit(&header, body.as_bytes(), &format!("{option}{expect}")).await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{header} {outcome:?}");
    }
    let header = "Content-Type: application/json; charset=EUC-KR\r\n";
    assert_up(&visit(header, &korean(body), expect).await);
    let xml = korean("<?xml version='1.0' encoding='euc-kr'?><상태>시스템 점검</상태>");
    let outcome = visit("Content-Type: application/xml\r\n", &xml, NOTICE).await;
    assert_eq!(reason(&outcome), Reason::NoticePage);
}

#[tokio::test]
async fn a_content_coding_that_is_none_degrades_and_the_page_is_read() {
    for word in ["UTF-8", "none", "binary", "text/html", "EUC-KR", "utf-8, identity"] {
        let header = format!("Content-Encoding: {word}\r\n");
        for keys in ["", "expect: { body: { contains: 정상 } }"] {
            let outcome = visit(&header, "정상".as_bytes(), keys).await;
            assert_degraded(&outcome, Reason::BodyDecode);
            assert_eq!(facts(&outcome).body_bytes, 6, "{word}");
        }
        // What the page says still counts.
        let outcome = visit(&header, "시스템 점검".as_bytes(), NOTICE).await;
        assert_eq!(reason(&outcome), Reason::NoticePage, "{word}");
        // Who does not ask for codings is not told about them.
        assert_up(&visit(&header, "정상".as_bytes(), "compression: false").await);
    }
    let coded = "Content-Encoding: UTF-8, gzip\r\n";
    let outcome = visit(coded, &gzip(b"hello"), "expect: { body: hello }").await;
    assert_degraded(&outcome, Reason::BodyDecode);
    for empty in ["Content-Encoding:\r\n", "Content-Encoding: ,\r\n"] {
        assert_up(&visit(empty, b"hello", "expect: { body: hello }").await);
    }
}

#[tokio::test]
async fn a_coding_that_nobody_asked_for_fails_only_who_must_see_the_body() {
    for word in ["zstd", "compress", "gzip, zstd", "gzip, gzip, gzip, gzip, gzip"] {
        let header = format!("Content-Encoding: {word}\r\n");
        for keys in
            ["", "expect: { header: { Content-Length: 8 } }", "warn: { body: { contains: x } }"]
        {
            assert_degraded(&visit(&header, b"(\xb5/\xfd1234", keys).await, Reason::BodyDecode);
        }
        for keys in [
            "expect: { body: { not_contains: x } }",
            "expect: { css: { p: absent } }",
            "expect: { json: { $.a: absent } }",
            NOTICE,
        ] {
            let outcome = visit(&header, b"(\xb5/\xfd1234", keys).await;
            assert_eq!(reason(&outcome), Reason::BodyDecode, "{word} {keys}");
        }
        let outcome = visit(&header, b"(\xb5/\xfd1234", "expect: { status: 204 }").await;
        assert_eq!(reason(&outcome), Reason::HttpStatus, "{word}");
        assert_up(&visit(&header, b"", "").await);
    }
    // A page that is not what its coding promises is broken in every browser.
    assert_eq!(reason(&visit("Content-Encoding: gzip\r\n", b"no", "").await), Reason::BodyDecode);
}

#[tokio::test]
async fn a_step_that_looks_at_no_body_survives_a_coding_that_nobody_asked_for() {
    let site = Site::routed(|_| page("200 OK", "Content-Encoding: zstd\r\n", "(1234")).await;
    let login = |keys: &str| {
        format!("login: {{ base: '{}', steps: [{{ name: a, get: /, {keys} }}] }}", site.url("/"))
    };
    assert_degraded(&run(&login("warn: { time: { lt: 10s } }")).await, Reason::BodyDecode);
    let outcome = run(&login("capture: { v: { regex: '(.)', optional: true } }")).await;
    assert_eq!(reason(&outcome), Reason::BodyDecode);
    let outcome = run(&login("expect: { body: { not_contains: x } }")).await;
    assert_eq!(reason(&outcome), Reason::BodyDecode);
}

#[tokio::test]
async fn lists_of_codings_are_undone_in_reverse_order() {
    let body = b"hello";
    for (headers, wire) in [
        ("Content-Encoding: gzip, gzip\r\n", gzip(&gzip(body))),
        ("Content-Encoding: identity, gzip\r\n", gzip(body)),
        ("Content-Encoding: gzip,\r\n", gzip(body)),
        ("Content-Encoding: ,gzip\r\n", gzip(body)),
        ("Content-Encoding: gzip\r\nContent-Encoding: deflate\r\n", zlib(&gzip(body))),
        ("Content-Encoding: deflate, X-GZip\r\n", gzip(&zlib(body))),
        ("Content-Encoding: gzip,gzip,gzip,gzip\r\n", gzip(&gzip(&gzip(&gzip(body))))),
    ] {
        let outcome = visit(headers, &wire, "expect: { body: hello }").await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{headers} {outcome:?}");
        assert_eq!(facts(&outcome).body_bytes, 5, "{headers}");
    }
}

#[tokio::test]
async fn bombs_of_bombs_stop_at_the_limit() {
    let zeros = vec![0; 50_000_000];
    let hidden = [gzip(b"hello"), zeros.clone()].concat();
    for wire in [gzip(&gzip(&zeros)), gzip(&hidden)] {
        let outcome = visit("Content-Encoding: gzip, gzip\r\n", &wire, "body_limit: 64KiB").await;
        assert_eq!(reason(&outcome), Reason::BodyTooLarge);
        assert!(detail(&outcome).contains("65536"), "{}", detail(&outcome));
    }
}

/// A page that asks for its cookie to be deleted before it shows itself.
async fn is_deleted(attributes: &str) -> bool {
    let delete = format!("/\r\nSet-Cookie: a=; Path=/; {attributes}");
    let site = Site::routed(move |request| match request.split(' ').nth(1).unwrap() {
        "/set" => redirect(302, "/\r\nSet-Cookie: a=1; Path=/"),
        _ if request.contains("cookie: a=") => redirect(302, &delete),
        _ => page("200 OK", "", "welcome"),
    });
    let site = site.await;
    let outcome = run(&format!("http: {{ url: '{}' }}", site.url("/set"))).await;
    match outcome.result {
        Ok(()) => true,
        Err(failure) => {
            assert_eq!(failure.reason, Reason::RedirectLimit);
            false
        }
    }
}

#[tokio::test]
async fn a_cookie_date_is_read_however_it_is_written() {
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thursday, 01-Jan-70 00:00:00 GMT",
        "Thu, 01-Jan-1970 00:00:01 GMT",
        "Thu Jan  1 00:00:00 1970",
        "Thu, 01 Jan 1970 00:00:00",
        "Thu, 01 Jan 1970 9:00:00 KST",
        "Thu, 01 Jan 1970 09:00:00 +0900",
        "Mon, 01 Jan 1970 00:00:00 GMT",
        "1 January 1999 0:0:0",
        "1999 Jan 01 00:00:00",
        "Fri, 31-Dec-99 23:59:59 GMT",
    ] {
        assert!(is_deleted(&format!("Expires={date}")).await, "{date}");
    }
    for attributes in [
        "Max-Age=0",
        "Max-Age=-1",
        "Max-Age=0; Max-Age=x",
        "Expires=Thu, 01 Jan 1970 00:00:00; Expires=",
    ] {
        assert!(is_deleted(attributes).await, "{attributes}");
    }
    for attributes in [
        "Expires=",
        "Expires=0",
        "Expires=Thu, 01 Jan 1970",
        "Expires=Sun, 01-Jan-69 00:00:00 GMT",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "Max-Age=+0",
        "Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ] {
        assert!(!is_deleted(attributes).await, "{attributes}");
    }
}

#[tokio::test]
async fn cookies_go_back_as_browsers_send_them() {
    let cookies: [&[u8]; 8] = [
        b"first=\"a b\"; Path=/",
        b"n=\xc8\xab\xb1\xe6; path=/",
        b"bare; Path=/",
        b"long=1; Path=/next",
        b"away=1; Path=/other",
        b"__Host-x=1; Path=/",
        b"plain=1; Secure; Path=/",
        b"a=b=c; Domain=; Path=/x; Path=/",
    ];
    let mut head = b"HTTP/1.1 302 F\r\nLocation: /next\r\nContent-Length: 0\r\n".to_vec();
    for cookie in cookies {
        head.extend([b"Set-Cookie: ", cookie, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let raw: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
    let seen = Arc::clone(&raw);
    let site = Site::scripted(move |mut visitor| {
        let (head, seen) = (head.clone(), Arc::clone(&seen));
        async move {
            let mut buffer = [0; 4096];
            let read = tokio::io::AsyncReadExt::read(&mut visitor.stream, &mut buffer).await;
            let request = &buffer[..read.unwrap()];
            if request.starts_with(b"GET /next") {
                seen.lock().unwrap().extend_from_slice(request);
                visitor.send(page("200 OK", "", "").as_bytes()).await;
            } else {
                visitor.send(&head).await;
            }
            visitor.close().await;
        }
    });
    let site = site.await;
    up(&run(&format!("http: {{ url: '{}' }}", site.url("/"))).await);
    let raw = raw.lock().unwrap().clone();
    let line = b"cookie: long=1; first=\"a b\"; n=\xc8\xab\xb1\xe6; bare; a=b=c\r\n";
    let text = String::from_utf8_lossy(&raw);
    assert!(raw.windows(line.len()).any(|window| window == line), "{text}");
}

#[tokio::test]
async fn last_modified_is_read_in_all_three_forms() {
    for date in [
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ] {
        let outcome = visit(&format!("Last-Modified: {date}\r\n"), b"", "").await;
        assert_eq!(up(&outcome).last_modified, Some(784_111_777), "{date}");
    }
    for date in ["", "0", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 KST"] {
        let outcome = visit(&format!("Last-Modified: {date}\r\n"), b"", "").await;
        assert_eq!(up(&outcome).last_modified, None, "{date}");
    }
}

#[tokio::test]
async fn numbers_in_json_are_equal_by_value() {
    let body = br#"{"t":50.0,"e":1e2,"id":12345678901234567890123,"s":"50","z":"00123","n":123}"#;
    for (rule, holds) in [
        ("$.t: 50", true),
        ("$.t: 50.00", true),
        ("$.t: 5e1", true),
        ("$.t: { in: [50, 60] }", true),
        ("$.t: { in: [5, 60] }", false),
        ("$.t: 51", false),
        ("$.e: 100", true),
        ("$.e: 1e2", true),
        ("$.e: { gt: 99.9 }", true),
        ("$.e: { lt: 100 }", false),
        ("$.id: 12345678901234567890123", true),
        ("$.id: 12345678901234567890124", false),
        ("$.id: { lt: 12345678901234567890124 }", true),
        ("$.id: { gt: 12345678901234567890123 }", false),
        ("$.s: 50", true),
        ("$.s: 50.0", false),
        ("$.z: 00123", true),
        ("$.z: 123", false),
        ("$.n: 00123", false),
        ("$.n: '123'", true),
    ] {
        let outcome = visit("", body, &format!("expect: {{ json: {{ {rule} }} }}")).await;
        match holds {
            true => assert_up(&outcome),
            false => assert_eq!(reason(&outcome), Reason::JsonMismatch, "{rule}"),
        }
    }
}

#[tokio::test]
async fn what_is_expected_holds_at_every_place_and_what_is_forbidden_at_none() {
    let json: &[u8] = br#"[{"s":"UP"},{"s":"DOWN"}]"#;
    let html: &[u8] = b"<ul><li>UP<li> DOWN </ul>";
    for (body, subject, place, missed) in [
        (json, "json", "'$[*].s'", Reason::JsonMismatch),
        (html, "css", "li", Reason::BodyMismatch),
    ] {
        let expected = |matcher: &str| format!("{subject}: {{ {place}: {matcher} }}");
        let all =
            ["{ in: [UP, DOWN] }", "exists", "{ matches: '^[A-Z]+$' }", "{ not_contains: X }"];
        for matcher in all {
            let keys = format!("expect: {{ {} }}", expected(matcher));
            assert_up(&visit("", body, &keys).await);
        }
        for matcher in ["UP", "DOWN", "absent", "{ contains: U }", "{ not_contains: DOWN }"] {
            let keys = format!("expect: {{ {} }}", expected(matcher));
            assert_eq!(reason(&visit("", body, &keys).await), missed, "{keys}");
            let keys = format!("warn: {{ {} }}", expected(matcher));
            assert_degraded(&visit("", body, &keys).await, missed);
        }
        for matcher in ["UP", "DOWN", "exists", "{ not_contains: UP }"] {
            let keys = format!("fail_if: [{{ reason: notice_page, {} }}]", expected(matcher));
            assert_eq!(reason(&visit("", body, &keys).await), Reason::NoticePage, "{keys}");
        }
        for matcher in ["X", "absent", "{ starts_with: X }"] {
            let keys = format!("fail_if: [{{ reason: notice_page, {} }}]", expected(matcher));
            assert_up(&visit("", body, &keys).await);
        }
    }
    // A path that meets nothing shows nothing.
    for matcher in ["UP", "{ not_contains: DOWN }", "exists"] {
        let keys = format!("expect: {{ json: {{ '$[*].none': {matcher} }} }}");
        assert_eq!(reason(&visit("", json, &keys).await), Reason::JsonMismatch, "{keys}");
    }
    assert_up(&visit("", json, "expect: { json: { '$[*].none': absent } }").await);
}

#[tokio::test]
async fn more_places_than_are_looked_at_are_told() {
    let body = format!("[{}1]", "1,".repeat(10_000));
    for keys in [
        "expect: { json: { '$[*]': 1 } }",
        "warn: { json: { '$[*]': 1 } }",
        "fail_if: [{ reason: notice_page, json: { '$[*]': 2 } }]",
    ] {
        let outcome = visit("", body.as_bytes(), keys).await;
        assert_degraded(&outcome, Reason::JsonMismatch);
        let said = &outcome.facts.warnings[0].detail;
        assert!(said.contains("10000 places"), "{said}");
    }
    let outcome = visit("", body.as_bytes(), "expect: { json: { '$[*]': 2 } }").await;
    assert_eq!(reason(&outcome), Reason::JsonMismatch);
    assert_up(&visit("", body.as_bytes(), "expect: { json: { '$[*]': exists } }").await);
}

/// As Chromium 156 shows it: the page, whatever is missing of the checksum behind the data, or wrong with
/// gzip's; and no page where zlib's is wrong. Of data that are cut off it shows the beginning and says nothing,
/// which is no page either.
#[tokio::test]
async fn a_compressed_page_that_came_whole_is_read_whatever_its_checksum_says() {
    let text = "정상 ".repeat(2000);
    let keys = format!("compression: true, expect: {{ body: '{text}' }}");
    let (gzip, zlib) = (gzip(text.as_bytes()), zlib(text.as_bytes()));
    let changed = |bytes: &[u8], from_end: usize| {
        let mut bytes = bytes.to_vec();
        let place = bytes.len() - from_end;
        bytes[place] ^= 1;
        bytes
    };
    for (coding, body, said) in [
        ("gzip", gzip[..gzip.len() - 8].to_vec(), "no checksum"),
        ("gzip", gzip[..gzip.len() - 1].to_vec(), "no checksum"),
        ("gzip", changed(&gzip, 8), "checksum at the end of the compressed body is wrong"),
        ("gzip", changed(&gzip, 1), "checksum at the end of the compressed body is wrong"),
        ("deflate", zlib[..zlib.len() - 4].to_vec(), "no checksum"),
    ] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        let outcome = visit(&headers, &body, &keys).await;
        assert_degraded(&outcome, Reason::BodyDecode);
        let [warning] = &outcome.facts.warnings[..] else { panic!("{outcome:?}") };
        assert!(warning.detail.contains(said), "{}", warning.detail);
        let outcome = visit(&headers, &body, "expect: { body: no }").await;
        assert_eq!(reason(&outcome), Reason::BodyMismatch);
    }
    for (coding, body) in [
        ("gzip", gzip[..gzip.len() - 9].to_vec()),
        ("gzip", gzip[..gzip.len() / 2].to_vec()),
        ("gzip", gzip[..10].to_vec()),
        ("deflate", zlib[..zlib.len() - 5].to_vec()),
        ("deflate", zlib[..zlib.len() / 2].to_vec()),
        ("deflate", changed(&zlib, 1)),
    ] {
        let outcome = visit(&format!("Content-Encoding: {coding}\r\n"), &body, "").await;
        assert_eq!(reason(&outcome), Reason::BodyDecode, "{coding} {}", body.len());
    }
}

#[tokio::test]
async fn bytes_behind_the_end_of_a_coded_body_are_passed_over() {
    for (coding, coded) in [("gzip", gzip(b"ok")), ("deflate", zlib(b"ok"))] {
        let behind: [&[u8]; 3] = [b"\0\0\0\0", b"<!-- cached -->", &coded];
        for behind in behind {
            let body = [&coded, behind].concat();
            let headers = format!("Content-Encoding: {coding}\r\n");
            let keys = "compression: true, expect: { body: ok }";
            let outcome = visit(&headers, &body, keys).await;
            assert_up(&outcome);
            assert_eq!(facts(&outcome).body_bytes, 2);
        }
    }
}

#[tokio::test]
async fn as_many_cookies_go_back_as_browsers_keep_and_the_newest_of_more() {
    for (count, first) in [(65, 0), (180, 0), (250, 70)] {
        let cookies: String = (0..count).map(|n| format!("Set-Cookie: c{n}={n}\r\n")).collect();
        let site = Site::routed(move |request| match request.starts_with("GET / ") {
            true => {
                format!("HTTP/1.1 302 F\r\nLocation: /next\r\n{cookies}Content-Length: 0\r\n\r\n")
            }
            false => page("200 OK", "", ""),
        });
        let site = site.await;
        assert_up(&run(&format!("http: {{ url: '{}' }}", site.url("/"))).await);
        let pairs: Vec<String> = (first..count).map(|n| format!("c{n}={n}")).collect();
        let line = format!("cookie: {}\r\n", pairs.join("; "));
        assert!(site.requests()[1].contains(&line), "{count}: {:?}", site.requests()[1]);
    }
}

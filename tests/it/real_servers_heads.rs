//! Heads of real servers that other probers got wrong: many header lines, lines that come twice,
//! and status lines that are written oddly. What browsers show is not called broken, and what could
//! smuggle something in is.

use bongsu::outcome::{Outcome, Reason, Verdict};
use encoding_rs::EUC_KR;

use crate::support::http::Site;
use crate::support::visit::reason;
use crate::support::written::run;

/// Answers everything like this.
async fn answering(response: impl Into<Vec<u8>>, keys: &str) -> Outcome {
    let site = Site::answering(response).await;
    run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await
}

#[track_caller]
fn assert_up(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.verdict(), Verdict::Up, "{what}: {outcome:?}");
}

#[tokio::test]
async fn a_head_may_have_any_number_of_lines() {
    for count in [89, 90, 91, 99, 100, 101, 256, 257, 1_000, 9_000] {
        let lines: String = (0..count).map(|n| format!("X-{n}: v{n}\r\n")).collect();
        let last = count - 1;
        let keys = format!(
            "expect: {{ header: {{ X-0: v0, X-{last}: v{last}, Server: s }}, cookie: {{ a: b }}, body: ok }}"
        );
        let framing = "Content-Length: 2\r\n";
        let others = "Server: s\r\nSet-Cookie: a=b\r\n";
        for head in [
            format!("{framing}{others}{lines}"),
            format!("{lines}{others}{framing}"),
            format!("{others}{lines}{framing}"),
        ] {
            let response = format!("HTTP/1.1 200 OK\r\n{head}\r\nok");
            assert_up(&answering(response, &keys).await, &format!("{count} lines"));
        }
        let response = format!(
            "HTTP/1.1 200 OK\r\n{lines}{others}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        );
        assert_up(&answering(response, &keys).await, &format!("{count} lines, chunked"));
    }
}

#[tokio::test]
async fn lines_of_one_name_keep_their_order_however_many_there_are() {
    let lines: String = (0..300).map(|n| format!("Set-Cookie: a={n}\r\n")).collect();
    let response = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
    assert_up(&answering(response, "expect: { cookie: { a: '299' } }").await, "the last counts");
}

#[tokio::test]
async fn a_head_without_end_is_left() {
    let lines: String = (0..40_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let response = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
    assert_eq!(reason(&answering(response, "").await), Reason::ProtocolError);
}

#[tokio::test]
async fn of_several_content_types_the_last_one_counts_as_in_browsers() {
    let body = EUC_KR.encode("민원").0.into_owned();
    for lines in [
        ["text/plain; charset=utf-8", "text/html; charset=euc-kr"],
        ["text/html; charset=euc-kr", "text/html"],
        ["text/html; charset=euc-kr", "nonsense"],
        ["text/html; charset=euc-kr", "*/*"],
        ["text/html; charset=euc-kr", "text/html; charset=euc-kr"],
    ] {
        let [first, second] = lines;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {first}\r\nContent-Type: {second}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let outcome = answering([head.as_bytes(), &body].concat(), "expect: { body: 민원 }").await;
        assert_up(&outcome, &format!("{lines:?}"));
    }
}

#[tokio::test]
async fn the_same_location_twice_is_one_and_two_are_none() {
    let site = |lines: &'static str| async move {
        Site::routed(move |request| match request.starts_with("GET / ") {
            true => format!("HTTP/1.1 302 Found\r\n{lines}Content-Length: 0\r\n\r\n"),
            false => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        })
        .await
    };
    let twice = site("Location: /a\r\nLocation: /a\r\n").await;
    let outcome =
        run(&format!("http: {{ url: '{}', expect: {{ body: ok }} }}", twice.url("/"))).await;
    assert_up(&outcome, "the same twice");
    let two = site("Location: /a\r\nLocation: /b\r\n").await;
    let outcome = run(&format!("http: {{ url: '{}' }}", two.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::ProtocolError);
    assert_eq!(two.requests().len(), 1, "neither is followed");
}

#[tokio::test]
async fn an_odd_status_line_is_read_as_browsers_do_and_told() {
    let end = "\r\nContent-Length: 2\r\n\r\nok";
    for line in
        ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 O K", "HTTP/1.1 200 \u{d655}\u{c778}"]
    {
        assert_up(&answering(format!("{line}{end}"), "expect: { body: ok }").await, line);
    }
    for line in ["http/1.1 200 OK", "HTTP/1.1 200OK", "HTTP/1.1  200 OK", "HTTP/2.0 200 OK"] {
        let outcome = answering(format!("{line}{end}"), "expect: { body: ok }").await;
        assert_eq!(outcome.verdict(), Verdict::Degraded, "{line}: {outcome:?}");
        let warnings = &outcome.facts.warnings;
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        assert_eq!(warnings[0].reason, Reason::ProtocolError, "{line}");
        assert!(warnings[0].detail.contains("status line"), "{line}: {warnings:?}");
    }
    let outcome = answering(format!("http/1.1 503 Busy{end}"), "").await;
    assert_eq!(reason(&outcome), Reason::HttpStatus);
    for line in ["HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 2000 OK", "FTP/1.1 200 OK"] {
        let outcome = answering(format!("{line}{end}"), "").await;
        assert_eq!(reason(&outcome), Reason::ProtocolError, "{line}");
    }
}

#[tokio::test]
async fn lengths_that_differ_break_the_protocol() {
    for lengths in [["2", "3"], ["3", "2"], ["2", "2, 3"]] {
        let lines = lengths.map(|length| format!("Content-Length: {length}\r\n")).concat();
        let many: String = (0..300).map(|n| format!("X-{n}: {n}\r\n")).collect();
        for head in [lines.clone(), many + &lines] {
            let outcome = answering(format!("HTTP/1.1 200 OK\r\n{head}\r\nok "), "").await;
            assert_eq!(reason(&outcome), Reason::ProtocolError, "{lengths:?}");
        }
    }
}

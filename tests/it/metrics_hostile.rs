//! Whatever a target or a file puts into a label, the exposition stays well-formed and bounded.

use std::sync::Arc;

use bongsu::outcome::Facts;
use bongsu::results::{LABEL_VALUE_MAX_BYTES, push};
use chain::{Chain, TlsFacts};
use proptest::prelude::*;

use crate::support::promtool;
use crate::support::results::{Script, cert, family, http_target, tls_target, verified_tls};

/// Reads `name="value",...` as the text format defines it.
fn parse(text: &str) -> Vec<(String, String)> {
    let mut chars = text.chars().peekable();
    let mut pairs = Vec::new();
    while chars.peek().is_some() {
        let name: String = std::iter::from_fn(|| chars.next_if(|&c| c != '=')).collect();
        assert_eq!((chars.next(), chars.next()), (Some('='), Some('"')));
        let mut value = String::new();
        loop {
            match chars.next().expect("the value ends") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("unknown escape {other:?}"),
                }),
                '\n' => panic!("a raw line feed"),
                c => value.push(c),
            }
        }
        pairs.push((name, value));
        assert!(matches!(chars.next(), None | Some(',')));
    }
    pairs
}

proptest! {
    #[test]
    fn any_label_value_is_read_back(values in prop::collection::vec(".{0,60}|[\\\\\"\n]{0,9}", 1..5)) {
        let mut text = String::new();
        for value in &values {
            push(&mut text, "a", value);
        }
        let read: Vec<_> = parse(&text).into_iter().map(|(_, value)| value).collect();
        let is_replaced = |c: char| c.is_ascii_control() && c != '\n';
        let expected: Vec<_> =
            values.iter().map(|value| value.replace(is_replaced, "\u{fffd}")).collect();
        prop_assert_eq!(read, expected);
    }
}

const HOSTILE: &str = "CN=\"a\\b\"\nbongsu_forged_series 1\n\0\r\t{}=,# HELP x\u{202e}";

#[test]
fn hostile_certificates_make_no_series_of_their_own_and_stay_small() {
    let script = Script::new();
    let target = script.adopt(tls_target("gpki", "cert", "www.gpki.go.kr"));
    let mut certs: Vec<_> = (0..100)
        .map(|serial| {
            cert(&format!("{HOSTILE}{}", "x".repeat(1 << 20)), HOSTILE, &serial.to_string())
        })
        .collect();
    certs[0].dns_names = (0..100_000).map(|name| format!("{name}.{HOSTILE}")).collect();
    let tls = TlsFacts { chain: Some(Arc::new(Chain { certs })), ..verified_tls() };
    script.run(&target, 10, (Ok(()), Facts { tls: Some(tls), ..Facts::default() }));
    let text = script.text(20);
    assert!(text.lines().all(|line| !line.starts_with("bongsu_forged")));
    assert_eq!(family(&text, "bongsu_cert_not_after_timestamp_seconds").len(), 10);
    assert!(text.len() < 64 * LABEL_VALUE_MAX_BYTES, "{} bytes", text.len());
    promtool::check_metrics(&text);
}

#[test]
fn hostile_names_of_the_file_are_escaped_too() {
    let script = Script::new();
    let mut target = http_target("gpki", "portal", "https://www.gpki.go.kr/");
    target.labels.insert("note".into(), HOSTILE.into());
    target.instance = format!("https://www.gpki.go.kr/{HOSTILE}");
    script.adopt(target);
    promtool::check_metrics(&script.text(5));
}

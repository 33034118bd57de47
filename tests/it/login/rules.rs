//! The twelve rules of a flow, as far as a run shows them; the others are refused at load
//! (`config_errors`).

use std::time::Duration;

use bongsu::outcome::Reason;
use encoding_rs::EUC_KR;

use super::flow::{Flow, PASS};
use crate::support::http::{Reply, Routes};

/// Rule 2 and 3: each place has its own encoding, and captures stay texts.
#[tokio::test]
async fn values_are_encoded_as_their_place_demands_and_never_coerced() {
    let site = Routes::new()
        .on("GET", "/start", |_| {
            let mut reply = Reply::status(200).header("Content-Type", "application/json");
            reply.body = br#"{"number":"00123","word":"a&b \"c\"","tx":1.10}"#.to_vec();
            reply
        })
        .on("POST", "/form", |_| Reply::html("form"))
        .on("POST", "/json", |_| Reply::html("json"))
        .on("POST", "/raw", |_| Reply::html("raw"))
        .on("GET", "/query", |_| Reply::html("query"))
        .serve()
        .await;
    let flow = format!(
        r#"base: {}
steps:
  - name: start
    get: /start
    capture: {{ number: {{ json: $.number }}, word: {{ json: $.word }}, tx: {{ json: $.tx }} }}
  - name: form
    post: /form
    form: {{ n: '${{number}}', w: '${{word}}' }}
  - name: json
    post: /json
    json: {{ n: '${{number}}', w: '${{word}}', literal: '$${{word}}', list: [1, true, null] }}
  - name: raw
    post: /raw
    body: 'n=${{number}}&w=${{word}}'
  - name: query
    get: /query?x=${{word}}
    query: {{ n: '${{number}}', w: '${{word}}', tx: '${{tx}}' }}
"#,
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    let body = |path: &str| site.of("POST", path)[0].text();
    assert_eq!(body("/form"), "n=00123&w=a%26b+%22c%22");
    let json: serde_json::Value = serde_json::from_str(&body("/json")).unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "n": "00123", "w": "a&b \"c\"", "literal": "${word}",
            "list": [1, true, null] })
    );
    assert_eq!(body("/raw"), "n=00123&w=a&b \"c\"");
    let query = &site.of("GET", "/query")[0].query;
    assert_eq!(query, "x=a%26b%20%22c%22&n=00123&w=a%26b+%22c%22&tx=1.10");
}

/// Rule 3: a form of an EUC-KR page sends EUC-KR bytes.
#[tokio::test]
async fn a_form_of_a_korean_page_is_sent_in_the_charset_of_the_page() {
    let site = Routes::new()
        .on("GET", "/form", |_| {
            let mut reply = Reply::status(200).header("Content-Type", "text/html; charset=euc-kr");
            let page = "<form id=f method=post action=/in><input name='이름'><input name=p></form>";
            reply.body = EUC_KR.encode(page).0.into_owned();
            reply
        })
        .on("POST", "/in", |_| Reply::html("<a href=/logout>x</a>"))
        .serve()
        .await;
    let flow = format!(
        "base: {}\nsteps:\n  - {{ name: form, get: /form }}\n  - name: in\n    submit: {{ form: \
         'form#f', fields: {{ '이름': 홍길동, p: '${{secret.pass}}' }} }}\n    expect: {{ css: {{ \
         'a[href*=logout]': exists }} }}\n",
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    let sent = site.of("POST", "/in")[0].text();
    let (bytes, _, _) = EUC_KR.encode(PASS);
    let pass: String = url::form_urlencoded::byte_serialize(&bytes).collect();
    assert_eq!(sent, format!("%C0%CC%B8%A7=%C8%AB%B1%E6%B5%BF&p={pass}"));
}

/// Rule 4: a cookie of one run is not in the next, but in every step and in `finally`.
#[tokio::test]
async fn each_run_has_its_own_cookies_and_all_its_steps_share_them() {
    let site = Routes::new()
        .on("GET", "/set", |_| Reply::html("x").header("Set-Cookie", "a=1; Path=/"))
        .on("GET", "/see", |_| Reply::html("x"))
        .on("GET", "/end", |_| Reply::html("x"))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: set, get: /set }}\n  - {{ name: see, get: /see }}\n\
         finally:\n  - {{ name: end, get: /end }}\n",
        site.url("")
    ));
    flow.succeed().await;
    flow.succeed().await;
    let cookies = |path: &str| -> Vec<Option<String>> {
        site.of("GET", path).iter().map(|asked| asked.cookie("a")).collect()
    };
    assert_eq!(cookies("/set"), [None, None]);
    let kept = Some("1".to_owned());
    assert_eq!(cookies("/see"), [kept.clone(), kept.clone()]);
    assert_eq!(cookies("/end"), [kept.clone(), kept]);
}

/// Rule 5: a rule of `fail_if` names the cause before the status, the status before `expect`, and
/// `expect` before what cannot be captured.
#[tokio::test]
async fn the_first_cause_in_the_order_of_a_step_is_the_reason() {
    let site = Routes::new()
        .on("GET", "/notice", |_| Reply::html("시스템 점검").with_status(503))
        .on("GET", "/broken", |_| Reply::html("broken").with_status(503))
        .on("GET", "/other", |_| Reply::html("other"))
        .on("GET", "/no-token", |_| Reply::html("ready"))
        .serve()
        .await;
    for (path, reason) in [
        ("/notice", Reason::NoticePage),
        ("/broken", Reason::HttpStatus),
        ("/other", Reason::BodyMismatch),
        ("/no-token", Reason::CaptureMissing),
    ] {
        let flow = format!(
            "base: {}\nsteps:\n  - name: one\n    get: {path}\n    fail_if: [ {{ reason: \
             notice_page, body: {{ contains: 점검 }} }} ]\n    expect: {{ body: {{ contains: ready \
             }} }}\n    capture: {{ token: {{ css: 'input[name=t]', attr: value }} }}\n",
            site.url("")
        );
        assert_eq!(Flow::new(&flow).fail().await, ("one".into(), reason), "{path}");
    }
}

/// Rule 6: what a capture takes is what the next step sends.
#[tokio::test]
async fn captures_of_every_source_reach_the_next_step() {
    let site = Routes::new()
        .on("GET", "/go", |_| Reply::redirect("/page?code=4%2F5"))
        .on("GET", "/page", |_| {
            Reply::html("<input name=t value=css-1><script>var id='re-1'</script>")
                .header("X-Token", "Bearer h-1")
                .header("Set-Cookie", "sid=c-1")
        })
        .on("POST", "/take", |_| Reply::html("x"))
        .serve()
        .await;
    let flow = format!(
        r#"base: {}
steps:
  - name: page
    get: /go
    capture:
      css: {{ css: 'input[name=t]', attr: value }}
      header: {{ header: X-Token, regex: 'Bearer (.+)' }}
      cookie: {{ cookie: sid }}
      regex: {{ regex: "id='(.+)'" }}
      code: {{ url_query: code }}
      none: {{ css: b, optional: true }}
      other: {{ css: b, default: d-1 }}
  - name: take
    post: /take
    body: '${{css}} ${{header}} ${{cookie}} ${{regex}} ${{code}} [${{none}}] ${{other}}'
"#,
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    assert_eq!(site.of("POST", "/take")[0].text(), "css-1 h-1 c-1 re-1 4/5 [] d-1");
}

/// Rule 7: what each subject and each matcher accepts and refuses, as a flow writes it.
#[tokio::test]
async fn every_subject_and_matcher_holds_and_misses() {
    let site = Routes::new()
        .on("GET", "/page", |_| {
            Reply::html("<form id=f><b class=n> 00123 </b></form>새올")
                .header("X-Kind", "portal")
                .header("Set-Cookie", "sid=00123; Path=/")
        })
        .on("GET", "/json", |_| {
            let mut reply = Reply::status(200).header("Content-Type", "application/json");
            reply.body = r#"{"code":"00123","count":7,"none":null}"#.into();
            reply
        })
        .on("GET", "/late", |_| Reply::html("x").after(Duration::from_millis(30)))
        .serve()
        .await;
    let cases = [
        ("page", "status: 200", "status: [201, 3xx]", Reason::HttpStatus),
        ("page", "url: { path: /page }", "url: { path: /pag }", Reason::UrlMismatch),
        ("page", "url: { starts_with: 'http://127' }", "url: https", Reason::UrlMismatch),
        ("page", "url: { host: 127.0.0.1 }", "url: { host: { in: [a] } }", Reason::UrlMismatch),
        ("page", "body: { contains: 새올 }", "body: { contains: 새 올 }", Reason::BodyMismatch),
        ("page", "body: { not_contains: x }", "body: { not_contains: 새 }", Reason::BodyMismatch),
        ("page", "body: { matches: '새.$' }", "body: { matches: '^새' }", Reason::BodyMismatch),
        ("page", "body: { not_matches: z }", "body: { not_matches: 새. }", Reason::BodyMismatch),
        ("page", "css: { 'form#f': exists }", "css: { 'form#g': exists }", Reason::BodyMismatch),
        ("page", "css: { 'form#g': absent }", "css: { 'form#f': absent }", Reason::BodyMismatch),
        // A bare value is the whole text, as it is written: 123 and 0012 are others.
        ("page", "css: { b.n: 00123 }", "css: { b.n: 123 }", Reason::BodyMismatch),
        ("page", "css: { b.n: '00123' }", "css: { b.n: '0012' }", Reason::BodyMismatch),
        ("page", "header: { X-Kind: portal }", "header: { X-Kind: port }", Reason::HeaderMismatch),
        ("page", "header: { X-No: absent }", "header: { X-No: exists }", Reason::HeaderMismatch),
        ("page", "cookie: { sid: exists }", "cookie: { sid: absent }", Reason::HeaderMismatch),
        ("page", "cookie: { sid: 00123 }", "cookie: { sid: 123 }", Reason::HeaderMismatch),
        ("late", "time: { lt: 15s }", "time: { lt: 20ms }", Reason::TooSlow),
        ("json", "json: { $.code: 00123 }", "json: { $.code: 123 }", Reason::JsonMismatch),
        (
            "json",
            "json: { $.count: { lt: 8 } }",
            "json: { $.count: { lt: 7 } }",
            Reason::JsonMismatch,
        ),
        (
            "json",
            "json: { $.count: { gt: 6 } }",
            "json: { $.count: { gt: 7 } }",
            Reason::JsonMismatch,
        ),
        (
            "json",
            "json: { $.count: { in: [6, 7] } }",
            "json: { $.count: { in: [6, 70] } }",
            Reason::JsonMismatch,
        ),
        ("json", "json: { $.none: exists }", "json: { $.other: exists }", Reason::JsonMismatch),
    ];
    for (path, holds, misses, reason) in cases {
        let flow = |expect: &str| {
            Flow::new(&format!(
                "base: {}\nsteps:\n  - {{ name: one, get: /{path}, expect: {{ {expect} }} }}\n",
                site.url("")
            ))
        };
        flow(holds).succeed().await;
        assert_eq!(flow(misses).fail().await, ("one".into(), reason), "{misses}");
    }
}

/// Rule 8: `finally` is done after a failure and after a timeout, in time kept for it.
#[tokio::test]
async fn finally_is_done_after_a_failure_and_after_the_time_ran_out() {
    for path in ["/fails", "/stalls", "/hangs-up"] {
        let site = Routes::new()
            .on("GET", "/fails", |_| Reply::html("x").with_status(500))
            .on("GET", "/stalls", |_| Reply::html("x").after(Duration::from_secs(60)))
            .on("GET", "/hangs-up", |_| Reply::hang_up())
            .on("GET", "/always", |_| Reply::html("x"))
            .on("GET", "/sent", |_| Reply::html("x"))
            .on("GET", "/ok", |_| Reply::html("x"))
            .serve()
            .await;
        let flow = Flow::within(
            Duration::from_secs(4),
            &format!(
                "base: {}\nsteps:\n  - {{ name: one, get: {path} }}\nfinally:\n  - {{ name: ok, \
                 if: one.ok, get: /ok }}\n  - {{ name: sent, if: one.sent, get: /sent }}\n  - {{ \
                 name: always, get: /always }}\n",
                site.url("")
            ),
        );
        let (step, reason) = flow.fail().await;
        assert_eq!(step, "one", "{path}: {reason:?}");
        assert_eq!(site.lines(), [&format!("GET {path}"), "GET /sent", "GET /always"]);
    }
}

/// Rule 8: a step whose request never left has not opened a session.
#[tokio::test]
async fn a_step_that_could_not_connect_was_not_sent() {
    let site = Routes::new().on("GET", "/sent", |_| Reply::html("x")).serve().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: one, get: 'http://{nobody}/' }}\nfinally:\n  - {{ name: \
         sent, if: one.sent, get: /sent }}\n",
        site.url("")
    ));
    assert_eq!(flow.fail().await, ("one".into(), Reason::ConnectRefused));
    assert_eq!(site.lines(), Vec::<String>::new());
}

/// Rule 9: what holds a secret is sent once, what does not may be sent again when the server had
/// closed the connection.
#[tokio::test]
async fn only_a_request_without_a_secret_is_repeated() {
    let site = Routes::new()
        .on("GET", "/page", |_| Reply::html("x"))
        .on("GET", "/anonymous", |_| Reply::hang_up())
        .on("GET", "/credential", |_| Reply::hang_up())
        .serve()
        .await;
    for (path, query, times) in [("/anonymous", "x", 2), ("/credential", "${secret.pass}", 1)] {
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - {{ name: two, get: {path}, \
             query: {{ q: '{query}' }}, expect: {{ body: {{ contains: x }} }} }}\n",
            site.url("")
        ));
        assert_eq!(flow.fail().await, ("two".into(), Reason::ConnectionReset));
        assert_eq!(site.of("GET", path).len(), times, "{path}");
    }
}

/// Rule 9: a probe that sends credentials is never rechecked at a short interval.
#[test]
fn a_probe_with_a_credential_step_is_not_rechecked() {
    let flow = |value: &str| {
        Flow::new(&format!(
            "base: https://a.go.kr\nsteps:\n  - {{ name: one, post: /, form: {{ p: '{value}' }}, \
             expect: {{ body: {{ contains: x }} }} }}\n"
        ))
    };
    assert!(flow("x").target.schedule.recheck().is_some());
    assert_eq!(flow("${secret.pass}").target.schedule.recheck(), None);
}

/// Rule 9: derived from where the secrets are, whatever stands around them.
#[tokio::test]
async fn a_secret_behind_a_pipe_or_in_a_header_makes_a_credential_step() {
    let site = Routes::new()
        .on("GET", "/page", |_| Reply::html("x"))
        .on("GET", "/two", |_| Reply::hang_up())
        .serve()
        .await;
    let marker = "expect: { body: { contains: x } }";
    let piped = format!("query: {{ q: '${{secret.pass | sha256}}' }}, {marker}");
    let own = format!("headers: {{ X-Key: 'k ${{secret.pass}}' }}, {marker}");
    let whole = "headers: { X-Key: '${secret.pass}' }\n";
    for (flow, step) in [("", &*piped), ("", &own), (whole, marker)] {
        let before = site.of("GET", "/two").len();
        let flow = Flow::new(&format!(
            "base: {}\n{flow}steps:\n  - {{ name: page, get: /page }}\n  - {{ name: two, get: \
             /two, {step} }}\n",
            site.url("")
        ));
        assert_eq!(flow.target.schedule.recheck(), None, "{step}");
        assert_eq!(flow.fail().await, ("two".into(), Reason::ConnectionReset));
        assert_eq!(site.of("GET", "/two").len() - before, 1, "sent once: {step}");
    }
}

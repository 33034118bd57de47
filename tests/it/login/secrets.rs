//! Rule 10: secrets stay with their hosts.

use std::fs;
use std::net::IpAddr;

use bongsu::outcome::Reason;

use super::flow::{Flow, PASS};
use crate::support::http::{Reply, Routes};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// The form was changed to send the password to somebody else.
#[tokio::test]
async fn a_form_that_leads_elsewhere_gets_no_secret() {
    let thief = Routes::new().on("POST", "/in", |_| Reply::html("ok")).serve_at(OTHER, None).await;
    let action = thief.url("/in");
    let site = Routes::new()
        .on("GET", "/login", move |_| {
            Reply::html(format!("<form method=post action='{action}'><input name=pw></form>"))
        })
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: page, get: /login }}\n  - name: in\n    submit: {{ form: \
         form, fields: {{ pw: '${{secret.pass}}' }} }}\n    follow: {{ allow_hosts: \
         127.0.0.2 }}\n    expect: {{ body: {{ contains: ok }} }}\n",
        site.url("")
    ));
    assert_eq!(flow.fail().await, ("in".into(), Reason::SecretHost));
    assert_eq!(thief.lines(), Vec::<String>::new());
}

/// An open redirect with 307 asks for the body again.
#[tokio::test]
async fn a_redirect_that_repeats_the_body_elsewhere_gets_no_secret() {
    let thief = Routes::new().on("POST", "/in", |_| Reply::html("ok")).serve_at(OTHER, None).await;
    let to = thief.url("/in");
    let site = Routes::new()
        .on("POST", "/in", move |_| Reply::redirect(to.clone()).with_status(307))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - name: in\n    post: /in\n    headers: {{ X-Key: '${{secret.user}}' \
         }}\n    form: {{ pw: '${{secret.pass}}' }}\n    follow: {{ allow_hosts: 127.0.0.2 }}\n    expect: {{ body: {{ contains: ok }} }}\n",
        site.url("")
    ));
    assert_eq!(flow.fail().await, ("in".into(), Reason::SecretHost));
    assert_eq!(thief.lines(), Vec::<String>::new());
}

/// Headers with a secret do not travel with a redirect either.
#[tokio::test]
async fn a_header_with_a_secret_stays_with_its_host() {
    let other = Routes::new().on("GET", "/end", |_| Reply::html("ok")).serve_at(OTHER, None).await;
    let to = other.url("/end");
    let site = Routes::new().on("GET", "/go", move |_| Reply::redirect(to.clone())).serve().await;
    let flow = Flow::new(&format!(
        "base: {}\nallow_hosts: [127.0.0.2]\nheaders: {{ X-Key: '${{secret.pass}}' }}\nsteps:\n  - name: go\n    get: /go\n\
         \x20   expect: {{ body: {{ contains: ok }} }}\n",
        site.url("")
    ));
    flow.succeed().await;
    assert!(site.asked()[0].header("x-key").is_some());
    assert_eq!(other.asked()[0].header("x-key"), None);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_secret_missing_and_nothing_is_sent() {
    let site = Routes::new().on("POST", "/in", |_| Reply::html("ok")).serve().await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: in, post: /in, form: {{ pw: '${{secret.pass}}' }}, expect: \
         {{ body: {{ contains: ok }} }} }}\n",
        site.url("")
    ));
    fs::remove_file(flow.directory.path().join("pass")).unwrap();
    assert_eq!(flow.fail().await, ("in".into(), Reason::SecretMissing));
    assert_eq!(site.lines(), Vec::<String>::new());
}

/// A page that repeats everything it was sent, in every form, and fails.
#[tokio::test]
async fn an_excerpt_and_the_details_hold_no_secret_in_any_form() {
    let site = Routes::new()
        .on("POST", "/in", |asked| {
            use base64::Engine;
            let base64 = base64::engine::general_purpose::STANDARD.encode(PASS);
            let hex: String = PASS.bytes().map(|byte| format!("{byte:02x}")).collect();
            Reply::html(format!(
                "<p>{PASS} {} {base64} {hex} {}</p>",
                asked.text(),
                serde_json::json!(PASS)
            ))
            .with_status(403)
        })
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nexcerpt: true\nsteps:\n  - {{ name: in, post: /in, form: {{ pw: \
         '${{secret.pass}}' }}, expect: {{ body: {{ contains: ok }} }} }}\n",
        site.url("")
    ));
    let outcome = flow.run().await;
    let excerpt = outcome.facts.excerpt().unwrap().to_owned();
    assert!(excerpt.contains(bongsu::redact::MASK), "{excerpt}");
    let shown = format!("{outcome:?} {excerpt}");
    for form in ["w0rd", "w0RD", "77307264", "dzByZ"] {
        assert!(!shown.contains(form), "{form} in {shown}");
    }
    let quiet = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: in, post: /in, form: {{ pw: '${{secret.pass}}' }}, expect: \
         {{ body: {{ contains: ok }} }} }}\n",
        site.url("")
    ));
    assert_eq!(quiet.run().await.facts.excerpt(), None);
}

/// Rule 6: a header or a cookie is a secret unless the flow says that it is not; what else is
/// captured is one when the flow says so.
#[tokio::test]
async fn what_a_flow_captured_is_masked_when_it_is_a_secret() {
    let site = Routes::new()
        .on("GET", "/page", |_| {
            Reply::html("<i>css-value-1</i><b>css-value-2</b>")
                .header("X-One", "header-value-1")
                .header("X-Two", "header-value-2")
                .header("Set-Cookie", "sid=cookie-value; Path=/; Max-Age=60")
        })
        .on("GET", "/echo", |_| {
            let gone = "sid=; Path=/; Max-Age=0";
            Reply::html("css-value-1 css-value-2 header-value-1 header-value-2 cookie-value")
                .header("Set-Cookie", gone)
                .with_status(403)
        })
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\nexcerpt: true\nsteps:\n  - name: page\n    get: /page\n    capture:\n      one: {{ \
         header: X-One }}\n      two: {{ header: X-Two, secret: false }}\n      sid: {{ cookie: sid \
         }}\n      open: {{ css: i }}\n      kept: {{ css: b, secret: true }}\n  - {{ name: echo, get: \
         /echo }}\n",
        site.url("")
    ));
    let excerpt = flow.run().await.facts.excerpt().unwrap().to_owned();
    assert_eq!(excerpt, "css-value-1 [masked] [masked] header-value-2 [masked]");
}

/// Another port of the host is another server: for a form, a redirect of a body, a header.
#[tokio::test]
async fn another_port_of_the_host_gets_no_secret() {
    let other = Routes::new().on("POST", "/in", |_| Reply::html("ok")).serve().await;
    let (action, to) = (other.url("/in"), other.url("/in"));
    let site = Routes::new()
        .on("GET", "/login", move |_| {
            Reply::html(format!("<form method=post action='{action}'><input name=pw></form>"))
        })
        .on("POST", "/in", move |_| Reply::redirect(to.clone()).with_status(307))
        .serve()
        .await;
    assert_eq!(site.host(), other.host());
    let expect = "expect: { body: { contains: ok } }";
    for step in [
        "submit: { form: form, fields: { pw: '${secret.pass}' } }",
        "post: /in\n    form: { pw: '${secret.pass}' }",
    ] {
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /login }}\n  - name: in\n    {step}\n    \
             {expect}\n",
            site.url("")
        ));
        assert_eq!(flow.fail().await, ("in".into(), Reason::SecretHost), "{step}");
    }
    // A header is left out on the way.
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - name: in\n    post: /in\n    headers: {{ X-Key: '${{secret.pass | hex}}' \
         }}\n    {expect}\n",
        site.url("")
    ));
    flow.succeed().await;
    let asked = other.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("x-key"), None);
}

/// Sessions and nonces in paths and the page's own tokens are masked like cookies.
#[tokio::test]
async fn sessions_in_paths_and_tokens_of_the_page_are_shown_nowhere() {
    let nonce = "9f86d081884c7d659a2f";
    let site = Routes::new()
        .on("GET", "/login", move |_| {
            Reply::redirect(format!("/go/{nonce}/in;jsessionid=0A1B2C3D4E?x=1"))
        })
        .on("GET", &format!("/go/{nonce}/in;jsessionid=0A1B2C3D4E"), |_| {
            Reply::html(
                "<meta name=_csrf content=canary-meta><form action='/x;jsessionid=0A1B2C3D4E'><input \
                 type=hidden name=_csrf value=canary-hidden></form>",
            )
            .with_status(403)
        })
        .serve()
        .await;
    let flow = format!(
        "base: {}\nexcerpt: true\nsteps:\n  - {{ name: one, get: /login }}\n",
        site.url("")
    );
    let outcome = Flow::new(&flow).run().await;
    let shown = format!("{outcome:?} {}", outcome.facts.excerpt().unwrap().to_owned());
    for private in [nonce, "0A1B2C3D4E", "canary-meta", "canary-hidden"] {
        assert!(!shown.contains(private), "{private} in {shown}");
    }
    let hops = outcome.facts.http.unwrap().hops;
    assert_eq!(hops[1].url, site.url("/go/[masked]/in;jsessionid=[masked]"));
}

/// A short value of a cookie or a header is masked where its name stands before it; an address or a
/// status that has the same digit is not spoilt.
#[tokio::test]
async fn short_values_of_cookies_and_headers_are_masked_only_as_theirs() {
    let site = Routes::new()
        .on("GET", "/page", |_| {
            Reply::html("x")
                .header("Set-Cookie", "view=2; Path=/")
                .header("Set-Cookie", "lang=ko; Path=/")
                .header("X-Count", "0")
        })
        .on("GET", "/echo", |_| {
            Reply::html("view=2; lang=ko and X-Count: 0 at 127.0.0.2, 2 of 20, ko").with_status(403)
        })
        .on("GET", "/away", |_| Reply::redirect("http://127.0.0.2:20/"))
        .serve()
        .await;
    let base = site.url("");
    let page = "  - { name: page, get: /page, capture: { count: { header: X-Count }, view: { cookie: \
                view } } }\n";
    let flow =
        |last: &str| Flow::new(&format!("base: {base}\nexcerpt: true\nsteps:\n{page}{last}"));
    let outcome = flow("  - { name: echo, get: /echo }\n").run().await;
    let excerpt = outcome.facts.excerpt().unwrap();
    assert_eq!(excerpt, "[masked]; [masked] and [masked] at 127.0.0.2, 2 of 20, ko");
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.reason, Reason::HttpStatus);
    assert!(failure.detail.contains("403"), "{failure}");
    let away = flow("  - { name: away, get: /away, follow: { redirects: 1 } }\n").run().await;
    let failure = away.result.unwrap_err();
    assert_eq!(failure.reason, Reason::RedirectUnexpectedHost);
    assert!(failure.detail.contains("127.0.0.2"), "{failure}");
}

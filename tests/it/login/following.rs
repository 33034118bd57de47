//! Redirects and forms that submit themselves, over two hosts (rules 10 and 12).

use std::net::IpAddr;

use bongsu::outcome::Reason;

use super::flow::Flow;
use crate::support::http::{Reply, Routes};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

#[tokio::test]
async fn redirects_rewrite_the_method_as_browsers_do_and_each_hop_is_kept() {
    for (status, expected) in [
        (301, "GET /end"),
        (302, "GET /end"),
        (303, "GET /end"),
        (307, "POST /end"),
        (308, "POST /end"),
    ] {
        let site = Routes::new()
            .on("POST", "/start", move |_| Reply::redirect("/end?token=secret").with_status(status))
            .on("GET", "/end", |_| Reply::html("x"))
            .on("POST", "/end", |_| Reply::html("x"))
            .serve()
            .await;
        let flow = format!(
            "base: {}\nsteps:\n  - {{ name: one, post: /start, form: {{ a: b }} }}\n",
            site.url("")
        );
        let outcome = Flow::new(&flow).succeed().await;
        assert_eq!(site.lines(), ["POST /start", expected], "{status}");
        let body = site.asked()[1].text();
        assert_eq!(body, if status >= 307 { "a=b" } else { "" }, "{status}");
        let hops = outcome.facts.http.unwrap().hops;
        let hops: Vec<(String, u16)> = hops.into_iter().map(|hop| (hop.url, hop.status)).collect();
        assert_eq!(hops, [(site.url("/start"), status), (site.url("/end"), 200)]);
    }
}

#[tokio::test]
async fn redirects_that_are_not_followed_are_answers_and_too_many_are_a_failure() {
    let site = Routes::new().on("GET", "/loop", |_| Reply::redirect("/loop")).serve().await;
    let flow = |follow: u32| {
        Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: one, get: /loop, follow: {{ redirects: {follow} }} }}\n",
            site.url("")
        ))
    };
    flow(0).succeed().await;
    assert_eq!(flow(3).fail().await, ("one".into(), Reason::RedirectLimit));
    assert_eq!(site.lines().len(), 1 + 4);
}

/// A sign-on by `response_mode=form_post`: the provider's page has a form that a script sends.
#[tokio::test]
async fn a_form_that_submits_itself_is_followed_over_two_hosts() {
    let portal = Routes::new()
        .on("POST", "/callback", |asked| match asked.field("code").as_deref() {
            Some("c-1") => Reply::redirect("/main").header("Set-Cookie", "sid=1; Path=/"),
            _ => Reply::html("no").with_status(400),
        })
        .on("GET", "/main", |asked| match asked.cookie("sid") {
            Some(_) => Reply::html("<a href=/logout>로그아웃</a>"),
            None => Reply::html("no").with_status(403),
        })
        .serve_at(OTHER, None)
        .await;
    let callback = portal.url("/callback");
    let provider = Routes::new()
        .on("GET", "/login", |_| {
            Reply::html("<form method=post action=/check><input name=user><input name=pw></form>")
        })
        .on("POST", "/check", move |_| {
            Reply::html(format!(
                "<body onload='document.forms[0].submit()'><form method=post action='{callback}'>\
                 <input type=hidden name=code value=c-1></form>"
            ))
        })
        .serve()
        .await;
    let flow = |hops: u32, hosts: &str| {
        Flow::new(&format!(
            r#"base: {}
allow_hosts: [{hosts}]
steps:
  - {{ name: page, get: /login }}
  - name: otp
    submit: {{ form: form, fields: {{ user: '${{secret.user}}', pw: '${{secret.pass}}' }} }}
    follow: {{ redirects: 10, auto_submit: 'form[method=post][action*="/callback"]', max_hops: {hops} }}
    expect: {{ url: {{ host: {}, path: /main }} }}
"#,
            provider.url(""),
            portal.host(),
        ))
    };
    let outcome = flow(15, "127.0.0.1, 127.0.0.2").succeed().await;
    assert_eq!(outcome.facts.http.unwrap().hops.len(), 4);
    assert_eq!(flow(1, "127.0.0.1, 127.0.0.2").fail().await.1, Reason::RedirectLimit);
    let (step, reason) = flow(15, "127.0.0.1").fail().await;
    assert_eq!((step.as_str(), reason), ("otp", Reason::RedirectUnexpectedHost));
}

#[tokio::test]
async fn a_redirect_outside_allow_hosts_is_not_followed() {
    let elsewhere = Routes::new()
        .on("GET", "/", |_| Reply::html("the identity provider is up"))
        .serve_at(OTHER, None)
        .await;
    let to = elsewhere.url("/");
    let site = Routes::new().on("GET", "/go", move |_| Reply::redirect(to.clone())).serve().await;
    let flow = format!(
        "base: {}\nallow_hosts: [127.0.0.1]\nsteps:\n  - {{ name: one, get: /go }}\n",
        site.url("")
    );
    assert_eq!(Flow::new(&flow).fail().await.1, Reason::RedirectUnexpectedHost);
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
}

/// A page says by header, by `meta` or by the form what is told of it, and a redirect says it anew.
#[tokio::test]
async fn a_page_is_told_of_as_it_wishes() {
    const FORM: &str = "<form id=f method=post action=/in><input name=a></form>";
    let told = |head: &'static str, page: &'static str, redirect: &'static str| async move {
        let with = |reply: Reply, policy: &str| match policy {
            "" => reply,
            policy => reply.header("Referrer-Policy", policy),
        };
        let site = Routes::new()
            .on("GET", "/page", move |_| with(Reply::html(page), head))
            .on("POST", "/in", move |_| with(Reply::redirect("/main"), redirect))
            .on("GET", "/main", |_| Reply::html("welcome"))
            .serve()
            .await;
        let base = site.url("");
        Flow::new(&format!(
            "base: {base}\nsteps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ form: \
             form }}, follow: {{ redirects: 1 }} }}\n"
        ))
        .succeed()
        .await;
        let asked = |method: &str, path: &str, header: &str| {
            let asked = site.of(method, path);
            asked[0].header(header).unwrap_or_default().replace(&base, "")
        };
        let (post, get) = (("POST", "/in"), ("GET", "/main"));
        [
            asked(post.0, post.1, "referer"),
            asked(post.0, post.1, "origin"),
            asked(get.0, get.1, "referer"),
        ]
    };
    assert_eq!(told("", FORM, "").await, ["/page", "", "/page"]);
    assert_eq!(told("no-referrer", FORM, "").await, ["", "null", ""]);
    assert_eq!(told("origin", FORM, "").await, ["/", "", "/"]);
    assert_eq!(told("", FORM, "no-referrer").await, ["/page", "", ""]);
    let meta = "<meta name=Referrer content=no-referrer><form method=post action=/in></form>";
    assert_eq!(told("origin", meta, "").await, ["", "null", ""]);
    let silent = "<form rel='nofollow noreferrer' method=post action=/in></form>";
    assert_eq!(told("", silent, "").await, ["", "null", ""]);
}

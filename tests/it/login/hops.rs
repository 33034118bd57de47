//! Which hosts a flow may be led to, and whose failure it is when one of them fails.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bongsu::outcome::{Failure, Reason};

use super::config_errors::refused;
use super::flow::Flow;
use crate::support::http::{Reply, RoutedSite, Routes};

const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Without `allow_hosts` the hosts are those that the flow names; any other hop is refused before
/// anything there is asked or judged.
#[tokio::test]
async fn a_flow_is_led_only_to_hosts_that_it_names() {
    let elsewhere = Routes::new()
        .on("GET", "/", |_| Reply::html("up"))
        .on("POST", "/", |_| Reply::html("up"))
        .serve_at(OTHER, None)
        .await;
    for status in [302, 303, 307, 308] {
        let to = elsewhere.url("/");
        let away = to.clone();
        let site = Routes::new()
            .on("GET", "/page", move |_| {
                Reply::html(format!(
                    "<form id=own method=post action=/go><input name=pw></form><form id=away \
                     method=post action='{away}'><input name=pw></form>"
                ))
            })
            .on("POST", "/go", move |_| Reply::redirect(to.clone()).with_status(status))
            .serve()
            .await;
        let flow = |form: &str, more: &str| {
            Flow::new(&format!(
                "base: {}\n{more}steps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ \
                 form: 'form#{form}', fields: {{ pw: '${{secret.pass}}' }} }}, expect: {{ body: {{ \
                 contains: up }} }} }}\n",
                site.url("")
            ))
        };
        for form in ["own", "away"] {
            let outcome = flow(form, "").run().await;
            let failure = outcome.result.err().unwrap();
            assert_eq!(failure.reason, Reason::RedirectUnexpectedHost, "{status} {form}");
            assert!(failure.detail.contains("127.0.0.2"), "{failure}");
        }
        assert_eq!(elsewhere.lines(), Vec::<String>::new(), "{status}");
    }
    // A step of the flow names the host.
    let to = elsewhere.url("/");
    let site = Routes::new().on("GET", "/go", move |_| Reply::redirect(to.clone())).serve().await;
    let flow = format!(
        "base: {}\nsteps:\n  - {{ name: one, get: /go }}\n  - {{ name: two, get: '{}' }}\n",
        site.url(""),
        elsewhere.url("/")
    );
    Flow::new(&flow).succeed().await;
}

/// A sign-on over two hosts in one step; the portal and the sign-on are broken in turn.
async fn sign_on(portal: Reply, sso: Reply, callback: Reply) -> (RoutedSite, RoutedSite) {
    let back = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let to_portal = std::sync::Arc::clone(&back);
    let sso = Routes::new()
        .on("GET", "/authorize", move |_| match sso.status {
            302 => Reply::redirect(to_portal.lock().unwrap().clone()),
            _ => sso.clone(),
        })
        .serve_at(OTHER, None)
        .await;
    let to_sso = sso.url("/authorize");
    let portal = Routes::new()
        .on("GET", "/login", move |_| match portal.status {
            302 => Reply::redirect(to_sso.clone()),
            _ => portal.clone(),
        })
        .on("GET", "/callback", move |_| callback.clone())
        .serve()
        .await;
    *back.lock().unwrap() = portal.url("/callback");
    (portal, sso)
}

async fn blamed(portal: &RoutedSite, components: &str, step: &str) -> (Reason, String) {
    let flow = format!(
        "base: {}\nallow_hosts: [127.0.0.2]\n{components}steps:\n  - {{ name: in, {step}get: /login, \
         fail_if: [ {{ reason: notice_page, body: {{ contains: 점검 }} }}, {{ reason: pki_backend, \
         body: {{ contains: OCSP }} }} ], expect: {{ css: {{ 'a#out': exists }} }} }}\n",
        portal.url("")
    );
    let outcome = Flow::within(Duration::from_secs(3), &flow).run().await;
    let Failure { reason, step, .. } = outcome.result.err().unwrap();
    (reason, step.unwrap().component.to_string())
}

#[tokio::test]
async fn the_host_that_answered_last_or_did_not_is_blamed() {
    let go = || Reply::redirect("-");
    let good = || Reply::html("<a id=out>x</a>");
    let late = || good().after(Duration::from_secs(60));
    let components = "components: { 127.0.0.1: saeol, 127.0.0.2: gpki }\n";
    let broken = [
        (Reply::html("x").with_status(500), Reason::HttpStatus),
        (Reply::html("시스템 점검"), Reason::NoticePage),
        (Reply::html("nothing"), Reason::BodyMismatch),
        (Reply::hang_up(), Reason::ConnectionReset),
        (late(), Reason::ResponseTimeout),
    ];
    for (answer, reason) in broken {
        let (portal, _sso) = sign_on(answer.clone(), go(), good()).await;
        assert_eq!(blamed(&portal, components, "").await, (reason, "saeol".into()));
        let (portal, _sso) = sign_on(go(), answer.clone(), good()).await;
        assert_eq!(blamed(&portal, components, "").await, (reason, "gpki".into()));
        let (portal, _sso) = sign_on(go(), go(), answer).await;
        // Back at the portal it is the portal's, whatever the step is about.
        let of_step = "component: gpki, ";
        assert_eq!(blamed(&portal, components, of_step).await, (reason, "saeol".into()));
    }
    let (portal, sso) = sign_on(go(), go(), good()).await;
    drop(sso);
    assert_eq!(blamed(&portal, components, "").await, (Reason::ConnectRefused, "gpki".into()));
    // What a host says of what is behind it stays with the step's component.
    let (portal, _sso) = sign_on(Reply::html("OCSP"), go(), good()).await;
    let end = blamed(&portal, components, "component: gpki, ").await;
    assert_eq!(end, (Reason::PkiBackend, "gpki".into()));
}

#[test]
fn components_are_services_by_host() {
    refused(
        "base: https://a.go.kr\ncomponents: { a.go.kr: gpkl, 'no host': gpki }\nsteps:\n  - { name: \
         one, get: / }\n",
        &[
            "components[\"a.go.kr\"]: no service named \"gpkl\"; did you mean \"gpki\"? (probe login)",
            "components[\"no host\"]: \"no host\" is not a host name or address \
             (probe login)",
        ],
    );
}

/// Loopback addresses, each a host of its own.
const HOSTS: u8 = 12;
/// Connections kept at once, the one that is being made, and one whose end was not yet seen.
const OPEN_MAX: usize = 8 + 2;

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_a_run_to_many_hosts_are_closed() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut steps = String::new();
    for host in 1..=HOSTS {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        writeln!(steps, "  - {{ name: s{host}, get: '{url}', expect: {{ status: 200 }} }}")
            .unwrap();
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            // Until the client goes away.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
    Flow::new(&format!("base: http://127.0.0.1:1\nsteps:\n{steps}")).succeed().await;
    let most = most.load(Ordering::SeqCst);
    assert!((8..=OPEN_MAX).contains(&most), "{most} at the same time");
}

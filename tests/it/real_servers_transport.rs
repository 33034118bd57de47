//! What real servers do on a connection and other probers got wrong: connections closed between
//! requests, heads that are none, bytes in addresses, names and families of the DNS, HTTP/2 that
//! wants HTTP/1.1, TLS without a goodbye, pages that send their reader on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu::config::IpChoice;
use bongsu::outcome::{Outcome, Reason, Verdict};
use encoding_rs::EUC_KR;
use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::support::dns::{NameServer, Says};
use crate::support::http::{Site, Visitor, page, redirect};
use crate::support::nginx::Nginx;
use crate::support::openssl::Server;
use crate::support::secure::{self, Secure};
use crate::support::visit::{Visit, detail, facts, reason, up};
use crate::support::written::{SECRET, run};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[track_caller]
fn assert_up(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.verdict(), Verdict::Up, "{what}: {outcome:?}");
}

#[track_caller]
fn assert_degraded(outcome: &Outcome, what: &str, said: &str) {
    assert_eq!(outcome.verdict(), Verdict::Degraded, "{what}: {outcome:?}");
    let warnings = &outcome.facts.warnings;
    assert_eq!(warnings[0].reason, Reason::ProtocolError, "{what}");
    assert!(warnings[0].detail.contains(said), "{what}: {warnings:?}");
}

// Row 1: a kept connection that the server has closed.

/// How a server leaves a connection.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    /// After its answer and this long, with a FIN.
    AfterAnswer(Duration),
    /// After the next request, without a byte.
    AfterRequest,
    /// As before, with a reset.
    WithReset,
    /// After the next request and the first byte of an answer.
    AfterAByte,
    /// Not before the client.
    Never,
}

/// Requests by connection, as `1 GET /path`.
type Seen = Arc<Mutex<Vec<String>>>;

/// The first connections are left, `how` says how; later ones serve whatever they are asked.
async fn leaving(how: Leaves, connections: usize) -> (Site, Seen) {
    let seen = Seen::default();
    let count = Arc::new(Mutex::new(0));
    let site = Site::scripted({
        let seen = Arc::clone(&seen);
        move |visitor| {
            let (seen, count) = (Arc::clone(&seen), Arc::clone(&count));
            async move {
                let connection = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                let how = if connection > connections { Leaves::Never } else { how };
                // Only the first one answers at first.
                serve(visitor, how, connection, &seen, connection == 1).await;
            }
        }
    });
    (site.await, seen)
}

async fn serve(mut visitor: Visitor, how: Leaves, connection: usize, seen: &Seen, answers: bool) {
    let mut answered = !answers && !matches!(how, Leaves::Never | Leaves::AfterAnswer(_));
    loop {
        let request = visitor.request().await;
        if request.is_empty() {
            return;
        }
        let line = request.split(" HTTP/").next().unwrap_or_default();
        seen.lock().unwrap().push(format!("{connection} {line}"));
        match how {
            _ if !answered => {}
            Leaves::AfterRequest => return,
            Leaves::WithReset => return visitor.reset(),
            Leaves::AfterAByte => {
                visitor.send(b"H").await;
                return visitor.close().await;
            }
            Leaves::Never | Leaves::AfterAnswer(_) => {}
        }
        visitor.send(OK.as_bytes()).await;
        answered = true;
        if let Leaves::AfterAnswer(after) = how {
            // How long this server keeps an idle connection; no test waits by it.
            tokio::time::sleep(after).await;
            return visitor.close().await;
        }
    }
}

/// Signs in: a page, then this step.
fn login(site: &Site, step: &str) -> String {
    let base = site.url("/");
    format!(
        "login: {{ base: '{base}', steps: [{{ name: page, get: /page }}, {{ name: next, {step}, expect: {{ body: ok }} }}] }}"
    )
}

/// Steps that hold a secret, each in another place.
const SECRET_STEPS: [&str; 4] = [
    "post: /login, form: { pw: '${secret.pass}' }",
    "get: /login, query: { pw: '${secret.pass}' }",
    "get: /login, headers: { X-Pass: '${secret.pass}' }",
    "post: /login, json: { pw: ['${secret.pass}'] }",
];

const DELAYS: [u64; 5] = [0, 1, 5, 20, 50];

#[tokio::test]
async fn a_connection_closed_between_two_requests_costs_nobody_his_login() {
    for after in DELAYS.map(Duration::from_millis) {
        for step in SECRET_STEPS {
            let (site, _) = leaving(Leaves::AfterAnswer(after), 10).await;
            assert_up(&run(&login(&site, step)).await, &format!("{after:?} {step}"));
            let sent = site.requests().iter().filter(|text| text.contains(SECRET)).count();
            assert_eq!(sent, 1, "{after:?} {step}");
        }
        for step in ["get: /next", "post: /next, form: { a: b }"] {
            let (site, _) = leaving(Leaves::AfterAnswer(after), 10).await;
            assert_up(&run(&login(&site, step)).await, &format!("{after:?} {step}"));
        }
    }
}

#[tokio::test]
async fn a_secret_goes_over_a_connection_of_its_own_and_once() {
    for step in SECRET_STEPS {
        let (site, seen) = leaving(Leaves::Never, 0).await;
        assert_up(&run(&login(&site, step)).await, step);
        let seen = seen.lock().unwrap().clone();
        assert_eq!((seen.len(), &seen[1][..2]), (2, "2 "), "{step}: {seen:?}");
        // The server that dies on it: nobody asks again.
        for how in [Leaves::AfterRequest, Leaves::WithReset, Leaves::AfterAByte] {
            let (site, _) = leaving(how, 10).await;
            let outcome = run(&login(&site, step)).await;
            assert_eq!(reason(&outcome), Reason::ConnectionReset, "{how:?} {step}");
            let sent = site.requests().iter().filter(|text| text.contains(SECRET)).count();
            assert_eq!(sent, 1, "{how:?} {step}");
        }
    }
}

#[tokio::test]
async fn what_dies_on_a_used_connection_before_a_byte_is_repeated_once() {
    for (step, line) in [("get: /n", "GET /n"), ("post: /n, form: { a: b }", "POST /n")] {
        for how in [Leaves::AfterRequest, Leaves::WithReset] {
            let (site, seen) = leaving(how, 1).await;
            assert_up(&run(&login(&site, step)).await, step);
            let expected = ["1 GET /page".to_owned(), format!("1 {line}"), format!("2 {line}")];
            assert_eq!(*seen.lock().unwrap(), expected, "{how:?}");

            let (site, seen) = leaving(how, 10).await;
            let outcome = run(&login(&site, step)).await;
            assert_eq!(reason(&outcome), Reason::ConnectionReset, "{how:?} {step}");
            assert_eq!(*seen.lock().unwrap(), expected, "{how:?}: once more and no more");
        }
        let (site, seen) = leaving(Leaves::AfterAByte, 1).await;
        let outcome = run(&login(&site, step)).await;
        assert_eq!(reason(&outcome), Reason::ConnectionReset, "{step}");
        let expected = ["1 GET /page".to_owned(), format!("1 {line}")];
        assert_eq!(*seen.lock().unwrap(), expected, "what came means that it was acted on");
    }
}

#[tokio::test]
async fn what_dies_on_a_new_connection_is_not_repeated() {
    let site = Site::scripted(|mut visitor| async move { drop(visitor.request().await) }).await;
    let outcome = Visit::to(site.url("/")).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset);
    assert_eq!(site.requests().len(), 1);
}

#[tokio::test]
async fn nginx_that_ends_its_connections_early_is_up() {
    let server = "location / { try_files $uri $uri/ /index.html; }
        location /login { return 200 ok; } keepalive_timeout 1ms; keepalive_requests 2;";
    let nginx = Nginx::serving(server, &[("www/index.html", b"hello")]);
    let roots = nginx.path("ca.pem");
    for base in [nginx.plain("/"), nginx.tls("/")] {
        for version in ["any", "1.1"] {
            let steps = "[{ name: a, get: / }, { name: b, get: / }, { name: c, get: / },
                { name: d, post: /login, form: { pw: '${secret.pass}' } }, { name: e, get: / },
                { name: f, get: /login, query: { pw: '${secret.pass}' }, expect: { body: ok } }]";
            let trust = format!("trust: {{ roots: '{}' }}", roots.display());
            let probe = format!(
                "login: {{ base: '{base}', http_version: \"{version}\", {trust}, steps: {steps} }}"
            );
            assert_up(&run(&probe).await, &format!("{base} {version}"));
        }
    }
}

// Row 2: folded header lines.

async fn answering(head: &[u8], keys: &str) -> Outcome {
    let head = [b"HTTP/1.1 200 OK\r\n", head, b"Content-Length: 2\r\n\r\nok"].concat();
    let site = Site::answering(head).await;
    run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await
}

#[tokio::test]
async fn a_folded_header_line_is_one_line() {
    for (head, keys) in [
        (
            "X-Policy: default-src 'self';\r\n  img-src *\r\n",
            r#"expect: { header: { X-Policy: "default-src 'self'; img-src *" }, body: ok }"#,
        ),
        ("X-A: one\r\n\ttwo\r\n \r\n three\r\n", "expect: { header: { X-A: 'one two three' } }"),
        ("X-A:\r\n one\r\n", "expect: { header: { X-A: one } }"),
        ("X-A: one\n two\n", "expect: { header: { X-A: one two } }"),
        (
            "Content-Type: text/html;\r\n charset=euc-kr\r\nX-B: c\r\n",
            "expect: { header: { Content-Type: 'text/html; charset=euc-kr', X-B: c } }",
        ),
        ("Set-Cookie: a=b;\r\n Path=/\r\n", "expect: { cookie: { a: b } }"),
    ] {
        assert_up(&answering(head.as_bytes(), keys).await, head);
    }
    // What is folded from nothing is no header.
    let outcome = answering(b" folded\r\nX-A: one\r\n", "expect: { header: { X-A: one } }").await;
    assert_degraded(&outcome, "from nothing", "no header");
}

// Row 3: one bad header line.

fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let korean = EUC_KR.encode("이름: one").0.into_owned();
    vec![
        (b"HTTP/1.1 200 OK".to_vec(), "no header"),
        (b"PHP Warning".to_vec(), "no header"),
        (b"PHP Warning:  Undefined variable $a in /b.php on line 3".to_vec(), "no header"),
        (b"<br />".to_vec(), "no header"),
        (b"X-A : one".to_vec(), "no header"),
        (b": one".to_vec(), "no header"),
        (b"X A: one".to_vec(), "no header"),
        (b"X(A): one".to_vec(), "name"),
        (korean, "name"),
        (b"Set-Cookie: a=b\x01c".to_vec(), "control characters"),
        (b"X-A: \x7f".to_vec(), "control characters"),
    ]
}

#[tokio::test]
async fn a_bad_header_line_is_told_and_the_page_is_judged() {
    for (line, said) in bad_lines() {
        let what = String::from_utf8_lossy(&line).into_owned();
        for place in ["first", "last", "twice"] {
            let head = match place {
                "first" => [&line, b"\r\nX-B: c\r\n".as_slice()].concat(),
                "last" => [b"X-B: c\r\n", line.as_slice(), b"\r\n"].concat(),
                _ => [&line, b"\r\nX-B: c\r\n".as_slice(), &line, b"\r\n"].concat(),
            };
            let keys = "expect: { header: { X-B: c, X-A: absent }, body: ok }";
            let outcome = answering(&head, keys).await;
            assert_degraded(&outcome, &format!("{place} {what}"), said);
            assert_eq!(outcome.facts.warnings.len(), 1, "{place} {what}: told once");
            assert_eq!(
                reason(&answering(&head, "expect: { body: no }").await),
                Reason::BodyMismatch
            );
        }
    }
}

#[tokio::test]
async fn a_bad_header_line_is_told_wherever_it_stands() {
    let bad = "PHP Warning: a\r\n";
    // On the way to the page that counts.
    let site = Site::routed(move |request| match request.starts_with("GET / ") {
        true => redirect(302, &format!("/main\r\n{}", bad.trim_end())),
        false => page("200 OK", "", ""),
    });
    let site = site.await;
    let outcome = run(&format!("http: {{ url: '{}' }}", site.url("/"))).await;
    assert_degraded(&outcome, "redirect", "no header");
    // In a redirect that is not followed.
    let keys = "follow: { redirects: 0 }, expect: { status: 302 }";
    let outcome = run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await;
    assert_degraded(&outcome, "unfollowed", "no header");
    // In a step, which is named.
    let steps = "[{ name: a, get: / }, { name: b, get: /main }]";
    let outcome = run(&format!("login: {{ base: '{}', steps: {steps} }}", site.url("/"))).await;
    assert_degraded(&outcome, "step", "no header");
    let step = outcome.facts.warnings[0].step.clone().unwrap();
    assert_eq!((&*step.name, outcome.facts.warnings.len()), ("a", 1));
    // Before the final response, and in pieces.
    let interim = format!(
        "HTTP/1.1 103 Early\r\n{bad}\r\nHTTP/1.1 200 OK\r\n{bad}Content-Length: 2\r\n\r\nok"
    );
    let site = Site::scripted(move |mut visitor| {
        let bytes = interim.clone();
        async move {
            visitor.request().await;
            visitor.stream.set_nodelay(true).unwrap();
            for byte in bytes.as_bytes() {
                visitor.send(&[*byte]).await;
                tokio::task::yield_now().await;
            }
            visitor.close().await;
        }
    });
    let outcome = Visit::to(site.await.url("/")).run().await;
    assert_degraded(&outcome, "interim", "no header");
    assert_eq!(facts(&outcome).body_bytes, 2);
}

#[tokio::test]
async fn a_blank_before_the_colon_of_what_frames_the_body_keeps_the_body_readable() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let site = Site::answering(response).await;
        let probe = format!("http: {{ url: '{}', expect: {{ body: ok }} }}", site.url("/"));
        assert_degraded(&run(&probe).await, response, "blank before");
    }
}

/// A page in chunks, each written so, and what ends it.
async fn chunked(chunks: &str, end: &str) -> Outcome {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let site = Site::answering(format!("{head}{chunks}{end}")).await;
    run(&format!("http: {{ url: '{}', expect: {{ body: hello }} }}", site.url("/"))).await
}

/// What Chromium shows without a word is up or degraded.
#[tokio::test]
async fn chunks_that_browsers_read_are_read() {
    for (chunks, end) in [
        ("5\r\nhello\r\n", "0\r\n\r\n"),
        ("2;a=b\r\nhe\r\n003  \r\nllo\r\n", "000\r\nX-A: b\r\n\r\n"),
    ] {
        assert_up(&chunked(chunks, end).await, chunks);
    }
    for (chunks, end) in [
        ("5\nhello\n", "0\n\n"),
        ("5\nhello\r\n", "0\r\n\r\n"),
        ("5\r\nhello\n", "0\r\n\r\n"),
        ("2;a=b\nhe\n3\nllo\n", "0\n\n"),
        ("5\r\nhello\r\n", "0\n\n"),
        ("5\r\nhello\r\n", "0\r\nX-A: b\n\n"),
        ("5\r\nhello\r\n", "0\r\nno header line\r\n\r\n"),
    ] {
        let outcome = chunked(chunks, end).await;
        assert_degraded(&outcome, chunks, "chunks of the body");
        assert_eq!(outcome.facts.warnings.len(), 1, "{chunks}: told once");
    }
}

/// `ERR_INVALID_CHUNKED_ENCODING`, `ERR_INCOMPLETE_CHUNKED_ENCODING` and `ERR_CONTENT_LENGTH_MISMATCH` there.
#[tokio::test]
async fn a_page_that_browsers_call_broken_is_down() {
    for (chunks, end) in [
        ("zz\nhello\n", "0\n\n"),
        ("5\t\nhello\n", "0\n\n"),
        (" 5\nhello\n", "0\n\n"),
        ("5\nhello", "0\n\n"),
        ("5\nhello\n\n", "0\n\n"),
        ("5\nhello\n", ""),
        ("5\nhello\n", "0"),
        ("5\nhello\n", "0\n"),
        ("5\nhello\n", "0\nX-A: b\n"),
        ("5\nhel", ""),
    ] {
        let outcome = chunked(chunks, end).await;
        assert_eq!(outcome.verdict(), Verdict::Down, "{chunks:?} {end:?}: {outcome:?}");
    }
    let site = Site::answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").await;
    let outcome = run(&format!("http: {{ url: '{}' }}", site.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset);
    // A length that is less than what comes is the page's.
    let site = Site::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!").await;
    let page = format!("http: {{ url: '{}', expect: {{ body: hello }} }}", site.url("/"));
    assert_up(&run(&page).await, "shorter");
}

#[tokio::test]
async fn a_nul_in_a_head_breaks_the_protocol() {
    for line in [&b"X-A: a\0b\r\n"[..], b"X\0A: b\r\n", b"Set-Cookie: a=b\0c\r\n", b"\0\r\n"] {
        let outcome = answering(line, "").await;
        let what = String::from_utf8_lossy(line);
        assert_eq!(reason(&outcome), Reason::ProtocolError, "{what:?}");
        assert_eq!(outcome.verdict(), Verdict::Down, "{what:?}");
    }
}

// Row 9: text of others that goes back unchanged.

#[tokio::test]
async fn bytes_of_a_location_go_back_as_they_came() {
    let korean = EUC_KR.encode("이름").0.into_owned();
    let way = |prefix: &str, suffix: &str| [prefix.as_bytes(), &korean, suffix.as_bytes()].concat();
    for (location, expected) in [
        (way("/n.do?q=", ""), "/n.do?q=%C0%CC%B8%A7"),
        (way("/n.do?q=%41", "&b=1"), "/n.do?q=%41%C0%CC%B8%A7&b=1"),
        (way("/", "/n.do"), "/%C0%CC%B8%A7/n.do"),
        (way("?q=", "#top"), "/start/?q=%C0%CC%B8%A7"),
        ("/n.do?q=이름".as_bytes().to_vec(), "/n.do?q=%EC%9D%B4%EB%A6%84"),
        ("/n.do?q=%C0%CC".as_bytes().to_vec(), "/n.do?q=%C0%CC"),
        (b"/n.do?q=\xff\x80".to_vec(), "/n.do?q=%FF%80"),
        (b"/n.do?q=a b".to_vec(), "/n.do?q=a%20b"),
    ] {
        for header in ["Location: ", "Refresh: 0;url="] {
            let status = if header.starts_with('L') { "302 F" } else { "200 OK" };
            let start = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{header}");
            let head = [start.as_bytes(), &location, b"\r\n\r\n"].concat();
            let site = Site::scripted(move |mut visitor| {
                let head = head.clone();
                async move {
                    let request = visitor.request().await;
                    let is_start = request.starts_with("GET /start/ ");
                    visitor.send(if is_start { &head } else { OK.as_bytes() }).await;
                    visitor.close().await;
                }
            });
            let site = site.await;
            let url = site.url("/start/");
            let probe = format!("http: {{ url: '{url}', follow: {{ refresh: true }} }}");
            assert_up(&run(&probe).await, expected);
            let line = format!("GET {expected} HTTP/1.1\r\n");
            assert!(site.requests()[1].starts_with(&line), "{line} {}", site.requests()[1]);
        }
    }
}

#[tokio::test]
async fn a_location_to_a_host_that_is_no_name_breaks_the_protocol() {
    let location = [b"http://", EUC_KR.encode("이름").0.as_ref(), b".kr/"].concat();
    let head = [b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: ", &location[..], b"\r\n\r\n"];
    let site = Site::answering(head.concat()).await;
    assert_eq!(reason(&Visit::to(site.url("/")).run().await), Reason::ProtocolError);
}

// Row 10: names that DNS has and host rules do not.

#[tokio::test]
async fn names_that_no_host_may_have_are_asked_for() {
    let nginx = Nginx::serving("", &[("www/index.html", b"hello")]);
    let port = |url: String| url.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let (plain, tls) = (port(nginx.plain("/")), port(nginx.tls("/")));
    for name in ["my_host", "-a", "a-", "a~b", "_", "a--b", "1", "A_B"] {
        let host = format!("{name}.probe.test");
        let dns = NameServer::pointing(&host.to_ascii_lowercase(), "127.0.0.1").await;
        for dot in ["", "."] {
            let outcome = Visit::to(format!("http://{host}{dot}:{plain}/")).asking(dns.address);
            up(&outcome.run().await);
        }
        assert_eq!(dns.queries(), 2, "{name}");
        // The certificate is for another name, and that is what is wrong.
        let visit = Visit::to(format!("https://{host}:{tls}/")).asking(dns.address);
        let outcome = visit.trusting(&nginx.path("ca.pem")).run().await;
        assert_eq!(reason(&outcome), Reason::TlsNameMismatch, "{name}: {outcome:?}");
        assert_eq!(outcome.verdict(), Verdict::Down, "{name}");
    }
    let dns = NameServer::with(&[]).await;
    let outcome = Visit::to("http://my_host.probe.test/").asking(dns.address).run().await;
    assert_eq!((reason(&outcome), dns.queries()), (Reason::DnsNxdomain, 2));
}

// Row 11: an error for the preferred family.

fn says(ip: &str) -> Says {
    Says::Addresses(vec![ip.parse().unwrap()])
}

#[tokio::test]
async fn an_error_for_one_family_is_no_error_of_the_name() {
    let site = Site::answering(OK).await;
    let port = site.address.port();
    let other = crate::support::hole::site_on(&format!("[::1]:{port}"), OK).await;
    let bad = || {
        let codes = [
            ResponseCode::NXDomain,
            ResponseCode::ServFail,
            ResponseCode::Refused,
            ResponseCode::NotImp,
        ];
        let errors = codes.into_iter().map(Says::Code);
        errors
            .chain([ResponseCode::FormErr].map(Says::Code))
            .chain([Says::Silence, Says::Addresses(vec![])])
    };
    for (at, error) in bad().enumerate() {
        let visit = |says: Says, ip: IpChoice| async move {
            let dns = NameServer::with(&[("www.probe.test", says)]).await;
            let visit = Visit::to(format!("http://www.probe.test:{port}/")).asking(dns.address);
            visit.on(ip).run().await
        };
        let broken_v6 = Says::by_family(says("127.0.0.1"), error.clone());
        let outcome = visit(broken_v6.clone(), IpChoice::PreferV6).await;
        assert_up(&outcome, &format!("error {at} for AAAA"));
        assert_eq!(outcome.facts.address, Some(site.address.ip()));
        assert_up(&visit(broken_v6.clone(), IpChoice::PreferV4).await, "not even asked");
        let broken_v4 = Says::by_family(error, says("::1"));
        let outcome = visit(broken_v4.clone(), IpChoice::PreferV4).await;
        assert_up(&outcome, &format!("error {at} for A"));
        assert_eq!(outcome.facts.address, Some(other.ip()));
        assert!(outcome.elapsed < Duration::from_secs(5), "error {at}: {:?}", outcome.elapsed);
    }
}

#[tokio::test]
async fn an_error_for_both_families_is_the_one_that_says_more() {
    let code = |code| Says::Code(code);
    let (servfail, nxdomain) = (code(ResponseCode::ServFail), code(ResponseCode::NXDomain));
    let none = Says::Addresses(vec![]);
    for (v4, v6, expected) in [
        (servfail.clone(), none.clone(), Reason::DnsServfail),
        (none.clone(), servfail.clone(), Reason::DnsServfail),
        (nxdomain.clone(), nxdomain.clone(), Reason::DnsNxdomain),
        (none.clone(), none.clone(), Reason::DnsNoAddress),
        (servfail.clone(), nxdomain.clone(), Reason::DnsServfail),
    ] {
        let dns = NameServer::with(&[("www.probe.test", Says::by_family(v4, v6))]).await;
        let outcome = Visit::to("http://www.probe.test/").asking(dns.address).run().await;
        assert_eq!(reason(&outcome), expected);
    }
    // Who wants one family is not served by the other.
    let says = Says::by_family(says("127.0.0.1"), servfail);
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let visit = Visit::to("http://www.probe.test/").asking(dns.address).on(IpChoice::OnlyV6);
    assert_eq!(reason(&visit.run().await), Reason::DnsServfail);
}

// Row 12: credentials by another name.

#[tokio::test]
async fn what_another_host_sees_of_a_request_holds_no_credentials() {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    let seen: Seen = Arc::default();
    tokio::spawn({
        let seen = Arc::clone(&seen);
        async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 8192];
                let read = stream.read(&mut buffer).await.unwrap();
                seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                let _ = stream.write_all(OK.as_bytes()).await;
            }
        }
    });
    let site = Site::answering(redirect(307, &format!("http://{there}/"))).await;
    let headers =
        "headers: { Cookie: 'a=canary', X-Api-Key: canary, X-Session: canary, X-Plain: c }";
    let url = site.url("/");
    for probe in [
        format!("http: {{ url: '{url}', {headers} }}"),
        format!(
            "http: {{ url: '{url}', {headers}, basic_auth: {{ username: u, password: '${{secret.pass}}' }} }}"
        ),
        format!(
            "login: {{ base: '{url}', {headers}, allow_hosts: [127.0.0.1, 127.0.0.2], steps: [{{ name: a, get: / }}] }}"
        ),
        format!(
            "login: {{ base: '{url}', allow_hosts: [127.0.0.1, 127.0.0.2], steps: [{{ name: a, get: /, {headers} }}] }}"
        ),
    ] {
        assert_up(&run(&probe).await, &probe);
        let request = seen.lock().unwrap().pop().unwrap();
        assert!(request.contains("x-plain: c\r\n"), "{request}");
        assert!(!request.contains("canary") && !request.contains("authorization"), "{request}");
        assert!(site.requests().last().unwrap().contains("canary"));
    }
}

// Row 15: HTTP/2 that asks for HTTP/1.1.

const HTTP_1_1_REQUIRED: u32 = 0xd;
const REFUSED_STREAM: u32 = 7;

/// What an HTTP/2 server does with a request.
#[derive(Debug, Clone, Copy)]
enum Does {
    Answer,
    Reset(u32),
    /// The first request is answered, later ones are reset.
    AnswerAndReset(u32),
    /// The last stream that will be answered, and the code.
    GoAway(u32, u32),
    /// As before, and then it answers.
    GoAwayAndAnswer(u32, u32),
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// The kind and stream of the next frame.
async fn next_frame(stream: &mut TlsStream<TcpStream>) -> Option<(u8, u32)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
}

async fn http2(stream: &mut TlsStream<TcpStream>, does: Does) -> Option<()> {
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    stream.write_all(&frame(4, 0, 0, &[])).await.ok()?;
    loop {
        let (kind, on) = next_frame(stream).await?;
        if kind != HEADERS {
            continue;
        }
        // `:status: 200` of the static table, with the end of headers and stream.
        let answer = frame(HEADERS, 5, on, &[0x88]);
        let goaway = |last: u32, code: u32| {
            frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
        };
        let (bytes, ends) = match does {
            Does::Answer => (answer, false),
            // The first stream of a client.
            Does::AnswerAndReset(_) if on == 1 => (answer, false),
            Does::AnswerAndReset(code) => (frame(3, 0, on, &code.to_be_bytes()), false),
            Does::Reset(code) => (frame(3, 0, on, &code.to_be_bytes()), false),
            Does::GoAway(last, code) => (goaway(last, code), true),
            Does::GoAwayAndAnswer(last, code) => ([goaway(last, code), answer].concat(), true),
        };
        stream.write_all(&bytes).await.ok()?;
        if ends {
            return stream.shutdown().await.ok();
        }
    }
}

/// Speaks HTTP/2 and does this; HTTP/1.1 is answered. From the second connection on HTTP/2 is
/// answered too, unless `always`.
async fn h2_server(does: Does, always: bool) -> (Secure, Seen) {
    let seen = Seen::default();
    let server = Secure::scripted(&["h2", "http/1.1"], {
        let seen = Arc::clone(&seen);
        move |connection, mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                seen.lock().unwrap().push(if is_h2 { "h2" } else { "http/1.1" }.to_owned());
                if is_h2 {
                    let does = if connection == 1 || always { does } else { Does::Answer };
                    let _ = http2(&mut stream, does).await;
                    return;
                }
                let mut buffer = [0; 8192];
                while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {
                    let _ = stream.write_all(OK.as_bytes()).await;
                }
            }
        }
    });
    (server.await, seen)
}

#[tokio::test]
async fn http2_that_refuses_is_asked_again_as_it_wants() {
    for (does, expected) in [
        (Does::Reset(HTTP_1_1_REQUIRED), ["h2", "http/1.1"]),
        (Does::GoAway(0, HTTP_1_1_REQUIRED), ["h2", "http/1.1"]),
        (Does::GoAway(1, HTTP_1_1_REQUIRED), ["h2", "http/1.1"]),
        (Does::Reset(REFUSED_STREAM), ["h2", "h2"]),
        (Does::GoAway(0, 0), ["h2", "h2"]),
    ] {
        for body in ["", "method: POST, body: plain, "] {
            let (server, seen) = h2_server(does, false).await;
            let url = server.url("/");
            let outcome = run(&format!("http: {{ url: '{url}', {body}{} }}", server.trust())).await;
            assert_up(&outcome, &format!("{does:?} {body}"));
            assert_eq!(*seen.lock().unwrap(), expected, "{does:?} {body}");
            let version = if expected[1] == "h2" { 2.0 } else { 1.1 };
            assert_eq!(facts(&outcome).version, version, "{does:?}");
        }
    }
}

#[tokio::test]
async fn http2_that_fails_otherwise_is_asked_once() {
    for (does, expected) in [
        (Does::Reset(2), Reason::ProtocolError),
        (Does::Reset(8), Reason::ProtocolError),
        (Does::Reset(0xb), Reason::ProtocolError),
        (Does::GoAway(1, 0xb), Reason::ProtocolError),
        // It may have been processed, and no answer came.
        (Does::GoAway(1, 0), Reason::ConnectionReset),
    ] {
        let (server, seen) = h2_server(does, false).await;
        let url = server.url("/");
        let outcome = run(&format!("http: {{ url: '{url}', {} }}", server.trust())).await;
        assert_eq!(reason(&outcome), expected, "{does:?} {}", detail(&outcome));
        assert_eq!(*seen.lock().unwrap(), ["h2"], "{does:?}");
    }
    // Going away after what it answers is no fault.
    let (server, seen) = h2_server(Does::GoAwayAndAnswer(1, 0), true).await;
    let url = server.url("/");
    assert_up(&run(&format!("http: {{ url: '{url}', {} }}", server.trust())).await, "answered");
    assert_eq!(*seen.lock().unwrap(), ["h2"]);
}

#[tokio::test]
async fn http2_that_goes_on_refusing_is_asked_twice_and_no_more() {
    for (does, expected) in [
        (Does::Reset(REFUSED_STREAM), Reason::ProtocolError),
        (Does::GoAway(0, 0), Reason::ProtocolError),
    ] {
        let (server, seen) = h2_server(does, true).await;
        let url = server.url("/");
        let outcome = run(&format!("http: {{ url: '{url}', {} }}", server.trust())).await;
        assert_eq!(reason(&outcome), expected, "{does:?} {}", detail(&outcome));
        assert_eq!(*seen.lock().unwrap(), ["h2", "h2"], "{does:?}");
    }
    // Who will have nothing but HTTP/2 is told that there is none.
    let (server, seen) = h2_server(Does::Reset(HTTP_1_1_REQUIRED), true).await;
    let keys = format!("http_version: \"2\", {}", server.trust());
    let outcome = run(&format!("http: {{ url: '{}', {keys} }}", server.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::HttpVersion);
    assert_eq!(*seen.lock().unwrap(), ["h2"]);
}

#[tokio::test]
async fn a_secret_that_http2_refused_is_not_sent_again() {
    for does in [Does::Reset(HTTP_1_1_REQUIRED), Does::Reset(REFUSED_STREAM), Does::GoAway(0, 0)] {
        let (server, seen) = h2_server(does, false).await;
        let url = server.url("/");
        let headers = "headers: { X-Pass: '${secret.pass}' }";
        let outcome =
            run(&format!("http: {{ url: '{url}', {headers}, {} }}", server.trust())).await;
        assert_eq!(reason(&outcome), Reason::ProtocolError, "{does:?}");
        assert_eq!(*seen.lock().unwrap(), ["h2"], "{does:?}");
    }
}

#[tokio::test]
async fn who_asked_for_http1_once_gets_it_for_the_rest_of_the_run() {
    let (server, seen) = h2_server(Does::Reset(HTTP_1_1_REQUIRED), true).await;
    let steps = "[{ name: a, get: / }, { name: b, get: / },
        { name: c, post: /, form: { pw: '${secret.pass}' }, expect: { body: ok } }]";
    let base = server.url("/");
    let probe = format!("login: {{ base: '{base}', {}, steps: {steps} }}", server.trust());
    assert_up(&run(&probe).await, "login");
    // The secret has a connection of its own.
    assert_eq!(*seen.lock().unwrap(), ["h2", "http/1.1", "http/1.1"]);
}

#[tokio::test]
async fn http2_that_refuses_on_a_used_connection_is_asked_again_once() {
    let steps = "[{ name: a, get: / }, { name: b, get: / }]";
    for (code, again) in [(HTTP_1_1_REQUIRED, "http/1.1"), (REFUSED_STREAM, "h2")] {
        let (server, seen) = h2_server(Does::AnswerAndReset(code), false).await;
        let base = server.url("/");
        let probe = format!("login: {{ base: '{base}', {}, steps: {steps} }}", server.trust());
        assert_up(&run(&probe).await, again);
        assert_eq!(*seen.lock().unwrap(), ["h2", again]);
    }
    let then_refuses = |connection| match connection {
        1 => Does::AnswerAndReset(REFUSED_STREAM),
        _ => Does::Reset(REFUSED_STREAM),
    };
    let seen = Seen::default();
    let server = Secure::scripted(&["h2"], {
        let seen = Arc::clone(&seen);
        move |connection, mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push("h2".to_owned());
                let _ = http2(&mut stream, then_refuses(connection)).await;
            }
        }
    });
    let server = server.await;
    let base = server.url("/");
    let probe = format!("login: {{ base: '{base}', {}, steps: {steps} }}", server.trust());
    assert_eq!(reason(&run(&probe).await), Reason::ProtocolError);
    assert_eq!(seen.lock().unwrap().len(), 2, "once more and no more");
}

// Row 20: TLS without close_notify.

/// How a server ends its TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Properly,
    WithoutGoodbye,
    WithReset,
}

async fn ending(response: Vec<u8>, ends: Ends) -> Secure {
    Secure::scripted(&[], move |_, mut stream| {
        let response = response.clone();
        async move {
            let mut buffer = [0; 8192];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(&response).await;
            let _ = stream.flush().await;
            match ends {
                Ends::Properly => {
                    let _ = stream.shutdown().await;
                    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
                }
                Ends::WithoutGoodbye => secure::cut(stream).await,
                Ends::WithReset => {
                    // What came before is in the client's buffer, where a reset leaves it.
                    let (socket, _) = stream.into_inner();
                    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn tls_without_a_goodbye_is_judged_by_what_the_body_needed() {
    const CUT: Option<Reason> = Some(Reason::ConnectionReset);
    for (response, whole, cut) in [
        ("HTTP/1.0 200 OK\r\n\r\nhello", None, None),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", None, None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", None, None),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            None,
            None,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", CUT, CUT),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CUT, CUT),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CUT, CUT),
        ("HTTP/1.1 200 OK\r\nContent-Le", CUT, CUT),
        ("", CUT, CUT),
    ] {
        let by_close = response.contains("1.0") || response.contains("Connection: close");
        for (ends, expected) in [(Ends::Properly, whole), (Ends::WithoutGoodbye, cut)] {
            let server = ending(response.into(), ends).await;
            let keys = format!("expect: {{ body: {{ contains: hello }} }}, {}", server.trust());
            let outcome = run(&format!("http: {{ url: '{}', {keys} }}", server.url("/"))).await;
            let what = format!("{response} {ends:?}");
            match expected {
                Some(expected) => {
                    assert_eq!(reason(&outcome), expected, "{what}");
                    assert_eq!(outcome.verdict(), Verdict::Down, "{what}");
                }
                None if by_close && ends == Ends::WithoutGoodbye => {
                    assert_degraded(&outcome, &what, "close_notify");
                }
                None => assert_up(&outcome, &what),
            }
        }
    }
}

#[tokio::test]
async fn a_body_by_close_that_ends_with_a_reset_is_cut() {
    let response = "HTTP/1.0 200 OK\r\n\r\nhello";
    let server = ending(response.into(), Ends::WithReset).await;
    let outcome = run(&format!("http: {{ url: '{}', {} }}", server.url("/"), server.trust())).await;
    assert_eq!(reason(&outcome), Reason::ConnectionReset);
    // A page that was cut in the middle of its coding is no page.
    let gzip = "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f";
    let server = ending(gzip.into(), Ends::WithoutGoodbye).await;
    let outcome = run(&format!("http: {{ url: '{}', {} }}", server.url("/"), server.trust())).await;
    assert_eq!(reason(&outcome), Reason::BodyDecode);
}

#[tokio::test]
async fn tls_without_a_goodbye_degrades_a_step() {
    let server = ending("HTTP/1.0 200 OK\r\n\r\nhello".into(), Ends::WithoutGoodbye).await;
    let steps = "[{ name: a, get: / }, { name: b, get: / }]";
    let base = server.url("/");
    let outcome =
        run(&format!("login: {{ base: '{base}', {}, steps: {steps} }}", server.trust())).await;
    assert_degraded(&outcome, "login", "close_notify");
    let steps = outcome.facts.warnings.iter().map(|warning| warning.step.clone().unwrap().name);
    assert_eq!(steps.map(|name| name.to_string()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn openssl_that_ends_a_page_by_closing_is_not_down() {
    let files = Nginx::serving("", &[("www/index.html", b"hello")]);
    for arguments in [&["-www"][..], &["-www", "-tls1_2"]] {
        let server = Server::beside(&files, arguments);
        let visit = Visit::to(server.url()).trusting(&files.path("ca.pem"));
        let outcome = visit.run().await;
        assert!(matches!(outcome.verdict(), Verdict::Up | Verdict::Degraded), "{outcome:?}");
    }
}

// Row 21: pages that send their reader on.

/// `/` sends its reader on with this; everything else says where it is.
async fn sending(headers: &str, html: &str) -> Site {
    let first =
        page("200 OK", &format!("Content-Type: text/html\r\nSet-Cookie: a=b\r\n{headers}"), html);
    Site::routed(move |request| match request.split(' ').nth(1).unwrap() {
        "/" => first.clone(),
        path => page("200 OK", "", path),
    })
    .await
}

#[tokio::test]
async fn a_page_that_sends_its_reader_on_is_followed_where_the_file_says_so() {
    for (headers, html) in [
        ("", "<meta http-equiv=refresh content='0;url=/main.do'>"),
        ("", "<html><head><META HTTP-EQUIV='Refresh' CONTENT=\"0; URL='main.do'\"></head>"),
        ("", "<meta http-equiv=refresh content='5; /main.do'>"),
        ("", "<base href='/'><meta http-equiv=refresh content='0;url=main.do'>"),
        ("Refresh: 0; url=/main.do\r\n", "<p>moved"),
        ("Refresh: 3;url=\"main.do\"\r\n", ""),
        ("Refresh: 0;/main.do\r\n", "<meta http-equiv=refresh content='0;url=/other.do'>"),
        // What is no refresh stands in nobody's way.
        (
            "",
            "<meta http-equiv=refresh content='x;url=/other.do'><meta http-equiv=refresh \
             content='0;url=/main.do'>",
        ),
        ("Refresh: soon\r\n", "<meta http-equiv=refresh content='0;url=/main.do'>"),
    ] {
        let site = sending(headers, html).await;
        let url = site.url("/");
        let keys = "follow: { refresh: true }, expect: { body: /main.do, url: { path: /main.do } }";
        let outcome = run(&format!("http: {{ url: '{url}', {keys} }}")).await;
        assert_up(&outcome, &format!("{headers}{html}"));
        assert_eq!((facts(&outcome).redirects, facts(&outcome).hops.len()), (1, 2));
        assert!(site.requests()[1].contains("cookie: a=b\r\n"), "{}", site.requests()[1]);
        // A step follows by its own key.
        let steps = "[{ name: a, get: /, follow: { refresh: true }, expect: { body: /main.do } }]";
        assert_up(&run(&format!("login: {{ base: '{url}', steps: {steps} }}")).await, html);
        // Nobody asked.
        for keys in ["", "follow: { refresh: false }"] {
            let outcome = run(&format!("http: {{ url: '{url}', {keys} }}")).await;
            assert_up(&outcome, html);
            assert_eq!(facts(&outcome).redirects, 0, "{headers}{html}");
        }
    }
}

#[tokio::test]
async fn the_query_of_an_address_in_a_page_is_in_the_charset_of_the_page() {
    let html = "<meta charset=euc-kr><meta http-equiv=refresh content='0;url=/이름.do?q=이름'>";
    for (charset, query) in [("euc-kr", "%C0%CC%B8%A7"), ("utf-8", "%EC%9D%B4%EB%A6%84")] {
        let text = html.replace("euc-kr", charset);
        let body = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap().encode(&text).0;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let first = [head.as_bytes(), &body].concat();
        let site = Site::scripted(move |mut visitor| {
            let first = first.clone();
            async move {
                let is_first = visitor.request().await.starts_with("GET / ");
                visitor.send(if is_first { &first } else { OK.as_bytes() }).await;
                visitor.close().await;
            }
        });
        let site = site.await;
        let probe = format!("http: {{ url: '{}', follow: {{ refresh: true }} }}", site.url("/"));
        assert_up(&run(&probe).await, charset);
        let line = format!("GET /%EC%9D%B4%EB%A6%84.do?q={query} HTTP/1.1\r\n");
        assert!(site.requests()[1].starts_with(&line), "{line} {}", site.requests()[1]);
    }
}

#[tokio::test]
async fn what_only_looks_like_sending_on_is_a_page() {
    for (headers, html) in [
        ("", "<!-- <meta http-equiv=refresh content='0;url=/main.do'> -->"),
        ("", "<p>&lt;meta http-equiv=refresh content='0;url=/main.do'>"),
        ("", "<script>'<meta http-equiv=refresh content=0;url=/main.do>'</script>"),
        // Browsers run scripts, and skip what is for those who do not.
        ("", "<noscript><meta http-equiv=refresh content=0;url=/main.do></noscript>"),
        ("", "<meta name=refresh content='0;url=/main.do'>"),
        ("", "<meta http-equiv=refresh content='300'>"),
        ("", "<meta http-equiv=refresh content='0;url=/'>"),
        // Its content is no part of the page.
        ("", "<template><meta http-equiv=refresh content='0;url=/main.do'></template>"),
        // A page that is read before it is left.
        ("", "<meta http-equiv=refresh content='600;url=/main.do'>"),
        ("Refresh: 0;url=javascript:alert(1)\r\n", ""),
        ("", "<meta http-equiv=refresh content='0;url=data:text/html,x'>"),
        ("Refresh: 300\r\n", ""),
        ("Refresh: x;url=/main.do\r\n", ""),
    ] {
        let site = sending(headers, html).await;
        let keys = "follow: { refresh: true }";
        let outcome = run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await;
        assert_up(&outcome, &format!("{headers}{html}"));
        assert_eq!(site.requests().len(), 1, "{headers}{html}");
    }
}

#[tokio::test]
async fn sending_on_obeys_the_limits_of_redirects() {
    let ring = |to: &str| page("200 OK", &format!("Refresh: 0;url={to}\r\n"), "");
    let site = Site::routed(move |request| ring(if request.contains("/a") { "/b" } else { "/a" }));
    let site = site.await;
    let keys = "follow: { refresh: true, redirects: 3 }";
    let outcome = run(&format!("http: {{ url: '{}', {keys} }}", site.url("/a"))).await;
    assert_eq!(reason(&outcome), Reason::RedirectLimit);
    assert_eq!(site.requests().len(), 4);

    let site = sending("Refresh: 0;url=http://127.0.0.2:1/\r\n", "").await;
    let keys = "follow: { refresh: true, allow_hosts: [127.0.0.1] }";
    let outcome = run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::RedirectUnexpectedHost);

    // A form's answer that sends on is left by GET, and what was sent stays behind.
    let site = sending("Refresh: 0;url=/main.do\r\n", "").await;
    let keys = "method: POST, body: plain, follow: { refresh: true }";
    assert_up(&run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await, "POST");
    assert!(site.requests()[1].starts_with("GET /main.do "), "{}", site.requests()[1]);
    assert!(!site.requests()[1].contains("plain"));
}

// What came to a kept connection while nobody listened.

/// Two steps over a connection on which the server sends this after its first answer.
async fn idle(stray: &'static str) -> (Outcome, usize) {
    let site = Site::scripted(move |mut visitor| async move {
        while visitor.request().await.starts_with("GET ") {
            visitor.send(OK.as_bytes()).await;
            visitor.send(stray.as_bytes()).await;
            if !stray.is_empty() {
                break;
            }
        }
        // The client is the one to close.
        let _ = visitor.stream.read(&mut [0; 16]).await;
    });
    let site = site.await;
    let steps = "[{ name: a, get: / }, { name: w, wait: 300ms }, { name: b, get: /b }]";
    let outcome = run(&format!("login: {{ base: '{}', steps: {steps} }}", site.url("/"))).await;
    (outcome, site.requests().len())
}

#[tokio::test]
async fn a_kept_connection_with_unread_bytes_is_not_used_again() {
    for stray in [
        "",
        "\r\n",
        "junk",
        "HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (outcome, requests) = idle(stray).await;
        assert_up(&outcome, stray);
        assert_eq!(requests, 2, "{stray:?}");
    }
}

#[tokio::test]
async fn a_408_on_a_used_connection_is_asked_again_once() {
    let site = Site::scripted(|mut visitor| async move {
        let mut first = true;
        while visitor.request().await.starts_with("GET ") {
            let late = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
            visitor.send(if first { OK } else { late }.as_bytes()).await;
            first = false;
        }
    });
    let site = site.await;
    let steps = "[{ name: a, get: / }, { name: b, get: /b }]";
    assert_up(
        &run(&format!("login: {{ base: '{}', steps: {steps} }}", site.url("/"))).await,
        "408",
    );
    assert_eq!(site.requests().len(), 3);
}

#[tokio::test]
async fn a_length_that_is_no_number_is_left_out() {
    // Browsers count in 63 bits.
    let lengths = [
        "",
        "abc",
        "-1",
        "+5",
        "9223372036854775808",
        "18446744073709551615",
        "99999999999999999999999",
    ];
    for length in lengths {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
        let site = Site::answering(head).await;
        let probe = format!("http: {{ url: '{}', expect: {{ body: hello }} }}", site.url("/"));
        assert_degraded(&run(&probe).await, length, "Content-Length");
    }
}

#[tokio::test]
async fn an_empty_location_leads_nowhere() {
    let site = Site::answering("HTTP/1.1 302 Found\r\nLocation: \r\n\r\nhello").await;
    let keys = "expect: { status: 302, body: hello }";
    assert_up(&run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await, "empty");
}

#[tokio::test]
async fn a_secret_that_the_server_sends_back_is_masked() {
    for keys in [
        "bearer: '${secret.pass}'",
        "headers: { X-Key: '${secret.pass}' }",
        "basic_auth: { username: u, password: '${secret.pass}' }",
        "form: { p: '${secret.pass}' }",
    ] {
        for to in [format!("http://{SECRET}.invalid/"), format!("/{SECRET}"), format!("{SECRET}:x")]
        {
            let answer = redirect(302, &to);
            let site = Site::routed(move |request| {
                let path = request.split(' ').nth(1).unwrap_or_default();
                if path == "/" { answer.clone() } else { page("200 OK", "", "") }
            });
            let site = site.await;
            let outcome = run(&format!("http: {{ url: '{}', {keys} }}", site.url("/"))).await;
            assert!(!format!("{outcome:?}").contains(SECRET), "{keys} {to}: {outcome:?}");
        }
    }
}

//! Proxies of every kind between a probe and its server: what is asked of them, by whom, and whose
//! fault a failure is.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::{Outcome, Reason, Verdict};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::daemon::{Setup, eventually};
use crate::support::dns::{NameServer, Says};
use crate::support::http::{Site, Visitor, page};
use crate::support::nginx::Nginx;
use crate::support::secure::Secure;
use crate::support::until_listening;
use crate::support::visit::{detail, reason, up};
use crate::support::written::{SECRET, Written, run};

#[track_caller]
fn assert_up(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.verdict(), Verdict::Up, "{what}: {outcome:?}");
}

#[track_caller]
fn assert_proxy_failed(outcome: &Outcome, what: &str) {
    assert_eq!(reason(outcome), Reason::ProxyFailed, "{what}: {outcome:?}");
    assert_eq!(outcome.verdict(), Verdict::Unknown, "{what}");
    assert!(outcome.facts.tls.is_none(), "{what}: nothing was seen of the server");
}

fn nginx() -> Nginx {
    let server = "location /login { return 200 ok; } location /away { return 302 /login; }";
    Nginx::serving(server, &[("www/index.html", b"hello")])
}

/// An HTTPS, a TLS and a login probe of this server, with further keys.
fn probes(nginx: &Nginx, keys: &str) -> [(&'static str, String); 3] {
    let trust = format!("trust: {{ roots: '{}' }}", nginx.path("ca.pem").display());
    let (url, port) = (nginx.tls("/"), nginx.tls_port());
    let steps = "[{ name: a, get: / }, { name: b, post: /login, form: { pw: '${secret.pass}' },
        expect: { body: ok } }]";
    [
        ("http", format!("http: {{ url: '{url}', {trust}, {keys} }}")),
        (
            "tls",
            format!("tls: {{ address: '127.0.0.1:{port}', {trust}, revocation: 'off', {keys} }}"),
        ),
        ("login", format!("login: {{ base: '{url}', {trust}, steps: {steps}, {keys} }}")),
    ]
}

/// Connects where this request for CONNECT says, and says this first.
async fn tunnel(mut visitor: Visitor, request: &str, answer: &[u8]) {
    let target = request.split(' ').nth(1).unwrap().to_owned();
    let mut server = TcpStream::connect(target).await.unwrap();
    visitor.send(answer).await;
    let _ = copy_bidirectional(&mut visitor.stream, &mut server).await;
}

/// A proxy that answers CONNECT with this, and opens the tunnel where `opens`.
async fn answering(answer: impl Into<Vec<u8>>, opens: bool) -> Site {
    let answer = answer.into();
    Site::scripted(move |mut visitor| {
        let answer = answer.clone();
        async move {
            let request = visitor.request().await;
            if opens {
                tunnel(visitor, &request, &answer).await;
            } else {
                visitor.send(&answer).await;
                visitor.close().await;
            }
        }
    })
    .await
}

// What a proxy answers to CONNECT.

#[tokio::test]
async fn any_2xx_opens_the_tunnel_for_every_kind_of_probe() {
    let nginx = nginx();
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        // A length is to be ignored (RFC 9110 section 9.3.6).
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\n\r\n",
        // What browsers pass over in a server's answer.
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nPHP Warning\r\nX : y\r\n\r\n",
        "http/1.1 200 O\u{1}K\r\n\r\n",
    ] {
        let gateway = answering(answer, true).await;
        for (kind, probe) in probes(&nginx, &format!("proxy: 'http://{}'", gateway.address)) {
            let outcome = run(&probe).await;
            assert_up(&outcome, &format!("{kind} {answer}"));
            let tls = outcome.facts.tls.as_ref().unwrap();
            assert_eq!(tls.chain.as_ref().unwrap().certs[0].subject, "CN=server", "{kind}");
            assert_eq!(outcome.facts.phases.resolve, None, "{kind}: the proxy resolves");
        }
        let line = format!(
            "CONNECT 127.0.0.1:{0} HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n",
            nginx.tls_port()
        );
        assert!(gateway.requests().iter().all(|request| *request == line), "{answer}");
    }
}

#[tokio::test]
async fn what_the_proxy_refuses_says_nothing_of_the_server() {
    let nginx = nginx();
    for status in [302, 400, 403, 404, 405, 407, 429, 500, 501, 503, 511] {
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\nLocation: http://login.test/\r\nContent-Length: 2\r\n\r\nno"
        );
        let gateway = answering(answer, false).await;
        for (kind, probe) in probes(&nginx, &format!("proxy: 'http://{}'", gateway.address)) {
            let outcome = run(&probe).await;
            assert_proxy_failed(&outcome, &format!("{kind} {status}"));
            let said = format!("(status {status})");
            assert!(detail(&outcome).contains(&said), "{kind}: {}", detail(&outcome));
        }
        assert_eq!(gateway.requests().len(), 3, "{status}: nobody asks twice or elsewhere");
    }
}

#[tokio::test]
async fn what_the_proxy_says_of_the_server_is_the_servers() {
    let nginx = nginx();
    for (head, expected) in [
        ("502 Bad Gateway", Reason::ConnectUnreachable),
        ("504 Gateway Timeout", Reason::ConnectTimeout),
        ("503 S\r\nX-Squid-Error: ERR_CONNECT_FAIL 111", Reason::ConnectRefused),
        ("502 B\r\nProxy-Status: p; error=connection_timeout", Reason::ConnectTimeout),
        ("502 B\r\nproxy-status: p; error=\"connection_refused\"", Reason::ConnectUnreachable),
    ] {
        let gateway = answering(format!("HTTP/1.1 {head}\r\n\r\n"), false).await;
        for (kind, probe) in probes(&nginx, &format!("proxy: 'http://{}'", gateway.address)) {
            let outcome = run(&probe).await;
            assert_eq!(reason(&outcome), expected, "{kind} {head}");
            assert_eq!(outcome.verdict(), Verdict::Down, "{kind} {head}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_speaks_no_http_or_never_ends_is_at_fault_itself() {
    let nginx = nginx();
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
    let long = format!("HTTP/1.1 200 OK\r\nX-A: {}", "a".repeat(200_000));
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        endless.as_str(),
        long.as_str(),
    ] {
        let gateway = answering(answer, false).await;
        for (kind, probe) in probes(&nginx, &format!("proxy: 'http://{}'", gateway.address)) {
            let what = format!("{kind} {}", &answer[..answer.len().min(40)]);
            assert_proxy_failed(&run(&probe).await, &what);
        }
    }
}

// Who we are to the proxy.

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// Nothing of the credentials, as they are and as they are sent.
#[track_caller]
fn assert_untold(outcome: &Outcome) {
    let told = format!("{outcome:?}");
    for secret in [SECRET, &STANDARD.encode(format!("bongsu-user:{SECRET}"))] {
        assert!(!told.contains(secret), "{told}");
    }
}

const CREDENTIALS: &str = "username: '${secret.user}', password: '${secret.pass}'";

#[tokio::test]
async fn credentials_go_to_the_proxy_and_to_nobody_else() {
    let nginx = nginx();
    let wanted = format!("Proxy-Authorization: {}\r\n", basic("bongsu-user", SECRET));
    let gateway = Site::scripted(move |mut visitor| {
        let wanted = wanted.clone();
        async move {
            let request = visitor.request().await;
            if request.contains(&wanted) {
                tunnel(visitor, &request, b"HTTP/1.1 200 OK\r\n\r\n").await;
            } else {
                visitor.send(b"HTTP/1.1 407 P\r\nProxy-Authenticate: Basic\r\n\r\n").await;
                visitor.close().await;
            }
        }
    });
    let gateway = gateway.await;
    let proxy = |keys: &str| format!("proxy: {{ url: 'http://{}', {keys} }}", gateway.address);
    for (kind, probe) in probes(&nginx, &proxy(CREDENTIALS)) {
        let outcome = run(&probe).await;
        assert_up(&outcome, kind);
        assert_untold(&outcome);
    }
    for keys in ["", "username: '${secret.user}', password: '${secret.user}'"] {
        for (kind, probe) in probes(&nginx, &proxy(keys)) {
            let outcome = run(&probe).await;
            assert_proxy_failed(&outcome, kind);
            assert!(detail(&outcome).contains("authentication"), "{}", detail(&outcome));
            assert_untold(&outcome);
        }
    }
    // The server sees nothing of them: what it sees is behind the tunnel.
    let site = Site::answering(page("200 OK", "", "ok")).await;
    let direct = format!("{}, no_proxy: 127.0.0.0/8", CREDENTIALS);
    let probe = format!("http: {{ url: '{}', {} }}", site.url("/"), proxy(&direct));
    assert_up(&run(&probe).await, "direct");
    assert!(!site.requests()[0].to_lowercase().contains("proxy-"), "{}", site.requests()[0]);
}

#[tokio::test]
async fn a_plain_request_carries_them_to_the_proxy() {
    let gateway = Site::routed(|request| {
        match request
            .contains(&format!("proxy-authorization: {}\r\n", basic("bongsu-user", SECRET)))
        {
            true => page("200 OK", "", "through"),
            false => page("407 P", "Proxy-Authenticate: Basic\r\n", "no"),
        }
    });
    let gateway = gateway.await;
    let steps = "[{ name: a, get: / }, { name: b, get: /b, expect: { body: through } }]";
    for (probe, is_up) in [
        (
            "http: { url: 'http://www.probe.test/', proxy: PROXY, expect: { body: through } }"
                .to_owned(),
            true,
        ),
        (
            format!("login: {{ base: 'http://www.probe.test/', proxy: PROXY, steps: {steps} }}"),
            true,
        ),
        (
            format!(
                "http: {{ url: 'http://www.probe.test/', proxy: 'http://{}' }}",
                gateway.address
            ),
            false,
        ),
    ] {
        let proxy = format!("{{ url: 'http://{}', {CREDENTIALS} }}", gateway.address);
        let outcome = run(&probe.replace("PROXY", &proxy)).await;
        match is_up {
            true => assert_up(&outcome, &probe),
            false => assert_proxy_failed(&outcome, &probe),
        }
        assert_untold(&outcome);
    }
    assert!(gateway.requests()[0].starts_with("GET http://www.probe.test/ HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_secret_that_is_bound_elsewhere_does_not_go_to_the_proxy() {
    let nginx = nginx();
    let gateway = answering("HTTP/1.1 200 OK\r\n\r\n", true).await;
    let proxy = format!("proxy: {{ url: 'http://{}', {CREDENTIALS} }}", gateway.address);
    let probe = probes(&nginx, &proxy)[1].1.clone();
    let refused = std::panic::catch_unwind(|| {
        Written::with_secrets(", hosts: [proxy.probe.test]", &probe);
    });
    let said = *refused.unwrap_err().downcast::<String>().unwrap();
    let wanted = format!(
        "secret \"pass\" may not be sent to the proxy {}; add it to secrets.pass.hosts",
        gateway.address
    );
    assert!(said.contains(&wanted), "{said}");
    // Bound to it, it goes.
    assert_up(&Written::with_secrets(", hosts: [127.0.0.1]", &probe).run().await, "bound");
    // The file of a running daemon is checked when it is read; a secret is checked when it is sent.
    use crate::support::visit::{Visit, secret, text};
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("pass"), SECRET).unwrap();
    let visit = Visit::to(nginx.tls("/")).trusting(&nginx.path("ca.pem"));
    let visit = visit.secret("pass", &directory.path().join("pass"), &["proxy.probe.test"]);
    let before = gateway.requests().len();
    let outcome = visit.with(|options| {
        let url = format!("http://{}", gateway.address).parse().unwrap();
        let mut proxy = bongsu::config::ProxyOptions::at(url);
        proxy.credentials = Some((text("u"), secret("pass")));
        options.client.route.proxy = Some(Arc::new(proxy));
    });
    let outcome = outcome.run().await;
    assert_eq!(reason(&outcome), Reason::SecretHost);
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert_eq!(gateway.requests().len(), before, "nothing was sent");
}

#[test]
fn no_output_of_the_daemon_holds_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway =
        runtime.block_on(Site::answering(page("407 P", "Proxy-Authenticate: Basic\r\n", "no")));
    let proxy = format!("proxy: {{ url: 'http://{}', {CREDENTIALS} }}", gateway.address);
    let config = format!(
        "secrets: {{ pass: {{ env: PROXY_PASS }}, user: {{ env: PROXY_USER }} }}\ndefaults: {{ interval: \
         5s, timeout: 4s, {proxy} }}\nservices:\n  - name: s\n    probes:\n      - {{ name: plain, http: \
         {{ url: 'http://www.probe.test/' }} }}\n      - {{ name: secure, http: {{ url: \
         'https://www.probe.test/' }} }}\n      - {{ name: cert, tls: {{ address: www.probe.test }} }}\n      \
         - {{ name: login, login: {{ base: 'https://www.probe.test/', steps: [{{ name: a, get: / }}] }} }}\n"
    );
    let setup = Setup::new(&config).env("PROXY_PASS", SECRET).env("PROXY_USER", "bongsu-user");
    let checked = setup.output(&["check"]);
    let mut told = String::from_utf8(checked.stdout).unwrap();
    let daemon = setup.flag("--log.level=trace").start();
    eventually("every probe has run", || {
        (daemon.get("/api/v1/status").json()["summary"]["unknown"] == 4).then_some(())
    });
    told += &daemon.log();
    for path in ["/metrics", "/api/v1/status", "/", "/probes/s/plain", "/probes/s/login"] {
        told += &daemon.get(path).text();
    }
    assert!(told.contains("proxy_failed") && told.contains("407"), "{told}");
    for secret in [SECRET, &STANDARD.encode(format!("bongsu-user:{SECRET}"))] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(
        gateway.requests().iter().all(|r| r.to_lowercase().contains("proxy-authorization: basic"))
    );
}

#[tokio::test]
async fn a_proxy_may_speak_tls() {
    let nginx = nginx();
    let script = |_, mut stream: tokio_rustls::server::TlsStream<TcpStream>| async move {
        let mut buffer = [0; 8192];
        let read = stream.read(&mut buffer).await.unwrap_or_default();
        let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let Some(target) = request.strip_prefix("CONNECT ") else {
            let _ = stream.write_all(page("200 OK", "", "through").as_bytes()).await;
            return;
        };
        let mut server = TcpStream::connect(target.split(' ').next().unwrap()).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    };
    let gateway = Secure::scripted(&[], script).await;
    // Both authorities in one file.
    let roots = nginx.path("both.pem");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    fs::write(&roots, read(&gateway.roots) + &read(&nginx.path("ca.pem"))).unwrap();
    let proxy = format!("proxy: 'https://{}'", gateway.address);
    for (kind, probe) in probes(&nginx, &proxy) {
        let both = probe.replace("/ca.pem", "/both.pem");
        let outcome = run(&both).await;
        assert_up(&outcome, kind);
        let tls = outcome.facts.tls.as_ref().unwrap();
        let subject = &tls.chain.as_ref().unwrap().certs[0].subject;
        assert_eq!(subject, "CN=server", "{kind}: the server's, not the proxy's");
        // Who does not trust the proxy learns nothing of the server.
        assert_proxy_failed(&run(&probe).await, kind);
    }
    let trust = format!("trust: {{ roots: '{}' }}", gateway.roots.display());
    let plain = format!(
        "http: {{ url: 'http://www.probe.test/', {trust}, {proxy}, expect: {{ body: through }} }}"
    );
    let outcome = run(&plain).await;
    assert_up(&outcome, "plain");
    assert!(outcome.facts.tls.is_none() && !outcome.facts.http.unwrap().tls);
}

// SOCKS5.

/// What a SOCKS5 proxy was asked.
#[derive(Debug, Clone, Default, PartialEq)]
struct Asked {
    methods: Vec<u8>,
    login: Option<(String, String)>,
    target: String,
}

/// SOCKS5 with or without a password; names lead to loopback.
async fn socks5(password: Option<&'static str>) -> (Site, Arc<Mutex<Vec<Asked>>>) {
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let site = Site::scripted({
        let asked = Arc::clone(&asked);
        move |visitor| {
            let asked = Arc::clone(&asked);
            async move {
                let mut stream = visitor.stream;
                let mut of = Asked::default();
                let _ = serve_socks(&mut stream, password, &mut of, &asked).await;
            }
        }
    });
    (site.await, asked)
}

async fn serve_socks(
    stream: &mut TcpStream,
    password: Option<&str>,
    of: &mut Asked,
    asked: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    of.methods = vec![0; head[1].into()];
    stream.read_exact(&mut of.methods).await?;
    if let Some(password) = password {
        if !of.methods.contains(&2) {
            asked.lock().unwrap().push(of.clone());
            return stream.write_all(&[5, 0xff]).await;
        }
        stream.write_all(&[5, 2]).await?;
        assert_eq!(stream.read_u8().await?, 1, "RFC 1929");
        let mut texts = Vec::new();
        for _ in 0..2 {
            let mut text = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut text).await?;
            texts.push(String::from_utf8(text).unwrap());
        }
        let is_right = texts[1] == password;
        of.login = Some((texts[0].clone(), texts[1].clone()));
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            asked.lock().unwrap().push(of.clone());
            return Ok(());
        }
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let (written, ip) = match head[3] {
        1 => {
            let ip = Ipv4Addr::from(stream.read_u32().await?);
            (format!("v4 {ip}"), IpAddr::V4(ip))
        }
        4 => {
            let ip = std::net::Ipv6Addr::from(stream.read_u128().await?);
            (format!("v6 {ip}"), IpAddr::V6(ip))
        }
        _ => {
            let mut name = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut name).await?;
            (format!("name {}", String::from_utf8(name).unwrap()), Ipv4Addr::LOCALHOST.into())
        }
    };
    let port = stream.read_u16().await?;
    of.target = format!("{written} {port}");
    asked.lock().unwrap().push(of.clone());
    let mut server = TcpStream::connect((ip, port)).await?;
    // A name as the bound address, and the first bytes of the tunnel may follow at once.
    stream.write_all(&[5, 0, 0, 3, 3, b'a', b'.', b'b', 0, 1]).await?;
    copy_bidirectional(stream, &mut server).await.map(|_| ())
}

#[tokio::test]
async fn socks5_asks_for_addresses_and_socks5h_for_names() {
    let nginx = nginx();
    let (gateway, asked) = socks5(None).await;
    for (kind, probe) in probes(&nginx, &format!("proxy: 'socks5://{}'", gateway.address)) {
        let outcome = run(&probe).await;
        assert_up(&outcome, kind);
        let tls = outcome.facts.tls.as_ref().unwrap();
        assert_eq!(tls.chain.as_ref().unwrap().certs.len(), 1, "{kind}");
        let last = asked.lock().unwrap().pop().unwrap();
        assert_eq!(last.methods, [0], "{kind}: nothing is offered that there is not");
        assert_eq!(last.target, format!("v4 127.0.0.1 {}", nginx.tls_port()), "{kind}");
    }
    let ca = format!("trust: {{ roots: '{}' }}", nginx.path("ca.pem").display());
    for (host, written) in [
        ("www.probe.test", "name www.probe.test"),
        // An address is an address, whoever would resolve names.
        ("127.0.0.1", "v4 127.0.0.1"),
    ] {
        let url = format!("https://{host}:{}/", nginx.tls_port());
        let proxy = format!("proxy: 'socks5h://{}'", gateway.address);
        let outcome = run(&format!("http: {{ url: '{url}', {ca}, {proxy} }}")).await;
        assert_up(&outcome, host);
        assert_eq!(outcome.facts.dns_lookup, None, "{host}");
        let last = asked.lock().unwrap().pop().unwrap();
        assert_eq!(last.target, format!("{written} {}", nginx.tls_port()));
    }
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let _site = crate::support::hole::site_on(
        &format!("[::1]:{port}"),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    for scheme in ["socks5", "socks5h"] {
        let proxy = format!("proxy: '{scheme}://{}'", gateway.address);
        let outcome = run(&format!("http: {{ url: 'http://[::1]:{port}/', {proxy} }}")).await;
        assert_up(&outcome, scheme);
        assert_eq!(asked.lock().unwrap().pop().unwrap().target, format!("v6 ::1 {port}"));
    }
}

#[tokio::test]
async fn socks5_takes_a_user_name_and_a_password() {
    let nginx = nginx();
    let (gateway, asked) = socks5(Some(SECRET)).await;
    let proxy = |keys: &str| format!("proxy: {{ url: 'socks5://{}', {keys} }}", gateway.address);
    for (kind, probe) in probes(&nginx, &proxy(CREDENTIALS)) {
        let outcome = run(&probe).await;
        assert_up(&outcome, kind);
        assert_untold(&outcome);
        let last = asked.lock().unwrap().pop().unwrap();
        assert_eq!(last.login, Some(("bongsu-user".to_owned(), SECRET.to_owned())));
    }
    for (keys, said) in [
        ("username: '${secret.user}', password: '${secret.user}'", "refused the user name"),
        ("", "wants a user name and password"),
    ] {
        for (kind, probe) in probes(&nginx, &proxy(keys)) {
            let outcome = run(&probe).await;
            assert_proxy_failed(&outcome, &format!("{kind} {keys}"));
            assert!(detail(&outcome).contains(said), "{}", detail(&outcome));
        }
    }
}

#[tokio::test]
async fn socks5_replies_say_whose_fault_it_is() {
    let nginx = nginx();
    for (code, expected) in [
        (1, Reason::ProxyFailed),
        (2, Reason::ProxyFailed),
        (3, Reason::ConnectUnreachable),
        (4, Reason::ConnectUnreachable),
        (5, Reason::ConnectRefused),
        (6, Reason::ConnectTimeout),
        (7, Reason::ProxyFailed),
        (8, Reason::ProxyFailed),
        (200, Reason::ProxyFailed),
    ] {
        let gateway = Site::scripted(move |mut visitor| async move {
            let mut buffer = [0; 512];
            let _ = visitor.stream.read(&mut buffer).await;
            visitor.send(&[5, 0]).await;
            let _ = visitor.stream.read(&mut buffer).await;
            visitor.send(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            visitor.close().await;
        });
        let gateway = gateway.await;
        for (kind, probe) in probes(&nginx, &format!("proxy: 'socks5://{}'", gateway.address)) {
            assert_eq!(reason(&run(&probe).await), expected, "{kind} {code}");
        }
    }
}

// Who is reached without it.

#[tokio::test]
async fn hosts_of_no_proxy_are_reached_directly() {
    let site = Site::answering(page("200 OK", "", "direct")).await;
    let gateway = Site::answering(page("200 OK", "", "through")).await;
    let here = || Says::Addresses(vec![site.address.ip()]);
    let names = ["www.probe.test", "probe.test", "badprobe.test"].map(|name| (name, here()));
    let dns = NameServer::with(&names).await;
    for (no_proxy, host, expected) in [
        ("www.probe.test", "www.probe.test", "direct"),
        ("WWW.Probe.Test", "www.probe.test", "direct"),
        ("probe.test", "www.probe.test", "direct"),
        ("probe.test", "probe.test", "direct"),
        ("probe.test", "badprobe.test", "through"),
        (".probe.test", "www.probe.test", "direct"),
        (".probe.test", "probe.test", "through"),
        ("'*.probe.test'", "www.probe.test", "direct"),
        ("'*'", "www.probe.test", "direct"),
        ("127.0.0.1", "127.0.0.1", "direct"),
        ("127.0.0.0/8", "127.0.0.1", "direct"),
        ("10.0.0.0/8", "127.0.0.1", "through"),
        // Names are not resolved for it.
        ("127.0.0.0/8", "www.probe.test", "through"),
        ("[10.0.0.0/8, probe.test]", "www.probe.test", "direct"),
    ] {
        let url = format!("http://{host}:{}/", site.address.port());
        let proxy = format!("proxy: {{ url: 'http://{}', no_proxy: {no_proxy} }}", gateway.address);
        let probe = format!(
            "dns: {{ servers: ['{}'] }}, http: {{ url: '{url}', {proxy}, expect: {{ body: {expected} }} }}",
            dns.address
        );
        assert_up(&run(&probe).await, &format!("{no_proxy} {host}"));
    }
}

#[tokio::test]
async fn a_redirect_takes_the_way_of_its_own_host() {
    let there = Site::answering(page("200 OK", "", "direct")).await;
    let to = format!("Location: {}", there.url("/end"));
    let gateway =
        Site::answering(format!("HTTP/1.1 302 F\r\n{to}\r\nContent-Length: 0\r\n\r\n")).await;
    let proxy = format!("proxy: {{ url: 'http://{}', no_proxy: 127.0.0.1 }}", gateway.address);
    let probe =
        format!("http: {{ url: 'http://www.probe.test/', {proxy}, expect: {{ body: direct }} }}");
    assert_up(&run(&probe).await, "redirect");
    assert!(there.requests()[0].starts_with("GET /end HTTP/1.1\r\n"), "{}", there.requests()[0]);
}

// Another destination than the URL's.

#[tokio::test]
async fn a_fixed_destination_is_asked_of_the_proxy_too() {
    let site = Site::answering(page("200 OK", "", "standby")).await;
    let (socks, asked) = socks5(None).await;
    let http = answering("HTTP/1.1 200 OK\r\n\r\n", true).await;
    for proxy in [
        format!("http://{}", http.address),
        format!("socks5://{}", socks.address),
        format!("socks5h://{}", socks.address),
    ] {
        let keys = format!(
            "proxy: '{proxy}', connect_to: '{}', expect: {{ body: standby }}",
            site.address
        );
        let outcome = run(&format!("http: {{ url: 'http://www.probe.test/', {keys} }}")).await;
        assert_up(&outcome, &proxy);
        let request = site.requests().pop().unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("\r\nhost: www.probe.test\r\n"), "{request}");
    }
    assert!(http.requests()[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", site.address)));
    let expected = format!("v4 127.0.0.1 {}", site.address.port());
    assert!(asked.lock().unwrap().iter().all(|asked| asked.target == expected));
}

// A real one.

/// A running squid. Ends when dropped.
pub(crate) struct Squid {
    process: Child,
    directory: TempDir,
    pub(crate) port: u16,
}

/// What a squid has said.
fn log(directory: &Path) -> String {
    let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
    read("stderr.log") + &read("cache.log")
}

impl Squid {
    /// `rules` decide who may use it.
    pub(crate) fn with(rules: &str) -> Squid {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let hash = Command::new("openssl").args(["passwd", "-apr1", SECRET]).output().unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        fs::write(dir.join("users"), format!("bongsu-user:{hash}")).unwrap();
        let config = format!(
            "http_port 127.0.0.1:{port}\npid_filename none\ncache deny all\nvisible_hostname proxy.test\n\
             access_log none\ncache_log {0}/cache.log\ncoredump_dir {0}\nshutdown_lifetime 0 seconds\n\
             cache_effective_user {1}\npinger_enable off\nconnect_timeout 5 seconds\n\
             dns_nameservers 127.0.0.1\ndns_timeout 1 second\ndns_retransmit_interval 1 second\n\
             auth_param basic program /usr/lib/squid/basic_ncsa_auth {0}/users\n\
             acl known proxy_auth REQUIRED\n{rules}\n",
            dir.display(),
            owner(),
        );
        fs::write(dir.join("squid.conf"), config).unwrap();
        // It runs as somebody who may not look into a directory of ours.
        for (path, mode) in [(dir.to_owned(), 0o777), (dir.join("users"), 0o644)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(path, mode).unwrap();
        }
        let process = Command::new("/usr/sbin/squid")
            .args(["-N", "-f"])
            .arg(dir.join("squid.conf"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("stderr.log")).unwrap())
            .spawn()
            .expect("squid must be installed: apt install squid");
        let mut squid = Squid { process, directory, port };
        until_listening(&mut squid.process, port, || log(squid.directory.path()));
        squid
    }

    fn log(&self) -> String {
        log(self.directory.path())
    }

    fn proxy(&self, keys: &str) -> String {
        format!("proxy: {{ url: 'http://127.0.0.1:{}', {keys} }}", self.port)
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Squid gives up root for this user; as anybody else it stays who it is.
fn owner() -> &'static str {
    let is_root =
        fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    match (is_root, Path::new("/etc/passwd").exists()) {
        (Ok(true), true) => "proxy",
        _ => "nobody",
    }
}

#[tokio::test]
async fn squid_leads_every_kind_of_probe_to_its_server() {
    let nginx = nginx();
    let squid = Squid::with("http_access allow known");
    let mut all = probes(&nginx, &squid.proxy(CREDENTIALS)).to_vec();
    let proxy = squid.proxy(CREDENTIALS);
    all.push((
        "plain",
        format!("http: {{ url: '{}', {proxy}, expect: {{ body: hello }} }}", nginx.plain("/")),
    ));
    all.push((
        "redirect",
        format!("http: {{ url: '{}', {proxy}, expect: {{ body: ok }} }}", nginx.plain("/away")),
    ));
    let steps = "[{ name: a, get: / }, { name: b, post: /login, form: { pw: '${secret.pass}' }, expect: { body: ok } }]";
    all.push((
        "plain login",
        format!("login: {{ base: '{}', {proxy}, steps: {steps} }}", nginx.plain("/")),
    ));
    for (kind, probe) in &all {
        let outcome = run(probe).await;
        assert_up(&outcome, &format!("{kind} {}", squid.log()));
        assert_untold(&outcome);
    }
    // Without a password, and with a wrong one.
    for keys in ["", "username: '${secret.user}', password: '${secret.user}'"] {
        let mut refused = probes(&nginx, &squid.proxy(keys)).to_vec();
        let url = nginx.plain("/");
        refused.push(("plain", format!("http: {{ url: '{url}', {} }}", squid.proxy(keys))));
        for (kind, probe) in &refused {
            let outcome = run(probe).await;
            assert_proxy_failed(&outcome, &format!("{kind} {keys}"));
            assert!(detail(&outcome).contains("wants authentication"), "{}", detail(&outcome));
        }
    }
}

#[tokio::test]
async fn squid_says_whose_fault_a_failure_is() {
    let gone = Site::answering("").await.address.port();
    let squid = Squid::with("acl here dst 127.0.0.9\nhttp_access deny here\nhttp_access allow all");
    let proxy = squid.proxy("");
    let steps = "[{ name: a, get: / }]";
    let kinds = |host: &str, port: u16| {
        [
            format!("http: {{ url: 'http://{host}:{port}/', {proxy} }}"),
            format!("http: {{ url: 'https://{host}:{port}/', {proxy} }}"),
            format!("tls: {{ address: '{host}:{port}', {proxy} }}"),
            format!("login: {{ base: 'http://{host}:{port}/', {proxy}, steps: {steps} }}"),
            format!("login: {{ base: 'https://{host}:{port}/', {proxy}, steps: {steps} }}"),
        ]
    };
    // A port of 127.0.0.8 at which nobody listens.
    for probe in kinds("127.0.0.8", gone) {
        let outcome = run(&probe).await;
        assert_eq!(reason(&outcome), Reason::ConnectRefused, "{probe} {outcome:?}");
        assert_eq!(outcome.verdict(), Verdict::Down, "{probe}");
    }
    for probe in kinds("no-such-host.invalid", 443) {
        let outcome = run(&probe).await;
        assert_eq!(reason(&outcome), Reason::ConnectUnreachable, "{probe} {outcome:?}");
    }
    for probe in kinds("127.0.0.9", gone) {
        let outcome = run(&probe).await;
        assert_proxy_failed(&outcome, &probe);
        assert!(detail(&outcome).contains("(status 403)"), "{}", detail(&outcome));
    }
    // A page of the server's own with a bad status is the server's.
    let site = Site::answering(page("503 Service Unavailable", "", "closed")).await;
    let outcome = run(&format!("http: {{ url: '{}', {proxy} }}", site.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::HttpStatus);
    let site = Site::answering(page("407 P", "", "closed")).await;
    let outcome = run(&format!("http: {{ url: '{}' }}", site.url("/"))).await;
    assert_eq!(reason(&outcome), Reason::HttpStatus, "nobody asked a proxy");
    up(&run(&format!(
        "http: {{ url: '{}', {proxy}, expect: {{ status: 204 }} }}",
        Site::answering("HTTP/1.1 204 N\r\n\r\n").await.url("/")
    ))
    .await);
}

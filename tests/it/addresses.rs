//! Names with several addresses, standbys, and both address families: what is looked at, what it
//! comes to, and where it is shown.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu::outcome::{Outcome, Reason, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::dns::{NameServer, Says};
use crate::support::hole::BlackHole;
use crate::support::http::{page, redirect};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::promtool;
use crate::support::secure;
use crate::support::visit::{detail, reason};
use crate::support::written::run;

/// Requests, as they came.
type Seen = Arc<Mutex<Vec<String>>>;

/// What stands at an address.
#[derive(Clone)]
enum Is {
    /// It answers by the head of the request.
    Site(Arc<dyn Fn(&str) -> String + Send + Sync>),
    /// Connections are accepted and reset.
    Resetting,
}

fn showing(text: &'static str) -> Is {
    Is::Site(Arc::new(move |_| page("200 OK", "", text)))
}

/// Lets this stand at an address; at port 0 where any will do.
async fn at(ip: &str, port: u16, is: Is) -> (u16, Seen) {
    let listener = TcpListener::bind((ip.parse::<IpAddr>().unwrap(), port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let asked = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (is, asked) = (is.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let Is::Site(answer) = is else {
                    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    return;
                };
                let mut buffer = [0; 8192];
                let read = stream.read(&mut buffer).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let answer = answer(&request);
                asked.lock().unwrap().push(request);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, seen)
}

/// A name server for `www.probe.test`.
async fn dns(ips: &[&str]) -> NameServer {
    let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    NameServer::with(&[("www.probe.test", Says::Addresses(ips))]).await
}

/// Runs an HTTP probe of `www.probe.test`.
async fn visit(dns: &NameServer, port: u16, keys: &str) -> Outcome {
    let servers = format!("dns: {{ servers: ['{}'] }}", dns.address);
    run(&format!("{servers}, http: {{ url: 'http://www.probe.test:{port}/', {keys} }}")).await
}

#[track_caller]
fn assert_up(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.verdict(), Verdict::Up, "{what}: {outcome:?}");
}

/// Addresses and what is wrong with them.
fn looked_at(outcome: &Outcome) -> Vec<(String, Option<Reason>)> {
    let addresses = outcome.facts.addresses.iter();
    let pair = |of: &bongsu::outcome::AddressFacts| {
        (of.address.to_string(), of.failure.as_ref().map(|failure| failure.reason))
    };
    addresses.map(pair).collect()
}

fn found(ip: &str, reason: Option<Reason>) -> (String, Option<Reason>) {
    (ip.to_owned(), reason)
}

const ALL: &str = "addresses: all, expect: { body: right }";
const ANY: &str = "addresses: { look_at: all, up: any }, expect: { body: right }";

#[tokio::test]
async fn one_dead_one_resetting_and_one_wrong_address_are_found() {
    let (port, good) = at("127.0.0.2", 0, showing("right")).await;
    at("127.0.0.4", port, Is::Resetting).await;
    at("127.0.0.5", port, showing("another")).await;
    for order in [
        ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"],
        ["127.0.0.5", "127.0.0.4", "127.0.0.3", "127.0.0.2"],
    ] {
        let dns = dns(&order).await;
        let outcome = visit(&dns, port, ALL).await;
        let mut expected = vec![
            found("127.0.0.2", None),
            found("127.0.0.3", Some(Reason::ConnectRefused)),
            found("127.0.0.4", Some(Reason::ConnectionReset)),
            found("127.0.0.5", Some(Reason::BodyMismatch)),
        ];
        if order[0] == "127.0.0.5" {
            expected.reverse();
        }
        assert_eq!(looked_at(&outcome), expected);
        assert_eq!(outcome.verdict(), Verdict::Down);
        // The first that failed decides, in the order of the name server.
        let first = expected.iter().find(|(_, failure)| failure.is_some()).unwrap().clone();
        assert_eq!(Some(reason(&outcome)), first.1);
        let said = detail(&outcome);
        let begin = format!("1 of 4 addresses are up; {}: ", first.0);
        assert!(said.starts_with(&begin), "{said}");
        assert_eq!(outcome.facts.address, Some(first.0.parse().unwrap()));

        let outcome = visit(&dns, port, ANY).await;
        assert_up(&outcome, "any");
        assert_eq!(looked_at(&outcome), expected, "what is wrong is shown all the same");
        assert_eq!(outcome.facts.address, Some("127.0.0.2".parse().unwrap()));
        assert!(outcome.facts.phases.resolve.is_some() && outcome.facts.dns_lookup.is_some());
        assert_eq!(dns.queries(), 2, "one question for each run");
    }
    assert_eq!(good.lock().unwrap().len(), 4, "once in each run");
    let request = good.lock().unwrap()[0].to_lowercase();
    assert!(request.contains(&format!("\r\nhost: www.probe.test:{port}\r\n")), "{request}");
}

#[tokio::test]
async fn without_the_option_the_first_that_answers_is_enough() {
    let (port, _) = at("127.0.0.2", 0, showing("right")).await;
    let (_, wrong) = at("127.0.0.5", port, showing("another")).await;
    let dns = dns(&["127.0.0.3", "127.0.0.2", "127.0.0.5"]).await;
    for keys in [
        "expect: { body: right }",
        "addresses: first, expect: { body: right }",
        "addresses: { look_at: first }",
    ] {
        let outcome = visit(&dns, port, keys).await;
        assert_up(&outcome, keys);
        assert!(outcome.facts.addresses.is_empty());
    }
    assert!(wrong.lock().unwrap().is_empty());
}

#[tokio::test]
async fn addresses_that_are_all_good_are_up_and_all_bad_are_down() {
    let (port, one) = at("127.0.0.2", 0, showing("right")).await;
    let (_, two) = at("127.0.0.3", port, showing("right")).await;
    let good = dns(&["127.0.0.2", "127.0.0.3"]).await;
    for keys in [ALL, ANY] {
        let outcome = visit(&good, port, keys).await;
        assert_up(&outcome, keys);
        assert_eq!(looked_at(&outcome), [found("127.0.0.2", None), found("127.0.0.3", None)]);
    }
    assert_eq!((one.lock().unwrap().len(), two.lock().unwrap().len()), (2, 2));
    let bad = dns(&["127.0.0.8", "127.0.0.9"]).await;
    for keys in [ALL, ANY] {
        let outcome = visit(&bad, port, keys).await;
        assert_eq!(reason(&outcome), Reason::ConnectRefused, "{keys}");
        assert!(detail(&outcome).starts_with("0 of 2 addresses are up; "), "{}", detail(&outcome));
    }
    // One address is one look; a name without any is what it is.
    let one = dns(&["127.0.0.2"]).await;
    assert_up(&visit(&one, port, ALL).await, "one");
    let outcome = visit(&dns(&[]).await, port, ALL).await;
    assert_eq!(reason(&outcome), Reason::DnsNoAddress);
    assert!(outcome.facts.addresses.is_empty());
    assert_up(
        &run(&format!("http: {{ url: 'http://127.0.0.2:{port}/', {ALL} }}")).await,
        "literal",
    );
}

#[tokio::test]
async fn a_silent_address_does_not_take_the_others_time() {
    let (port, _) = at("127.0.0.2", 0, showing("right")).await;
    let hole = format!("127.0.0.7:{port}");
    let _hole = BlackHole::at(hole.parse().unwrap());
    let dns = dns(&["127.0.0.7", "127.0.0.2"]).await;
    for (keys, verdict) in [(ALL, Verdict::Down), (ANY, Verdict::Up)] {
        let probe = format!(
            "dns: {{ servers: ['{}'] }}, http: {{ url: 'http://www.probe.test:{port}/', {keys} }}",
            dns.address
        );
        let outcome = crate::support::written::Written::within("2s", &probe).run().await;
        assert_eq!(outcome.verdict(), verdict, "{outcome:?}");
        let expected = [found("127.0.0.7", Some(Reason::ConnectTimeout)), found("127.0.0.2", None)];
        assert_eq!(looked_at(&outcome), expected);
    }
}

#[tokio::test]
async fn what_is_degraded_at_one_address_degrades_the_run_where_all_are_needed() {
    let (port, _) = at("127.0.0.2", 0, showing("right")).await;
    at("127.0.0.3", port, showing("right, slowly")).await;
    let rule = "warn: { body: { not_contains: slowly } }";
    for order in [["127.0.0.2", "127.0.0.3"], ["127.0.0.3", "127.0.0.2"]] {
        let dns = dns(&order).await;
        let outcome = visit(&dns, port, &format!("addresses: all, {rule}")).await;
        assert_eq!(outcome.verdict(), Verdict::Degraded, "{outcome:?}");
        let warnings = &outcome.facts.warnings;
        assert!(warnings[0].detail.starts_with("127.0.0.3: "), "{warnings:?}");
        assert_eq!(warnings.len(), 1);
        let any = format!("addresses: {{ look_at: all, up: any }}, {rule}");
        assert_up(&visit(&dns, port, &any).await, "any");
    }
}

#[tokio::test]
async fn eight_addresses_are_looked_at_and_no_more() {
    let (port, first) = at("127.0.0.20", 0, showing("right")).await;
    let mut sites = vec![first];
    for last in 21..32 {
        sites.push(at(&format!("127.0.0.{last}"), port, showing("right")).await.1);
    }
    let ips: Vec<String> = (20..32).map(|last| format!("127.0.0.{last}")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let outcome = visit(&dns(&ips).await, port, ALL).await;
    assert_up(&outcome, "twelve");
    let asked = || sites.iter().filter(|seen| !seen.lock().unwrap().is_empty()).count();
    assert_eq!((asked(), outcome.facts.addresses.len()), (8, 8));
    // Of two families each has its share.
    let (_, six) = at("::1", port, showing("right")).await;
    let both = [ips.as_slice(), &["::1"]].concat();
    let dns = dns(&both).await;
    let probe = format!(
        "ip: both, dns: {{ servers: ['{}'] }}, http: {{ url: 'http://www.probe.test:{port}/', {ALL} }}",
        dns.address
    );
    let outcome = run(&probe).await;
    assert_up(&outcome, "both families");
    assert_eq!((outcome.facts.addresses.len(), six.lock().unwrap().len()), (8, 1));
}

#[tokio::test]
async fn each_address_is_followed_to_its_own_other_ports() {
    let (port, _) = at("127.0.0.2", 0, showing("right")).await;
    at("127.0.0.3", port, showing("another")).await;
    let to = format!("http://www.probe.test:{port}/end");
    let away = Is::Site(Arc::new(move |_| redirect(302, &to)));
    let (first, _) = at("127.0.0.2", 0, away.clone()).await;
    at("127.0.0.3", first, away).await;
    let dns = dns(&["127.0.0.2", "127.0.0.3"]).await;
    let outcome = visit(&dns, first, ALL).await;
    let expected = [found("127.0.0.2", None), found("127.0.0.3", Some(Reason::BodyMismatch))];
    assert_eq!(looked_at(&outcome), expected);
    // Another host has addresses of its own.
    let (elsewhere, seen) = at("127.0.0.9", 0, showing("right")).await;
    let to = format!("http://127.0.0.9:{elsewhere}/");
    let away = Is::Site(Arc::new(move |_| redirect(302, &to)));
    let (first, _) = at("127.0.0.2", 0, away.clone()).await;
    at("127.0.0.3", first, away).await;
    assert_up(&visit(&dns, first, ALL).await, "another host");
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn each_address_is_asked_of_a_proxy() {
    let (port, _) = at("127.0.0.2", 0, showing("right")).await;
    at("127.0.0.3", port, showing("another")).await;
    let dns = dns(&["127.0.0.2", "127.0.0.3"]).await;
    let gateway = crate::support::http::Site::scripted(|mut visitor| async move {
        let request = visitor.request().await;
        let target = request.split(' ').nth(1).unwrap().to_owned();
        let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = tokio::io::copy_bidirectional(&mut visitor.stream, &mut server).await;
    });
    let gateway = gateway.await;
    let outcome = visit(&dns, port, &format!("{ALL}, proxy: 'http://{}'", gateway.address)).await;
    let expected = [found("127.0.0.2", None), found("127.0.0.3", Some(Reason::BodyMismatch))];
    assert_eq!(looked_at(&outcome), expected);
    let mut asked: Vec<String> =
        gateway.requests().iter().map(|r| r.split(" HTTP").next().unwrap().to_owned()).collect();
    asked.sort();
    assert_eq!(asked, [2, 3].map(|last| format!("CONNECT 127.0.0.{last}:{port}")));
}

// TLS.

/// Certificates by address: a good one, an expired one and one for another name; each server says
/// which name it was asked for.
async fn secure_sites(files: &Files) -> (u16, String, Seen) {
    let authority = Authority::root("Test Authority");
    let roots = files.write(&authority.cert.pem);
    let seen = Seen::default();
    let mut port = 0;
    for (ip, leaf) in [
        ("127.0.0.2", Leaf::named("www.probe.test")),
        ("127.0.0.3", Leaf::named("www.probe.test").expired()),
        ("127.0.0.4", Leaf::named("other.probe.test")),
    ] {
        let asked = Arc::clone(&seen);
        let script =
            move |_, mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>| {
                let asked = Arc::clone(&asked);
                async move {
                    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                    let mut buffer = [0; 8192];
                    let read = stream.read(&mut buffer).await.unwrap_or_default();
                    let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    asked.lock().unwrap().push(format!("{name}\n{request}"));
                    let _ = stream.write_all(page("200 OK", "", "right").as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            };
        let (place, cert) = (format!("{ip}:{port}"), authority.issue(leaf));
        port = secure::serve(&place, &cert, &[], script).await.port();
    }
    (port, format!("trust: {{ roots: '{}' }}, revocation: 'off'", roots.display()), seen)
}

#[tokio::test]
async fn another_certificate_at_one_address_is_found() {
    let files = Files::new();
    let (port, trust, _seen) = secure_sites(&files).await;
    let dns = dns(&["127.0.0.2", "127.0.0.3", "127.0.0.4"]).await;
    let servers = format!("dns: {{ servers: ['{}'] }}", dns.address);
    let expected = [
        found("127.0.0.2", None),
        found("127.0.0.3", Some(Reason::TlsExpired)),
        found("127.0.0.4", Some(Reason::TlsNameMismatch)),
    ];
    for (rule, verdict) in [("all", Verdict::Down), ("{ look_at: all, up: any }", Verdict::Up)] {
        for kind in [
            format!("tls: {{ address: 'www.probe.test:{port}', {trust}, addresses: {rule} }}"),
            format!(
                "http: {{ url: 'https://www.probe.test:{port}/', {trust}, addresses: {rule} }}"
            ),
        ] {
            let outcome = run(&format!("{servers}, {kind}")).await;
            assert_eq!(outcome.verdict(), verdict, "{kind}: {outcome:?}");
            assert_eq!(looked_at(&outcome), expected, "{kind}");
            // The certificate that is shown is the one of the verdict.
            let tls = outcome.facts.tls.as_ref().unwrap();
            let faults = tls.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>();
            let wanted = if verdict == Verdict::Down {
                vec![chain::ChainFaultKind::Expired]
            } else {
                vec![]
            };
            assert_eq!(faults, wanted, "{kind}");
            if verdict == Verdict::Down {
                let said = detail(&outcome);
                assert!(said.starts_with("1 of 3 addresses are up; 127.0.0.3: "), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_standby_is_asked_by_the_names_of_the_url() {
    let files = Files::new();
    let (port, trust, seen) = secure_sites(&files).await;
    let standby = NameServer::pointing("standby.probe.test", "127.0.0.2").await;
    let servers = format!("dns: {{ servers: ['{}'] }}", standby.address);
    for to in [format!("127.0.0.2:{port}"), format!("standby.probe.test:{port}")] {
        let steps = "[{ name: a, get: /, expect: { body: right } }]";
        for kind in [
            format!("http: {{ url: 'https://www.probe.test/', {trust}, connect_to: '{to}' }}"),
            format!("tls: {{ address: www.probe.test, {trust}, connect_to: '{to}' }}"),
            format!(
                "login: {{ base: 'https://www.probe.test/', {trust}, connect_to: '{to}', steps: {steps} }}"
            ),
        ] {
            let outcome = run(&format!("{servers}, {kind}")).await;
            assert_up(&outcome, &kind);
            assert_eq!(outcome.facts.address, Some("127.0.0.2".parse().unwrap()), "{kind}");
            // A probe of a certificate does not wait until the server has noticed.
            while seen.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let asked = seen.lock().unwrap().pop().unwrap();
            assert!(asked.starts_with("www.probe.test\n"), "{kind}: {asked}");
            if !kind.starts_with("tls") {
                assert!(asked.contains("\r\nhost: www.probe.test\r\n"), "{kind}: {asked}");
            }
        }
    }
    // The name is verified, not the address: this one has a certificate for another name.
    let keys = format!("{trust}, connect_to: '127.0.0.4:{port}'");
    let outcome = run(&format!("http: {{ url: 'https://www.probe.test/', {keys} }}")).await;
    assert_eq!(reason(&outcome), Reason::TlsNameMismatch);
    let outcome = run(&format!("http: {{ url: 'https://other.probe.test/', {keys} }}")).await;
    assert_up(&outcome, "its own name");
    // Each address of the standby.
    let ips = ["127.0.0.2", "127.0.0.3"].map(|ip| ip.parse().unwrap()).to_vec();
    let two = NameServer::with(&[("standby.probe.test", Says::Addresses(ips))]).await;
    let keys = format!("{trust}, connect_to: 'standby.probe.test:{port}', addresses: all");
    let servers = format!("dns: {{ servers: ['{}'] }}", two.address);
    let outcome =
        run(&format!("{servers}, http: {{ url: 'https://www.probe.test/', {keys} }}")).await;
    let expected = [found("127.0.0.2", None), found("127.0.0.3", Some(Reason::TlsExpired))];
    assert_eq!(looked_at(&outcome), expected);
}

#[tokio::test]
async fn a_standby_is_not_asked_for_another_host() {
    let (elsewhere, there) = at("127.0.0.9", 0, showing("right")).await;
    let to = format!("http://127.0.0.9:{elsewhere}/");
    let answer = move |request: &str| match request {
        request if request.starts_with("GET / ") => redirect(302, "/inside"),
        _ => redirect(302, &to),
    };
    let (port, seen) = at("127.0.0.2", 0, Is::Site(Arc::new(answer))).await;
    let keys = format!("connect_to: '127.0.0.2:{port}', expect: {{ body: right }}");
    assert_up(&run(&format!("http: {{ url: 'http://www.probe.test/', {keys} }}")).await, "away");
    let lines = |seen: &Seen| -> Vec<String> {
        seen.lock().unwrap().iter().map(|r| r.lines().next().unwrap().to_owned()).collect()
    };
    assert_eq!(lines(&seen), ["GET / HTTP/1.1", "GET /inside HTTP/1.1"]);
    assert_eq!(lines(&there), ["GET / HTTP/1.1"]);
}

// Both families.

#[tokio::test]
async fn both_families_must_answer() {
    let (port, four) = at("127.0.0.1", 0, showing("right")).await;
    let probe = |dns: &NameServer, keys: &str| {
        format!(
            "ip: both, dns: {{ servers: ['{}'] }}, http: {{ url: 'http://www.probe.test:{port}/', {keys} expect: {{ body: right }} }}",
            dns.address
        )
    };
    // Nobody listens on ::1 at this port yet.
    let both = dns(&["127.0.0.1", "::1"]).await;
    let outcome = run(&probe(&both, "")).await;
    assert_eq!(reason(&outcome), Reason::ConnectRefused);
    let said = detail(&outcome);
    assert!(said.starts_with("1 of 2 families are up; ::1: "), "{said}");
    let (_, six) = at("::1", port, showing("right")).await;
    let outcome = run(&probe(&both, "")).await;
    assert_up(&outcome, "both");
    assert_eq!(looked_at(&outcome), [found("127.0.0.1", None), found("::1", None)]);
    assert_eq!((four.lock().unwrap().len(), six.lock().unwrap().len()), (2, 1));
    for (ips, missing) in [(&["127.0.0.1"][..], "IPv6: "), (&["::1"], "IPv4: ")] {
        let outcome = run(&probe(&dns(ips).await, "")).await;
        assert_eq!(reason(&outcome), Reason::DnsNoAddress, "{ips:?}");
        assert_eq!(outcome.verdict(), Verdict::Down);
        let begin = format!("1 of 2 families are up; {missing}");
        assert!(detail(&outcome).starts_with(&begin), "{}", detail(&outcome));
        assert_eq!(looked_at(&outcome), [found(ips[0], None)], "the other one is up");
    }
    // One of them shows another page.
    let says = Says::by_family(
        Says::Addresses(vec!["127.0.0.5".parse().unwrap()]),
        Says::Addresses(vec!["::1".parse().unwrap()]),
    );
    at("127.0.0.5", port, showing("another")).await;
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let outcome = run(&probe(&dns, "")).await;
    assert_eq!(reason(&outcome), Reason::BodyMismatch);
    let said = detail(&outcome);
    assert!(said.starts_with("1 of 2 families are up; 127.0.0.5: "), "{said}");
}

#[tokio::test]
async fn both_families_are_asked_of_a_proxy_that_has_one() {
    let (port, _) = at("127.0.0.1", 0, showing("right")).await;
    at("::1", port, showing("right")).await;
    let dns = dns(&["127.0.0.1", "::1"]).await;
    let targets: Arc<Mutex<Vec<u8>>> = Arc::default();
    let gateway = crate::support::http::Site::scripted({
        let targets = Arc::clone(&targets);
        move |visitor| {
            let targets = Arc::clone(&targets);
            async move {
                let mut stream = visitor.stream;
                let mut head = [0; 3];
                stream.read_exact(&mut head).await.unwrap();
                stream.write_all(&[5, 0]).await.unwrap();
                let mut head = [0; 4];
                stream.read_exact(&mut head).await.unwrap();
                targets.lock().unwrap().push(head[3]);
                let mut rest = vec![0; if head[3] == 1 { 6 } else { 18 }];
                stream.read_exact(&mut rest).await.unwrap();
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                let ip = if head[3] == 1 { "127.0.0.1" } else { "::1" };
                let ip: IpAddr = ip.parse().unwrap();
                let mut server = tokio::net::TcpStream::connect((ip, port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    });
    let gateway = gateway.await;
    let probe = format!(
        "ip: both, dns: {{ servers: ['{}'] }}, http: {{ url: 'http://www.probe.test:{port}/', proxy: 'socks5://{}', expect: {{ body: right }} }}",
        dns.address, gateway.address
    );
    assert_up(&run(&probe).await, "socks5");
    let mut targets = targets.lock().unwrap().clone();
    targets.sort();
    assert_eq!(targets, [1, 4]);
}

// Where it is shown.

/// A daemon with a probe that looks at all addresses, one that needs one of them, and one that asks
/// for nothing; all of a name with a right and a wrong address.
fn running() -> (Daemon, tokio::runtime::Runtime, NameServer) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, dns) = runtime.block_on(async {
        let (port, _) = at("127.0.0.2", 0, showing("<b>right</b>")).await;
        at("127.0.0.5", port, showing("another")).await;
        (port, dns(&["127.0.0.2", "127.0.0.3", "127.0.0.5"]).await)
    });
    let http = |keys: &str| {
        format!(
            "http: {{ url: 'http://www.probe.test:{port}/', expect: {{ body: '<b>right</b>' }}{keys} }}"
        )
    };
    let config = format!(
        "defaults: {{ interval: 5s, timeout: 4s, dns: {{ servers: ['{}'] }} }}\nservices:\n  - name: s\n    probes:\n      \
         - {{ name: all, {} }}\n      - {{ name: any, {} }}\n      - {{ name: first, {} }}\n      - {{ name: both, ip: both, {} }}\n",
        dns.address,
        http(", addresses: all"),
        http(", addresses: { look_at: all, up: any }"),
        http(""),
        http(""),
    );
    let daemon = Setup::new(&config).start();
    daemon.wait_until_ready();
    eventually("every probe has run", || {
        let summary = daemon.get("/api/v1/status").json()["summary"].clone();
        (summary["up"] == 2 && summary["down"] == 2).then_some(())
    });
    (daemon, runtime, dns)
}

#[test]
fn addresses_are_shown_where_the_probe_is() {
    let (daemon, _runtime, _dns) = running();
    let metrics = daemon.metrics();
    promtool::check_metrics(&metrics);
    let lines: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("bongsu_address_up{")).collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    for probe in ["all", "any"] {
        for (address, value) in [("127.0.0.2", 1), ("127.0.0.3", 0), ("127.0.0.5", 0)] {
            let labels = format!("{{service=\"s\",probe=\"{probe}\",");
            let end = format!(",address=\"{address}\"}} {value}");
            let mut fitting =
                lines.iter().filter(|line| line.contains(&labels) && line.ends_with(&end));
            assert!(fitting.next().is_some(), "{labels} {end} {lines:#?}");
        }
    }
    assert!(metrics.contains("# TYPE bongsu_address_up gauge\n"));

    let status = daemon.get("/api/v1/status").json();
    let probes = status["services"][0]["probes"].as_array().unwrap();
    for probe in probes {
        let addresses = probe["addresses"].as_array().unwrap();
        match probe["probe"].as_str().unwrap() {
            "first" => assert!(addresses.is_empty(), "{probe}"),
            "both" => assert_eq!(addresses.len(), 1, "{probe}"),
            _ => {
                let wanted = serde_json::json!({
                    "address": "127.0.0.2", "up": true, "reason": null, "detail": null,
                });
                assert_eq!(addresses[0], wanted, "{probe}");
                assert_eq!(addresses[1]["reason"], "connect_refused", "{probe}");
                assert_eq!(addresses[2]["up"], false, "{probe}");
                assert_eq!(addresses[2]["reason"], "body_mismatch", "{probe}");
                let said = addresses[2]["detail"].as_str().unwrap();
                assert!(said.contains("<b>right</b>"), "{said}");
            }
        }
    }

    for language in ["ko", "en"] {
        let page = daemon.get(&format!("/probes/s/all?lang={language}")).text();
        for wanted in [
            "<li><code>127.0.0.2</code> ",
            "<li><code>127.0.0.3</code> <code>connect_refused</code> ",
            "<li><code>127.0.0.5</code> <code>body_mismatch</code> ",
            "&lt;b&gt;right&lt;/b&gt;",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        assert!(!page.contains("<b>right"), "{page}");
    }
    let page = daemon.get("/probes/s/any?lang=en").text();
    assert!(!page.contains("<li><code>127.0.0."), "it has not failed: {page}");
}

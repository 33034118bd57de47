//! What both find of plain HTTP, redirects, IPv6, certificates, HTTP/2 and conversations over TCP.

use std::io::Write as _;
use std::time::Duration;

use flate2::write::GzEncoder;
use rcgen::{DnType, KeyPair, SanType};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::both::Both;
use super::{path, series};
use crate::support::client::Request;
use crate::support::http::{Reply, RoutedSite, Routes, Site};
use crate::support::nginx::Nginx;
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::secure::acceptor;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn site() -> Routes {
    let compressed = |text: &str| Reply::bytes(gzip(text)).header("Content-Encoding", "gzip");
    let (packed, broken) = (compressed("정부24 정상"), Reply::bytes(gzip("x")[..12].to_vec()));
    Routes::new()
        .on("GET", "/", |_| Reply::html("<h1>정부24</h1> {\"status\":\"up\"}"))
        .on("POST", "/", |asked| Reply::html(format!("{} bytes", asked.body.len())))
        .on("HEAD", "/", |_| Reply::html("나는 머리"))
        .on("GET", "/dated", |_| {
            Reply::html("x").header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        })
        .on("GET", "/cookie", |_| Reply::html("x").header("Set-Cookie", "a=b"))
        .on("GET", "/gzip", move |_| packed.clone())
        .on("GET", "/broken-gzip", move |_| broken.clone())
        .on("GET", "/500", |_| Reply::status(500))
        .on("GET", "/204", |_| Reply::status(204))
        .on("GET", "/large", |_| Reply::bytes(vec![b'x'; 100_000]))
        .on("GET", "/to-root", |_| Reply::redirect("/"))
        .on("GET", "/to-cookie", |_| Reply::redirect("/needs").header("Set-Cookie", "a=b; Path=/"))
        .on("GET", "/needs", |asked| match asked.cookie("a") {
            Some(_) => Reply::html("with a cookie"),
            None => Reply::status(403),
        })
        .on("GET", "/for-ever", |_| Reply::redirect("/for-ever"))
        .on("GET", "/nowhere", |_| Reply::redirect("ftp://127.0.0.1/"))
        .on("GET", "/to-dead", |_| Reply::redirect("http://127.0.0.1:9/"))
        .on("POST", "/303", |_| Reply::redirect("/").with_status(303))
        .on("POST", "/307", |_| Reply::redirect("/").with_status(307))
        .on("GET", "/no-location", |_| Reply::status(302))
        .on("GET", "/hang-up", |_| Reply::hang_up())
        .on("GET", "/silence", |_| Reply::silence())
        .on("GET", "/auth", |asked| match asked.header("authorization") {
            Some("Basic b3BzOnB3") | Some("Bearer token") => Reply::html("hello"),
            _ => Reply::status(401),
        })
        .on("GET", "/host", |asked| match asked.header("host") {
            Some("vhost.probe.test") => Reply::html("hello"),
            _ => Reply::status(404),
        })
        .on("GET", "/agent", |asked| match asked.header("user-agent") {
            Some("mine") => Reply::html("hello"),
            _ => Reply::status(404),
        })
}

pub(super) const HTTP: &str = r#"modules:
  http_2xx: { prober: http, timeout: 20s }
  ip4: { prober: http, timeout: 20s, http: { preferred_ip_protocol: ip4 } }
  only_ip6: { prober: http, timeout: 20s, http: { preferred_ip_protocol: ip6, ip_protocol_fallback: false } }
  post: { prober: http, timeout: 20s, http: { method: POST, body: "12345", headers: { Content-Type: text/plain } } }
  head: { prober: http, timeout: 20s, http: { method: HEAD } }
  stay: { prober: http, timeout: 20s, http: { follow_redirects: false } }
  stay_3xx: { prober: http, timeout: 20s, http: { follow_redirects: false, valid_status_codes: [302] } }
  stay_regex: { prober: http, timeout: 20s, http: { follow_redirects: false, valid_status_codes: [302], fail_if_body_not_matches_regexp: [x] } }
  only_500: { prober: http, timeout: 20s, http: { valid_status_codes: [500] } }
  http10: { prober: http, timeout: 20s, http: { valid_http_versions: [HTTP/1.0] } }
  http11: { prober: http, timeout: 20s, http: { valid_http_versions: [HTTP/1.1] } }
  not_ssl: { prober: http, timeout: 20s, http: { fail_if_not_ssl: true } }
  ssl: { prober: http, timeout: 20s, http: { fail_if_ssl: true } }
  bad_word: { prober: http, timeout: 20s, http: { fail_if_body_matches_regexp: ['정부\d+'] } }
  json_up: { prober: http, timeout: 20s, http: { fail_if_body_not_matches_regexp: ['{"status":"up"}'] } }
  json_down: { prober: http, timeout: 20s, http: { fail_if_body_not_matches_regexp: ['{"status":"down"}'] } }
  no_cookie: { prober: http, timeout: 20s, http: { fail_if_header_matches: [{ header: set-cookie, regexp: '.*', allow_missing: true }] } }
  no_cookie_required: { prober: http, timeout: 20s, http: { fail_if_header_matches: [{ header: Set-Cookie, regexp: 'c=' }] } }
  type: { prober: http, timeout: 20s, http: { fail_if_header_not_matches: [{ header: Content-Type, regexp: 'text/html' }] } }
  missing: { prober: http, timeout: 20s, http: { fail_if_header_not_matches: [{ header: X-Missing, regexp: 'x' }] } }
  may_miss: { prober: http, timeout: 20s, http: { fail_if_header_not_matches: [{ header: X-Missing, regexp: 'x', allow_missing: true }] } }
  gzip: { prober: http, timeout: 20s, http: { compression: gzip, fail_if_body_not_matches_regexp: ['정상'] } }
  ungzip: { prober: http, timeout: 20s, http: { fail_if_body_not_matches_regexp: ['정상'] } }
  limited: { prober: http, timeout: 20s, http: { body_size_limit: 50KB } }
  limited_regex: { prober: http, timeout: 20s, http: { body_size_limit: 50KB, fail_if_body_not_matches_regexp: [x] } }
  basic: { prober: http, timeout: 20s, http: { basic_auth: { username: ops, password: pw } } }
  bearer: { prober: http, timeout: 20s, http: { authorization: { credentials: token } } }
  old_bearer: { prober: http, timeout: 20s, http: { bearer_token: token } }
  vhost: { prober: http, timeout: 20s, http: { headers: { Host: vhost.probe.test } } }
  agent: { prober: http, timeout: 20s, http: { headers: { User-Agent: mine } } }
  short: { prober: http, timeout: 1s }
"#;

/// A path of [`site`], a module of [`HTTP`], and whether it succeeds there.
pub(super) const PLAIN_CASES: &[(&str, &str, bool)] = &[
    ("/", "http_2xx", true),
    ("/", "ip4", true),
    ("/", "only_ip6", false),
    ("/", "post", true),
    ("/", "head", true),
    ("/dated", "http_2xx", true),
    ("/500", "http_2xx", false),
    ("/500", "only_500", true),
    ("/204", "http_2xx", true),
    ("/404", "http_2xx", false),
    ("/", "http10", false),
    ("/", "http11", true),
    ("/", "not_ssl", false),
    ("/500", "not_ssl", false),
    ("/", "ssl", true),
    ("/", "bad_word", false),
    ("/500", "bad_word", false),
    ("/", "json_up", true),
    ("/", "json_down", false),
    ("/", "no_cookie", true),
    ("/cookie", "no_cookie", false),
    ("/", "no_cookie_required", false),
    ("/cookie", "no_cookie_required", true),
    ("/", "type", true),
    ("/", "missing", false),
    ("/", "may_miss", true),
    ("/gzip", "gzip", true),
    ("/gzip", "ungzip", false),
    ("/gzip", "http_2xx", true),
    ("/large", "limited", false),
    ("/large", "limited_regex", false),
    ("/large", "http_2xx", true),
    ("/auth", "basic", true),
    ("/auth", "bearer", true),
    ("/auth", "old_bearer", true),
    ("/auth", "http_2xx", false),
    ("/host", "vhost", true),
    ("/host", "http_2xx", false),
    ("/agent", "agent", true),
    ("/hang-up", "http_2xx", false),
    ("/silence", "short", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_found_alike() {
    let site = site().serve().await;
    let both = Both::with(HTTP);
    for &(at, module, success) in PLAIN_CASES {
        both.agree(&site.url(at), module, success);
    }
    let named = site.url("/").replace("127.0.0.1", "localhost");
    both.agree(&named, "ip4", true);
    // The target says who asks, and names no scheme.
    both.agree(&site.url("/auth").replace("http://", "http://ops:pw@"), "http_2xx", true);
    both.agree(&site.address.to_string(), "http_2xx", true);
    // Nobody is there, and no such name.
    both.agree("http://127.0.0.1:9/", "http_2xx", false);
    both.agree("http://no-such-name.invalid/", "http_2xx", false);
    both.agree("http://no-such-name.invalid/", "only_ip6", false);
    both.agree("invalid://x/", "http_2xx", false);
    // The scrape's host, and its patience.
    let path = path(&site.url("/host"), "http_2xx") + "&hostname=vhost.probe.test";
    assert_eq!(both.same_at(&path)["probe_success"], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_alike() {
    let site = site().serve().await;
    let both = Both::with(HTTP);
    let other = site_that_leads_to(&site).await;
    for (url, module, success) in [
        (site.url("/to-root"), "http_2xx", true),
        (site.url("/to-root"), "stay", false),
        (site.url("/to-root"), "stay_3xx", true),
        (site.url("/to-root"), "stay_regex", false),
        (site.url("/to-cookie"), "http_2xx", true),
        // A cookie of one run is not sent in the next one.
        (site.url("/needs"), "http_2xx", false),
        (site.url("/for-ever"), "http_2xx", false),
        (site.url("/nowhere"), "http_2xx", false),
        (site.url("/to-dead"), "http_2xx", false),
        (site.url("/no-location"), "http_2xx", false),
        (site.url("/303"), "post", true),
        (site.url("/307"), "post", true),
        (other.url("/"), "http_2xx", true),
    ] {
        both.agree(&url, module, success);
    }
}

/// What servers say that is unusual and right, and what ends too early.
#[tokio::test(flavor = "multi_thread")]
async fn unusual_answers_are_found_alike() {
    let both = Both::with(HTTP);
    for (answer, success) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false),
        ("HTTP/1.0 200 OK\r\n\r\nhello", true),
        ("HTTP/1.1 200 OK\r\n\r\nhello", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLast-Modified: yesterday\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLast-Modified: Sunday, 06-Nov-94 08:49:37 \
             GMT\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true),
        ("HTTP/1.1 299 Strange\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", false),
        ("HTTP/1.1 600 Stranger\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 300 Choices\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false),
        ("SSH-2.0-OpenSSH_9.6\r\n", false),
        ("", false),
    ] {
        let site = Site::answering(answer).await;
        let url = site.url("/");
        let found = both.same(&url, "http_2xx");
        assert_eq!(found["probe_success"] == 1.0, success, "{answer:?}: {found:?}");
    }
}

/// A redirect to another host is asked for that host's name, whatever the module names.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_module_is_for_the_first_host_only() {
    let (files, authority) = (Files::new(), Authority::root("Test Authority"));
    let roots = files.write(&authority.cert.pem);
    let both = Both::with(&format!(
        "modules:\n  named: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{0}', \
         server_name: www.probe.test }} }} }}\n  vhost: {{ prober: http, timeout: 20s, http: {{ headers: {{ \
         Host: www.probe.test }}, tls_config: {{ ca_file: '{0}' }} }} }}\n",
        roots.display()
    ));
    let [named, plain] =
        ["www.probe.test", "127.0.0.2"].map(|name| authority.issue(Leaf::named(name)));
    let second = "127.0.0.2".parse().unwrap();
    let [good, bad] =
        [&plain, &named].map(|cert| site().serve_at(second, Some(acceptor(cert, &[]))));
    for (led_to, success) in [(good.await, true), (bad.await, false)] {
        let url = led_to.url("/");
        let first = Routes::new().on("GET", "/", move |_| Reply::redirect(url.clone()));
        let first = first.serve_at("127.0.0.1".parse().unwrap(), Some(acceptor(&named, &[]))).await;
        for module in ["named", "vhost"] {
            both.agree(&first.url("/"), module, success);
        }
    }
}

/// Names of many parts, in Go's order and with its escapes.
#[tokio::test(flavor = "multi_thread")]
async fn names_in_certificates_are_written_alike() {
    let (files, authority) = (
        Files::new(),
        Authority::root_with(
            "Root, \"of\" <all>; + more",
            KeyPair::generate().unwrap(),
            |params| {
                params.distinguished_name.push(DnType::CountryName, "KR");
                params.distinguished_name.push(DnType::OrganizationName, "Government of Korea");
            },
        ),
    );
    let both = Both::with(&format!(
        "modules:\n  own: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{}' }} }} }}\n",
        files.write(&authority.cert.pem).display()
    ));
    for (kind, value) in [
        (DnType::OrganizationName, "Acme, Co"),
        (DnType::OrganizationalUnitName, "#unit"),
        (DnType::LocalityName, " Seoul "),
        (DnType::StateOrProvinceName, "a\\b"),
        (DnType::CommonName, "정부24"),
        // One for which Go has no short name.
        (DnType::CustomDnType(vec![2, 5, 4, 12]), "title"),
    ] {
        let mut leaf = Leaf::named("127.0.0.1");
        leaf.params.subject_alt_names.push(SanType::DnsName("www.probe.test".try_into().unwrap()));
        leaf.params.subject_alt_names.push(SanType::DnsName("*.probe.test".try_into().unwrap()));
        leaf.params.distinguished_name.push(DnType::CountryName, "KR");
        leaf.params.distinguished_name.push(kind, value);
        let tls = acceptor(&authority.issue(leaf), &[]);
        let site = site().serve_at("127.0.0.1".parse().unwrap(), Some(tls)).await;
        both.agree(&site.url("/"), "own", true);
    }
}

/// On another address, so that what is absolute leads to another host.
async fn site_that_leads_to(site: &RoutedSite) -> RoutedSite {
    let url = site.url("/");
    let routes = Routes::new().on("GET", "/", move |_| Reply::redirect(url.clone()));
    routes.serve_at("127.0.0.2".parse().unwrap(), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_is_found_alike() {
    let site = site().serve_at("::1".parse().unwrap(), None).await;
    let both = Both::with(HTTP);
    let url = site.url("/").replace("//::1:", "//[::1]:");
    for module in ["http_2xx", "only_ip6", "ip4"] {
        both.agree(&url, module, true);
    }
    let found = both.same(&url, "http_2xx");
    assert_eq!(found["probe_ip_addr_hash"], 1_751_717_746.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_judged_alike() {
    let (files, authority) = (Files::new(), Authority::root("Test Authority"));
    let roots = files.write(&authority.cert.pem);
    let modules = format!(
        "modules:\n  plain: {{ prober: http, timeout: 20s }}\n  own: {{ prober: http, timeout: 20s, \
         http: {{ tls_config: {{ ca_file: '{0}' }} }} }}\n  any: {{ prober: http, timeout: 20s, http: \
         {{ tls_config: {{ insecure_skip_verify: true }} }} }}\n  named: {{ prober: http, timeout: \
         20s, http: {{ tls_config: {{ ca_file: '{0}', server_name: www.probe.test }} }} }}\n  vhost: \
         {{ prober: http, timeout: 20s, http: {{ headers: {{ Host: www.probe.test }}, tls_config: {{ \
         ca_file: '{0}' }} }} }}\n  ssl: {{ prober: http, timeout: 20s, http: {{ fail_if_ssl: true, \
         tls_config: {{ ca_file: '{0}' }} }} }}\n  not_ssl: {{ prober: http, timeout: 20s, http: {{ \
         fail_if_not_ssl: true, tls_config: {{ ca_file: '{0}' }} }} }}\n  tls: {{ prober: tcp, \
         timeout: 20s, tcp: {{ tls: true, tls_config: {{ ca_file: '{0}' }} }} }}\n  tls_any: {{ \
         prober: tcp, timeout: 20s, tcp: {{ tls: true, tls_config: {{ insecure_skip_verify: true }} \
         }} }}\n  tls12: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{0}', \
         min_version: TLS12, max_version: TLS12 }} }} }}\n  tls13: {{ prober: http, timeout: 20s, \
         http: {{ tls_config: {{ ca_file: '{0}', min_version: TLS13 }} }} }}\n",
        roots.display()
    );
    let both = Both::with(&modules);
    let good = authority.issue(Leaf::named("127.0.0.1"));
    let expired = authority.issue(Leaf::named("127.0.0.1").expired());
    let early = authority.issue(Leaf::named("127.0.0.1").not_yet_valid());
    let other = authority.issue(Leaf::named("www.probe.test"));
    let own = Leaf::named("127.0.0.1").self_signed();
    let stranger = Authority::root("Stranger").issue(Leaf::named("127.0.0.1"));
    let at = "127.0.0.1".parse().unwrap();
    for (cert, module, success) in [
        (&good, "own", true),
        (&good, "plain", false),
        (&good, "any", true),
        (&good, "ssl", false),
        (&good, "not_ssl", true),
        (&good, "tls12", true),
        (&good, "tls13", true),
        (&good, "named", false),
        (&expired, "own", false),
        (&expired, "any", true),
        (&early, "own", false),
        (&early, "any", true),
        (&other, "own", false),
        (&other, "any", true),
        (&other, "named", true),
        (&other, "vhost", true),
        (&own, "own", false),
        (&own, "any", true),
        (&stranger, "own", false),
        (&stranger, "any", true),
    ] {
        let site = site().serve_at(at, Some(acceptor(cert, &[]))).await;
        both.agree(&site.url("/"), module, success);
    }
    for (cert, module, success) in [
        (&good, "tls", true),
        (&expired, "tls", false),
        (&expired, "tls_any", true),
        (&own, "tls", false),
        (&own, "tls_any", true),
    ] {
        let site = site().serve_at(at, Some(acceptor(cert, &[]))).await;
        both.agree(&site.address.to_string(), module, success);
    }
    // A redirect to TLS, and one that leads away from it.
    let site = site().serve_at(at, Some(acceptor(&good, &[]))).await;
    let leading = site_that_leads_to(&site).await;
    both.agree(&leading.url("/"), "own", true);
    both.agree(&leading.url("/"), "plain", false);
}

#[test]
fn http_2_by_nginx_is_found_alike() {
    let nginx = Nginx::serving("location / { return 200 'hello'; }", &[]);
    let modules = format!(
        "modules:\n  h2: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{0}' }} }} \
         }}\n  h1: {{ prober: http, timeout: 20s, http: {{ enable_http2: false, tls_config: {{ \
         ca_file: '{0}' }} }} }}\n  only: {{ prober: http, timeout: 20s, http: {{ \
         valid_http_versions: [HTTP/2.0], tls_config: {{ ca_file: '{0}' }} }} }}\n",
        nginx.path("ca.pem").display()
    );
    let both = Both::with(&modules);
    for (module, version) in [("h2", 2.0), ("h1", 1.1), ("only", 2.0)] {
        let found = both.same(&nginx.tls("/"), module);
        assert_eq!(
            (found["probe_success"], found["probe_http_version"]),
            (1.0, version),
            "{module}"
        );
    }
}

const TCP: &str = r#"modules:
  connect: { prober: tcp, timeout: 20s }
  short: { prober: tcp, timeout: 1s, tcp: { query_response: [{ expect: never }] } }
  source: { prober: tcp, timeout: 20s, tcp: { source_ip_address: 127.0.0.3 } }
  banner: { prober: tcp, timeout: 20s, tcp: { query_response: [{ expect: '^SSH-2.0-([^ -]+)(?: (.*))?$' }] } }
  no_banner: { prober: tcp, timeout: 20s, tcp: { query_response: [{ expect: '^HTTP' }] } }
  irc: { prober: tcp, timeout: 20s, tcp: { query_response: [{ send: "NICK a" }, { expect: 'PING :([^ ]+)', send: 'PONG ${1}' }, { expect: '^:[^ ]+ 001' }] } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn tcp_conversations_are_held_alike() {
    let banner = Site::scripted(|mut visitor| async move {
        visitor.send(b"not yet\r\nSSH-2.0-OpenSSH_9.6 Debian-1\r\n").await;
        visitor.close().await;
    })
    .await;
    let irc = Site::scripted(|visitor| async move {
        let (read, mut write) = visitor.stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let Ok(Some(nick)) = lines.next_line().await else { return };
        assert_eq!(nick, "NICK a");
        let _ = write.write_all(b"PING :4711\r\n").await;
        let Ok(Some(pong)) = lines.next_line().await else { return };
        let answer = if pong == "PONG 4711" { ":irc 001 hello\n" } else { "ERROR\n" };
        let _ = write.write_all(answer.as_bytes()).await;
        let _ = lines.next_line().await;
    })
    .await;
    let silent = Site::scripted(|mut visitor| async move {
        let _ = visitor.stream.read(&mut [0; 1]).await;
    })
    .await;
    let both = Both::with(TCP);
    for (address, module, success) in [
        (banner.address.to_string(), "connect", true),
        (banner.address.to_string(), "source", true),
        (banner.address.to_string(), "banner", true),
        (banner.address.to_string(), "no_banner", false),
        (irc.address.to_string(), "irc", true),
        (silent.address.to_string(), "short", false),
        ("127.0.0.1:9".to_owned(), "connect", false),
        ("127.0.0.1".to_owned(), "connect", false),
        ("no-such-name.invalid:80".to_owned(), "connect", false),
    ] {
        both.agree(&address, module, success);
    }
}

/// The rule for timeouts, by the metric that newer versions have and by how long both take.
#[tokio::test(flavor = "multi_thread")]
async fn the_scrapes_patience_counts_alike() {
    let site = site().serve().await;
    let both = Both::with("modules:\n  http_2xx: { prober: http, timeout: 60s }\n");
    let ask = |address| {
        Request::get(&path(&site.url("/silence"), "http_2xx"))
            .header("X-Prometheus-Scrape-Timeout-Seconds", "1.5")
            .send(address)
    };
    let (ours, theirs) = (series(&ask(both.ours.address)), series(&ask(both.theirs.address)));
    for found in [&ours, &theirs] {
        assert_eq!(found["probe_success"], 0.0);
        let took = Duration::from_secs_f64(found["probe_duration_seconds"]);
        assert!(took >= Duration::from_secs(1), "{took:?}");
    }
    assert_eq!(ours["probe_timeout_seconds"], 1.0);
}

//! Probes through a proxy, a real squid, and past it.

use std::fmt::Write as _;
use std::path::Path;

use bongsu::blackbox::ModuleFile;
use bongsu::config::Nothing;

use super::both::Both;
use super::{daemon_in, path, series};
use crate::proxies::Squid;
use crate::support::daemon::Setup;
use crate::support::http::{Site, page};
use crate::support::nginx::Nginx;
use crate::support::written::SECRET;

/// Modules that differ in their keys for the proxy, and trust this authority.
fn modules(roots: &Path, keys: &[(&str, String)]) -> String {
    let mut text = "modules:\n".to_owned();
    for (name, keys) in keys {
        writeln!(
            text,
            "  {name}: {{ prober: http, timeout: 20s, http: {{ preferred_ip_protocol: ip4, tls_config: {{ \
             ca_file: '{}' }}, {keys} }} }}",
            roots.display()
        )
        .unwrap();
    }
    text
}

#[test]
fn a_proxy_is_used_alike() {
    let nginx =
        Nginx::serving("location / { return 200 'hello'; } location /away { return 302 /; }", &[]);
    let squid = Squid::with("http_access allow known");
    let open = Squid::with("http_access allow all");
    let named = format!("http://bongsu-user:{SECRET}@127.0.0.1:{}", squid.port);
    let modules = modules(
        &nginx.path("ca.pem"),
        &[
            ("open", format!("proxy_url: 'http://127.0.0.1:{}'", open.port)),
            (
                "skipping",
                format!(
                    "proxy_url: 'http://127.0.0.1:{}', skip_resolve_phase_with_proxy: true",
                    open.port
                ),
            ),
            ("named", format!("proxy_url: '{named}'")),
            ("unnamed", format!("proxy_url: 'http://127.0.0.1:{}'", squid.port)),
            ("misnamed", format!("proxy_url: 'http://a:b@127.0.0.1:{}'", squid.port)),
            ("dead", "proxy_url: 'http://127.0.0.1:9'".to_owned()),
        ],
    );
    let both = Both::with(&modules);
    for url in [nginx.plain("/"), nginx.tls("/"), nginx.plain("/away"), nginx.tls("/away")] {
        for (module, success) in
            [("open", true), ("skipping", true), ("named", true), ("dead", false)]
        {
            both.agree(&url, module, success);
        }
    }
    for url in [nginx.tls("/"), "https://127.0.0.8:9/".to_owned()] {
        for module in ["unnamed", "misnamed"] {
            both.agree(&url, module, false);
        }
    }
    // Nobody listens there, and squid says so; of a name that does not exist, either side.
    both.agree("https://127.0.0.8:9/", "open", false);
    both.agree("https://no-such-name.invalid/", "skipping", false);
    both.agree("https://no-such-name.invalid/", "open", false);
    both.agree("http://no-such-name.invalid/", "open", false);
    // A page of the proxy's own is no answer of the target.
    for (target, module, status) in [
        (nginx.plain("/"), "unnamed", 407.0),
        (nginx.plain("/"), "misnamed", 407.0),
        ("http://127.0.0.8:9/".to_owned(), "open", 503.0),
    ] {
        let [ours, theirs] = both.each(&target, module);
        assert_eq!((ours["probe_success"], theirs["probe_success"]), (0.0, 0.0), "{target}");
        let told = (ours["probe_http_status_code"], theirs["probe_http_status_code"]);
        assert_eq!(told, (0.0, status), "{module} of {target}");
    }
}

/// What Debian's blackbox_exporter has not yet, so that there is nothing to compare with: exceptions, and
/// proxies of the environment. A proxy that answers by itself shows what came to it.
#[tokio::test(flavor = "multi_thread")]
async fn some_hosts_are_reached_without_the_proxy() {
    let nginx = Nginx::serving("location / { return 200 'hello'; }", &[]);
    let gateway = Site::answering(page("200 OK", "", "by the proxy")).await;
    let by = |hosts: &str| format!("proxy_url: '{}', no_proxy: '{hosts}'", gateway.url(""));
    let text = modules(
        &nginx.path("ca.pem"),
        &[
            ("network", by("10.0.0.0/8, 127.0.0.0/8")),
            ("address", by("127.0.0.1")),
            ("every", by("*")),
            ("others", by("10.0.0.0/8,.probe.test")),
            ("environment", "proxy_from_environment: true".to_owned()),
        ],
    );
    // Nobody has these addresses (RFC 5737): who asks for them directly fails.
    let hosts = "127.0.0.1 localhost www.probe.test\n203.0.113.7 www.third.test\n203.0.113.8 \
                 www.other.test\n";
    let setup = Setup::new("").env("HTTP_PROXY", &gateway.url("")).env("NO_PROXY", ".other.test");
    let daemon = daemon_in(setup.seeing_hosts(hosts), &text.replace("20s", "5s"), &[]);
    // This machine is always reached directly where there are exceptions.
    for url in [nginx.plain("/"), nginx.tls("/")] {
        for module in ["network", "address", "every", "others", "environment"] {
            let found = series(&daemon.get(&path(&url, module)));
            assert_eq!(found["probe_success"], 1.0, "{module} {url}");
        }
    }
    assert!(gateway.requests().is_empty(), "{:?}", gateway.requests());
    for (host, module, is_proxied, success) in [
        ("www.probe.test", "others", false, 1.0),
        ("www.third.test", "others", true, 1.0),
        ("www.third.test", "environment", true, 1.0),
        ("www.other.test", "environment", false, 0.0),
        ("www.third.test", "every", false, 0.0),
    ] {
        let before = gateway.requests().len();
        let url = nginx.plain("/").replace("127.0.0.1", host);
        let found = series(&daemon.get(&path(&url, module)));
        assert_eq!(found["probe_success"], success, "{module} {url}");
        assert_eq!(gateway.requests().len() > before, is_proxied, "{module} {url}");
    }
}

#[test]
fn what_does_not_go_with_a_proxy_is_said() {
    let read = |keys: &str| {
        let text = format!("modules:\n  a: {{ prober: http, http: {{ {keys} }} }}\n");
        ModuleFile::parse(Path::new("blackbox.yml"), &text, &Nothing)
    };
    assert!(read("proxy_from_environment: true").is_ok());
    for (keys, said) in [
        ("no_proxy: a.kr", "proxy_url"),
        ("proxy_from_environment: true, proxy_url: 'http://a.kr'", "proxy_from_environment"),
        ("proxy_from_environment: true, no_proxy: a.kr", "proxy_from_environment"),
        ("proxy_connect_header: { X-A: [b] }", "proxy_url"),
        ("proxy_url: 'http://a.kr', no_proxy: '10.0.0.0/64'", "is no network"),
        ("proxy_url: 'gopher://a.kr'", "none of http"),
    ] {
        let error = read(keys).err().unwrap_or_else(|| panic!("{keys} was taken"));
        let text = error.report("nothing was started");
        assert!(text.contains(said), "{keys}: {text}");
    }
}

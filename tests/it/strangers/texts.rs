//! Long texts of servers: cut where they are learned, so that neither memory nor log nor page fills.

use std::net::SocketAddr;

use bongsu::outcome::{DETAIL_BYTES_MAX, HOPS_BYTES_MAX};

use crate::strangers::{answers, wait_for_runs};
use crate::support::daemon::{Setup, eventually};
use crate::support::http::sending;
use crate::support::pki::{Authority, Files, Leaf};
use crate::tls_verdicts::serve;

/// Of each redirect's path.
const PATH_BYTES: usize = 60 << 10;

/// A server that redirects for ever, each time to another long path. Returns its address.
fn redirecting() -> SocketAddr {
    sending(|turn, _| {
        let path = format!("/{turn}/{}", "x".repeat(PATH_BYTES));
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    })
}

#[test]
fn redirects_with_long_paths_are_told_in_short() {
    let address = redirecting();
    let config = format!(
        "defaults: {{ interval: 4s, timeout: 3900ms }}\nservices:\n  - name: s\n    probes:\n\
         \x20     - {{ name: long, http: {{ url: 'http://{address}/', \
         follow: {{ redirects: 40 }} }} }}\n"
    );
    let state = tempfile::tempdir().unwrap();
    let daemon =
        Setup::new(&config).flag(format!("--state.dir={}", state.path().display())).start();
    daemon.wait_until_ready();
    wait_for_runs(&daemon, "long", "failure", 3.0);
    let line = daemon.logged(&["probe=s/long", "redirect_limit"]);
    assert!(line.contains("xxx…"), "{line}");
    for line in daemon.log().lines() {
        assert!(line.len() < 2 * DETAIL_BYTES_MAX, "{} bytes: {line}", line.len());
    }
    for path in ["/api/v1/status", "/", "/probes/s/long"] {
        short(path, &daemon.get(path).text());
    }
    let stored = eventually("a stored failure", || {
        let file = std::fs::read_to_string(state.path().join("failures.json")).ok()?;
        file.contains("redirect_limit").then_some(file)
    });
    short("the stored failure", &stored);
    answers(&daemon);
}

/// Whether a text tells of the paths, and of none in full.
#[track_caller]
fn short(of: &str, text: &str) {
    let longest = text.split(|c| c != 'x').map(str::len).max().unwrap();
    assert!((100..DETAIL_BYTES_MAX).contains(&longest), "{of}: {longest} bytes of a path");
    assert!(text.len() < 4 * HOPS_BYTES_MAX, "{of}: {} bytes", text.len());
}

/// What reverses the text behind it, and what clears a terminal.
const REVERSED: &str = "\u{202e}";
const CLEARED: &str = "\u{1b}[2J";

/// A server whose redirect, header and page hold both.
fn deceptive() -> SocketAddr {
    sending(|_, path| {
        let text = format!("fdp.{REVERSED}exe{CLEARED}");
        let head = match path {
            "/away" => {
                format!("HTTP/1.1 302 Found\r\nLocation: gopher://{REVERSED}x/{REVERSED}\r\n")
            }
            _ => format!("HTTP/1.1 200 OK\r\nX-Said: fdp.{REVERSED}exe\r\n"),
        };
        format!(
            "{head}Content-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        )
    })
}

/// Every character that is obeyed and not shown is written out, wherever it came from and is shown.
#[test]
fn deceptive_characters_are_written_out() {
    let files = Files::new();
    let root = Authority::root(&format!("Root {REVERSED}CA"));
    let leaf = Leaf::named("probe.test").subject(&format!("fdp.{REVERSED}exe{CLEARED}"));
    let server = serve(&files, &root.issue(leaf), &[]);
    let (address, roots) = (deceptive(), files.write(&root.cert.pem));
    let roots = roots.display();
    let port = server.port();
    let config = format!(
        "defaults: {{ interval: 2s, timeout: 1s }}\nservices:\n  - name: s\n    probes:\n\
         \x20     - {{ name: cert, tls: {{ address: '127.0.0.1:{port}', server_name: other.test, \
         trust: {{ roots: '{roots}' }} }} }}\n\
         \x20     - {{ name: issuer, tls: {{ address: '127.0.0.1:{port}', server_name: probe.test, \
         trust: {{ roots: '{roots}' }}, expect: {{ issuer: Other CA }} }} }}\n\
         \x20     - {{ name: away, http: {{ url: 'http://{address}/away' }} }}\n\
         \x20     - {{ name: header, http: {{ url: 'http://{address}/', \
         expect: {{ header: {{ X-Said: hello }} }} }} }}\n\
         \x20     - {{ name: login, login: {{ base: 'http://{address}/', excerpt: true, \
         steps: [{{ name: page, get: /, expect: {{ body: {{ contains: Welcome }} }} }}] }} }}\n"
    );
    for format in ["logfmt", "json"] {
        let state = tempfile::tempdir().unwrap();
        let daemon = Setup::new(&config)
            .flag(format!("--log.format={format}"))
            .flag(format!("--state.dir={}", state.path().display()))
            .start();
        daemon.wait_until_ready();
        for probe in ["cert", "issuer", "away", "header", "login"] {
            wait_for_runs(&daemon, probe, "failure", 1.0);
            let page = daemon.get(&format!("/probes/s/{probe}")).text();
            without_deceptive(probe, &page);
        }
        for probe in ["issuer", "login"] {
            let page = daemon.get(&format!("/probes/s/{probe}")).text();
            assert!(page.contains("\\u{202e}"), "{probe}: {page}");
        }
        for path in ["/metrics", "/api/v1/status", "/", "/sd"] {
            without_deceptive(path, &daemon.get(path).text());
        }
        assert!(
            daemon.metrics().contains("\\\\u{202e}"),
            "the subject of a certificate is a label"
        );
        without_deceptive("the log", &daemon.log());
        let stored = eventually("stored failures", || {
            let file = std::fs::read_to_string(state.path().join("failures.json")).ok()?;
            file.contains("exe").then_some(file)
        });
        without_deceptive("the stored failures", &stored);
        for probe in ["s/cert", "s/issuer", "s/away", "s/header", "s/login"] {
            let output = daemon.setup.output(&["probe", probe]);
            without_deceptive(probe, &String::from_utf8_lossy(&output.stdout));
            without_deceptive(probe, &String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[track_caller]
fn without_deceptive(of: &str, text: &str) {
    let found = text.chars().find(|&c| c == '\u{202e}' || c.is_control() && !"\n\r\t".contains(c));
    assert_eq!(found, None, "{of}: {text:?}");
}

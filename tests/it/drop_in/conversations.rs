//! TLS that begins inside a conversation, at mail servers and a database that others wrote.

use super::both::Both;
use super::{daemon, path, series};
use crate::support::pki::{Authority, Files};
use crate::tls_starttls_servers::{Home, dovecot, exim, postgres};

const SMTP: &str = "[{ expect: '^220 ([^ ]+) ESMTP (.+)$' }, { send: \"EHLO prober\\r\" }, { expect: \
                    '^250-STARTTLS' }, { send: \"STARTTLS\\r\" }, { expect: '^220' }, { starttls: true }, { \
                    send: \"EHLO prober\\r\" }, { expect: '^250[ -]' }, { send: \"QUIT\\r\" }]";
const IMAP: &str = "[{ expect: 'OK.*STARTTLS' }, { send: '. STARTTLS' }, { expect: OK }, { starttls: true }, { \
                    send: '. CAPABILITY' }, { expect: 'CAPABILITY IMAP4rev1' }]";
/// The request for TLS (PostgreSQL's protocol, SSLRequest), and the byte that agrees.
const POSTGRES: &str = "[{ send: !!binary AAAACATSFi8= }, { expect_bytes: S }, { starttls: true }]";

/// Modules with this conversation: verified, by another name, by nobody, and not verified at all.
fn modules(conversation: &str, roots: &str) -> String {
    let module = |name: &str, timeout: &str, tls: &str| {
        format!(
            "  {name}: {{ prober: tcp, timeout: {timeout}, tcp: {{ query_response: {conversation}, \
             tls_config: {{ {tls} }} }} }}\n"
        )
    };
    "modules:\n".to_owned()
        + &module("good", "20s", &format!("ca_file: '{roots}', server_name: probe.test"))
        + &module("other", "20s", &format!("ca_file: '{roots}', server_name: other.test"))
        + &module("unknown", "20s", "server_name: probe.test")
        + &module("any", "20s", "insecure_skip_verify: true")
        + &module("short", "2s", &format!("ca_file: '{roots}', server_name: probe.test"))
}

#[test]
fn tls_begins_alike_at_mail_servers() {
    let (files, root) = (Files::new(), Authority::root("Test Root"));
    let roots = files.write(&root.cert.pem).display().to_string();
    for (conversation, start) in [(SMTP, exim as fn(Home, bool) -> _), (IMAP, dovecot)] {
        let both = Both::with(&modules(conversation, &roots));
        let server = start(Home::new(&root), true);
        let target = format!("127.0.0.1:{}", server.port);
        for (module, success) in
            [("good", true), ("other", false), ("unknown", false), ("any", true)]
        {
            both.agree(&target, module, success);
        }
        let found = both.same(&target, "good");
        assert!(found.contains_key("probe_ssl_earliest_cert_expiry"), "{found:?}");
        // Without an offer the line that is awaited never comes.
        let plain = start(Home::new(&root), false);
        both.agree(&format!("127.0.0.1:{}", plain.port), "short", false);
    }
}

/// Debian's blackbox_exporter has no `expect_bytes` yet, so there is nothing to compare with.
#[test]
fn tls_begins_at_a_database() {
    let (files, root) = (Files::new(), Authority::root("Test Root"));
    let roots = files.write(&root.cert.pem).display().to_string();
    let daemon = daemon(&modules(POSTGRES, &roots), &[]);
    let ask =
        |port: u16, module: &str| series(&daemon.get(&path(&format!("127.0.0.1:{port}"), module)));
    let server = postgres(Home::new(&root), true);
    for (module, success) in [("good", 1.0), ("other", 0.0), ("unknown", 0.0), ("any", 1.0)] {
        assert_eq!(ask(server.port, module)["probe_success"], success, "{module}");
    }
    let found = ask(server.port, "good");
    assert!(found.contains_key("probe_ssl_earliest_cert_expiry"), "{found:?}");
    assert_eq!(found["probe_failed_due_to_bytes"], 0.0);
    let plain = postgres(Home::new(&root), false);
    let found = ask(plain.port, "good");
    assert_eq!((found["probe_success"], found["probe_failed_due_to_bytes"]), (0.0, 1.0));
}

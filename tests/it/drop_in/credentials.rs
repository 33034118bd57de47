//! Who a probe says it is: certificates, tokens and passwords.

use std::fmt::Write as _;

use super::both::Both;
use crate::support::http::{Reply, Routes};
use crate::support::nginx::Nginx;
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};

#[test]
fn certificates_of_clients_are_shown_alike() {
    let nginx = Nginx::serving(
        "ssl_client_certificate $DIR/ca.pem; ssl_verify_client on; location / { return 200 'hello'; }",
        &[],
    );
    let (files, strangers) = (Files::new(), Authority::root("Strangers"));
    let wrong = strangers.issue(Leaf::named("client").for_clients());
    let (wrong_cert, wrong_key) = (files.write(&wrong.pem), files.write(&wrong.key_pem));
    let roots = nginx.path("ca.pem").display().to_string();
    let mut modules = "modules:\n".to_owned();
    for (name, keys) in [
        ("without", String::new()),
        (
            "right",
            format!(
                ", cert_file: '{}', key_file: '{}'",
                nginx.path("client.pem").display(),
                nginx.path("client.key").display()
            ),
        ),
        (
            "wrong",
            format!(", cert_file: '{}', key_file: '{}'", wrong_cert.display(), wrong_key.display()),
        ),
        ("gone", ", cert_file: /nowhere/a.pem, key_file: /nowhere/a.key".to_owned()),
    ] {
        writeln!(
            modules,
            "  {name}: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{roots}'{keys} }} }} }}\n  \
             tcp_{name}: {{ prober: tcp, timeout: 20s, tcp: {{ tls: true, tls_config: {{ ca_file: '{roots}'{keys} }} }} }}"
        )
        .unwrap();
    }
    let both = Both::with(&modules);
    let url = nginx.tls("/");
    for (module, success) in
        [("without", false), ("right", true), ("wrong", false), ("gone", false)]
    {
        both.agree(&url, module, success);
    }
    // nginx ends the handshake well, and only then says what it thinks of a certificate.
    let address = format!("127.0.0.1:{}", nginx.tls_port());
    for (module, success) in
        [("tcp_without", true), ("tcp_right", true), ("tcp_wrong", true), ("tcp_gone", false)]
    {
        both.agree(&address, module, success);
    }
}

/// A server that ends the handshake where a certificate is missing. In TLS 1.3 it does so after ours.
#[test]
fn a_certificate_that_is_missing_ends_the_handshake_alike() {
    let (files, root) = (Files::new(), Authority::root("Test Root"));
    let leaf = root.issue(Leaf::named("127.0.0.1"));
    let client = root.issue(Leaf::named("client").for_clients());
    let roots = files.write(&root.cert.pem).display().to_string();
    let [cert, key, shown, shown_key] = [&leaf.pem, &leaf.key_pem, &client.pem, &client.key_pem]
        .map(|pem| files.write(pem).display().to_string());
    let modules = format!(
        "modules:\n  without: {{ prober: tcp, timeout: 20s, tcp: {{ tls: true, tls_config: {{ ca_file: \
         '{roots}' }} }} }}\n  right: {{ prober: tcp, timeout: 20s, tcp: {{ tls: true, tls_config: {{ \
         ca_file: '{roots}', cert_file: '{shown}', key_file: '{shown_key}' }} }} }}\n"
    );
    let both = Both::with(&modules);
    let server = Server::start(&[
        "-cert",
        &cert,
        "-key",
        &key,
        "-CAfile",
        &roots,
        "-Verify",
        "2",
        "-verify_return_error",
        "-tls1_2",
    ]);
    let address = format!("127.0.0.1:{}", server.port());
    both.agree(&address, "right", true);
    both.agree(&address, "without", false);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_passwords_are_sent_alike() {
    let said = |asked: &crate::support::http::Asked| {
        let said = asked.header("authorization").unwrap_or("nothing");
        Reply::html(format!("said {said}."))
    };
    let site = Routes::new()
        .on("GET", "/", said)
        .on("GET", "/away", |_| Reply::redirect("/"))
        .serve()
        .await;
    let files = Files::new();
    let (password, token) = (files.write("pass word\n"), files.write("tok\n"));
    let module = |name: &str, keys: &str, said: &str| {
        format!(
            "  {name}: {{ prober: http, timeout: 20s, http: {{ {keys}, fail_if_body_not_matches_regexp: \
             ['^said {said}\\.$'] }} }}\n"
        )
    };
    let modules = "modules:\n".to_owned()
        + &module("typed", "authorization: { type: Token, credentials: abc }", "Token abc")
        + &module("untyped", "authorization: { credentials: abc }", "Bearer abc")
        + &module(
            "of_file",
            &format!("authorization: {{ credentials_file: '{}' }}", token.display()),
            "Bearer tok",
        )
        + &module("old_file", &format!("bearer_token_file: '{}'", token.display()), "Bearer tok")
        + &module("no_file", "bearer_token_file: /nowhere/token", ".*")
        + &module("basic", "basic_auth: { username: ops, password: pw }", "Basic b3BzOnB3")
        + &module(
            "basic_file",
            &format!("basic_auth: {{ username: ops, password_file: '{}' }}", password.display()),
            "Basic b3BzOnBhc3Mgd29yZA==",
        )
        + &module("only_name", "basic_auth: { username: ops }", "Basic b3BzOg==")
        + &module("header", "headers: { Authorization: Own x }", "Own x")
        + &module(
            "header_first",
            "headers: { Authorization: Own x }, basic_auth: { username: ops, password: pw }",
            "Own x",
        );
    let both = Both::with(&modules);
    for (module, success) in [
        ("typed", true),
        ("untyped", true),
        ("of_file", true),
        ("old_file", true),
        ("no_file", false),
        ("basic", true),
        ("basic_file", true),
        ("only_name", true),
        ("header", true),
        ("header_first", true),
    ] {
        both.agree(&site.url("/"), module, success);
        // The same host, by a redirect.
        both.agree(&site.url("/away"), module, success);
    }
}

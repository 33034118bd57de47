//! Module files: what loads, what is left to blackbox_exporter, and what is refused.

use std::path::Path;

use bongsu::blackbox::ModuleFile;
use bongsu::config::Nothing;

fn read(text: &str) -> Result<ModuleFile, String> {
    ModuleFile::parse(Path::new("blackbox.yml"), text, &Nothing)
        .map_err(|error| error.report("nothing was started"))
}

/// Every key that its documentation has for http and tcp.
const ALL_KEYS: &str = include_str!("../../fixtures/blackbox/all-keys.yml");
/// The shapes of the examples that it ships.
const EXAMPLES: &str = include_str!("../../fixtures/blackbox/examples.yml");

#[test]
fn every_key_of_http_and_tcp_loads() {
    let file = read(ALL_KEYS).unwrap();
    let kept: Vec<_> = file.kept_elsewhere().collect();
    assert_eq!(kept, []);
    assert!(file.run_here().count() >= 6);
    // What is shown can be read again, and says the same.
    let shown = file.shown();
    let again = read(&shown).unwrap_or_else(|error| panic!("{error}\n{shown}"));
    assert_eq!(again.shown(), shown);
}

#[test]
fn the_examples_load_and_what_is_not_run_here_says_why() {
    let file = read(EXAMPLES).unwrap();
    let kept: Vec<String> =
        file.kept_elsewhere().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        kept,
        [
            "cel: it has CEL expressions; a probe of ours would have expect.json",
            "dns: Bongsu has no dns prober",
            "grpc: Bongsu has no grpc prober",
            "http3: enable_http3: Bongsu speaks no HTTP/3",
            "icmp: Bongsu has no icmp prober",
            "inline_ca: tls_config has a certificate or key in the module file itself; write them \
             to files and name these in ca_file, cert_file and key_file",
            "proxy_headers: proxy_connect_header: Bongsu sends a proxy no headers of the file",
            "signed: oauth2.grant_type asks for a signed assertion",
            "unix: Bongsu has no unix prober",
            "websocket: Bongsu has no websocket prober",
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, said) in [
        ("modules:\n  a: { prober: htpp }\n", "2:"),
        ("modules:\n  a: { prober: http, http: { methd: GET } }\n", "did you mean \"method\"?"),
        ("modules:\n  a: { prober: http, http: { valid_status_codes: [many] } }\n", "2:"),
        ("modules:\n  a: { prober: http, timeout: 5 parsecs }\n", "is no duration"),
        (
            "modules:\n  a: { prober: http, http: { fail_if_body_matches_regexp: ['('] } }\n",
            "is no regular expression as Go has them",
        ),
        (
            "modules:\n  a: { prober: http, http: { body: x, body_file: y } }\n",
            "body and body_file",
        ),
        ("modules:\n  a: { prober: http, http: { compression: lzma } }\n", "none of gzip"),
        (
            "modules:\n  a: { prober: http, http: { valid_http_versions: [HTTP/3.0] } }\n",
            "HTTP/3.0",
        ),
        (
            "modules:\n  a: { prober: http, http: { bearer_token: a, basic_auth: { username: b } } }\n",
            "write one",
        ),
        ("modules:\n  a: { prober: http, http: { proxy_url: 'ftp://a/' } }\n", "none of http"),
        ("modules:\n  a: { prober: tcp, tcp: { source_ip_address: here } }\n", "is no address"),
        ("modules:\n  a: { prober: tcp, tcp: { tls_config: { min_version: SSL3 } } }\n", "TLS12"),
        (
            "modules:\n  a: { prober: tcp, tcp: { tls_config: { cert_file: a } } }\n",
            "both or neither",
        ),
        (
            "modules:\n  a: { prober: tcp, tcp: { query_response: [{ expect: x, labels: [{ name: a-b, \
             value: c }] }] } }\n",
            "is no name of a label",
        ),
        ("module: {}\n", "unknown key"),
        // Tokens.
        (
            "modules:\n  a: { prober: http, http: { oauth2: { token_url: 'http://a/' } } }\n",
            "client_id",
        ),
        ("modules:\n  a: { prober: http, http: { oauth2: { client_id: a } } }\n", "no token_url"),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: a.kr/token } } }\n",
            "is no URL",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/', \
             client_secret: b, client_secret_file: c } } }\n",
            "client_secret and client_secret_file",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/', \
             scopes: [b], endpoint_params: { scope: c } } } }\n",
            "endpoint_params.scope",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/', \
             proxy_url: 'ftp://a/' } } }\n",
            "proxy_url: has the scheme ftp",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/', \
             no_proxy: a } } }\n",
            "no_proxy: has exceptions to no proxy",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/', \
             tls_config: { cert_file: a } } } }\n",
            "both or neither",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_uri: 'http://a/' } } }\n",
            "did you mean \"token_url\"?",
        ),
        (
            "modules:\n  a: { prober: http, http: { oauth2: { client_id: a, token_url: 'http://a/' }, \
             basic_auth: { username: b } } }\n",
            "write one",
        ),
        // Codings that are not asked for.
        (
            "modules:\n  a: { prober: http, http: { compression: gzip, headers: { accEpt-enCoding: deflate } \
             } }\n",
            "does not ask for it",
        ),
        (
            "modules:\n  a: { prober: http, http: { compression: gzip, headers: { Accept-Encoding: \
             '*;q=0.0' } } }\n",
            "does not ask for it",
        ),
        // HTTP/3 beside what is not spoken with it.
        ("modules:\n  a: { prober: http, http: { enable_http3: true } }\n", "enable_http2: false"),
        (
            "modules:\n  a: { prober: http, http: { enable_http3: true, enable_http2: false, \
             valid_http_versions: [HTTP/1.1, HTTP/3.0] } }\n",
            "not spoken with enable_http3",
        ),
        // Rules for headers without their halves.
        (
            "modules:\n  a: { prober: http, http: { fail_if_header_not_matches: [{ header: X-A }] } }\n",
            "regexp",
        ),
        (
            "modules:\n  a: { prober: http, http: { fail_if_header_matches: [{ regexp: x }] } }\n",
            "header",
        ),
        (
            "modules:\n  a: { prober: http, http: { fail_if_header_matches: [{ header: X-A, regexp: '' }] } }\n",
            "no regexp for X-A",
        ),
        (
            "modules:\n  a: { prober: http, http: { fail_if_header_matches: [{ header: '', regexp: x }] } }\n",
            "a rule without a header",
        ),
        (
            "modules:\n  a: { prober: tcp, tcp: { query_response: [{ expect: ':[' }] } }\n",
            "is no regular expression as Go has them",
        ),
        (
            "modules:\n  a: { prober: tcp, tcp: { query_response: [{ expect: x, expect_bytes: y }] } }\n",
            "expect and expect_bytes",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(said), "{text}: {error}");
        assert!(error.contains("blackbox.yml: 1 problem"), "{error}");
    }
}

/// What goes well together and looks as if it did not.
#[test]
fn what_is_right_is_taken() {
    for module in [
        "prober: http, http: { compression: gzip, headers: { Accept-Encoding: 'br;q=0.5, gzip;q=0.1' } }",
        "prober: http, http: { compression: gzip, headers: { Accept-Encoding: '*' } }",
        "prober: http, http: { compression: gzip, headers: { Accept-Encoding: '' } }",
        "prober: http, http: { headers: { Accept-Encoding: gzip } }",
        "prober: http, http: { enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/3.0] }",
        "prober: http, http: { fail_if_header_matches: [{ header: X-A, regexp: x }] }",
        // A plus behind an anchor repeats the anchor, in Go too.
        "prober: tcp, tcp: { query_response: [{ expect: '^+OK' }] }",
        "prober: tcp, tcp: { query_response: [{ expect: 'x' }, { expect_bytes: y }] }",
    ] {
        let text = format!("modules:\n  a: {{ {module} }}\n");
        read(&text).unwrap_or_else(|error| panic!("{module}: {error}"));
    }
}

#[test]
fn an_empty_file_has_no_modules() {
    for text in ["modules:\n", "modules: {}\n", "{}\n"] {
        assert_eq!(read(text).unwrap().run_here().count(), 0, "{text}");
    }
}

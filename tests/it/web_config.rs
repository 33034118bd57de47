//! `--web.config.file`: TLS, client certificates, passwords, headers, and what is refused.

use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::client::{Answer, Request};
use crate::support::daemon::{Daemon, Setup, eventually};

const CONFIG: &str = "services: [{ name: dc-daejeon }]\n";

/// A certificate authority, and what it issues, as files of a setup.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// PEM texts.
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Authority { issuer }
    }

    fn issue(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }
}

/// Asks over TLS, with a client certificate when there is one.
fn ask(daemon: &Daemon, authority: &Authority, client: Option<&Pair>) -> Result<Answer, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    let name = ServerName::try_from("ops.example.go.kr").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| error.to_string())?;
    }
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Request::get("/-/healthy").exchange(StreamOwned::new(connection, stream))
    }));
    asked.map_err(|_| "the connection was broken off".to_owned())
}

fn healthcheck(daemon: &Daemon) -> Option<i32> {
    let web = format!("--web.config.file={}", daemon.setup.path().join("web.yml").display());
    let setup = Setup::new(CONFIG).env("BONGSU_WEB_LISTEN_ADDRESS", &daemon.address.to_string());
    setup.output(&["healthcheck", &web]).status.code()
}

fn with_web(web: &str, files: &[(&str, &str)]) -> Setup {
    let setup = Setup::new(CONFIG);
    files.iter().for_each(|(name, text)| {
        setup.write(name, text);
    });
    let path = setup.write("web.yml", web);
    setup.flag(format!("--web.config.file={}", path.display()))
}

fn password(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

const TLS: &str = "tls_server_config: { cert_file: server.pem, key_file: server.key }\n";

#[test]
fn tls_is_served_and_a_renewed_certificate_taken_up() {
    let (old, new) = (Authority::new(), Authority::new());
    let pair = old.issue("ops.example.go.kr");
    let daemon = with_web(TLS, &[("server.pem", &pair.cert), ("server.key", &pair.key)]).start();
    assert_eq!(ask(&daemon, &old, None).unwrap().status, 200);
    assert_eq!(healthcheck(&daemon), Some(0));

    let pair = new.issue("ops.example.go.kr");
    daemon.setup.write("server.key", &pair.key);
    daemon.setup.write("server.pem", &pair.cert);
    eventually("the new certificate", || ask(&daemon, &new, None).ok());
    assert!(ask(&daemon, &old, None).is_err());

    daemon.setup.write("server.pem", "broken");
    eventually("refusal of the broken file", || {
        let answer = ask(&daemon, &new, None).unwrap();
        assert_eq!(answer.status, 200, "the old certificate stays in force");
        daemon.log().contains("web configuration refused").then_some(())
    });
}

#[test]
fn a_health_check_in_the_wrong_tongue_says_what_to_do() {
    let authority = Authority::new();
    let pair = authority.issue("ops.example.go.kr");
    let files = [("server.pem", &*pair.cert), ("server.key", &*pair.key)];
    let said = |daemon: &Daemon, arguments: &[&str]| {
        let setup =
            Setup::new(CONFIG).env("BONGSU_WEB_LISTEN_ADDRESS", &daemon.address.to_string());
        let output = setup.output(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let tls = with_web(TLS, &files).start();
    let text = said(&tls, &["healthcheck"]);
    assert!(text.contains("it speaks TLS") && text.contains("--web.config.file"), "{text}");
    assert!(text.trim_end().lines().count() == 1 && text.is_ascii(), "{text}");

    let plain = Setup::new(CONFIG).start();
    let web = format!("--web.config.file={}", tls.setup.path().join("web.yml").display());
    let text = said(&plain, &["healthcheck", &web]);
    assert!(text.contains("does not speak TLS"), "{text}");

    let pair = authority.issue("ops.example.go.kr");
    tls.setup.write("renewed.pem", &pair.cert);
    let web = tls.setup.write("renewed.yml", TLS.replace("server.pem", "renewed.pem"));
    let text = said(&tls, &["healthcheck", &format!("--web.config.file={}", web.display())]);
    assert!(text.contains("another certificate than the file's"), "{text}");
}

#[test]
fn clients_need_a_certificate_with_an_allowed_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = ours.issue("ops.example.go.kr");
    let web = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  \
               client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  \
               client_allowed_sans: [prometheus.example.go.kr]\n  min_version: TLS13\n";
    let files =
        [("server.pem", &*server.cert), ("server.key", &*server.key), ("ca.pem", &ours.pem())];
    let daemon = with_web(web, &files).start();
    let allowed = ours.issue("prometheus.example.go.kr");
    assert_eq!(ask(&daemon, &ours, Some(&allowed)).unwrap().status, 200);
    let other = ours.issue("other.example.go.kr");
    assert!(ask(&daemon, &ours, Some(&other)).is_err(), "a name that is not allowed");
    let foreign = theirs.issue("prometheus.example.go.kr");
    assert!(ask(&daemon, &ours, Some(&foreign)).is_err(), "a foreign authority");
    assert!(ask(&daemon, &ours, None).is_err(), "no certificate");
    assert_eq!(healthcheck(&daemon), Some(0), "asking for a certificate is being alive");
}

#[test]
fn passwords_guard_every_path() {
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    let daemon = with_web(&format!("basic_auth_users: {{ scraper: \"{hash}\" }}\n"), &[]).start();
    for path in ["/", "/metrics", "/-/healthy", "/none"] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
    }
    let with = |user: &str, word: &str| {
        Request::get("/metrics").header("Authorization", &password(user, word)).send(daemon.address)
    };
    assert_eq!(with("scraper", "correct horse").status, 200);
    assert_eq!(with("scraper", "correct horse").status, 200, "remembered");
    assert_eq!(with("scraper", "wrong").status, 401);
    assert_eq!(with("nobody", "correct horse").status, 401);
    assert_eq!(healthcheck(&daemon), Some(0));

    let hash = bcrypt::hash("battery staple", 4).unwrap();
    daemon.setup.write("web.yml", format!("basic_auth_users: {{ scraper: \"{hash}\" }}\n"));
    eventually("the new password", || {
        (with("scraper", "battery staple").status == 200).then_some(())
    });
    assert_eq!(with("scraper", "correct horse").status, 401, "the old one is forgotten");
}

#[test]
fn the_operators_headers_are_sent() {
    let web = "http_server_config:\n  http2: true\n  headers: { Strict-Transport-Security: \
               max-age=3600, X-Frame-Options: deny }\n";
    let daemon = with_web(web, &[]).start();
    let answer = daemon.get("/-/healthy");
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=3600"));
    assert_eq!(answer.header("x-frame-options"), Some("deny"));
}

#[test]
fn a_wrong_file_is_refused_with_every_problem_and_exit_2() {
    let pair = Authority::new().issue("ops.example.go.kr");
    let files = [("server.pem", &*pair.cert), ("server.key", &*pair.key)];
    for (web, expected) in [
        (
            "tls_server_config:\n  cert_fil: x\n",
            "web.yml: 1 problem, nothing was started\n  2:3  tls_server_config.cert_fil: unknown key; did you mean \"cert_file\"?",
        ),
        (
            "tls_config: {}\n",
            "1:1  tls_config: unknown key; known here: tls_server_config, http_server_config, basic_auth_users",
        ),
        (
            "http_server_config: { h3: true }\n",
            "1:23  http_server_config.h3: unknown key; known here: http2, headers",
        ),
        (
            "basic_auth_users:\n  a.b: hunter2\ntls_server_config: {}\n",
            "3 problems, nothing was started\n  \
             2:3  basic_auth_users.a.b: not a bcrypt hash; make one with htpasswd -nBC 10 USER\n  \
             3:1  tls_server_config.cert_file: missing\n  \
             3:1  tls_server_config.key_file: missing",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS10\n",
            "4:3  tls_server_config.min_version: TLS10 is not spoken here; TLS12 or TLS13",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  curve_preferences: [X448]\n",
            "4:3  tls_server_config.curve_preferences: \"X448\" is not spoken here; X25519, CurveP256 or CurveP384",
        ),
        (
            "tls_server_config: [\n",
            "1:20  tls_server_config: invalid type: sequence, expected a mapping",
        ),
        (
            "tls_server_config: { cert_file: [] }\n",
            "1:33  tls_server_config.cert_file: invalid type: sequence, expected a string",
        ),
        ("tls_server_config: { cert_file: none.pem, key_file: server.key }\n", "none.pem"),
        (
            "tls_server_config: { cert_file: server.pem, key_file: server.pem }\n",
            "tls_server_config.key_file",
        ),
        (
            "tls_server_config: { cert_file: server.pem, key_file: server.key, min_version: TLS10 }\n",
            "TLS10 is not spoken here",
        ),
        (
            "tls_server_config: { cert_file: server.pem, key_file: server.key, client_auth_type: RequireAndVerifyClientCert }\n",
            "needs client_ca_file",
        ),
        (
            "tls_server_config: { cert_file: server.pem, key_file: server.key, client_auth_type: RequestClientCert }\n",
            "keeps nobody out",
        ),
        (
            "tls_server_config: { cert_file: server.pem, key_file: server.key, cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA] }\n",
            "is not spoken here",
        ),
        (
            "http_server_config: { headers: { Server: x } }\n",
            "http_server_config.headers.Server: cannot be set",
        ),
        ("basic_auth_users: { a: hunter2 }\n", "basic_auth_users.a: not a bcrypt hash"),
        ("basic_auth_users: { a: 31415926 }\n", "basic_auth_users.a: not a text"),
        ("[]", "1:1  invalid type: sequence, expected a mapping"),
    ] {
        let output = with_web(web, &files).output(&["run"]);
        let text = String::from_utf8(output.stderr).unwrap();
        let text = text.replace("\\n", "\n").replace("\\\"", "\"");
        assert_eq!(output.status.code(), Some(2), "{web}: {text}");
        assert!(text.contains(expected), "{expected} is not in\n{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("31415926"),
            "a password is shown: {text}"
        );
    }
}

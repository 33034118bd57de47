//! The three examples of the specification, as they are written there: each loads, and each runs
//! against sites that behave as it expects. Only hosts and files are others.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::Reason;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::flow::Flow;
use super::saeol;
use crate::support::http::{Reply, Routes};
use crate::support::pki::{Authority, Issued, Leaf};

const PORTAL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

const SAEOL: &str = r#"base: https://saeol.example.go.kr
charset: euc-kr                   # fallback when the page does not say
headers: { X-Synthetic-Probe: bongsu }
account: user
guard: { max_failures: 1, slow_to: 15m }
steps:
  - name: login_page
    component: saeol
    get: /login.do
    expect: { status: 200, css: { 'form#loginForm': exists } }
  - name: submit
    component: gpki
    submit:
      form: form#loginForm
      fields: { userId: '${secret.user}', userPw: '${secret.pass}' }
    follow: { redirects: 5 }
    fail_if:
      - { reason: bad_credentials, body: { contains: 비밀번호가 일치하지 } }
      - { reason: account_locked,  body: { contains: 잠긴 계정 } }
      - { reason: captcha,         css: { 'img#captcha': exists } }
    expect: { url: { path: /main.do }, cookie: { JSESSIONID: exists } }
  - name: main
    component: saeol
    get: /main.do
    expect: { css: { 'a[href*=logout]': exists } }
    warn: { time: { lt: 2s } }
finally:
  - name: logout
    if: submit.sent
    get: /logout.do
    expect: { status: [200, 302] }
"#;

const SIGN_ON: &str = r#"base: https://portal.example.go.kr
allow_hosts: [portal.example.go.kr, sso.example.go.kr]
steps:
  - name: page
    get: /login
  - name: otp
    submit: { form: form, fields: { otp: '${secret.otp | totp}' } }
    follow: { redirects: 10, auto_submit: 'form[method=post][action*="/callback"]', max_hops: 15 }
    expect: { url: { host: portal.example.go.kr, path: /main } }
"#;

const CERTIFICATE: &str = r#"identities:
  officer: { cert: /run/secrets/signCert.der, key: /run/secrets/signPri.key, password: { file: /run/secrets/gpki_pass } }
  device:  { cert: /run/secrets/mtls.pem, key: /run/secrets/mtls.key }
client_cert: device
steps:
  - name: challenge
    component: gpki
    post: https://auth.example.go.kr/gpki/challenge
    json: { serial: '${identity.officer.serial}' }
    capture: { nonce: { json: $.challenge, secret: true }, tx: { json: $.txId } }
  - name: sign
    component: bongsu
    sign: { with: officer, data: '${nonce | base64_decode}', format: cms, detached: false, digest: sha256,
            signed_attributes: false, encode: base64, as: signed }
  - name: verify
    component: gpki
    post: https://auth.example.go.kr/gpki/verify
    form: { txId: '${tx}', signedData: '${signed}' }
    fail_if: [ { reason: cert_rejected, body: { matches: '폐기|revoked|유효기간' } },
               { reason: pki_backend,   body: { matches: 'OCSP|CRL|LDAP|검증서버' } } ]
    expect: { cookie: { SESSION: exists } }
"#;

#[tokio::test]
async fn the_first_example_signs_in_to_saeol() {
    Flow::new(SAEOL);
    let (site, state) = saeol::start().await;
    Flow::new(&SAEOL.replace("https://saeol.example.go.kr", &site.url(""))).succeed().await;
    assert_eq!(*state.logins.lock().unwrap(), 1);
    assert_eq!(state.open(), 0);
}

#[tokio::test]
async fn the_second_example_signs_on_with_a_code_over_two_hosts() {
    Flow::new(SIGN_ON);
    let portal = Routes::new()
        .on("POST", "/callback", |asked| match asked.field("code").as_deref() {
            Some("c-1") => Reply::redirect("/main").header("Set-Cookie", "sid=1; Path=/"),
            _ => Reply::html("no").with_status(400),
        })
        .on("GET", "/main", |asked| match asked.cookie("sid") {
            Some(_) => Reply::html("<a href=/logout>로그아웃</a>"),
            None => Reply::html("no").with_status(403),
        });
    let port = Arc::new(std::sync::OnceLock::<(u16, u16)>::new());
    let known = Arc::clone(&port);
    let portal = portal
        .on("GET", "/login", move |_| {
            Reply::redirect(format!("http://127.0.0.1:{}/authorize", known.get().unwrap().1))
        })
        .serve_at(PORTAL, None)
        .await;
    let known = Arc::clone(&port);
    let sso = Routes::new()
        .on("GET", "/authorize", |_| {
            Reply::html("<form method=post action=/otp><input name=otp></form>")
        })
        .on("POST", "/otp", move |asked| {
            let code = asked.field("otp").unwrap_or_default();
            assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
            let portal = known.get().unwrap().0;
            Reply::html(format!(
                "<form method=post action='http://127.0.0.2:{portal}/callback'><input \
                 type=hidden name=code value=c-1></form>"
            ))
        })
        .serve()
        .await;
    port.set((portal.address.port(), sso.address.port())).unwrap();
    let flow = SIGN_ON
        .replace("https://portal.example.go.kr", &portal.url(""))
        .replace("portal.example.go.kr", "127.0.0.2")
        .replace("sso.example.go.kr", "127.0.0.1");
    let outcome = Flow::new(&flow).succeed().await;
    // login, authorize, otp, callback, main
    assert_eq!(outcome.facts.http.unwrap().hops.len(), 5);
}

/// The files that the third example names.
struct Identities {
    directory: tempfile::TempDir,
    site: Issued,
    root: Authority,
}

impl Identities {
    fn new() -> Identities {
        let directory = tempfile::tempdir().unwrap();
        let root = Authority::root("Examples");
        let officer = root.issue(Leaf::named("officer").for_clients());
        let device = root.issue(Leaf::named("device").for_clients());
        let write = |name: &str, content: &[u8]| {
            fs::write(directory.path().join(name), content).unwrap();
        };
        write("signCert.der", &officer.der);
        write("signPri.key", officer.key_pem.as_bytes());
        write("gpki_pass", b"canary");
        write("mtls.pem", device.pem.as_bytes());
        write("mtls.key", device.key_pem.as_bytes());
        write("root.pem", root.cert.pem.as_bytes());
        let site = root.issue(Leaf::named("127.0.0.1"));
        Identities { directory, site, root }
    }

    /// The text with the files of this directory.
    fn in_place(&self, text: &str) -> String {
        text.replace("/run/secrets", &self.directory.path().display().to_string())
    }

    /// Lets in only those who show a certificate of the root.
    fn acceptor(&self) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.cert.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let chain = vec![CertificateDer::from_pem_slice(self.site.pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.site.key_pem.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a message in base64 holds, if OpenSSL accepts it.
fn verified(identities: &Identities, message: &str) -> Option<String> {
    let directory = identities.directory.path();
    fs::write(directory.join("message"), STANDARD.decode(message).ok()?).unwrap();
    let verify = "cms -verify -binary -inform DER -in message -CAfile root.pem -purpose any";
    let args = verify.split(' ');
    let run = Command::new("openssl").args(args).current_dir(directory).output().unwrap();
    run.status.success().then(|| String::from_utf8(run.stdout).unwrap())
}

#[tokio::test]
async fn the_third_example_signs_in_with_a_certificate() {
    let identities = Arc::new(Identities::new());
    let known = Arc::clone(&identities);
    let site = Routes::new()
        .on("POST", "/gpki/challenge", |asked| {
            let sent: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
            assert!(sent["serial"].as_str().is_some_and(|serial| !serial.is_empty()), "{sent}");
            let mut reply = Reply::status(200).header("Content-Type", "application/json");
            reply.body = br#"{"challenge":"bm9uY2U=","txId":"00123"}"#.to_vec();
            reply
        })
        .on("POST", "/gpki/verify", move |asked| {
            let field = |name: &str| asked.field(name).unwrap_or_default();
            match (&*field("txId"), verified(&known, &field("signedData")).as_deref()) {
                ("00123", Some("nonce")) => {
                    Reply::html("ok").header("Set-Cookie", "SESSION=1; Path=/; Secure")
                }
                ("00123", _) => Reply::html("폐기된 인증서"),
                _ => Reply::html("OCSP 응답 없음").with_status(500),
            }
        })
        .serve_at(Ipv4Addr::LOCALHOST.into(), Some(identities.acceptor()))
        .await;
    let flow = |text: &str| {
        let text = identities.in_place(text).replace("https://auth.example.go.kr", &site.url(""));
        let roots = identities.directory.path().join("root.pem");
        Flow::new(&format!("trust: {{ roots: {} }}\n{text}", roots.display()))
    };
    flow(CERTIFICATE).succeed().await;
    let attributes = CERTIFICATE.replace("signed_attributes: false", "signed_attributes: true");
    flow(&attributes).succeed().await;
    let other = CERTIFICATE.replace("${nonce | base64_decode}", "${nonce}");
    assert_eq!(flow(&other).fail().await, ("verify".into(), Reason::CertRejected));
    let other = CERTIFICATE.replace("${tx}", "${tx | base64}");
    assert_eq!(flow(&other).fail().await, ("verify".into(), Reason::PkiBackend));
    // The certificate is shown in the handshake; without it nobody is let in.
    let other = CERTIFICATE.replace("client_cert: device\n", "");
    let (step, reason) = flow(&other).fail().await;
    assert_eq!((&*step, reason), ("challenge", Reason::TlsClientCert));
}

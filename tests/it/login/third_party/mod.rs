//! Logins at software that no one here wrote, started for real: Django's admin, the same with
//! django-otp, oidc-provider with a relying party on another host, nginx that wants a client
//! certificate, and what has a file here. Each signs in, is refused with a wrong password for the
//! right reason, and leaves no session behind.

mod browser;
mod motioneye;
mod openid_proxy;
mod passport_saml;
mod pinksign;
pub(super) mod product;
mod saml;
mod verdaccio;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bongsu::outcome::{Outcome, Reason, Verdict};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use super::flow::{Flow, PASS, USER};
use crate::support::until_listening;

/// Interpreters start slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the software is installed, once for all tests of all runs.
pub(super) fn installed() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let place = root.join("target/third-party");
        fs::create_dir_all(&place).unwrap();
        let script = root.join("tests/third_party/install.sh");
        // Another test run may be installing.
        let mut install = Command::new("flock");
        install.arg(place.join("lock")).arg("bash").arg(script).arg(&place);
        let output = install.output().unwrap();
        assert!(
            output.status.success(),
            "tests/third_party/install.sh failed; it needs python3 with venv:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        place
    })
}

/// What a script that uses a page's own library says, under Node, to a question in JSON.
pub(super) fn node_says(name: &str, asked: &Value) -> Value {
    let place = installed();
    let mut node = Command::new(place.join("oidc/bin/node"))
        .args([product::script(&format!("scripts/{name}")), place.join("scripts")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A private PKI in files: a root, a server certificate for the loopback addresses, a client's.
struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Pki {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "third-party tests");
        let root = params.self_signed(&key).unwrap();
        write("root.pem", root.pem());
        let issuer = Issuer::new(params, key);
        for (name, subjects) in [
            ("server", vec!["127.0.0.1".to_owned(), "127.0.0.2".to_owned()]),
            ("client", vec!["prober".to_owned()]),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(subjects).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let leaf = params.signed_by(&key, &issuer).unwrap();
            write(&format!("{name}.pem"), leaf.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Pki(directory)
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// A program that prints `READY {json}` and ends with its standard input.
struct Program {
    child: Child,
    ready: serde_json::Value,
}

impl Program {
    fn start(command: &mut Command) -> Program {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap_or_else(|| panic!("{command:?} ended")).unwrap();
        let ready = line.strip_prefix("READY ").unwrap_or_else(|| panic!("{line}"));
        Program { child, ready: serde_json::from_str(ready).unwrap() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends what it started itself, for which it needs a moment.
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn django(pki: &Pki, more: &[&str]) -> (Program, String) {
    let place = installed();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/django/serve.py");
    let mut command = Command::new(place.join("django/bin/python"));
    command.arg(script).args(["--dir", &pki.0.path().display().to_string()]);
    command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
    command.args(["--user", USER, "--password", PASS]).args(more);
    let program = Program::start(&mut command);
    let url = format!("https://127.0.0.1:{}", program.ready["port"]);
    (program, url)
}

/// How many signed-in sessions a server has, as it says itself.
async fn open_sessions(url: &str, pki: &Pki) -> u64 {
    let root = fs::read(pki.file("root.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for cert in
        <rustls_pki_types::CertificateDer as rustls_pki_types::pem::PemObject>::pem_slice_iter(
            &root,
        )
    {
        roots.add(cert.unwrap()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client =
        reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config).build().unwrap();
    let text = client.get(format!("{url}/open-sessions")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    answer["open"].as_u64().unwrap_or_else(|| panic!("{text}"))
}

/// Step and reason of a failure, for messages.
fn cause(outcome: &Outcome) -> (String, Reason) {
    let failure = outcome.result.as_ref().err().unwrap();
    let step = failure.step.as_ref().map(|step| step.name.to_string());
    (step.unwrap_or_default(), failure.reason)
}

fn django_flow(url: &str, pki: &Pki, sign_in: &str) -> String {
    format!(
        r#"base: {url}
trust: {{ roots: {} }}
account: user
steps:
  - name: login_page
    get: /admin/
    expect: {{ css: {{ '#login-form': exists }} }}
{sign_in}
  - name: main
    get: /admin/
    expect: {{ css: {{ '#logout-form': exists }} }}
finally:
  - name: logout
    if: submit.ok
    submit: {{ form: '#logout-form' }}
"#,
        pki.file("root.pem")
    )
}

const WITH_PASSWORD: &str = r"  - name: submit
    submit:
      form: '#login-form'
      fields: { username: '${secret.user}', password: '${secret.pass}' }
    fail_if: [ { reason: bad_credentials, css: { .errornote: exists } } ]
    expect: { url: { path: /admin/ }, cookie: { sessionid: exists } }";

/// django-otp asks which device to use once it knows the user.
const WITH_CODE: &str = r"  - name: password
    submit:
      form: '#login-form'
      fields: { username: '${secret.user}', password: '${secret.pass}' }
    fail_if:
      - { reason: bad_credentials, css: { .errornote: exists, 'select[name=otp_device]': absent } }
    expect: { css: { 'select[name=otp_device]': exists } }
    capture: { device: { css: 'select[name=otp_device] option:not([selected])', attr: value } }
  - name: submit
    submit:
      form: '#login-form'
      fields: { otp_device: '${device}', otp_token: '${secret.otp | totp}' }
    fail_if: [ { reason: bad_credentials, css: { .errornote: exists } } ]
    expect: { url: { path: /admin/ }, cookie: { sessionid: exists } }";

#[tokio::test(flavor = "multi_thread")]
async fn djangos_admin_with_its_csrf_token() {
    let pki = Pki::new();
    let (_django, url) = django(&pki, &[]);
    let flow = Flow::within(PATIENCE, &django_flow(&url, &pki, WITH_PASSWORD));
    flow.succeed().await;
    assert_eq!(open_sessions(&url, &pki).await, 0);
    flow.write("pass", "wrong-password");
    let outcome = flow.run().await;
    assert_eq!(cause(&outcome), ("submit".into(), Reason::BadCredentials));
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert_eq!(open_sessions(&url, &pki).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn django_otp_takes_each_code_once() {
    let pki = Pki::new();
    // The RFC 6238 key that is the secret `otp`, in hex.
    let hex: String = "12345678901234567890".bytes().map(|byte| format!("{byte:02x}")).collect();
    let (_django, url) = django(&pki, &["--totp-hex", &hex]);
    let yaml = django_flow(&url, &pki, WITH_CODE);
    let flow = Flow::within(PATIENCE, &yaml);
    flow.succeed().await;
    // The next run waits for the next code, because django-otp refuses one that was used.
    let start = Instant::now();
    flow.succeed().await;
    assert!(start.elapsed() < Duration::from_secs(40));
    assert_eq!(open_sessions(&url, &pki).await, 0);
    flow.write("pass", "wrong-password");
    assert_eq!(cause(&flow.run().await), ("password".into(), Reason::BadCredentials));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_openid_provider_over_two_hosts() {
    let pki = Pki::new();
    let place = installed();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/oidc/serve.mjs");
    let mut command = Command::new(place.join("oidc/bin/node"));
    command.arg(script).arg("--modules").arg(place.join("oidc"));
    command.env("NODE_EXTRA_CA_CERTS", pki.file("root.pem"));
    command.args(["--cert", &pki.file("server.pem"), "--key", &pki.file("server.key")]);
    command.args(["--user", USER, "--password", PASS]);
    let program = Program::start(&mut command);
    let (issuer, portal) =
        (program.ready["issuer"].as_str().unwrap(), program.ready["portal"].as_str().unwrap());
    let yaml = format!(
        r#"base: {portal}
trust: {{ roots: {} }}
account: user
allow_hosts: [127.0.0.1, 127.0.0.2]
steps:
  - name: authorize
    get: /login
    expect: {{ url: {{ host: 127.0.0.1 }}, css: {{ 'form#login': exists }} }}
  - name: submit
    submit: {{ form: 'form#login', fields: {{ login: '${{secret.user}}', password: '${{secret.pass}}' }} }}
    follow: {{ redirects: 10, auto_submit: 'form[method=post][action*="/callback"]', max_hops: 15 }}
    fail_if: [ {{ reason: bad_credentials, body: {{ contains: 일치하지 않습니다 }} }} ]
    expect: {{ url: {{ host: 127.0.0.2, path: /main }} }}
  - name: main
    get: /main
    expect: {{ css: {{ p.user: '{USER}' }} }}
finally:
  - name: leave
    if: submit.sent
    get: /logout
  - name: confirm
    if: submit.ok
    submit: {{ form: '[id="op.logoutForm"]', button: 'button[name=logout]' }}
    expect: {{ css: {{ '#goodbye': exists }} }}
"#,
        pki.file("root.pem")
    );
    let flow = Flow::within(PATIENCE, &yaml);
    let outcome = flow.succeed().await;
    let hosts: Vec<String> =
        outcome.facts.http.unwrap().hops.into_iter().map(|hop| hop.url).collect();
    assert!(hosts.iter().any(|url| url.starts_with(issuer)), "{hosts:?}");
    assert_eq!(open_sessions(portal, &pki).await, 0);
    // Again: the provider's own session is gone too, so that the login form comes back.
    flow.succeed().await;
    flow.write("pass", "wrong-password");
    assert_eq!(cause(&flow.run().await), ("submit".into(), Reason::BadCredentials));
}

/// nginx, killed at the end of the test.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_that_wants_a_client_certificate() {
    let pki = Pki::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = pki.0.path().display();
    let config = format!(
        r#"daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {directory}/server.pem; ssl_certificate_key {directory}/server.key;
    ssl_client_certificate {directory}/root.pem; ssl_verify_client on;
    default_type text/html;
    location /login {{ add_header Set-Cookie "SESSION=1; Path=/; Secure"; return 302 /main; }}
    location /main {{ return 200 "<p id=who>$ssl_client_s_dn</p><a href=/logout>x</a>"; }}
    location /logout {{ return 200 "bye"; }}
  }}
}}
"#
    );
    let path = pki.0.path().join("nginx.conf");
    fs::write(&path, config).unwrap();
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&path)
        .arg("-e")
        .arg(pki.0.path().join("error.log"))
        .spawn()
        .expect("nginx is not installed: apt install nginx-light");
    let mut nginx = Nginx(child);
    let log = pki.0.path().join("error.log");
    until_listening(&mut nginx.0, port, || fs::read_to_string(&log).unwrap_or_default());
    let yaml = format!(
        r#"base: https://127.0.0.1:{port}
trust: {{ roots: {directory}/root.pem }}
identities:
  device: {{ cert: {directory}/client.pem, key: {directory}/client.key }}
client_cert: device
account: user
steps:
  - name: login
    post: /login
    form: {{ serial: '${{identity.device.serial}}', user: '${{secret.user}}' }}
    expect: {{ url: {{ path: /main }}, cookie: {{ SESSION: exists }} }}
  - name: main
    get: /main
    expect: {{ css: {{ '#who': {{ contains: 'CN=client' }} }} }}
finally:
  - {{ name: logout, if: login.sent, get: /logout }}
"#
    );
    Flow::within(PATIENCE, &yaml).succeed().await;
    // nginx says "no required certificate" with status 400, over a finished handshake.
    let without = yaml.replace("client_cert: device\n", "");
    let outcome = Flow::within(PATIENCE, &without).run().await;
    let (step, reason) = cause(&outcome);
    assert_eq!(step, "login");
    assert!(matches!(reason, Reason::HttpStatus | Reason::TlsClientCert), "{reason:?}");
}

//! Servers that are probed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::process::Process;

/// The simulated estate, in a process of its own so that its work is not the daemon's.
pub(crate) struct Estate {
    port: u16,
    directory: tempfile::TempDir,
    _process: Process,
}

impl Estate {
    pub(crate) fn start() -> Estate {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("estate")
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Estate { port: line.trim().parse().unwrap(), directory, _process: Process(child) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where its certificate is trusted from.
    pub(crate) fn roots(&self) -> PathBuf {
        self.file("ca.pem")
    }

    pub(crate) fn url(&self, page: usize) -> String {
        format!("https://localhost:{}/page/{page}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Serves pages over TLS until killed; prints its port and leaves `ca.pem` in its directory.
pub(crate) fn estate() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    fs::write("ca.pem", authority.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let body = "봉수".repeat(500);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer: Arc<[u8]> = answer.into_bytes().into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                loop {
                    let request = read_request(&mut stream).await?;
                    let Some(page) = flow_page(&request) else { break };
                    stream.write_all(page.as_bytes()).await.ok()?;
                    stream.flush().await.ok()?;
                }
                stream.write_all(&answer).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
}

/// Head and body of a request.
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > 65_536 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return Some(text);
        }
    }
}

/// The pages of a login, on a connection that stays open.
fn flow_page(request: &str) -> Option<String> {
    let body = match request.split_once(" http/")?.0 {
        "get /flow/login" => {
            "<form id=f method=post action=/flow/login><input type=hidden name=csrf value=t>\
             <input name=user><input type=password name=pw></form>"
        }
        "post /flow/login" | "get /flow/main" => "<h1>main</h1><a href=/flow/logout>logout</a>",
        _ => return None,
    };
    let body = format!("{body}{}", "봉수".repeat(500));
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Set-Cookie: SESSION=1; Path=/\r\n\r\n{body}",
        body.len()
    ))
}

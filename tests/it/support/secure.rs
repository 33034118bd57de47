//! TLS servers that do exactly what a test says behind the handshake.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::SanType;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::pki::{Authority, Files, Issued, Leaf};

/// A server for `127.0.0.1` and `www.probe.test`. It ends with the test's runtime.
pub(crate) struct Secure {
    pub(crate) address: SocketAddr,
    /// The authority's certificate.
    pub(crate) roots: PathBuf,
    _files: Files,
}

impl Secure {
    /// Hands every connection, counted from 1, to a script.
    pub(crate) async fn scripted<F, Fut>(alpn: &[&str], script: F) -> Secure
    where
        F: Fn(usize, TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (files, authority) = (Files::new(), Authority::root("Test Authority"));
        let mut leaf = Leaf::named("127.0.0.1");
        let name = "www.probe.test".try_into().unwrap();
        leaf.params.subject_alt_names.push(SanType::DnsName(name));
        let roots = files.write(&authority.cert.pem);
        let address = serve("127.0.0.1:0", &authority.issue(leaf), alpn, script).await;
        Secure { address, roots, _files: files }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The key of a probe that trusts this server.
    pub(crate) fn trust(&self) -> String {
        format!("trust: {{ roots: '{}' }}", self.roots.display())
    }
}

/// Shows this certificate, in any version that there is.
pub(crate) fn acceptor(cert: &Issued, alpn: &[&str]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(cert.key_pem.as_bytes()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der.clone().into()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves with this certificate.
pub(crate) async fn serve<F, Fut>(at: &str, cert: &Issued, alpn: &[&str], script: F) -> SocketAddr
where
    F: Fn(usize, TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let acceptor = acceptor(cert, alpn);
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connection = 0;
        let script = Arc::new(script);
        while let Ok((stream, _)) = listener.accept().await {
            connection += 1;
            let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    script(connection, stream).await;
                }
            });
        }
    });
    address
}

/// Ends the connection without TLS's goodbye.
pub(crate) async fn cut(stream: TlsStream<TcpStream>) {
    let (mut socket, _) = stream.into_inner();
    let _ = socket.shutdown().await;
    let mut buffer = [0; 1024];
    while matches!(tokio::io::AsyncReadExt::read(&mut socket, &mut buffer).await, Ok(n) if n > 0) {}
}

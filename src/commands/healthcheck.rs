//! `bongsu healthcheck`: for HEALTHCHECK of a container, where there is no shell and no curl.
//!
//! It asks the listen address, over TLS when the web configuration says so, and below the path of
//! the external URL. Passwords are known as hashes only and client certificates not at all, so a
//! daemon that answers "who are you?" counts as alive: it has accepted, decrypted and judged a
//! request.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{runtime, tell};
use crate::cli::{Exit, Flags, ListenAddress};
use crate::server::external::External;
use crate::server::tls::pem;
use crate::server::web_config::{self, TlsSettings};

/// Below the 30 s after which container runtimes give up by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do when the daemon has a web configuration and we do not.
const TLS: &str = "it speaks TLS and was asked without: pass the daemon's own --web.config.file, \
                   or set BONGSU_WEB_CONFIG_FILE, for this check too";
/// The other way round.
const PLAIN: &str = "it does not speak TLS, which --web.config.file asks for: the daemon was \
                     started without that file, or this port is another program's";

/// A status line.
const ANSWER_MAX_BYTES: u64 = 512;

pub(super) fn healthcheck(flags: &Flags) -> Exit {
    let tls = match &flags.web_config_file {
        None => None,
        Some(file) => match web_config::load(file) {
            Ok(config) => config.tls,
            Err(error) => {
                tell(&mut io::stderr(), &format!("{error}\n"));
                return Exit::Usage;
            }
        },
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let path = External::new(flags.external_url.0.clone()).link("/-/healthy");
    let asked =
        runtime.block_on(async { timeout(PATIENCE, ask(&flags.listen_address, tls, &path)).await });
    match asked {
        Ok(Ok(())) => Exit::Ok,
        Ok(Err(problem)) => {
            tell(&mut io::stderr(), &format!("unhealthy: {problem}\n"));
            Exit::Failed
        }
        Err(_) => {
            tell(&mut io::stderr(), &format!("unhealthy: no answer in {PATIENCE:?}\n"));
            Exit::Failed
        }
    }
}

async fn ask(address: &ListenAddress, tls: Option<TlsSettings>, path: &str) -> Result<(), String> {
    let config = tls.as_ref().map(client).transpose()?;
    let stream = connect(address).await.map_err(|error| error.to_string())?;
    let Some(config) = config else { return exchange(stream, path).await };
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => exchange(stream, path).await,
        Err(error) if asks_for_certificate(&error) => Ok(()),
        Err(error) if is_no_tls(&error) => Err(PLAIN.into()),
        Err(error) => Err(error.to_string()),
    }
}

async fn connect(address: &ListenAddress) -> io::Result<TcpStream> {
    let port = address.port;
    let unspecified = |ip: &IpAddr| ip.is_unspecified();
    match &address.host {
        Some(host) => match host.parse::<IpAddr>() {
            Ok(ip) if unspecified(&ip) && ip.is_ipv6() => loopback(port).await,
            Ok(ip) if unspecified(&ip) => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await,
            _ => TcpStream::connect((host.as_str(), port)).await,
        },
        None => loopback(port).await,
    }
}

async fn loopback(port: u16) -> io::Result<TcpStream> {
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(stream) => Ok(stream),
        Err(_) => TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await,
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    path: &str,
) -> Result<(), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let exchanged = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        (&mut stream).take(ANSWER_MAX_BYTES).read_to_end(&mut answer).await
    };
    if let Err(error) = exchanged.await
        && answer.is_empty()
    {
        // In TLS 1.3 a client learns only now that it should have had a certificate.
        return if asks_for_certificate(&error) { Ok(()) } else { Err(error.to_string()) };
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200" | "401") if line.starts_with("HTTP/1") => Ok(()),
        _ if is_tls(&answer) => Err(TLS.into()),
        _ if line.starts_with("HTTP/") => Err(format!("it answered {line:?}")),
        _ if answer.is_empty() => Err("it hung up without an answer".into()),
        _ => Err(format!("it answered {line:?}, which is not HTTP: is this port the daemon's?")),
    }
}

/// Whether it is a TLS record: an alert or a handshake message of any version (RFC 8446 section
/// 5.1).
fn is_tls(answer: &[u8]) -> bool {
    matches!(answer, [0x15 | 0x16, 3, ..])
}

/// Whether what came instead of a handshake was no TLS at all.
fn is_no_tls(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    matches!(inner, Some(TlsError::InvalidMessage(_)))
}

fn asks_for_certificate(error: &io::Error) -> bool {
    use rustls::AlertDescription::{BadCertificate, CertificateRequired, HandshakeFailure};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    matches!(
        inner,
        Some(TlsError::AlertReceived(CertificateRequired | BadCertificate | HandshakeFailure))
    )
}

fn client(tls: &TlsSettings) -> Result<ClientConfig, String> {
    let leaf = pem(&tls.cert_file)
        .and_then(|text| CertificateDer::from_pem_slice(&text).map_err(|e| e.to_string()))
        .map_err(|error| format!("{}: {error}", tls.cert_file.display()))?;
    let provider = chain::crypto_provider(false);
    let verifier = Ourselves { leaf, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Accepts exactly the certificate of the web configuration: its name is for the outside, and the
/// check goes by way of loopback.
#[derive(Debug)]
struct Ourselves {
    leaf: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Ourselves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if *end_entity == self.leaf {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(TlsError::General("it presented another certificate than the file's".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! `bongsu healthcheck`: for HEALTHCHECK of a container, where there is no shell and no curl.
//!
//! It asks the listen address, over TLS when the web configuration says so, and below the path of
//! the external URL. Passwords are known as hashes only and client certificates not at all, so a
//! daemon that answers "who are you?" counts as alive: it has accepted, decrypted and judged a
//! request. Over TLS it must show exactly the certificate of the web configuration: that one's name
//! is for the outside, and the check goes by way of loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base::error_chain::{deepest, find};
use reqwest::{Method, StatusCode};
use rustls::AlertDescription::{BadCertificate, CertificateRequired, HandshakeFailure};
use rustls::Error as TlsError;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{runtime, tell};
use crate::cli::{Exit, Flags, ListenAddress};
use crate::server::external::External;
use crate::server::tls::pem;
use crate::server::web_config::{self, Clients, TlsSettings};
use crate::trusted_client::TrustedClient;

/// Below the 30 s after which container runtimes give up by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do when the daemon has a web configuration and we do not.
const TLS: &str = "it speaks TLS and was asked without: pass the daemon's own --web.config.file, \
                   or set BONGSU_WEB_CONFIG_FILE, for this check too";
/// The other way round.
const PLAIN: &str = "it does not speak TLS, which --web.config.file asks for: the daemon was \
                     started without that file, or this port is another program's";

/// What is quoted of an answer that is not HTTP.
const ANSWER_MAX_BYTES: u64 = 512;

pub(super) fn healthcheck(flags: &Flags) -> Exit {
    let tls = match &flags.web_config_file {
        None => None,
        Some(file) => match web_config::load(file) {
            Ok(config) => config.tls,
            Err(error) => {
                tell(&format!("{}\n", error.report("nothing was asked")));
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
            tell(&format!("unhealthy: {problem}\n"));
            Exit::Failed
        }
        Err(_) => {
            tell(&format!("unhealthy: no answer in {PATIENCE:?}\n"));
            Exit::Failed
        }
    }
}

async fn ask(address: &ListenAddress, tls: Option<TlsSettings>, path: &str) -> Result<(), String> {
    let ours = tls.as_ref().map(certificate).transpose()?;
    let wants_certificate = tls.is_some_and(|tls| matches!(tls.clients, Clients::Verify(_)));
    let addresses = addresses(address).await.map_err(|error| error.to_string())?;
    let client = TrustedClient::new(|client| client.resolve_to_addrs("localhost", &addresses))
        .map_err(|error| deepest(&error))?;
    let scheme = if ours.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}{path}", address.port);
    let answered = client.request(Method::GET, url).send().await;
    if client.shown().is_some_and(|shown| Some(shown) != ours) {
        return Err("it presented another certificate than the file's".into());
    }
    let error = match answered {
        Ok(answer) => {
            return match answer.status() {
                StatusCode::OK | StatusCode::UNAUTHORIZED => Ok(()),
                status => Err(format!("it answered \"{:?} {status}\"", answer.version())),
            };
        }
        Err(error) => error,
    };
    // In TLS 1.3 a client learns only after the handshake that it should have had a certificate:
    // from the answer, or before it could send the request.
    if wants_certificate && find(&error).is_some_and(hyper::Error::is_canceled) {
        return Ok(());
    }
    match find::<TlsError>(&error) {
        Some(TlsError::AlertReceived(CertificateRequired | BadCertificate | HandshakeFailure)) => {
            Ok(())
        }
        Some(TlsError::InvalidMessage(_)) => Err(PLAIN.into()),
        None if ours.is_none() && !error.is_connect() => Err(overheard(&addresses, path)
            .await
            .map_or_else(|_| deepest(&error), |answer| unspoken(&answer))),
        None if error.is_connect() => Err(format!(
            "{} ({}): is the daemon running, and is --web.listen-address the daemon's?",
            deepest(&error),
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )),
        _ => Err(deepest(&error)),
    }
}

/// Where a daemon with this listen address can be reached from here.
async fn addresses(address: &ListenAddress) -> io::Result<Vec<SocketAddr>> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port));
    let host = address.host.as_deref().unwrap_or("::");
    match host.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() && ip.is_ipv6() => Ok(vec![v4, v6]),
        Ok(ip) if ip.is_unspecified() => Ok(vec![v4]),
        _ => Ok(lookup_host((host, address.port)).await?.collect()),
    }
}

/// What is said to a request by a port that does not speak HTTP, for reqwest keeps it to itself.
async fn overheard(addresses: &[SocketAddr], path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(addresses).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// What to say of it.
fn unspoken(answer: &[u8]) -> String {
    // A TLS record: an alert or a handshake message of any version (RFC 8446 section 5.1).
    if matches!(answer, [0x15 | 0x16, 3, ..]) {
        return TLS.into();
    }
    let text = String::from_utf8_lossy(answer);
    match text.lines().next().unwrap_or_default() {
        "" => "it hung up without an answer".into(),
        line if line.starts_with("HTTP/") => format!("it answered {line:?}"),
        line => format!("it answered {line:?}, which is not HTTP: is this port the daemon's?"),
    }
}

/// The certificate that the web configuration names.
fn certificate(tls: &TlsSettings) -> Result<CertificateDer<'static>, String> {
    pem(&tls.cert_file)
        .and_then(|text| CertificateDer::from_pem_slice(&text).map_err(|e| e.to_string()))
        .map_err(|error| format!("{}: {error}", tls.cert_file.display()))
}

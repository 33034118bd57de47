//! The server's side of TLS, made from validated settings and the files they name.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use base::files::read_regular;
use read::Problem;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::web_config::{Clients, TlsSettings, Versions};
use crate::foreign_yaml::wrong;

/// The roots of every browser together are below 1 MiB.
///
/// No row: files are the operator's.
const PEM_MAX_BYTES: u64 = 4 << 20;

/// Reads the files and builds what a handshake needs.
pub(super) fn server_config(settings: &TlsSettings) -> Result<Arc<ServerConfig>, Vec<Problem>> {
    let mut problems = Vec::new();
    let certs = certificates(&settings.cert_file, "cert_file", &mut problems);
    let key = pem(&settings.key_file)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text).map_err(|error| error.to_string()))
        .map_err(|error| problems.push(unusable("key_file", &settings.key_file, error)))
        .ok();
    let provider = Arc::new(provider(settings, &mut problems));
    let verifier = verifier(&settings.clients, &provider, &mut problems);
    let (Some(key), Some(verifier), true) = (key, verifier, problems.is_empty()) else {
        return Err(problems);
    };
    let versions: &[&SupportedProtocolVersion] = match settings.versions {
        Versions::Both => &[&version::TLS13, &version::TLS12],
        Versions::Only12 => &[&version::TLS12],
        Versions::Only13 => &[&version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| vec![wrong("tls_server_config.cipher_suites", error.to_string())])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certs, key)
        .map_err(|error| vec![wrong("tls_server_config.key_file", error.to_string())])?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether a client's certificate carries one of the allowed names.
pub(super) fn is_allowed(leaf: Option<&CertificateDer<'_>>, allowed_sans: &[String]) -> bool {
    if allowed_sans.is_empty() {
        return true;
    }
    let Some((_, cert)) = leaf.and_then(|leaf| X509Certificate::from_der(leaf).ok()) else {
        return false;
    };
    let Ok(Some(names)) = cert.subject_alternative_name() else {
        return false;
    };
    names.value.general_names.iter().any(|name| {
        allowed_sans.iter().any(|allowed| match name {
            GeneralName::DNSName(name) => name.eq_ignore_ascii_case(allowed),
            GeneralName::RFC822Name(name) | GeneralName::URI(name) => name == allowed,
            GeneralName::IPAddress(bytes) => {
                allowed.parse().is_ok_and(|allowed| Some(allowed) == address(bytes))
            }
            _ => false,
        })
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn provider(settings: &TlsSettings, problems: &mut Vec<Problem>) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if !settings.cipher_suites.is_empty() {
        let name = |suite: &rustls::SupportedCipherSuite| go_name(&format!("{:?}", suite.suite()));
        for wanted in &settings.cipher_suites {
            if !provider.cipher_suites.iter().any(|suite| name(suite) == go_name(wanted)) {
                let spoken = provider.cipher_suites.iter().map(name).collect::<Vec<_>>().join(", ");
                problems.push(wrong(
                    "tls_server_config.cipher_suites",
                    format!("{wanted:?} is not spoken here; {spoken}"),
                ));
            }
        }
        // As in Go, the list is about TLS 1.2; the suites of 1.3 are always on.
        provider.cipher_suites.retain(|suite| {
            suite.tls13().is_some()
                || settings.cipher_suites.iter().any(|wanted| go_name(wanted) == name(suite))
        });
    }
    if !settings.curves.is_empty() {
        let mut groups = Vec::new();
        for wanted in &settings.curves {
            match provider.kx_groups.iter().find(|group| curve_name(group.name()) == wanted) {
                Some(group) => groups.push(*group),
                None => problems.push(wrong(
                    "tls_server_config.curve_preferences",
                    format!("{wanted:?} is not spoken here; X25519, CurveP256 or CurveP384"),
                )),
            }
        }
        provider.kx_groups = groups;
    }
    provider
}

/// Go writes `TLS_AES_128_GCM_SHA256`, rustls `TLS13_AES_128_GCM_SHA256`; Go's old names of the
/// ChaCha suites have no hash.
fn go_name(name: &str) -> String {
    let name = name.replacen("TLS13_", "TLS_", 1);
    match name.strip_suffix("CHACHA20_POLY1305") {
        Some(_) => name + "_SHA256",
        None => name,
    }
}

fn curve_name(group: rustls::NamedGroup) -> &'static str {
    match group {
        rustls::NamedGroup::X25519 => "X25519",
        rustls::NamedGroup::secp256r1 => "CurveP256",
        rustls::NamedGroup::secp384r1 => "CurveP384",
        _ => "",
    }
}

fn verifier(
    clients: &Clients,
    provider: &Arc<CryptoProvider>,
    problems: &mut Vec<Problem>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let (Clients::Verify(file) | Clients::VerifyIfGiven(file)) = clients else {
        return Some(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for cert in certificates(file, "client_ca_file", problems) {
        if let Err(error) = roots.add(cert) {
            problems.push(unusable("client_ca_file", file, error));
        }
    }
    if roots.is_empty() {
        return None;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match clients {
        Clients::VerifyIfGiven(_) => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map_err(|error| problems.push(unusable("client_ca_file", file, error))).ok()
}

fn certificates(
    file: &Path,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Vec<CertificateDer<'static>> {
    let certs = pem(file).and_then(|text| {
        let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        certs.map_err(|error| error.to_string())
    });
    match certs {
        Ok(certs) if certs.is_empty() => problems.push(unusable(key, file, "no certificate in it")),
        Ok(certs) => return certs,
        Err(error) => problems.push(unusable(key, file, error)),
    }
    Vec::new()
}

/// The text of a PEM file. Half a sentence when it cannot be read; what is no file never is.
pub(crate) fn pem(file: &Path) -> Result<Vec<u8>, String> {
    read_regular(file, PEM_MAX_BYTES).map_err(|error| error.to_string())
}

/// Something wrong with the file that a key names.
fn unusable(key: &str, file: &Path, problem: impl std::fmt::Display) -> Problem {
    wrong(format!("tls_server_config.{key}"), format!("{}: {problem}", file.display()))
}

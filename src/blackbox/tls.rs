//! `tls_config`, as Prometheus' programs have it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chain::{
    ClientCert, Judgement, Revocation, Roots, TlsClientOptions, TlsVersions, TrustOptions,
};
use rustls::CipherSuite;
use serde::{Deserialize, Serialize};

use super::go_values::{Hidden, is_default};

/// Where systems keep the roots that their administrator trusts: Debian and Alpine, Red Hat, SUSE.
/// blackbox_exporter trusts these, and somebody's own authority may be among them.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
];

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub(super) struct TlsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Hidden>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) ca_file: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) cert_file: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) key_file: String,
    #[serde(skip_serializing_if = "is_default")]
    ca_ref: String,
    #[serde(skip_serializing_if = "is_default")]
    cert_ref: String,
    #[serde(skip_serializing_if = "is_default")]
    key_ref: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) server_name: String,
    pub(super) insecure_skip_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) min_version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) max_version: String,
}

impl PartialEq for TlsConfig {
    /// Only what tells a configuration from none.
    fn eq(&self, other: &TlsConfig) -> bool {
        let of = |config: &TlsConfig| format!("{config:?}");
        of(self) == of(other)
    }
}

impl TlsConfig {
    /// What of it we do not have.
    pub(super) fn beyond_us(&self) -> Option<String> {
        if self.ca.is_some() || self.cert.is_some() || self.key.is_some() {
            return Some(
                "tls_config has a certificate or key in the module file itself; write them to \
                 files and name these in ca_file, cert_file and key_file"
                    .to_owned(),
            );
        }
        if [&self.ca_ref, &self.cert_ref, &self.key_ref].iter().any(|text| !text.is_empty()) {
            return Some("tls_config takes a secret from a secret manager".to_owned());
        }
        matches!(self.max_version.as_str(), "TLS10" | "TLS11").then(|| {
            format!(
                "tls_config.max_version is {}, and Bongsu speaks TLS 1.2 and 1.3",
                self.max_version
            )
        })
    }

    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        for (key, version) in [
            ("tls_config.min_version", &self.min_version),
            ("tls_config.max_version", &self.max_version),
        ] {
            if !matches!(version.as_str(), "" | "TLS10" | "TLS11" | "TLS12" | "TLS13") {
                return Some((key, format!("{version:?} is no TLS version; write TLS12 or TLS13")));
            }
        }
        (self.cert_file.is_empty() != self.key_file.is_empty()).then(|| {
            ("tls_config", "cert_file and key_file belong together; write both or neither".into())
        })
    }

    pub(super) fn options(&self) -> TlsClientOptions {
        let roots = match (self.ca_file.as_str(), system_roots()) {
            ("", Some(system)) => Roots::Both(system.to_owned()),
            ("", None) => Roots::Webpki,
            (file, _) => Roots::File(PathBuf::from(file)),
        };
        TlsClientOptions {
            trust: Arc::new(TrustOptions { roots, intermediates: None }),
            client_cert: (!self.cert_file.is_empty()).then(|| ClientCert {
                cert: PathBuf::from(&self.cert_file),
                key: PathBuf::from(&self.key_file),
            }),
            revocation: Revocation::Off,
            judgement: if self.insecure_skip_verify {
                Judgement::Noted
            } else {
                Judgement::Binding
            },
            versions: match (self.min_version.as_str(), self.max_version.as_str()) {
                ("TLS13", _) => TlsVersions::Only13,
                (_, "TLS12") => TlsVersions::Only12,
                _ => TlsVersions::Any,
            },
            ..TlsClientOptions::default()
        }
    }
}

/// The name that IANA has for a suite; rustls names those of TLS 1.3 otherwise.
pub(super) fn cipher_name(suite: CipherSuite) -> String {
    format!("{suite:?}").replace("TLS13_", "TLS_")
}

fn system_roots() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<&'static Path>> = OnceLock::new();
    *FOUND.get_or_init(|| SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.is_file()))
}

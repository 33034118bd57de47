//! `--web.config.file`: TLS, client certificates, basic authentication and response headers, in
//! the format that operators know from the Prometheus exporters.
//!
//! The file is settled into [`WebConfig`] or refused with every problem in it. What this TLS stack
//! cannot do (TLS 1.1, asking for a certificate without verifying it) is a problem, never ignored.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use base::files::read_regular;
use http::{HeaderMap, HeaderName, HeaderValue};
use read::{Problem, ReadError};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::foreign_yaml::{self, refused, wrong};

/// The headers that the exporters let an operator set.
const HEADERS: [&str; 5] = [
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
    "content-security-policy",
];

/// A larger file is not a web configuration.
///
/// No row: the file is the operator's.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Below, it is not a bcrypt cost; above, one check takes longer than a scrape's timeout.
const BCRYPT_COSTS: RangeInclusive<u32> = 4..=16;

/// A validated web configuration. Certificates are not read yet.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// None: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// Added to every response.
    pub headers: HeaderMap,
    /// User to bcrypt hash. Empty: no authentication.
    pub users: BTreeMap<String, String>,
    /// What it was read from, for the places of problems that are found later.
    pub(super) text: String,
}

/// The server's side of TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// PEM, leaf first.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
    pub clients: Clients,
    /// Subject alternative names of which a client needs one. Empty: any.
    pub allowed_sans: Vec<String>,
    /// Whether TLS 1.2 is spoken beside 1.3.
    pub versions: Versions,
    /// IANA names; empty means the stack's choice.
    pub cipher_suites: Vec<String>,
    /// Go's names; empty means the stack's choice.
    pub curves: Vec<String>,
}

/// Which clients may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    Any,
    /// Those with no certificate, or one that this CA vouches for.
    VerifyIfGiven(PathBuf),
    /// Only those with a certificate that this CA vouches for.
    Verify(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    Both,
    Only12,
    Only13,
}

/// Reads and validates a file. Relative paths in it are relative to it.
pub fn load(path: &Path) -> Result<WebConfig, ReadError> {
    let whole = |message| ReadError::whole(path.to_owned(), message);
    let bytes = read_regular(path, FILE_MAX_BYTES).map_err(|error| whole(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| whole("is not UTF-8 text".into()))?;
    let raw: RawWebConfig = foreign_yaml::read(path, &text)?;
    let mut problems = Vec::new();
    let base = path.parent().unwrap_or(Path::new(""));
    let config = WebConfig {
        tls: raw.tls_server_config.and_then(|tls| settle_tls(tls, base, &mut problems)),
        headers: settle_headers(raw.http_server_config, &mut problems),
        users: settle_users(raw.basic_auth_users, &mut problems),
        text,
    };
    if problems.is_empty() { Ok(config) } else { Err(refused(path, &config.text, problems)) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct RawWebConfig {
    tls_server_config: Option<RawTls>,
    http_server_config: Option<RawHttp>,
    basic_auth_users: Option<BTreeMap<String, RawHash>>,
}

/// A hash, or something else: the parser's own message would repeat it, and it may be a password.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawHash {
    Text(String),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct RawTls {
    cert_file: Option<String>,
    key_file: Option<String>,
    client_auth_type: Option<String>,
    client_ca_file: Option<String>,
    #[serde(default)]
    client_allowed_sans: Vec<String>,
    min_version: Option<String>,
    max_version: Option<String>,
    #[serde(default)]
    cipher_suites: Vec<String>,
    /// Without meaning in TLS 1.3 and deprecated in Go; accepted so that shared files load.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: Option<bool>,
    #[serde(default)]
    curve_preferences: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct RawHttp {
    /// Accepted so that shared files load: HTTP/1.1 serves a scrape as well, and every client
    /// that speaks HTTP/2 speaks it too.
    #[serde(rename = "http2")]
    _http2: Option<bool>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn settle_tls(raw: RawTls, base: &Path, problems: &mut Vec<Problem>) -> Option<TlsSettings> {
    let before = problems.len();
    let mut file = |value: Option<String>, key: &str| match value.filter(|path| !path.is_empty()) {
        Some(path) => Some(base.join(path)),
        None => {
            problems.push(wrong(format!("tls_server_config.{key}"), "missing"));
            None
        }
    };
    let cert_file = file(raw.cert_file, "cert_file");
    let key_file = file(raw.key_file, "key_file");
    let authority = raw.client_ca_file.filter(|path| !path.is_empty()).map(|path| base.join(path));
    let clients = settle_clients(raw.client_auth_type.as_deref(), authority, problems);
    if !raw.client_allowed_sans.is_empty() && !matches!(clients, Some(Clients::Verify(_))) {
        problems.push(wrong(
            "tls_server_config.client_allowed_sans",
            "needs client_auth_type: RequireAndVerifyClientCert",
        ));
    }
    let versions = settle_versions(
        raw.min_version.as_deref().unwrap_or("TLS12"),
        raw.max_version.as_deref().unwrap_or("TLS13"),
        problems,
    );
    if problems.len() > before {
        return None;
    }
    Some(TlsSettings {
        cert_file: cert_file?,
        key_file: key_file?,
        clients: clients?,
        allowed_sans: raw.client_allowed_sans,
        versions: versions?,
        cipher_suites: raw.cipher_suites,
        curves: raw.curve_preferences,
    })
}

fn settle_clients(
    kind: Option<&str>,
    authority: Option<PathBuf>,
    problems: &mut Vec<Problem>,
) -> Option<Clients> {
    let mut refuse = |problem: String| {
        problems.push(wrong("tls_server_config.client_auth_type", problem));
        None
    };
    match (kind.unwrap_or("NoClientCert"), authority) {
        ("NoClientCert", None) | ("", None) => Some(Clients::Any),
        ("NoClientCert" | "", Some(_)) => {
            refuse("client_ca_file is given but no client is asked for a certificate".into())
        }
        ("RequireAndVerifyClientCert", Some(authority)) => Some(Clients::Verify(authority)),
        ("VerifyClientCertIfGiven", Some(authority)) => Some(Clients::VerifyIfGiven(authority)),
        (kind @ ("RequireAndVerifyClientCert" | "VerifyClientCertIfGiven"), None) => {
            refuse(format!("{kind} needs client_ca_file"))
        }
        (kind @ ("RequestClientCert" | "RequireAnyClientCert"), _) => refuse(format!(
            "{kind} takes a certificate without verifying it, which keeps nobody out; use \
             RequireAndVerifyClientCert"
        )),
        (kind, _) => refuse(format!(
            "no such type {kind:?}; NoClientCert, VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert"
        )),
    }
}

fn settle_versions(min: &str, max: &str, problems: &mut Vec<Problem>) -> Option<Versions> {
    let before = problems.len();
    for (key, value) in [("min_version", min), ("max_version", max)] {
        match value {
            "TLS12" | "TLS13" => {}
            "TLS10" | "TLS11" => problems.push(wrong(
                format!("tls_server_config.{key}"),
                format!("{value} is not spoken here; TLS12 or TLS13"),
            )),
            _ => problems.push(wrong(
                format!("tls_server_config.{key}"),
                format!("no such version {value:?}; TLS12 or TLS13"),
            )),
        }
    }
    if problems.len() > before {
        return None;
    }
    match (min, max) {
        ("TLS12", "TLS13") => Some(Versions::Both),
        ("TLS12", _) => Some(Versions::Only12),
        (_, "TLS13") => Some(Versions::Only13),
        _ => {
            problems.push(wrong("tls_server_config.max_version", "lower than min_version"));
            None
        }
    }
}

fn settle_headers(raw: Option<RawHttp>, problems: &mut Vec<Problem>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in raw.map(|raw| raw.headers).unwrap_or_default() {
        let known = HEADERS.iter().find(|known| name.eq_ignore_ascii_case(known));
        match (known, HeaderValue::from_str(&value)) {
            (None, _) => problems.push(wrong(
                format!("http_server_config.headers.{name}"),
                format!("cannot be set; only {}", HEADERS.join(", ")),
            )),
            (_, Err(_)) => problems.push(wrong(
                format!("http_server_config.headers.{name}"),
                "not a valid header value",
            )),
            (Some(known), Ok(value)) => {
                headers.insert(HeaderName::from_static(known), value);
            }
        }
    }
    headers
}

fn settle_users(
    raw: Option<BTreeMap<String, RawHash>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    for (user, hash) in raw.unwrap_or_default() {
        let mut refuse =
            |message: String| problems.push(wrong(format!("basic_auth_users.{user}"), message));
        if user.is_empty() || user.contains(':') {
            refuse("a user's name is not empty and has no colon".into());
        }
        let RawHash::Text(hash) = hash else {
            refuse("not a text".into());
            continue;
        };
        match hash.parse::<bcrypt::HashParts>() {
            Ok(parts) if BCRYPT_COSTS.contains(&parts.get_cost()) => {
                users.insert(user, hash);
            }
            Ok(parts) => refuse(format!(
                "cost {}; {} to {} are accepted, because a check must not outlast a scrape",
                parts.get_cost(),
                BCRYPT_COSTS.start(),
                BCRYPT_COSTS.end()
            )),
            Err(_) => refuse("not a bcrypt hash; make one with htpasswd -nBC 10 USER".into()),
        }
    }
    users
}

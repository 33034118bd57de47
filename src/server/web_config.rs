//! `--web.config.file`: TLS, client certificates, basic authentication and response headers, in
//! the format that operators know from the Prometheus exporters.
//!
//! The format is not ours, so this is where serde_yaml is: what it says of a file is what the
//! exporters' operators are used to, and it stops at the first mistake of form.
//!
//! The file is settled into [`WebConfig`] or refused with every problem in it. What this TLS stack
//! cannot do (TLS 1.1, asking for a certificate without verifying it) is a problem, never ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use base::files::read_regular;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The headers that the exporters let an operator set.
const HEADERS: [&str; 5] = [
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
    "content-security-policy",
];

/// A larger file is not a web configuration.
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

/// Everything wrong with a web configuration.
#[derive(Debug)]
pub struct WebConfigError {
    pub file: PathBuf,
    /// One line each. Never empty.
    pub problems: Vec<String>,
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}", self.file.display())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for WebConfigError {}

/// Reads and validates a file. Relative paths in it are relative to it.
pub fn load(path: &Path) -> Result<WebConfig, WebConfigError> {
    let refused = |problem: String| WebConfigError { file: path.into(), problems: vec![problem] };
    let bytes = read_regular(path, FILE_MAX_BYTES).map_err(|error| refused(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text".into()))?;
    // The error names key, line and column.
    let raw: RawWebConfig =
        serde_yaml::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let mut problems = Vec::new();
    let base = path.parent().unwrap_or(Path::new(""));
    let config = WebConfig {
        tls: raw.tls_server_config.and_then(|tls| settle_tls(tls, base, &mut problems)),
        headers: settle_headers(raw.http_server_config, &mut problems),
        users: settle_users(raw.basic_auth_users, &mut problems),
    };
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(WebConfigError { file: path.into(), problems })
    }
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

fn settle_tls(raw: RawTls, base: &Path, problems: &mut Vec<String>) -> Option<TlsSettings> {
    let before = problems.len();
    let mut file = |value: Option<String>, key: &str| match value.filter(|path| !path.is_empty()) {
        Some(path) => Some(base.join(path)),
        None => {
            problems.push(format!("tls_server_config.{key}: missing"));
            None
        }
    };
    let cert_file = file(raw.cert_file, "cert_file");
    let key_file = file(raw.key_file, "key_file");
    let authority = raw.client_ca_file.filter(|path| !path.is_empty()).map(|path| base.join(path));
    let clients = settle_clients(raw.client_auth_type.as_deref(), authority, problems);
    if !raw.client_allowed_sans.is_empty() && !matches!(clients, Some(Clients::Verify(_))) {
        problems.push(
            "tls_server_config.client_allowed_sans: needs client_auth_type: \
             RequireAndVerifyClientCert"
                .into(),
        );
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
    problems: &mut Vec<String>,
) -> Option<Clients> {
    let mut refuse = |problem: String| {
        problems.push(format!("tls_server_config.client_auth_type: {problem}"));
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

fn settle_versions(min: &str, max: &str, problems: &mut Vec<String>) -> Option<Versions> {
    let before = problems.len();
    for (key, value) in [("min_version", min), ("max_version", max)] {
        match value {
            "TLS12" | "TLS13" => {}
            "TLS10" | "TLS11" => problems.push(format!(
                "tls_server_config.{key}: {value} is not spoken here; TLS12 or TLS13"
            )),
            _ => problems.push(format!(
                "tls_server_config.{key}: no such version {value:?}; TLS12 or TLS13"
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
            problems.push("tls_server_config.max_version: lower than min_version".into());
            None
        }
    }
}

fn settle_headers(raw: Option<RawHttp>, problems: &mut Vec<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in raw.map(|raw| raw.headers).unwrap_or_default() {
        let known = HEADERS.iter().find(|known| name.eq_ignore_ascii_case(known));
        match (known, HeaderValue::from_str(&value)) {
            (None, _) => problems.push(format!(
                "http_server_config.headers.{name}: cannot be set; only {}",
                HEADERS.join(", ")
            )),
            (_, Err(_)) => problems
                .push(format!("http_server_config.headers.{name}: not a valid header value")),
            (Some(known), Ok(value)) => {
                headers.insert(HeaderName::from_static(known), value);
            }
        }
    }
    headers
}

fn settle_users(
    raw: Option<BTreeMap<String, RawHash>>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    for (user, hash) in raw.unwrap_or_default() {
        let place = format!("basic_auth_users.{user}");
        if user.is_empty() || user.contains(':') {
            problems.push(format!("{place}: a user's name is not empty and has no colon"));
        }
        let RawHash::Text(hash) = hash else {
            problems.push(format!("{place}: not a text"));
            continue;
        };
        match hash.parse::<bcrypt::HashParts>() {
            Ok(parts) if BCRYPT_COSTS.contains(&parts.get_cost()) => {
                users.insert(user, hash);
            }
            Ok(parts) => problems.push(format!(
                "{place}: cost {}; {} to {} are accepted, because a check must not outlast a scrape",
                parts.get_cost(),
                BCRYPT_COSTS.start(),
                BCRYPT_COSTS.end()
            )),
            Err(_) => problems
                .push(format!("{place}: not a bcrypt hash; make one with htpasswd -nBC 10 USER")),
        }
    }
    users
}

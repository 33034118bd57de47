//! What a probe sends and to whom it speaks: the validated options of the kinds, without those of a
//! login, which are in [`login`].

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::{Expect, FailIf, RouteOptions, TimeLimit, login};

/// Options of an HTTP probe.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpOptions {
    /// Absolute, http or https. Holds no secret: see `query`.
    pub url: Url,
    /// GET unless said otherwise; POST when there is a body.
    pub method: ::http::Method,
    /// In the file's order. Values may hold secrets.
    pub headers: Vec<(::http::HeaderName, Template)>,
    pub body: RequestBody,
    /// `Authorization`.
    pub auth: Option<Auth>,
    /// Pads the request to at least this many bytes in one header (`X-Bongsu-Padding`), so that
    /// it needs more than one full-size segment.
    pub pad_request: Option<u32>,
    /// Accept-Encoding is sent and bodies are decoded. Off, nothing is decoded.
    pub compression: bool,
    /// Bytes after decoding; more is `body_too_large`.
    pub body_limit: u64,
    /// Used when neither header nor page names one.
    pub charset: Option<&'static encoding_rs::Encoding>,
    pub follow: Follow,
    /// HTTP version to negotiate.
    pub http: HttpVersions,
    /// Proxy, fixed destination, addresses.
    pub route: RouteOptions,
    pub tls: TlsClientOptions,
    /// What a good answer looks like.
    pub expect: Expect,
    /// Rules that name the reason a page deserves, tried before `expect`.
    pub fail_if: Vec<FailIf>,
    /// Outside these, the run is degraded.
    pub warn: Expect,
}

/// Which versions may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersions {
    /// By ALPN, HTTP/2 preferred.
    #[default]
    Any,
    Http1,
    /// HTTP/2 only; over plain TCP with prior knowledge.
    Http2,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum RequestBody {
    #[default]
    None,
    /// As written.
    Raw(Template),
    /// Percent-encoded in the page's charset; in the file's order.
    Form(Vec<(String, Template)>),
    /// Rendered from the document, secrets JSON-escaped in string values.
    Json(JsonTemplate),
}

/// A JSON document whose string values may hold secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// null, booleans, numbers.
    Literal(serde_json::Value),
    Text(Template),
    Array(Vec<JsonTemplate>),
    /// An object, in the file's order.
    Object(Vec<(String, JsonTemplate)>),
}

/// `Authorization`.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// RFC 7617.
    Basic {
        /// Usually plain.
        username: Template,
        password: Template,
    },
    /// RFC 6750.
    Bearer(Template),
}

/// Text with references to secrets. `${secret.name}` is the only kind of reference left after
/// loading; site columns and variables are already filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// Adjacent texts are joined.
    pub parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As written.
    Text(String),
    /// The named secret's value, when the request is written.
    Secret(Arc<str>),
    /// What only a login flow can fill in.
    Value(Box<login::Value>),
}

/// Where a secret is. The value is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// Environment variable or file.
    pub source: SecretSource,
    /// The only hosts it may be sent to, lowercase.
    pub hosts: Vec<String>,
}

/// Environment variable or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Read at load.
    Env(String),
    /// Read again when it changes; one trailing newline is dropped.
    File(PathBuf),
}

/// How redirects are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// 0: not followed.
    pub redirects: u32,
    /// When not empty, the only hosts a redirect may lead to (the URL's own host included).
    pub allow_hosts: Vec<String>,
    /// Whether pages that send their reader on are followed, too.
    pub refresh: Refresh,
}

/// What becomes of a `Refresh` header or `<meta http-equiv=refresh>` that names another page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// It is a page like any other.
    #[default]
    Ignored,
    /// It is followed at once, as one of the redirects.
    Followed,
}

/// The client's side of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsClientOptions {
    /// SNI and the name that is verified, when not the URL's host.
    pub server_name: Option<String>,
    pub trust: Arc<TrustOptions>,
    /// PEM files, certificate chain and key.
    pub client_cert: Option<ClientCert>,
    /// CRL checking.
    pub revocation: Revocation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TrustOptions {
    pub roots: Roots,
    /// PEM bundle of intermediates that servers forget to send; a chain that needs one is still
    /// `tls_chain_incomplete`.
    pub intermediates: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Roots {
    /// Mozilla's, compiled in.
    #[default]
    Webpki,
    /// A PEM bundle.
    File(PathBuf),
    /// Either.
    Both(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCert {
    /// PEM, leaf first.
    pub cert: PathBuf,
    /// PEM, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// CRL checking (RFC 5280 section 5; HTTP distribution points).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocation {
    Off,
    /// An unreachable list degrades.
    #[default]
    Soft,
    /// An unreachable list fails.
    Hard,
}

/// Options of a TLS probe.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsOptions {
    /// Host name or address literal (no brackets).
    pub host: String,
    pub port: u16,
    /// Proxy, fixed destination, addresses.
    pub route: RouteOptions,
    /// SNI, trust, client certificate, revocation.
    pub tls: TlsClientOptions,
    /// ALPN names to offer.
    pub alpn: Vec<String>,
    /// `expect: {time: ...}` only.
    pub expect_time: Option<TimeLimit>,
    /// `warn: {time: ...}` only.
    pub warn_time: Option<TimeLimit>,
}

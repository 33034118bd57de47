//! What a probe sends and to whom it speaks: the validated options of the kinds, without those of a
//! login, which are in `login.rs` and its neighbours.

use std::path::{Path, PathBuf};

use chain::TlsClientOptions;
use url::Url;

use super::{ClientOptions, OAuth2Options, RouteOptions, Rules, StartTls, TlsExpect};
use crate::receiver::Receiver;
use crate::template::{SecretOnly, Template};

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
    /// Who gives the token that stands there instead.
    pub oauth2: Option<OAuth2Options>,
    /// Pads the request to at least this many bytes in one header (`X-Bongsu-Padding`), so that
    /// it needs more than one full-size segment.
    pub pad_request: Option<u32>,
    /// Accept-Encoding is sent and bodies are decoded. Off, nothing is decoded.
    pub compression: bool,
    /// Bytes after decoding; more is `body_too_large`.
    pub body_limit: u64,
    /// Used when neither header nor page names one.
    pub charset: Option<&'static encoding_rs::Encoding>,
    /// Whether the beginning of the page is kept when it fails.
    pub excerpt: Excerpt,
    pub follow: Follow,
    /// How it connects and speaks.
    pub client: ClientOptions,
    /// How the answer is judged.
    pub rules: Rules,
}

/// Whether a failure keeps a piece of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Excerpt {
    #[default]
    Never,
    /// Yes, masked.
    OnFailure,
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
pub enum RequestBody<S = SecretOnly> {
    #[default]
    None,
    /// As written.
    Raw(Template<S>),
    /// Percent-encoded in the page's charset; in the file's order.
    Form(Vec<(String, Template<S>)>),
    /// A document whose strings may hold values.
    Json(Template<S>),
}

impl<S> RequestBody<S> {
    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template<S>> {
        match self {
            RequestBody::None => Vec::new(),
            RequestBody::Raw(text) | RequestBody::Json(text) => vec![text],
            RequestBody::Form(pairs) => pairs.iter().map(|(_, value)| value).collect(),
        }
    }
}

/// `Authorization`.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth<S = SecretOnly> {
    /// RFC 7617.
    Basic {
        username: Template<S>,
        /// A secret, or made in the flow.
        password: Template<S>,
    },
    /// RFC 6750.
    Bearer(Template<S>),
}

impl<S> Auth<S> {
    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template<S>> {
        match self {
            Auth::Basic { username, password } => vec![username, password],
            Auth::Bearer(token) => vec![token],
        }
    }
}

/// Where a secret is. The value is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    pub source: SecretSource,
    /// The only servers it may be sent to.
    pub hosts: Vec<Receiver>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// Read at load.
    Env(String),
    /// Read again when it changes; one trailing newline is dropped.
    File(PathBuf),
}

impl SecretSource {
    pub fn file(&self) -> Option<&Path> {
        match self {
            SecretSource::Env(_) => None,
            SecretSource::File(path) => Some(path),
        }
    }
}

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
    /// Spoken in plain text first, where TLS is not spoken from the first byte.
    pub starttls: Option<StartTls>,
    pub expect: TlsExpect,
    pub warn: TlsExpect,
}

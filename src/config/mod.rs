//! The validated configuration: holding a [`Config`] is proof that the file was right.
//!
//! Text becomes a tree of nodes, and the tree becomes the types of this file or *all* problems at
//! once. Nothing later checks again what is settled here, and nothing here binds, spawns or
//! connects.
//!
//! The way of a file: [`yaml`] reads text, [`document`] follows `include`, [`walk`] is how every
//! reader moves through the tree and says what is wrong where, `service` and `probe` expand and
//! inherit, `http`, `tls`, `expect` and the others each read the keys of one subject. A new key is
//! a line in its subject's file; a new kind of probe is a variant of [`Kind`], a file beside
//! `http.rs`, and a line in `probe.rs`.

mod cache;
mod canonical;
mod client;
mod controls;
mod document;
mod expect;
mod files;
mod http;
mod inherit;
mod load;
pub mod login;
mod maintenance;
mod needs;
mod notes;
pub mod plan;
mod position;
mod probe;
mod problem;
mod secrets;
mod service;
mod sites;
mod suggest;
mod template;
mod tls;
mod value;
mod walk;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use url::Url;

use crate::outcome::Reason;

pub use files::{Disk, Files, Nothing};
pub use load::{load, parse};
pub use problem::{ConfigError, FileProblems, Problem};
pub(crate) use yaml::typed;

/// Everything the daemon was told to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// Every service of the file, in its order, whatever the shard.
    pub services: Vec<Arc<Service>>,
    /// Every enabled probe, `for_each` expanded, whatever the shard.
    pub targets: Vec<Arc<Target>>,
    /// "Am I online?"
    pub controls: Vec<Control>,
    /// Announced windows.
    pub maintenance: Vec<Window>,
    /// Where the secrets are; their values are read when a request is written.
    pub secrets: BTreeMap<Arc<str>, SecretRef>,
    /// FNV-1a of the validated configuration without secrets and paths, 16 hex digits.
    pub hash: String,
    /// What `check` says beside the plan: short or unused secrets, secrets over plain HTTP.
    pub advice: Vec<String>,
    /// The files read, the first one first.
    pub files: Vec<PathBuf>,
    /// Probes that are written down and valid but switched off, `for_each` expanded.
    pub disabled: Vec<TargetId>,
}

/// A service as people know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its key: `[a-z0-9][a-z0-9_.-]*`, at most 63 characters.
    pub name: Arc<str>,
    /// For people, in any script.
    pub title: Option<String>,
    /// 1 to 4; none is paged day and night.
    pub grade: Option<u8>,
    /// For people.
    pub owner: Option<String>,
    /// Where the public is sent while it is down.
    pub alternative: Option<String>,
    /// Direct needs.
    pub needs: Vec<Arc<str>>,
    /// Objective as a ratio: 0.9992 for grade 1, 0.9990 for the others unless `slo` says so.
    pub slo: f64,
}

/// `service/probe`, with a site `service/probe@site`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId {
    /// The service's name.
    pub service: Arc<str>,
    /// The probe's name, unique in its service.
    pub probe: Arc<str>,
    /// The site of a `for_each`.
    pub site: Option<Arc<str>>,
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.probe)?;
        match &self.site {
            Some(site) => write!(f, "@{site}"),
            None => Ok(()),
        }
    }
}

/// One probe of one endpoint. Equal targets are the same work: a reload leaves them running.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Unique.
    pub id: TargetId,
    /// The service that is being tested by it.
    pub component: Arc<str>,
    /// The endpoint without query and userinfo: the `instance` label.
    pub instance: String,
    /// When.
    pub schedule: Schedule,
    /// What a response time of this probe should stay under.
    pub latency_objective: Option<Duration>,
    /// Extra labels of the info series.
    pub labels: BTreeMap<String, String>,
    /// How names are resolved and addresses chosen.
    pub dial: DialOptions,
    /// What to do.
    pub kind: Kind,
}

impl Target {
    /// The endpoint's host, as the info series names it.
    pub fn host(&self) -> &str {
        match &self.kind {
            Kind::Http(http) => http.url.host_str().unwrap_or_default(),
            Kind::Tls(tls) => &tls.host,
            // The instance is the URL of the flow's base or first step.
            Kind::Login(_) => {
                let rest = self.instance.split_once("://").map_or("", |(_, rest)| rest);
                let authority = rest.split('/').next().unwrap_or_default();
                match authority.rsplit_once(':') {
                    Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
                    _ => authority,
                }
            }
        }
    }
}

/// When a probe runs. `timeout < interval` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) recheck: Option<Duration>,
}

impl Schedule {
    /// `None` unless `timeout < interval` and both are positive.
    pub fn new(interval: Duration, timeout: Duration, recheck: Option<Duration>) -> Option<Self> {
        (!timeout.is_zero() && timeout < interval).then_some(Self { interval, timeout, recheck })
    }
    /// From start to start.
    pub fn interval(&self) -> Duration {
        self.interval
    }
    /// The whole run's limit.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
    /// After a change of result, the next three runs start this long after the previous end.
    pub fn recheck(&self) -> Option<Duration> {
        self.recheck
    }
    /// Facts older than this are no longer shown.
    pub fn freshness(&self) -> Duration {
        3 * self.interval + self.timeout
    }
}

/// The closed set of probe kinds. A new kind is a variant here, its options, and a file in
/// `probe/`.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One HTTP exchange.
    Http(Box<HttpOptions>),
    /// One TLS handshake.
    Tls(Box<TlsOptions>),
    /// A login, step by step.
    Login(Box<login::LoginOptions>),
}

impl Kind {
    /// The label value.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Kind::Http(_) => "http",
            Kind::Tls(_) => "tls",
            Kind::Login(_) => "login",
        }
    }
}

/// How to find and reach the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DialOptions {
    /// `dns.servers`; empty means the system's configuration.
    pub dns_servers: Vec<std::net::SocketAddr>,
    /// Which family is tried.
    pub ip: IpChoice,
}

/// Address family. Unlike blackbox_exporter, IPv4 first by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpChoice {
    /// IPv4 first, IPv6 when there is no IPv4 address or none answers.
    #[default]
    PreferV4,
    /// The other way round.
    PreferV6,
    /// Only IPv4.
    OnlyV4,
    /// Only IPv6.
    OnlyV6,
}

/// Options of an HTTP probe.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpOptions {
    /// Absolute, http or https. Holds no secret: see `query`.
    pub url: Url,
    /// GET unless said otherwise; POST when there is a body.
    pub method: ::http::Method,
    /// In the file's order. Values may hold secrets.
    pub headers: Vec<(::http::HeaderName, Template)>,
    /// What is sent.
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
    /// Redirects.
    pub follow: Follow,
    /// HTTP version to negotiate.
    pub http: HttpVersions,
    /// `http://`, `https://` or `socks5://`.
    pub proxy: Option<Url>,
    /// TLS side.
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
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; over plain TCP with prior knowledge.
    Http2,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum RequestBody {
    /// None.
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
    /// A string.
    Text(Template),
    /// An array.
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
        /// A secret.
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
}

/// The client's side of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsClientOptions {
    /// SNI and the name that is verified, when not the URL's host.
    pub server_name: Option<String>,
    /// Who is believed.
    pub trust: Arc<TrustOptions>,
    /// PEM files, certificate chain and key.
    pub client_cert: Option<ClientCert>,
    /// CRL checking.
    pub revocation: Revocation,
}

/// Who is believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TrustOptions {
    /// Which roots.
    pub roots: Roots,
    /// PEM bundle of intermediates that servers forget to send; a chain that needs one is still
    /// `tls_chain_incomplete`.
    pub intermediates: Option<PathBuf>,
}

/// Which roots.
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

/// Our certificate.
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
    /// Not at all.
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
    /// Port.
    pub port: u16,
    /// SNI, trust, client certificate, revocation.
    pub tls: TlsClientOptions,
    /// ALPN names to offer.
    pub alpn: Vec<String>,
    /// `expect: {time: ...}` only.
    pub expect_time: Option<TimeLimit>,
    /// `warn: {time: ...}` only.
    pub warn_time: Option<TimeLimit>,
}

/// What a response must look like; every subject given must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expect {
    /// Default 2xx after following, 2xx or 3xx when redirects are not followed (filled in at load).
    pub status: Option<StatusSet>,
    /// Allowed versions: `1.0 1.1 2`.
    pub version: Vec<String>,
    /// Whether the final response must (`true`) or must not come over TLS.
    pub tls: Option<bool>,
    /// `url: {host, path, query, scheme}` or `url: matcher` on the whole.
    pub url: Vec<(UrlPart, Matcher)>,
    /// All must hold on the decoded text.
    pub body: Vec<Matcher>,
    /// Selector and what its first match's text (or its presence) must be.
    pub css: Vec<(CssSelector, Matcher)>,
    /// JSONPath and what its first match must be.
    pub json: Vec<(JsonPath, Matcher)>,
    /// Header and what any of its values must be.
    pub header: Vec<(::http::HeaderName, Matcher)>,
    /// Cookie and what its value must be.
    pub cookie: Vec<(String, Matcher)>,
    /// From the start of the run to the end of the body.
    pub time: Option<TimeLimit>,
}

/// A rule of `fail_if`: when everything in `when` holds, the run fails with `reason`.
#[derive(Debug, Clone, PartialEq)]
pub struct FailIf {
    /// Of the http, content or login stage.
    pub reason: Reason,
    /// Same vocabulary as `expect`; never empty.
    pub when: Expect,
}

/// Which part of the final URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlPart {
    /// All of it.
    Whole,
    /// `https`
    Scheme,
    /// `www.gov.kr`
    Host,
    /// `/portal/main`
    Path,
    /// Without `?`.
    Query,
}

/// Status codes: `200`, `2xx`, `200-299`, or a list of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub Vec<std::ops::RangeInclusive<u16>>);

impl StatusSet {
    /// Whether a status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// `time: {lt: 2s}`; the only matcher of `time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    /// Strictly less than this.
    pub lt: Duration,
}

/// One test of a text. Absence of the subject fails all but `Absent` and the negations on body.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The word `exists`.
    Exists,
    /// The word `absent`.
    Absent,
    /// A bare scalar.
    Equals(String),
    /// `contains`
    Contains(String),
    /// `not_contains`
    NotContains(String),
    /// `matches`
    Matches(Regex),
    /// `not_matches`
    NotMatches(Regex),
    /// `in`
    In(Vec<String>),
    /// `lt`, numeric.
    Lt(f64),
    /// `gt`, numeric.
    Gt(f64),
    /// `starts_with`
    StartsWith(String),
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        use Matcher::*;
        match (self, other) {
            (Exists, Exists) | (Absent, Absent) => true,
            (Equals(a), Equals(b))
            | (Contains(a), Contains(b))
            | (NotContains(a), NotContains(b))
            | (StartsWith(a), StartsWith(b)) => a == b,
            (Matches(a), Matches(b)) | (NotMatches(a), NotMatches(b)) => a.as_str() == b.as_str(),
            (In(a), In(b)) => a == b,
            (Lt(a), Lt(b)) | (Gt(a), Gt(b)) => a == b,
            _ => false,
        }
    }
}

/// A CSS selector, checked at load. Kept as text because the compiled form is not `Send`; it is
/// compiled where a page is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CssSelector(pub String);

/// A JSONPath (RFC 9535), compiled at load.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath(pub Arc<serde_json_path::JsonPath>);

/// A place whose answer shows that this vantage is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// `tcp://host:port`: a connection is enough.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `http://` or `https://`: any response is enough; its `Date` header shows clock skew.
    Http(Url),
}

/// An announced maintenance window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Unique.
    pub name: Arc<str>,
    /// Service, optionally one site of it (`saeol`, `saeol/seocho`).
    pub targets: Vec<WindowTarget>,
    /// For people.
    pub reason: Option<String>,
    /// When.
    pub when: WindowTime,
}

/// What a window covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowTarget {
    /// The service's name.
    pub service: Arc<str>,
    /// One site; `None` is the whole service.
    pub site: Option<Arc<str>>,
}

/// Once or every week.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowTime {
    /// `from`, `until` (exclusive), settled to instants at load.
    Once {
        /// Start.
        from: jiff::Timestamp,
        /// End.
        until: jiff::Timestamp,
    },
    /// `every: sunday 02:00-04:00`. An end at or before the start is on the next day.
    Weekly {
        /// The days it starts on (`daily` is all seven).
        days: Vec<jiff::civil::Weekday>,
        /// Start, local time.
        start: jiff::civil::Time,
        /// End, local time.
        end: jiff::civil::Time,
        /// Where local is.
        zone: jiff::tz::TimeZone,
    },
}

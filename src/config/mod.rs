//! The validated configuration: holding a [`Config`] is proof that the file was right. What a probe
//! sends is in [`options`], what it expects in [`expectation`].
//!
//! Text becomes a tree of nodes, and the tree becomes the types of this file or *all* problems at
//! once. Nothing later checks again what is settled here, and nothing here binds, spawns or
//! connects.
//!
//! The way of a file: the crate `read` makes a tree of its text, and every reader moves through that
//! and says what is wrong where; [`mod@include`] follows `include`, [`reading`] is what a configuration
//! has beyond YAML, `service` and `probe` expand and
//! inherit, `http`, `tls`, `expect` and the others each read the keys of one subject. A new key is
//! a line in its subject's file; a new kind of probe is a variant of [`Kind`], a file beside
//! `http.rs`, and a line in `probe.rs`.

mod cache;
mod canonical;
mod client;
mod controls;
mod decimal;
mod document;
mod exchange;
mod expect;
mod expectation;
mod files;
mod headers;
mod http;
mod include;
mod inherit;
mod load;
pub mod login;
mod maintenance;
mod names;
mod needs;
mod notes;
mod oauth2;
mod options;
mod other_file;
mod probe;
mod proxy;
mod reading;
mod route;
pub mod schema;
mod secrets;
mod service;
mod sites;
mod starttls;
mod tls;
mod tls_expect;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::outcome::{Failure, Nature, Stage};

pub use chain::{ClientCert, Revocation, Roots, TlsClientOptions, TrustOptions};
pub use decimal::{Decimal, NotANumber};
pub use exchange::{ClientOptions, Rules};
pub use expect::SUBJECTS;
pub use expectation::{
    CssSelector, Expect, FailIf, JsonPath, Matcher, StatusSet, TimeLimit, UrlPart,
};
pub use files::{Disk, FILE_LIMIT as CONFIG_BYTES_MAX, Files, Nothing};
pub use headers::is_set_by_client;
pub use http::is_spoken_method;
pub use inherit::is_reserved_label;
pub use load::{empty, load, load_through, load_with, parse};
pub use maintenance::DAYS_MAX as WINDOW_DAYS_MAX;
pub use oauth2::OAuth2Options;
pub use options::{
    Auth, Excerpt, Follow, HttpOptions, HttpVersions, Refresh, RequestBody, SecretRef,
    SecretSource, TlsOptions,
};
pub use proxy::{ProxyException, ProxyOptions};
pub use read::{FileProblems, Problem, ReadError};
pub use route::{Addresses, MustBeUp, RouteOptions};
pub use starttls::StartTls;
pub use tls_expect::{KeyExpect, KeyType, TlsExpect, TlsVersion};
pub use value::{name as name_of, probed};

/// Whether steps of logins may run programs: a word of who starts bongsu, and not of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecSteps {
    #[default]
    Refused,
    /// `--login.allow-exec`
    Allowed,
}

/// Everything the daemon was told to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// Every service of the file, in its order, whatever the shard.
    pub services: Vec<Arc<Service>>,
    /// Every enabled probe, `for_each` expanded, whatever the shard.
    pub targets: Vec<Arc<Target>>,
    pub controls: Vec<Control>,
    pub maintenance: Vec<Window>,
    /// Windows that `bongsu maintenance` opened. They are no part of the file and of its hash.
    pub recorded: Vec<Window>,
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

impl Config {
    /// Those of the file, and those that were opened by hand.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.maintenance.iter().chain(&self.recorded)
    }
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
    pub owner: Option<String>,
    /// Where the public is sent while it is down.
    pub alternative: Option<String>,
    /// Direct needs.
    pub needs: Vec<Arc<str>>,
    /// Objective as a ratio: 0.9992 for grade 1, 0.9990 for the others unless `slo` says so.
    pub slo: f64,
    /// What people know of its sites, of those of which anything is known.
    pub sites: BTreeMap<Arc<str>, SiteInfo>,
}

/// A site of a service as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteInfo {
    pub title: Option<String>,
    pub owner: Option<String>,
    pub telephone: Option<String>,
}

impl Service {
    /// What people know of a site.
    pub fn site(&self, name: Option<&str>) -> Option<&SiteInfo> {
        self.sites.get(name?)
    }
}

/// `service/probe`, with a site `service/probe@site`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId {
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
    pub id: TargetId,
    /// The service that is being tested by it.
    pub component: Arc<str>,
    /// The endpoint without query and userinfo: the `instance` label.
    pub instance: String,
    pub schedule: Schedule,
    /// What a response time of this probe should stay under.
    pub latency_objective: Option<Duration>,
    /// Extra labels of the info series.
    pub labels: BTreeMap<String, String>,
    /// How names are resolved and addresses chosen.
    pub dial: DialOptions,
    pub kind: Kind,
}

/// The component of faults of our own.
pub const OURSELVES: &str = "bongsu";

impl Target {
    /// The service to blame for a failure of this target: one answer for page and JSON.
    pub fn blamed<'a>(&'a self, failure: &'a Failure) -> &'a str {
        if failure.reason.is(Nature::OurAccount) { OURSELVES } else { self.concerned(failure) }
    }

    /// As [`Target::blamed`], and for what is wrong with our own account the service that did not take
    /// it: three accounts that are refused at once are a directory gone empty, and the rules say so.
    pub fn concerned<'a>(&'a self, failure: &'a Failure) -> &'a str {
        match &failure.step {
            _ if failure.reason.stage() == Stage::Probe => OURSELVES,
            Some(step) => &step.component,
            None => &self.component,
        }
    }

    /// The endpoint's host, as the info series names it.
    pub fn host(&self) -> Cow<'_, str> {
        match &self.kind {
            Kind::Http(http) => http.url.host_str().unwrap_or_default().into(),
            Kind::Tls(tls) => tls.host.as_str().into(),
            Kind::Login(login) => {
                let endpoint = login.endpoint();
                let host = endpoint.as_ref().and_then(Url::host_str);
                host.unwrap_or_default().to_owned().into()
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
    Http(Arc<HttpOptions>),
    Tls(Arc<TlsOptions>),
    /// A login, step by step.
    Login(Arc<login::LoginOptions>),
}

impl Kind {
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
    /// Whose they are: when none is of use, that is ours or an outage of the probe's service.
    pub dns_owner: DnsOwner,
    /// Which family is tried.
    pub ip: IpChoice,
}

/// Whose the name servers of a probe are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsOwner {
    /// The system's, or those of `defaults`.
    #[default]
    Prober,
    /// Named by the service or the probe.
    Service,
}

/// Address family. Unlike blackbox_exporter, IPv4 first by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpChoice {
    /// IPv4 first, IPv6 when there is no IPv4 address or none answers.
    #[default]
    PreferV4,
    /// The other way round.
    PreferV6,
    OnlyV4,
    OnlyV6,
    /// Both families must answer: two looks in each run.
    Both,
}

impl IpChoice {
    /// The same family first, and the other one where that has no address.
    pub fn preferring(self) -> IpChoice {
        match self {
            IpChoice::PreferV4 | IpChoice::OnlyV4 | IpChoice::Both => IpChoice::PreferV4,
            IpChoice::PreferV6 | IpChoice::OnlyV6 => IpChoice::PreferV6,
        }
    }
}

/// A place whose answer shows that this vantage is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// `tcp://host:port`: a connection is enough.
    Tcp {
        /// Name or address.
        host: String,
        port: u16,
    },
    /// `http://` or `https://`: any response is enough; its `Date` header shows clock skew.
    Http(Url),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub name: Arc<str>,
    /// Service, optionally one site of it (`saeol`, `saeol/seocho`).
    pub targets: Vec<WindowTarget>,
    pub reason: Option<String>,
    pub kind: WindowKind,
    pub when: WindowTime,
}

/// Whether what is down in a window counts as a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WindowKind {
    /// Told to the users beforehand: no fault.
    #[default]
    Announced,
    /// Work that could not wait: known, shown, and a fault all the same.
    Emergency,
}

impl WindowKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            WindowKind::Announced => "announced",
            WindowKind::Emergency => "emergency",
        }
    }

    /// The kind of this name, or half a sentence about the text.
    pub fn named(text: &str) -> Result<WindowKind, String> {
        let all = [WindowKind::Announced, WindowKind::Emergency];
        all.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let hint = read::hint(text, all.map(WindowKind::as_str));
            format!("\"{text}\" is neither announced nor emergency{hint}")
        })
    }
}

/// What a window covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowTarget {
    pub service: Arc<str>,
    /// One site; `None` is the whole service.
    pub site: Option<Arc<str>>,
}

/// Which weeks a window comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weeks {
    Every,
    /// The first to fourth such day of a month, 1 to 4.
    Nth(i8),
    /// The last such day of a month.
    Last,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WindowTime {
    /// `from`, `until` (exclusive), settled to instants at load.
    Once { from: jiff::Timestamp, until: jiff::Timestamp },
    /// `every: sunday 02:00-04:00`, `every: first sunday 02:00 for 4h`. An end at or before the
    /// start is on the next day.
    Weekly {
        /// The days it starts on (`daily` is all seven).
        days: Vec<jiff::civil::Weekday>,
        /// Which of those days in a month.
        weeks: Weeks,
        /// Start, local time.
        start: jiff::civil::Time,
        /// End, local time.
        end: jiff::civil::Time,
        zone: jiff::tz::TimeZone,
    },
}

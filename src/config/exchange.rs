//! What HTTP probes and login steps share: how a client connects, and how an answer is judged.

use url::Url;

use super::inherit::Shared;
use super::reading::{At, Fields};
use super::{
    Excerpt, Expect, FailIf, Follow, HttpVersions, Refresh, Revocation, RouteOptions, StatusSet,
    TlsClientOptions, client, expect, route, value,
};

/// Followed when the file does not say: what browsers' users meet in practice is below 5, and
/// blackbox_exporter stops at 10 as well.
///
/// Limit: redirects, unless `follow.redirects` says otherwise.
/// Share: of each request.
/// Full: the run fails with `redirect_limit`.
/// Filled: redirects_without_end_hit_the_limit
const REDIRECTS: u32 = 10;
const REDIRECTS_MAX: u32 = 50;

/// How a probe's client connects and speaks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientOptions {
    pub versions: HttpVersions,
    /// Proxy, fixed destination, addresses.
    pub route: RouteOptions,
    /// Who is believed, and what is shown.
    pub tls: TlsClientOptions,
}

/// How an answer is judged, in this order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// Name the reason a page deserves.
    pub fail_if: Vec<FailIf>,
    /// What a good answer looks like; the status is always given.
    pub expect: Expect,
    /// Outside these, the run is degraded.
    pub warn: Expect,
}

impl Rules {
    /// The expectations that can fail a run.
    pub fn decisive(&self) -> impl Iterator<Item = &Expect> {
        self.fail_if.iter().map(|rule| &rule.when).chain([&self.expect])
    }
}

/// Reads whether a failure keeps the beginning of the page.
pub(super) fn excerpt(fields: &Fields<'_>, usual: Excerpt) -> Excerpt {
    match fields.take("excerpt").and_then(|at| at.flag()) {
        Some(true) => Excerpt::OnFailure,
        Some(false) => Excerpt::Never,
        None => usual,
    }
}

/// Reads `http_version`, the route and the TLS side over what was inherited.
pub(super) fn client(fields: &Fields<'_>, shared: &Shared<'_>) -> ClientOptions {
    let inherited = TlsClientOptions {
        trust: shared.trust.clone(),
        // The certificate has a probe of its own; a list fetched for every page would make a
        // page's verdict depend on somebody else's server. Asked for, it is checked here too.
        revocation: shared.revocation.unwrap_or(Revocation::Off),
        post_quantum: shared.post_quantum,
        ..TlsClientOptions::default()
    };
    ClientOptions {
        versions: fields.take("http_version").and_then(|at| versions(&at)).unwrap_or_default(),
        route: route::route(fields, shared),
        tls: client::tls_client(fields, inherited),
    }
}

fn versions(at: &At<'_>) -> Option<HttpVersions> {
    at.parse(value::word(&[
        ("any", HttpVersions::Any),
        ("1.1", HttpVersions::Http1),
        ("2", HttpVersions::Http2),
    ]))
}

/// Reads `fail_if`, `expect` and `warn`. Without a status of its own, an answer is good with 2xx
/// where redirects are followed, and with 2xx or 3xx where they are not.
pub(super) fn rules(fields: &Fields<'_>, follow: &Follow) -> Rules {
    let expected = |key| fields.take(key).map(|at| expect::expect(&at)).unwrap_or_default();
    let mut rules = Rules {
        fail_if: fields.take("fail_if").map(|at| expect::fail_if(&at)).unwrap_or_default(),
        expect: expected("expect"),
        warn: expected("warn"),
    };
    if rules.expect.status.is_none() {
        let last = if follow.redirects > 0 { 299 } else { 399 };
        rules.expect.status = Some(StatusSet(vec![200..=last]));
    }
    rules
}

/// Reads `follow: { redirects: 5, allow_hosts: [sso.example.go.kr], refresh: true }`, whose mapping
/// may have further keys. `own` is the URL whose host is always allowed.
pub(super) fn follow(fields: Option<&Fields<'_>>, own: Option<&Url>) -> Follow {
    let none = Follow { redirects: REDIRECTS, allow_hosts: Vec::new(), refresh: Refresh::Ignored };
    let Some(fields) = fields else { return none };
    let redirects = fields.parse("redirects", value::whole(0..=REDIRECTS_MAX));
    let mut allow_hosts = hosts(fields, "allow_hosts");
    if fields.has("allow_hosts") {
        allow_hosts.extend(own.and_then(Url::host_str).map(str::to_owned));
        allow_hosts.sort();
        allow_hosts.dedup();
    }
    Follow {
        redirects: redirects.unwrap_or(REDIRECTS),
        allow_hosts,
        refresh: match fields.take("refresh").and_then(|at| at.flag()) {
            Some(true) => Refresh::Followed,
            _ => Refresh::Ignored,
        },
    }
}

/// Host names of a list.
pub(super) fn hosts(fields: &Fields<'_>, key: &str) -> Vec<String> {
    let hosts = fields.take(key).map(|at| at.one_or_many()).unwrap_or_default();
    hosts.iter().filter_map(|at| at.parse(value::host)).collect()
}

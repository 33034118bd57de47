//! One probe: its name, its kind, what it inherits. The list of kinds is here and nowhere else
//! in this directory.

use std::sync::Arc;
use std::time::Duration;

use read::Value;
use url::Url;

use crate::outcome::Reason;
use crate::receiver::Receiver;
use crate::template::Template;

use super::inherit::{self, Shared};
use super::login::LoginOptions;
use super::login::step::Frame;
use super::reading::{At, ConfigValue, Fields};
use super::secrets::written;
use super::{
    Addresses, DialOptions, HttpOptions, IpChoice, Kind, Target, TargetId, TimeLimit, TlsOptions,
    http, login, tls, value,
};

/// Kinds of probes, as the file names them.
const KINDS: &[&str] = &["http", "tls", "login"];

/// Kinds that other probers have.
const OTHER_KINDS: &[&str] = &["tcp", "icmp", "ping", "grpc", "udp", "ssh", "https"];

/// What to say of an unknown key of a probe that is a kind elsewhere.
pub(super) fn other_kind(key: &str, known: &[&str]) -> Option<String> {
    let is_probe = KINDS.iter().all(|kind| known.contains(kind));
    (is_probe && OTHER_KINDS.contains(&key))
        .then(|| format!("there is no such kind of probe; the kinds are {}", KINDS.join(", ")))
}

/// What a probe is told by its service.
pub(super) struct Parent<'p, 's> {
    pub(super) service: &'p Arc<str>,
    /// The service's level of the shared keys.
    pub(super) shared: &'p Shared<'s>,
}

/// A probe that was read.
pub(super) struct ReadProbe {
    pub(super) target: Target,
    /// `enabled: false` keeps a probe in the file, checked but not run.
    pub(super) enabled: bool,
}

/// A probe's name, looked at once a definition and not once a site.
pub(super) fn name(at: &At<'_>) -> Option<Arc<str>> {
    let Some(name) = at.quietly("name") else {
        match &at.node.value {
            Value::Map(_) => at.problem("\"name\" is missing"),
            _ => at.expected("a mapping"),
        }
        return None;
    };
    Some(name.parse(value::name)?.into())
}

pub(super) fn known() -> Vec<&'static str> {
    let own = ["name", "enabled", "component"];
    own.iter().chain(KINDS).chain(&inherit::KEYS).copied().collect()
}

/// Reads a probe for the site of its scope.
pub(super) fn probe(at: &At<'_>, name: &Arc<str>, parent: &Parent<'_, '_>) -> Option<ReadProbe> {
    let fields = at.fields(&known())?;
    let enabled = fields.take("enabled").and_then(|at| at.flag()).unwrap_or(true);
    let component = component(&fields, parent.service);
    let shared = parent.shared.over(&fields);
    let schedule = shared.schedule();
    let frame = Frame { probe: name, component: component.as_ref().unwrap_or(parent.service) };
    let kind = kind(&fields, &shared, &frame);
    let mut schedule = schedule?;
    let kind = kind?;
    let ip = match (&kind, shared.ip) {
        (Kind::Login(_), IpChoice::Both) => {
            if let Some(at) = fields.take("ip") {
                at.problem("a login over both families would be two logins; choose one family");
            }
            IpChoice::default()
        }
        (_, ip) => ip,
    };
    if matches!(&kind, Kind::Login(login) if login.has_credentials()) {
        // Every attempt may be a strike; no confirmation is worth one.
        schedule.recheck = None;
    }
    limits_can_be_missed(&fields, &kind, schedule.timeout());
    let id = TargetId {
        service: parent.service.clone(),
        probe: name.clone(),
        site: at.reading.scope.site.clone(),
    };
    both_families_can_be_asked_for(&fields, &kind, ip);
    secrets_go_where_they_may(&fields, &kind, &id);
    proxy_secrets_go_where_they_may(&fields, &kind);
    client_secret_goes_where_it_may(&fields, &kind, &id);
    let target = Target {
        id,
        component: component?,
        instance: instance(&kind),
        schedule,
        latency_objective: shared.latency_objective,
        labels: shared.labels,
        dial: DialOptions { dns_servers: shared.dns_servers, dns_owner: shared.dns_owner, ip },
        kind,
    };
    Some(ReadProbe { target, enabled })
}

/// Exactly one kind.
fn kind(fields: &Fields<'_>, shared: &Shared<'_>, frame: &Frame<'_>) -> Option<Kind> {
    let given = fields.present(KINDS);
    let read = |kind: &&str| {
        let at = fields.take(kind)?;
        match *kind {
            "http" => http::http(&at, shared).map(Arc::new).map(Kind::Http),
            "tls" => tls::tls(&at, shared).map(Arc::new).map(Kind::Tls),
            _ => login::read::login(&at, shared, frame).map(Arc::new).map(Kind::Login),
        }
    };
    let kinds: Vec<Option<Kind>> = given.iter().map(read).collect();
    if given.is_empty() && fields.has_unknown() {
        return None;
    }
    if given.len() != 1 {
        let found = if given.is_empty() { "none is".into() } else { given.join(" and ") + " are" };
        fields.at.problem(format!("a probe is exactly one of http, tls, login; {found} here"));
        return None;
    }
    kinds.into_iter().next()?
}

/// The service that is being tested; its own unless said otherwise.
fn component(fields: &Fields<'_>, own: &Arc<str>) -> Option<Arc<str>> {
    let Some(at) = fields.take("component") else { return Some(own.clone()) };
    let name = at.text()?;
    if name == "bongsu" {
        at.problem("\"bongsu\" is reserved for faults of the prober itself");
        return None;
    }
    at.known_service(&name).then(|| name.as_ref().into())
}

/// A limit at or above the timeout never says anything: the run fails first.
fn limits_can_be_missed(fields: &Fields<'_>, kind: &Kind, timeout: Duration) {
    let limits: [(&str, Option<TimeLimit>); 2] = match kind {
        Kind::Http(http) => [("expect", http.rules.expect.time), ("warn", http.rules.warn.time)],
        Kind::Tls(tls) => [("expect", tls.expect.time), ("warn", tls.warn.time)],
        Kind::Login(login) => {
            login::rules::fits(fields, login, timeout);
            return;
        }
    };
    for (key, limit) in limits {
        let Some(limit) = limit.filter(|limit| limit.lt >= timeout) else { continue };
        let at = fields.take(kind.as_str()).and_then(|at| at.quietly(key)?.quietly("time"));
        if let Some(at) = at {
            at.problem(format!(
                "{} is not shorter than the timeout of {}, so it would never say anything",
                value::spoken(limit.lt),
                value::spoken(timeout)
            ));
        }
    }
}

/// A proxy that resolves the name takes the family that it likes.
fn both_families_can_be_asked_for(fields: &Fields<'_>, kind: &Kind, ip: IpChoice) {
    let (route, host) = match kind {
        Kind::Http(http) => (&http.client.route, http.url.host_str().unwrap_or_default()),
        Kind::Tls(tls) => (&tls.route, &*tls.host),
        Kind::Login(_) => return,
    };
    let Some(proxy) = route.proxy.as_ref().filter(|_| ip == IpChoice::Both) else { return };
    let chooses = proxy.url.scheme() != "socks5"
        && route.addresses == Addresses::First
        && !proxy.no_proxy.iter().any(|exception| exception.covers(host));
    if chooses {
        let at = fields.take("ip");
        at.as_ref().unwrap_or(&fields.at).problem(format!(
            "both families cannot be asked for through {}://, which resolves the name itself; use \
             socks5://, no_proxy, or addresses: all",
            proxy.url.scheme()
        ));
    }
}

/// A secret with `hosts` is refused elsewhere already now, and not at two in the morning.
///
/// Secrets over plain HTTP are advice and not a problem: the internal systems that most need to be
/// watched are the ones that still speak it, and the lab lives on loopback.
fn secrets_go_where_they_may(fields: &Fields<'_>, kind: &Kind, id: &TargetId) {
    let http = match kind {
        Kind::Http(http) => http,
        Kind::Tls(_) => return,
        Kind::Login(login) => return login_secrets_go_where_they_may(fields, login, id),
    };
    let load = fields.at.reading.load;
    let secrets = load.secrets.borrow();
    let to = Receiver::of(&http.url);
    let names = http.secrets();
    for name in &names {
        let Some(secret) = secrets.get(&**name) else { continue };
        if !secret.hosts.is_empty() && !secret.hosts.iter().any(|bound| bound.covers(&to)) {
            let at = fields.take("http").and_then(|at| at.quietly("url"));
            if let Some(at) = at {
                let name = written(name);
                at.problem(format!(
                    "secret \"{name}\" may not be sent to {to}; add it to secrets.{name}.hosts \
                     if it is meant for it"
                ));
            }
        }
        load.used.borrow_mut().entry(name.clone()).or_default().insert(to.clone());
    }
    if !names.is_empty() && http.url.scheme() == "http" {
        load.advise(format!(
            "{}/{} sends secrets over plain http, where everyone on the way can read them",
            id.service, id.probe
        ));
    }
}

/// As above, of the proxy's user name and password.
fn proxy_secrets_go_where_they_may(fields: &Fields<'_>, kind: &Kind) {
    let route = match kind {
        Kind::Http(http) => &http.client.route,
        Kind::Tls(tls) => &tls.route,
        Kind::Login(login) => &login.client.route,
    };
    let Some(proxy) = &route.proxy else { return };
    let names = proxy.templates().flat_map(Template::secrets);
    go_only_to(&fields.at, names, "the proxy", &proxy.url);
}

/// As above, of what is sent to the server that gives tokens.
fn client_secret_goes_where_it_may(fields: &Fields<'_>, kind: &Kind, id: &TargetId) {
    let Kind::Http(http) = kind else { return };
    let Some(oauth2) = &http.oauth2 else { return };
    let at = fields.take("http").and_then(|at| at.quietly("oauth2"));
    let at = at.as_ref().unwrap_or(&fields.at);
    go_only_to(at, oauth2.secrets(), "the token server", &oauth2.token_url);
    if oauth2.token_url.scheme() == "http" {
        fields.at.reading.load.advise(format!(
            "{}/{} sends its client secret over plain http, where everyone on the way can read it",
            id.service, id.probe
        ));
    }
}

/// Secrets for one server, which a sentence calls `whom`.
fn go_only_to<'s>(at: &At<'_>, names: impl Iterator<Item = &'s Arc<str>>, whom: &str, url: &Url) {
    let to = Receiver::of(url);
    let load = at.reading.load;
    let secrets = load.secrets.borrow();
    for name in names {
        let Some(secret) = secrets.get(&**name) else { continue };
        let is_bound = secret.hosts.iter().any(|bound| bound.covers(&to));
        if !secret.hosts.is_empty() && !is_bound {
            let name = written(name);
            at.problem(format!(
                "secret \"{name}\" may not be sent to {whom} {to}; add it to \
                 secrets.{name}.hosts if it is meant for it"
            ));
        }
        load.used.borrow_mut().entry(name.clone()).or_default().insert(to.clone());
    }
}

/// As above, of all the hosts that a flow names.
fn login_secrets_go_where_they_may(fields: &Fields<'_>, login: &LoginOptions, id: &TargetId) {
    let load = fields.at.reading.load;
    let secrets = load.secrets.borrow();
    let receivers = login.receivers();
    let names = login.secrets();
    for name in &names {
        let Some(secret) = secrets.get(&**name) else { continue };
        let is_bound = !secret.hosts.is_empty();
        if is_bound
            && !secret.hosts.iter().any(|bound| receivers.iter().any(|to| bound.covers(to)))
            && let Some(at) = fields.take("login")
        {
            let hosts: Vec<String> = receivers.iter().map(Receiver::to_string).collect();
            let name = written(name);
            at.problem(format!(
                "secret \"{name}\" may be sent to none of the hosts of this flow ({}); add the \
                 right one to secrets.{name}.hosts",
                hosts.join(", ")
            ));
        }
        let mut used = load.used.borrow_mut();
        used.entry(name.clone()).or_default().extend(receivers.iter().cloned());
    }
    if let Some(account) = &login.account {
        load.used.borrow_mut().entry(account.clone()).or_default();
    }
    let names_refusal = login
        .all_steps()
        .flat_map(|step| &step.rules.fail_if)
        .any(|rule| matches!(rule.reason, Reason::BadCredentials | Reason::AccountLocked));
    // Who signs in with a certificate alone has no password that could be wrong.
    if !names.is_empty() && !names_refusal {
        load.advise(format!(
            "{}/{} has no rule of fail_if with bad_credentials: a wrong password will look like an \
             outage",
            id.service, id.probe
        ));
    }
    for step in login::rules::mistakable(login) {
        load.advise(format!(
            "{}/{}: step {} has a rule about a refusal that can match behind the login too, where a \
             page tells of past refusals; expect something there that only a logged-in user sees, \
             and the rule counts only without it",
            id.service, id.probe, step.step.name
        ));
    }
    let plain = login.endpoint().is_some_and(|url| url.scheme() == "http");
    if !names.is_empty() && plain {
        load.advise(format!(
            "{}/{} sends secrets over plain http, where everyone on the way can read them",
            id.service, id.probe
        ));
    }
}

/// The endpoint without query and userinfo.
fn instance(kind: &Kind) -> String {
    match kind {
        Kind::Http(http) => instance_of_http(http),
        Kind::Tls(tls) => instance_of_tls(tls),
        Kind::Login(login) => {
            let Some(mut url) = login.endpoint() else { return String::new() };
            url.set_query(None);
            url.set_fragment(None);
            url.into()
        }
    }
}

fn instance_of_http(http: &HttpOptions) -> String {
    let mut url = http.url.clone();
    url.set_query(None);
    url.into()
}

fn instance_of_tls(tls: &TlsOptions) -> String {
    if tls.host.contains(':') {
        return format!("[{}]:{}", tls.host, tls.port);
    }
    format!("{}:{}", tls.host, tls.port)
}

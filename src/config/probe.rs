//! One probe: its name, its kind, what it inherits. The list of kinds is here and nowhere else
//! in this directory.

use std::sync::Arc;
use std::time::Duration;

use super::inherit::{self, Shared};
use super::walk::{At, Fields};
use super::yaml::Node;
use super::{
    DialOptions, HttpOptions, Kind, Target, TargetId, TimeLimit, TlsOptions, http, tls, value,
};

/// Kinds of probes, as the file names them.
const KINDS: &[&str] = &["http", "tls", "login"];

/// What a probe is told by its service.
pub(super) struct Parent<'p, 's> {
    /// The service's name.
    pub(super) service: &'p Arc<str>,
    /// The service's level of the shared keys.
    pub(super) shared: &'p Shared<'s>,
}

/// A probe that was read.
pub(super) struct Probe {
    /// What to do.
    pub(super) target: Target,
    /// `enabled: false` keeps a probe in the file, checked but not run.
    pub(super) enabled: bool,
}

/// A probe's name, looked at once a definition and not once a site.
pub(super) fn name(at: &At<'_>) -> Option<Arc<str>> {
    let Some(name) = at.quietly("name") else {
        match at.node {
            Node::Map(_) => at.problem("\"name\" is missing"),
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
pub(super) fn probe(at: &At<'_>, name: &Arc<str>, parent: &Parent<'_, '_>) -> Option<Probe> {
    let fields = at.fields(&known())?;
    let enabled = fields.take("enabled").and_then(|at| at.flag()).unwrap_or(true);
    let component = component(&fields, parent.service);
    let shared = parent.shared.over(&fields);
    let schedule = shared.schedule();
    let kind = kind(&fields, &shared);
    let schedule = schedule?;
    let kind = kind?;
    limits_can_be_missed(&fields, &kind, schedule.timeout());
    let id = TargetId {
        service: parent.service.clone(),
        probe: name.clone(),
        site: at.scope.site.clone(),
    };
    secrets_go_where_they_may(&fields, &kind, &id);
    let target = Target {
        id,
        component: component?,
        instance: instance(&kind),
        schedule,
        latency_objective: shared.latency_objective,
        labels: shared.labels,
        dial: DialOptions { dns_servers: shared.dns_servers, ip: shared.ip },
        kind,
    };
    Some(Probe { target, enabled })
}

/// Exactly one kind.
fn kind(fields: &Fields<'_>, shared: &Shared<'_>) -> Option<Kind> {
    let given = fields.present(KINDS);
    if let Some(at) = fields.take("login") {
        at.problem("login flows are not in this version; remove the probe until they are");
        return None;
    }
    let read = |kind: &&str| {
        let at = fields.take(kind)?;
        match *kind {
            "http" => http::http(&at, shared).map(Box::new).map(Kind::Http),
            _ => tls::tls(&at, shared).map(Box::new).map(Kind::Tls),
        }
    };
    let kinds: Vec<Option<Kind>> = given.iter().map(read).collect();
    if given.is_empty() && fields.has_unknown() {
        return None;
    }
    if given.len() != 1 {
        let found = if given.is_empty() { "none is".into() } else { given.join(" and ") + " are" };
        fields.at.problem(format!("a probe is exactly one of http, tls; {found} here"));
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
        Kind::Http(http) => [("expect", http.expect.time), ("warn", http.warn.time)],
        Kind::Tls(tls) => [("expect", tls.expect_time), ("warn", tls.warn_time)],
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

/// A secret with `hosts` is refused elsewhere already now, and not at two in the morning.
///
/// Secrets over plain HTTP are advice and not a problem: the internal systems that most need to be
/// watched are the ones that still speak it, and the lab lives on loopback.
fn secrets_go_where_they_may(fields: &Fields<'_>, kind: &Kind, id: &TargetId) {
    let Kind::Http(http) = kind else { return };
    let load = fields.at.load;
    let Some(secrets) = load.secrets.get() else { return };
    let host = http.url.host_str().unwrap_or_default();
    let names = http.secrets();
    for name in &names {
        let Some(secret) = secrets.get(&**name) else { continue };
        if !secret.hosts.is_empty() && !secret.hosts.iter().any(|bound| bound == host) {
            let at = fields.take("http").and_then(|at| at.quietly("url"));
            if let Some(at) = at {
                at.problem(format!(
                    "secret \"{name}\" may not be sent to {host}; add it to secrets.{name}.hosts \
                     if it is meant for it"
                ));
            }
        }
        load.used.borrow_mut().entry(name.clone()).or_default().insert(host.to_owned());
    }
    if !names.is_empty() && http.url.scheme() == "http" {
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

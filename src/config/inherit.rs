//! Keys that `defaults`, a service and a probe share; the nearest one counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::reading::{At, Fields};
use super::{
    DnsOwner, IpChoice, ProxyOptions, Revocation, Schedule, TrustOptions, client, headers, proxy,
    value,
};
use crate::template::Template;

/// The shared keys, for the lists of known keys.
pub(super) const KEYS: [&str; 13] = [
    "interval",
    "timeout",
    "recheck",
    "user_agent",
    "headers",
    "dns",
    "ip",
    "proxy",
    "trust",
    "revocation",
    "post_quantum",
    "latency_objective",
    "labels",
];

/// Without a word in the file. 30 s finds an outage within the time a person needs to notice one;
/// 10 s is longer than any page may take; 5 s confirms a failure while the first is still news.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
const RECHECK: Duration = Duration::from_secs(5);

/// A probe every second is a load test for whoever is probed; less than once a day is no probe.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// A recheck is one of three after a change, so it loads nobody. Drills that run faster than the
/// wall clock need it short.
const RECHECK_MIN: Duration = Duration::from_millis(100);

/// Shorter than a round trip of this country's networks under load.
const TIMEOUT_MIN: Duration = Duration::from_millis(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// Name servers of one probe.
const DNS_SERVERS_MAX: usize = 8;

/// Label names that would hide or double one of the exporter's own, or of Prometheus.
const RESERVED_LABELS: &[&str] = &[
    "account",
    "alertname",
    "alternative",
    "cipher",
    "component",
    "distance",
    "exported_instance",
    "exported_job",
    "fingerprint_sha256",
    "grade",
    "hash",
    "host",
    "in_path",
    "instance",
    "issuer",
    "job",
    "kind",
    "le",
    "name",
    "needs",
    "owner",
    "padded",
    "phase",
    "position",
    "probe",
    "prober",
    "quantile",
    "reason",
    "result",
    "serial",
    "serialnumber",
    "service",
    "severity",
    "site",
    "stage",
    "step",
    "subject",
    "subjectalternative",
    "title",
    "vantage",
    "verdict",
    "version",
];

/// Whether a label of this name would hide or double one of the exporter's own.
pub fn is_reserved_label(name: &str) -> bool {
    RESERVED_LABELS.contains(&name)
}

/// A value and where it was said.
#[derive(Clone)]
pub(super) struct WrittenValue<'a, T> {
    value: T,
    at: At<'a>,
}

/// The shared keys of one level, over those of the level above.
#[derive(Clone, Default)]
pub(super) struct Shared<'a> {
    interval: Option<WrittenValue<'a, Duration>>,
    timeout: Option<WrittenValue<'a, Duration>>,
    /// `Some(None)`: `off`.
    recheck: Option<WrittenValue<'a, Option<Duration>>>,
    /// A schedule key could not be read: what would follow from its absence is no second problem.
    broken: bool,
    pub(super) user_agent: Option<Template>,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) dns_servers: Vec<SocketAddr>,
    pub(super) dns_owner: DnsOwner,
    pub(super) ip: IpChoice,
    pub(super) proxy: Option<Arc<ProxyOptions>>,
    pub(super) trust: Arc<TrustOptions>,
    /// `None`: the kind's own default.
    pub(super) revocation: Option<Revocation>,
    pub(super) post_quantum: bool,
    pub(super) latency_objective: Option<Duration>,
    pub(super) labels: BTreeMap<String, String>,
}

impl<'a> Shared<'a> {
    /// Reads a level's keys; what it does not say is the parent's.
    pub(super) fn over<'b>(&self, fields: &Fields<'b>) -> Shared<'b>
    where
        'a: 'b,
    {
        let mut shared: Shared<'b> = self.clone();
        if fields.present(&KEYS).is_empty() {
            return shared;
        }
        let said = |key: &str, min, max| {
            let at = fields.take(key)?;
            Some(WrittenValue { value: at.parse(value::duration_between(min, max))?, at })
        };
        let unread = |key: &str, read: bool| fields.has(key) && !read;
        let interval = said("interval", INTERVAL_MIN, INTERVAL_MAX);
        let timeout = said("timeout", TIMEOUT_MIN, TIMEOUT_MAX);
        shared.broken |=
            unread("interval", interval.is_some()) || unread("timeout", timeout.is_some());
        shared.interval = interval.or(shared.interval);
        shared.timeout = timeout.or(shared.timeout);
        shared.recheck = fields.take("recheck").and_then(|at| recheck(&at)).or(shared.recheck);
        let agent = fields.take("user_agent");
        shared.user_agent =
            agent.and_then(|at| headers::header_value(&at)).or(shared.user_agent.take());
        if let Some(at) = fields.take("headers") {
            headers::headers(&at, &mut shared.headers);
        }
        if let Some(at) = fields.take("dns") {
            shared.dns_servers = dns(&at);
            shared.dns_owner = DnsOwner::Service;
        }
        shared.ip = fields.take("ip").and_then(|at| ip(&at)).unwrap_or(shared.ip);
        shared.proxy = fields.take("proxy").and_then(|at| proxy::proxy(&at)).or(shared.proxy);
        let trust = fields.take("trust").and_then(|at| client::trust(&at));
        shared.trust = trust.unwrap_or(shared.trust);
        let revocation = fields.take("revocation").and_then(|at| client::revocation(&at));
        shared.revocation = revocation.or(shared.revocation);
        let post_quantum = fields.take("post_quantum").and_then(|at| at.flag());
        shared.post_quantum = post_quantum.unwrap_or(shared.post_quantum);
        let objective = value::duration_between(Duration::from_millis(1), TIMEOUT_MAX);
        shared.latency_objective =
            fields.parse("latency_objective", objective).or(shared.latency_objective);
        if let Some(at) = fields.take("labels") {
            labels(&at, &mut shared.labels);
        }
        shared
    }

    /// The schedule that results, or a problem at the most special of the settings that clash.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        let interval = self.interval.as_ref().map_or(INTERVAL, |said| said.value);
        let timeout = self.timeout.as_ref().map_or(TIMEOUT, |said| said.value);
        if self.broken {
            return None;
        }
        if timeout >= interval {
            self.timeout_too_long(interval, timeout);
            return None;
        }
        let recheck = match &self.recheck {
            None => Some(RECHECK).filter(|recheck| *recheck < interval),
            Some(said) => said.value.filter(|recheck| {
                if *recheck >= interval {
                    said.at.problem(format!(
                        "{} is not shorter than the interval of {}, so it would confirm nothing; \
                         shorten it, or write off",
                        value::spoken(*recheck),
                        value::spoken(interval)
                    ));
                }
                *recheck < interval
            }),
        };
        Schedule::new(interval, timeout, recheck)
    }

    fn timeout_too_long(&self, interval: Duration, timeout: Duration) {
        let (interval, timeout) = (value::spoken(interval), value::spoken(timeout));
        let depth = |at: Option<&At<'_>>| at.map(At::depth);
        let said = (self.interval.as_ref().map(|s| &s.at), self.timeout.as_ref().map(|s| &s.at));
        match said {
            (Some(at), by) if depth(Some(at)) > depth(by) => at.problem(format!(
                "{interval} is not longer than the timeout of {timeout}{}; a run must end before \
                 the next one starts, so set a shorter timeout",
                if by.is_none() { " (the default)" } else { "" }
            )),
            (by, Some(at)) => at.problem(format!(
                "{timeout} is not shorter than the interval of {interval}{}; a run must end \
                 before the next one starts, so shorten it",
                if by.is_none() { " (the default)" } else { "" }
            )),
            _ => {}
        }
    }
}

fn recheck<'a>(at: &At<'a>) -> Option<WrittenValue<'a, Option<Duration>>> {
    let value = at.parse(|text| match text {
        "off" | "false" => Ok(None),
        text => value::duration_between(RECHECK_MIN, INTERVAL_MAX)(text).map(Some),
    })?;
    Some(WrittenValue { value, at: at.clone() })
}

fn dns(at: &At<'_>) -> Vec<SocketAddr> {
    let Some(servers) = at.fields(&["servers"]).and_then(|fields| fields.need("servers")) else {
        return Vec::new();
    };
    let items = servers.one_or_many();
    if items.len() > DNS_SERVERS_MAX {
        servers.problem(format!("has {} servers; the most is {DNS_SERVERS_MAX}", items.len()));
    }
    items.iter().filter_map(|at| at.parse(value::dns_server)).collect()
}

fn ip(at: &At<'_>) -> Option<IpChoice> {
    at.parse(value::word(&[
        ("prefer_ipv4", IpChoice::PreferV4),
        ("prefer_ipv6", IpChoice::PreferV6),
        ("only_ipv4", IpChoice::OnlyV4),
        ("only_ipv6", IpChoice::OnlyV6),
        ("both", IpChoice::Both),
    ]))
}

fn labels(at: &At<'_>, labels: &mut BTreeMap<String, String>) {
    for (name, at) in at.entries().unwrap_or_default() {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.starts_with("__") || is_reserved_label(name) {
            at.problem(format!("the label name \"{name}\" is reserved; choose another"));
        } else if !first || !rest {
            at.problem(format!("\"{name}\" is not a label name; use a-z A-Z 0-9 and _"));
        } else if let Some(text) = at.text() {
            labels.insert(name.to_owned(), text.into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_labels_are_sorted_so_that_a_double_is_seen() {
        assert!(RESERVED_LABELS.is_sorted());
    }
}

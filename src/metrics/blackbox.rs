//! The `probe_*` series, named and meant as blackbox_exporter does, so that its dashboards and
//! rules go on working. They are facts of the last run, replaced as a whole by the next one: a
//! date of an old certificate must not outlive the run that saw it.
//!
//! Deliberately different: `probe_success` is absent while the verdict is unknown, so that rules
//! written for blackbox_exporter stay silent; `probe_ssl_earliest_cert_expiry` is also there when
//! the chain was refused; `probe_ssl_last_chain_expiry_timestamp_seconds` is absent instead of
//! year 1 when no path was verified.

use std::net::IpAddr;
use std::time::Duration;

use base::fnv::fnv1a_32;
use chain::{Certificate, TlsFacts};

use super::probe::Write::{Http, Run, Tls};
use super::probe::{ProbeFamily, Series, flag};
use super::text::Pairs;
use crate::config::Kind;
use crate::outcome::{HttpFacts, Phases, Verdict};
use crate::results::LABEL_VALUE_MAX_BYTES;

/// In the order of exposition.
pub(super) static FAMILIES: &[ProbeFamily] = &[
    ProbeFamily::gauge(
        "probe_success",
        "Whether the last run found what it expects. Absent while the verdict is unknown.",
        Run(|_, outcome, out| match outcome.verdict() {
            Verdict::Up | Verdict::Degraded => out.value(1.0),
            Verdict::Down => out.value(0.0),
            Verdict::Unknown => {}
        }),
    ),
    ProbeFamily::gauge(
        "probe_duration_seconds",
        "How long the last run took, name resolution included.",
        Run(|_, outcome, out| out.value(outcome.elapsed.as_secs_f64())),
    ),
    ProbeFamily::gauge(
        "probe_timeout_seconds",
        "How long a run may take.",
        Run(|target, _, out| out.value(target.schedule.timeout().as_secs_f64())),
    ),
    ProbeFamily::gauge(
        "probe_dns_lookup_time_seconds",
        "How long the first name resolution took, also when it failed.",
        Run(|_, outcome, out| out.optional(seconds(outcome.facts.dns_lookup))),
    ),
    ProbeFamily::gauge(
        "probe_ip_protocol",
        "IP version of the address used: 4 or 6, 0 when there was none.",
        Run(|_, outcome, out| out.value(ip_protocol(outcome.facts.address))),
    ),
    ProbeFamily::gauge(
        "probe_ip_addr_hash",
        "FNV-1a hash of the address used: it changes when the address does.",
        Run(|_, outcome, out| out.value(ip_addr_hash(outcome.facts.address).into())),
    ),
    ProbeFamily::gauge(
        "probe_http_duration_seconds",
        "Where the time of the last run went, by phase, summed over redirects.",
        Run(|target, outcome, out| {
            if matches!(target.kind, Kind::Http(_)) {
                phases(&outcome.facts.phases, out);
            }
        }),
    ),
    ProbeFamily::gauge(
        "probe_http_status_code",
        "Status code of the last response, 0 when none came.",
        Http(|http, out| out.value(http.status.into())),
    ),
    ProbeFamily::gauge(
        "probe_http_content_length",
        "Length that the last response announced, -1 when it did not.",
        Http(|http, out| out.value(http.content_length as f64)),
    ),
    ProbeFamily::gauge(
        "probe_http_uncompressed_body_length",
        "Bytes read of the last body, after decompression.",
        Http(|http, out| out.value(http.body_bytes as f64)),
    ),
    ProbeFamily::gauge(
        "probe_http_redirects",
        "Redirects received, one that was not followed included.",
        Http(|http, out| out.value(http.redirects.into())),
    ),
    ProbeFamily::gauge(
        "probe_http_ssl",
        "Whether the last response came over TLS with an accepted certificate.",
        Http(|http, out| out.value(flag(http.tls))),
    ),
    ProbeFamily::gauge(
        "probe_http_version",
        "HTTP version of the last response, 0 when none came.",
        Http(|http, out| out.value(http.version)),
    ),
    ProbeFamily::gauge(
        "probe_failed_due_to_regex",
        "Whether a regular expression on body or headers failed the run.",
        Http(|http, out| out.value(flag(http.regex_failed))),
    ),
    ProbeFamily::gauge(
        "probe_http_last_modified_timestamp_seconds",
        "Last-Modified of the last response, in unix time.",
        Http(|http, out| out.optional(http.last_modified.map(unix))),
    ),
    ProbeFamily::gauge(
        "probe_ssl_earliest_cert_expiry",
        "Earliest end of validity of the presented certificates, also of refused ones.",
        Tls(|tls, out| out.optional(certs(tls).iter().map(|cert| cert.not_after).min().map(unix))),
    ),
    ProbeFamily::gauge(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Earliest end of validity on the verified path. Absent when there is none.",
        Tls(|tls, out| out.optional(tls.path_not_after.map(unix))),
    ),
    ProbeFamily::gauge(
        "probe_ssl_last_chain_info",
        "The leaf certificate, as labels.",
        Tls(|tls, out| {
            if let Some(leaf) = certs(tls).first() {
                leaf_info(leaf, out);
            }
        }),
    ),
    ProbeFamily::gauge(
        "probe_tls_version_info",
        "The TLS version that was negotiated, as a label.",
        Tls(|tls, out| {
            if let Some(version) = tls.version {
                out.with(&[("version", version)], 1.0);
            }
        }),
    ),
    ProbeFamily::gauge(
        "probe_tls_cipher_info",
        "The cipher suite that was negotiated, as a label.",
        Tls(|tls, out| {
            if let Some(cipher) = &tls.cipher {
                out.with(&[("cipher", cipher)], 1.0);
            }
        }),
    ),
];

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}

/// Exact until long after the year 9999.
fn unix(seconds: i64) -> f64 {
    seconds as f64
}

/// 4, 6, or 0 for none.
pub fn ip_protocol(address: Option<IpAddr>) -> f64 {
    match address {
        None => 0.0,
        Some(IpAddr::V4(_)) => 4.0,
        Some(IpAddr::V6(_)) => 6.0,
    }
}

/// FNV-1a, 32 bits, over the 4 or 16 bytes of the address; 0 when there is none.
pub fn ip_addr_hash(address: Option<IpAddr>) -> u32 {
    match address {
        None => 0,
        Some(IpAddr::V4(v4)) => fnv1a_32(&v4.octets()),
        Some(IpAddr::V6(v6)) => fnv1a_32(&v6.octets()),
    }
}

/// `resolve` as soon as it was tried. The others come together, at 0 where nothing was spent (the
/// TLS phase of plain HTTP), once a connection was tried: a failed resolution has none of them.
fn phases(phases: &Phases, out: &mut Series<'_, '_, '_>) {
    let has_connected = phases.connect.is_some() || phases.processing.is_some();
    for (phase, spent) in phases.named() {
        let applies = if phase == "resolve" { spent.is_some() } else { has_connected };
        if applies {
            out.with(&[("phase", phase)], spent.unwrap_or_default().as_secs_f64());
        }
    }
}

fn certs(tls: &TlsFacts) -> &[Certificate] {
    tls.chain.as_ref().map_or(&[], |chain| &chain.certs)
}

/// The leaf despite the metric's name, as blackbox_exporter has it.
fn leaf_info(leaf: &Certificate, out: &mut Series<'_, '_, '_>) {
    with_leaf_labels(leaf, |pairs| out.with(pairs, 1.0));
}

/// The labels of `probe_ssl_last_chain_info`.
pub fn with_leaf_labels(leaf: &Certificate, write: impl FnOnce(Pairs<'_>)) {
    let mut names = String::new();
    for name in &leaf.dns_names {
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(name);
        // A certificate can have thousands of names; the label ends long before.
        if names.len() > LABEL_VALUE_MAX_BYTES {
            break;
        }
    }
    let pairs = [
        ("fingerprint_sha256", leaf.fingerprint_sha256.as_str()),
        ("subject", &leaf.subject),
        ("issuer", &leaf.issuer),
        ("subjectalternative", &names),
        ("serialnumber", &leaf.serial),
    ];
    write(&pairs);
}

/// What an HTTP run knows that never got a response.
pub(super) static NO_RESPONSE: HttpFacts = HttpFacts {
    status: 0,
    version: 0.0,
    content_length: 0,
    body_bytes: 0,
    redirects: 0,
    tls: false,
    regex_failed: false,
    last_modified: None,
    hops: Vec::new(),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_hashes_are_those_of_blackbox_exporter() {
        let hash = |text: &str| ip_addr_hash(Some(text.parse().unwrap()));
        assert_eq!(hash("127.0.0.1"), 3_668_918_509);
        assert_eq!(hash("::1"), 1_751_717_746);
        assert_eq!(ip_addr_hash(None), 0);
    }
}

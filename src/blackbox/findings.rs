//! What a run found, and its metrics: those of blackbox_exporter, by its names.
//!
//! A run is a whole: what does not apply to it is absent.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use chain::TlsFacts;

use crate::metrics::blackbox::{ip_addr_hash, ip_protocol, with_leaf_labels};
use crate::metrics::text::{Family, Text};
use crate::outcome::Phases;

/// What one run found so far.
pub(super) struct Findings {
    timeout: Duration,
    success: bool,
    duration: Duration,
    lookup: Option<Duration>,
    address: Option<IpAddr>,
    pub(super) http: Option<HttpFindings>,
    pub(super) tcp: Option<TcpFindings>,
    /// Of the last connection that spoke TLS.
    pub(super) tls: Option<TlsFacts>,
}

/// What an HTTP run found, beside what every run does.
#[derive(Default)]
pub(super) struct HttpFindings {
    /// None where the target is left to a proxy to resolve.
    pub(super) resolve: Option<Duration>,
    /// A request was sent, or would have been.
    pub(super) phases: Option<Phases>,
    pub(super) status: u16,
    pub(super) content_length: i64,
    pub(super) body_bytes: u64,
    pub(super) redirects: u32,
    pub(super) is_tls: bool,
    pub(super) version: f64,
    pub(super) regex_failed: bool,
    pub(super) last_modified: Option<i64>,
}

/// What a TCP run found, beside what every run does.
#[derive(Default)]
pub(super) struct TcpFindings {
    pub(super) regex_failed: bool,
    pub(super) bytes_failed: bool,
    /// Names and values of what an expectation captured.
    pub(super) captured: Vec<Vec<(String, String)>>,
}

impl Findings {
    pub(super) fn new(timeout: Duration) -> Findings {
        Findings {
            timeout,
            success: false,
            duration: Duration::ZERO,
            lookup: None,
            address: None,
            http: None,
            tcp: None,
            tls: None,
        }
    }

    pub(super) fn resolved(&mut self, took: Duration, address: Option<IpAddr>) {
        self.lookup = Some(took);
        self.address = address;
    }

    /// How long the first name resolution took, where there was one.
    pub(super) fn lookup(&self) -> Option<Duration> {
        self.lookup
    }

    pub(super) fn end(&mut self, success: bool, duration: Duration) {
        self.success = success;
        self.duration = duration;
    }

    /// Prometheus text.
    pub(super) fn text(&self) -> String {
        let mut all = Vec::new();
        let mut sink = |chunk: Bytes| {
            all.extend_from_slice(&chunk);
            Ok(())
        };
        let mut text = Text::new(&mut sink);
        self.write(&mut text);
        // A vector takes everything.
        let _ = text.finish();
        String::from_utf8_lossy(&all).into_owned()
    }

    fn write(&self, out: &mut Text<'_>) {
        plain(out, &SUCCESS, flag(self.success));
        plain(out, &DURATION, self.duration.as_secs_f64());
        plain(out, &TIMEOUT, self.timeout.as_secs_f64());
        if let Some(lookup) = self.lookup {
            plain(out, &LOOKUP, lookup.as_secs_f64());
            plain(out, &IP_PROTOCOL, ip_protocol(self.address));
            plain(out, &IP_ADDR_HASH, ip_addr_hash(self.address).into());
        }
        if let Some(http) = &self.http {
            http.write(out);
        }
        if let Some(tcp) = &self.tcp {
            tcp.write(out);
        }
        if let Some(tls) = &self.tls {
            write_tls(tls, out);
        }
    }
}

impl HttpFindings {
    fn write(&self, out: &mut Text<'_>) {
        let mut samples = out.family(&HTTP_DURATION);
        if let Some(resolve) = self.resolve {
            samples.put("", &[("phase", "resolve")], resolve.as_secs_f64());
        }
        if let Some(phases) = &self.phases {
            for (phase, took) in phases.named() {
                if ["connect", "tls", "processing", "transfer"].contains(&phase) {
                    samples.put("", &[("phase", phase)], took.unwrap_or_default().as_secs_f64());
                }
            }
        }
        plain(out, &STATUS_CODE, self.status.into());
        plain(out, &CONTENT_LENGTH, self.content_length as f64);
        plain(out, &BODY_LENGTH, self.body_bytes as f64);
        plain(out, &REDIRECTS, self.redirects.into());
        plain(out, &SSL, flag(self.is_tls));
        plain(out, &VERSION, self.version);
        plain(out, &REGEX_FAILED, flag(self.regex_failed));
        if let Some(modified) = self.last_modified {
            plain(out, &LAST_MODIFIED, modified as f64);
        }
    }
}

impl TcpFindings {
    fn write(&self, out: &mut Text<'_>) {
        plain(out, &REGEX_FAILED, flag(self.regex_failed));
        plain(out, &BYTES_FAILED, flag(self.bytes_failed));
        let mut samples = out.family(&EXPECT_INFO);
        for captured in &self.captured {
            let pairs: Vec<(&str, &str)> =
                captured.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            samples.put("", &pairs, 1.0);
        }
    }
}

/// What was shown is told also of a chain that was refused, which blackbox_exporter does not: the
/// day on which a certificate ends is asked for most when it has ended.
fn write_tls(tls: &TlsFacts, out: &mut Text<'_>) {
    let shown = tls.chain.as_ref().map_or(&[][..], |chain| &chain.certs);
    if let Some(first) = shown.iter().map(|certificate| certificate.not_after).min() {
        plain(out, &CERT_EXPIRY, first as f64);
    }
    if let Some(end) = tls.path_not_after {
        let root = tls.root.as_ref().map_or(end, |root| root.not_after);
        plain(out, &CHAIN_EXPIRY, end.min(root) as f64);
    }
    if let Some(leaf) = shown.first() {
        with_leaf_labels(leaf, |pairs| out.family(&CHAIN_INFO).put("", pairs, 1.0));
    }
    if let Some(version) = tls.version {
        out.family(&TLS_VERSION).put("", &[("version", version)], 1.0);
    }
    if let Some(cipher) = &tls.cipher {
        out.family(&TLS_CIPHER).put("", &[("cipher", cipher)], 1.0);
    }
}

fn plain(out: &mut Text<'_>, family: &'static Family, value: f64) {
    out.family(family).put("", &[], value);
}

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

static SUCCESS: Family = Family::gauge("probe_success", "Whether the probe succeeded.");
static DURATION: Family =
    Family::gauge("probe_duration_seconds", "How long the probe took, name resolution included.");
static TIMEOUT: Family = Family::gauge("probe_timeout_seconds", "How long the probe could take.");
static LOOKUP: Family = Family::gauge(
    "probe_dns_lookup_time_seconds",
    "How long the first name resolution took, also when it failed.",
);
static IP_PROTOCOL: Family =
    Family::gauge("probe_ip_protocol", "IP version of the address: 4 or 6, 0 when there was none.");
static IP_ADDR_HASH: Family = Family::gauge(
    "probe_ip_addr_hash",
    "FNV-1a hash of the address: it changes when the address does.",
);
static HTTP_DURATION: Family = Family::gauge(
    "probe_http_duration_seconds",
    "Where the time of the run went, by phase, summed over redirects.",
);
static STATUS_CODE: Family =
    Family::gauge("probe_http_status_code", "Status of the last response, 0 when none came.");
static CONTENT_LENGTH: Family = Family::gauge(
    "probe_http_content_length",
    "Length that the last response announced, -1 when it did not.",
);
static BODY_LENGTH: Family = Family::gauge(
    "probe_http_uncompressed_body_length",
    "Bytes read of the last body, after decompression.",
);
static REDIRECTS: Family = Family::gauge(
    "probe_http_redirects",
    "Redirects received, one that was not followed included.",
);
static SSL: Family = Family::gauge("probe_http_ssl", "Whether the last response came over TLS.");
static VERSION: Family =
    Family::gauge("probe_http_version", "HTTP version of the last response, 0 when none came.");
static REGEX_FAILED: Family =
    Family::gauge("probe_failed_due_to_regex", "Whether a regular expression failed the probe.");
static BYTES_FAILED: Family = Family::gauge(
    "probe_failed_due_to_bytes",
    "Whether expected bytes that did not come failed the probe.",
);
static EXPECT_INFO: Family =
    Family::gauge("probe_expect_info", "What an expectation captured, as labels.");
static LAST_MODIFIED: Family = Family::gauge(
    "probe_http_last_modified_timestamp_seconds",
    "Last-Modified of the last response, in unix time.",
);
static CERT_EXPIRY: Family = Family::gauge(
    "probe_ssl_earliest_cert_expiry",
    "Earliest end of validity of the presented certificates, in unix time.",
);
static CHAIN_EXPIRY: Family = Family::gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "Earliest end of validity on the verified path, in unix time. Absent when there is none.",
);
static CHAIN_INFO: Family =
    Family::gauge("probe_ssl_last_chain_info", "The leaf certificate, as labels.");
static TLS_VERSION: Family =
    Family::gauge("probe_tls_version_info", "The TLS version that was negotiated, as a label.");
static TLS_CIPHER: Family =
    Family::gauge("probe_tls_cipher_info", "The cipher suite that was negotiated, as a label.");

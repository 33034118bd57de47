//! The keys of a TLS-certificate probe.

use super::inherit::Shared;
use super::reading::At;
use super::{Revocation, TlsClientOptions, TlsOptions, client, expect, route, value};

pub(super) const KEYS: &[&str] = &[
    "address",
    "proxy",
    "connect_to",
    "addresses",
    "trust",
    "server_name",
    "client_cert",
    "revocation",
    "post_quantum",
    "alpn",
    "expect",
    "warn",
];

/// RFC 7301: one byte of length; more names than this nobody offers.
const ALPN_BYTES_MAX: usize = 255;
const ALPN_NAMES_MAX: usize = 16;

/// HTTPS, when the address does not say.
const PORT: u16 = 443;

/// Reads the mapping under `tls`.
pub(super) fn tls(at: &At<'_>, shared: &Shared<'_>) -> Option<TlsOptions> {
    let fields = at.fields(KEYS)?;
    let address =
        fields.need("address").and_then(|at| at.parse(|text| value::host_port(text, Some(PORT))));
    let inherited = TlsClientOptions {
        trust: shared.trust.clone(),
        revocation: shared.revocation.unwrap_or(Revocation::Soft),
        post_quantum: shared.post_quantum,
        ..TlsClientOptions::default()
    };
    let tls = client::tls_client(&fields, inherited);
    let alpn = fields.take("alpn").map(|at| alpn(&at)).unwrap_or_default();
    let expect_time = fields.take("expect").and_then(|at| expect::expect_time(&at));
    let warn_time = fields.take("warn").and_then(|at| expect::expect_time(&at));
    let route = route::route(&fields, shared);
    let (host, port) = address?;
    Some(TlsOptions { host, port, route, tls, alpn, expect_time, warn_time })
}

fn alpn(at: &At<'_>) -> Vec<String> {
    let names = at.one_or_many();
    if names.len() > ALPN_NAMES_MAX {
        at.problem(format!("has {} names; the most is {ALPN_NAMES_MAX}", names.len()));
    }
    let name = |text: &str| match text.len() {
        1..=ALPN_BYTES_MAX => Ok(text.to_owned()),
        _ => Err("an ALPN name has 1 to 255 bytes, such as h2 or http/1.1".to_string()),
    };
    names.iter().filter_map(|at| at.parse(name)).collect()
}

//! The keys of a TLS-certificate probe.

use super::inherit::Shared;
use super::reading::At;
use super::{Revocation, TlsClientOptions, TlsOptions, client, route, starttls, tls_expect, value};

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
    "starttls",
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
    let starttls = fields.take("starttls").map(|at| starttls::starttls(&at));
    // A word that is wrong has been said; the port is then no question of its own.
    let port = starttls.map_or(PORT, |known| known.map_or(PORT, |known| known.port()));
    let address =
        fields.need("address").and_then(|at| at.parse(|text| value::host_port(text, Some(port))));
    let inherited = TlsClientOptions {
        trust: shared.trust.clone(),
        revocation: shared.revocation.unwrap_or(Revocation::Soft),
        post_quantum: shared.post_quantum,
        ..TlsClientOptions::default()
    };
    let tls = client::tls_client(&fields, inherited);
    let alpn = fields.take("alpn").map(|at| alpn(&at)).unwrap_or_default();
    let expect = fields.take("expect").map(|at| tls_expect::tls_expect(&at)).unwrap_or_default();
    let warn = fields.take("warn").map(|at| tls_expect::tls_expect(&at)).unwrap_or_default();
    let route = route::route(&fields, shared);
    let (host, port) = address?;
    Some(TlsOptions { host, port, route, tls, alpn, starttls: starttls.flatten(), expect, warn })
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

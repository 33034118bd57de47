//! `proxy`: where it is, who we are to it, and which hosts are reached without it.

use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

use read::Value;

use super::headers::credential;
use super::reading::{At, ConfigValue};
use super::value::{self, UrlUse};
use crate::template::Template;

/// `proxy: URL`, or a mapping with credentials and exceptions.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyOptions {
    /// `http://`, `https://`, `socks5://` (we resolve) or `socks5h://` (the proxy does).
    pub url: Url,
    /// User name and password (RFC 7617, RFC 1929); both or neither.
    pub credentials: Option<(Template, Template)>,
    /// Hosts that are reached directly.
    pub no_proxy: Vec<ProxyException>,
}

/// An entry of `no_proxy`, compared with the host as the URL has it; names are not resolved for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyException {
    /// `*`
    Every,
    /// `example.go.kr` and everything below it; with a leading dot only what is below.
    Domain {
        /// Lowercase, in ASCII, without the dot.
        name: String,
        /// Written with a leading dot.
        only_below: bool,
    },
    /// An address, or a network in CIDR notation.
    Network(IpAddr, u8),
}

impl ProxyOptions {
    /// A proxy without credentials and exceptions.
    pub fn at(url: Url) -> ProxyOptions {
        ProxyOptions { url, credentials: None, no_proxy: Vec::new() }
    }

    /// The names of the secrets that it is sent.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<str>> {
        self.templates().flat_map(Template::secrets)
    }

    /// The proxy's own host.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The templates that hold secrets.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.credentials.iter().flat_map(|(username, password)| [username, password])
    }
}

impl ProxyException {
    /// Whether a host is reached without the proxy. IPv6 literals come without brackets.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self {
            ProxyException::Every => true,
            ProxyException::Domain { name, only_below } => {
                let below = host.len() > name.len()
                    && host
                        .get(host.len() - name.len()..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(name))
                    && host.as_bytes().get(host.len() - name.len() - 1) == Some(&b'.');
                below || (!only_below && host.eq_ignore_ascii_case(name))
            }
            ProxyException::Network(network, length) => {
                host.parse().is_ok_and(|ip| is_within(ip, *network, *length))
            }
        }
    }

    /// Reads one entry; `Err` is what is wrong with it.
    pub fn parse(text: &str) -> Result<ProxyException, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(ProxyException::Every);
        }
        let (address, length) = text.split_once('/').unwrap_or((text, ""));
        let literal = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(ip) = literal {
            let most = if ip.is_ipv4() { 32 } else { 128 };
            return match length {
                "" if !text.contains('/') => Ok(ProxyException::Network(ip, most)),
                length => match length.parse::<u8>().ok().filter(|length| *length <= most) {
                    Some(length) => Ok(ProxyException::Network(ip, length)),
                    None => Err(format!("\"{text}\" is no network; write one such as 10.0.0.0/8")),
                },
            };
        }
        let (name, only_below) = match text.strip_prefix("*.").or(text.strip_prefix('.')) {
            Some(name) => (name, true),
            None => (text, false),
        };
        Ok(ProxyException::Domain { name: value::host(name)?, only_below })
    }
}

fn is_within(ip: IpAddr, network: IpAddr, length: u8) -> bool {
    let same = |ip: u128, network: u128, bits: u32| {
        let shift = bits - u32::from(length).min(bits);
        shift >= u128::BITS || ip >> shift == network >> shift
    };
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            same(u32::from(ip).into(), u32::from(network).into(), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => same(ip.into(), network.into(), 128),
        _ => false,
    }
}

/// Reads the value of `proxy`.
pub(super) fn proxy(at: &At<'_>) -> Option<Arc<ProxyOptions>> {
    const PROXY: UrlUse = UrlUse {
        owner: Some("a proxy"),
        schemes: &["http", "https", "socks5", "socks5h"],
        credentials: "username and password take secrets",
    };
    let url = |at: &At<'_>| at.parse(|text| value::url(text, &PROXY));
    if !matches!(at.node.value, Value::Map(_)) {
        return url(at).map(ProxyOptions::at).map(Arc::new);
    }
    let fields = at.fields(&["url", "username", "password", "no_proxy"])?;
    let address = fields.need("url").and_then(|at| url(&at));
    let username = fields.take("username").map(|at| at.template());
    let password = fields.take("password").map(|at| credential(&at));
    let credentials = match (username, password) {
        (None, None) => None,
        (Some(username), Some(password)) => Some((username?, password?)),
        (Some(_), None) => {
            at.problem("has a user name and no password; write both or neither");
            None
        }
        (None, Some(_)) => {
            at.problem("has a password and no user name; write both or neither");
            None
        }
    };
    let exceptions = fields.take("no_proxy").map(|at| at.one_or_many()).unwrap_or_default();
    let no_proxy = exceptions.iter().filter_map(|at| at.parse(ProxyException::parse)).collect();
    Some(Arc::new(ProxyOptions { url: address?, credentials, no_proxy }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(exception: &str, host: &str) -> bool {
        ProxyException::parse(exception).unwrap().covers(host)
    }

    #[test]
    fn exceptions_cover_names_and_networks() {
        for (exception, host) in [
            ("*", "a.kr"),
            ("example.go.kr", "example.go.kr"),
            ("example.go.kr", "www.EXAMPLE.go.kr."),
            (".go.kr", "a.go.kr"),
            ("*.go.kr", "a.go.kr"),
            ("10.0.0.0/8", "10.255.1.2"),
            ("10.1.2.3", "10.1.2.3"),
            ("[fd00::]/8", "fd12::1"),
            ("0.0.0.0/0", "192.0.2.1"),
        ] {
            assert!(covers(exception, host), "{exception} {host}");
        }
        for (exception, host) in [
            ("example.go.kr", "badexample.go.kr"),
            ("example.go.kr", "go.kr"),
            (".go.kr", "go.kr"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/8", "fd00::1"),
            ("10.0.0.0/8", "10.example.kr"),
        ] {
            assert!(!covers(exception, host), "{exception} {host}");
        }
        for bad in ["10.0.0.0/33", "10.0.0.0/", "", "a b"] {
            assert!(ProxyException::parse(bad).is_err(), "{bad}");
        }
    }
}

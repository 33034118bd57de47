//! Which address is probed: one, chosen once, as blackbox_exporter does. And whether it may be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::PrivateTargets;
use super::findings::Findings;
use super::log::Log;
use crate::config::{DialOptions, IpChoice};
use crate::deadline::{Deadline, Expired};
use crate::transport::resolve::Resolvers;

/// `preferred_ip_protocol`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum IpProtocol {
    #[default]
    #[serde(rename = "ip6", alias = "")]
    Ip6,
    #[serde(rename = "ip4")]
    Ip4,
}

#[derive(Clone, Copy)]
pub(super) struct TargetAddresses<'a> {
    pub(super) resolvers: &'a Resolvers,
    pub(super) private_targets: PrivateTargets,
}

impl TargetAddresses<'_> {
    /// Resolves a target, which is written down, and takes its first address. `Err` has been told.
    pub(super) async fn choose(
        &self,
        host: &str,
        protocol: IpProtocol,
        falls_back: bool,
        deadline: &Deadline,
        findings: &mut Findings,
        log: &mut Log,
    ) -> Option<IpAddr> {
        let ip = match (protocol, falls_back) {
            (IpProtocol::Ip6, true) => IpChoice::PreferV6,
            (IpProtocol::Ip6, false) => IpChoice::OnlyV6,
            (IpProtocol::Ip4, true) => IpChoice::PreferV4,
            (IpProtocol::Ip4, false) => IpChoice::OnlyV4,
        };
        let family = if protocol == IpProtocol::Ip4 { "ip4" } else { "ip6" };
        log.debug("Resolving target address", &[("target", &host), ("ip_protocol", &family)]);
        let start = Instant::now();
        let found = self.lookup(host, ip, deadline).await;
        findings.resolved(start.elapsed(), found.as_ref().ok().copied());
        let found = found.and_then(|address| self.allowed(address).map(|()| address));
        match found {
            Ok(address) => {
                log.debug("Resolved target address", &[("target", &host), ("ip", &address)]);
                Some(address)
            }
            Err(error) => {
                log.error("Error resolving address", &[("target", &host), ("err", &error)]);
                None
            }
        }
    }

    /// The address of a host that a redirect leads to, if it may be connected to.
    pub(super) async fn of_redirect(
        &self,
        host: &str,
        deadline: &Deadline,
    ) -> Result<IpAddr, String> {
        let address = self.lookup(host, IpChoice::PreferV4, deadline).await?;
        self.allowed(address).map(|()| address)
    }

    /// Whether some addresses may not be connected to.
    pub(super) fn are_judged(&self) -> bool {
        self.private_targets == PrivateTargets::Refused
    }

    async fn lookup(
        &self,
        host: &str,
        ip: IpChoice,
        deadline: &Deadline,
    ) -> Result<IpAddr, String> {
        let options = DialOptions { ip, ..DialOptions::default() };
        let found = deadline.within(self.resolvers.lookup(host, &options)).await;
        let found = match found {
            Ok(found) => found.map_err(|failure| failure.detail.to_string())?,
            Err(Expired) => return Err("the name server did not answer in time".to_owned()),
        };
        found.first().copied().ok_or_else(|| format!("{host} has no address"))
    }

    /// Whether an address may be connected to.
    pub(super) fn allowed(&self, address: IpAddr) -> Result<(), String> {
        if self.private_targets == PrivateTargets::Refused && is_private(address) {
            return Err(format!(
                "{address} is not an address of the internet, and \
                 --blackbox.refuse-private-targets is set"
            ));
        }
        Ok(())
    }
}

/// Whether an address is of this machine, its network or its operator's, and not of the internet
/// (RFC 6890 and the registries that it begins).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Carrier-grade NAT (RFC 6598), protocol assignments, benchmarks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let v4 = || {
        let [.., a, b] = segments;
        Ipv4Addr::from(u32::from(a) << 16 | u32::from(b))
    };
    match segments {
        // Mapped and compatible addresses lead to the IPv4 one (RFC 4291 section 2.5.5).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => is_private_v4(v4()),
        // So do translated ones (RFC 6052, RFC 8215), and 6to4 (RFC 3056).
        [0x64, 0xff9b, ..] => segments[2] == 1 || is_private_v4(v4()),
        [0x2002, a, b, ..] => is_private_v4(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b))),
        [first, ..] => {
            first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
                || first & 0xffc0 == 0xfec0
                || first & 0xff00 == 0xff00
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_internet_does_not_reach_is_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}

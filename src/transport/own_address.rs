//! Addresses of this machine itself, given by a name server for a name that is not this machine's: a
//! filter or a mistake; or by a redirect of a server that is not this machine: a mistake as well. Whatever
//! answers there is not the service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use url::{Host, Url};

use crate::outcome::{Failure, Reason};

/// Names that anybody may give to his own machines: never in the public DNS (RFC 6761, RFC 6762, RFC
/// 8375, and `internal`, which ICANN reserved in 2024).
const PRIVATE_DOMAINS: [&str; 5] = ["localhost", "test", "local", "internal", "home.arpa"];

/// A port, of which a connection must name one (RFC 863).
const DISCARD: u16 = 9;

/// Whether a name server may not send us there for this name. `/etc/hosts`, `connect_to` and addresses
/// in the file are the operator's own word and are not judged.
pub(super) fn is_refused(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || (address.is_loopback() && !may_be_this_machine(host))
}

/// Whether a redirect may not send us there: for every reader it is his own machine, or his own cable.
pub fn is_readers_own(next: &Url, home: &Url) -> bool {
    let is_own = match address(next) {
        Some(address) => is_on_the_spot(address),
        None => next.host_str().is_some_and(|host| {
            let host = host.strip_suffix('.').unwrap_or(host);
            host == "localhost" || host.ends_with(".localhost")
        }),
    };
    let home_may_be = match address(home) {
        Some(address) => is_on_the_spot(address),
        None => home.host_str().is_some_and(may_be_this_machine),
    };
    is_own && !home_may_be
}

/// Whether what is connected to is this machine, by whichever of its addresses, or its own cable.
pub fn is_of_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if address.is_unspecified() || is_on_the_spot(address) {
        return true;
    }
    // The kernel chooses an address of ours as the source of what is sent to it. To connect a datagram
    // socket sends nothing.
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, DISCARD))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

/// What is said where a stranger's certificate sends us to ourselves.
pub(super) fn shunned(address: IpAddr) -> Failure {
    let detail = format!("{address} is this machine itself, and the site is elsewhere");
    Failure::new(Reason::DnsNoAddress, detail)
}

fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(IpAddr::V6(address).to_canonical()),
    }
}

fn is_on_the_spot(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_link_local || address.is_loopback()
}

/// A single label, or a name below a private domain.
fn may_be_this_machine(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    !host.contains('.')
        || PRIVATE_DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

pub(super) fn refused(host: &str, address: IpAddr) -> Failure {
    let detail = if address.is_unspecified() {
        format!("the name server says that {host} is at {address}, which is no address")
    } else {
        format!(
            "the name server says that {host} is at {address}, which is this machine itself; if that \
             is meant, say it in /etc/hosts or by connect_to"
        )
    };
    Failure::new(Reason::DnsNoAddress, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers_for_its_own_names_only() {
        for (host, address, expected) in [
            ("www.gov.kr", "127.0.0.1", true),
            ("WWW.GOV.KR.", "127.8.8.8", true),
            ("www.gov.kr", "::1", true),
            ("www.gov.kr", "::ffff:127.0.0.1", true),
            ("latest.kr", "127.0.0.1", true),
            ("www.gov.kr", "10.0.0.1", false),
            ("intranet", "127.0.0.1", false),
            ("portal.internal", "127.0.0.1", false),
            ("test", "::1", false),
            ("a.test", "0.0.0.0", true),
            ("a.test", "::", true),
            ("a.test", "::ffff:0.0.0.0", true),
        ] {
            let found = is_refused(host, address.parse().unwrap());
            assert_eq!(found, expected, "{host} {address}");
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_addresses() {
        let is_own = |text: &str| is_of_this_machine(text.parse().unwrap());
        for own in [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "0.0.0.0",
            "::",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "fe80::1",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in ["192.0.2.1", "10.255.255.254", "2001:db8::1", "224.0.0.1"] {
            assert!(!is_own(other), "{other}");
        }
        // The one by which it is known outside, where it has one.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let outside = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
        let outside = outside.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
        assert!(is_of_this_machine(outside), "{outside}");
    }

    #[test]
    fn a_redirect_leads_to_this_machine_from_this_machine_only() {
        for (home, next, expected) in [
            ("www.gov.kr", "127.0.0.1:8080", true),
            ("www.gov.kr", "127.1", true),
            ("www.gov.kr", "2130706433", true),
            ("www.gov.kr", "0x7f.1", true),
            ("www.gov.kr", "localhost.gov.kr", false),
            ("www.gov.kr", "[::1]", true),
            ("www.gov.kr", "[::ffff:127.0.0.1]", true),
            ("www.gov.kr", "localhost:8080", true),
            ("www.gov.kr", "LOCALHOST.", true),
            ("www.gov.kr", "a.localhost", true),
            ("www.gov.kr", "169.254.169.254", true),
            ("www.gov.kr", "[fe80::1]", true),
            ("10.0.0.1", "localhost", true),
            ("www.gov.kr", "10.0.0.1", false),
            ("www.gov.kr", "sso.internal", false),
            ("www.gov.kr", "notlocalhost", false),
            ("localhost:1", "127.0.0.1:2", false),
            ("127.0.0.1", "127.0.0.2", false),
            ("portal.test", "localhost", false),
            ("intranet", "127.0.0.1", false),
        ] {
            let url = |host| Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(is_readers_own(&url(next), &url(home)), expected, "{home} {next}");
        }
    }
}

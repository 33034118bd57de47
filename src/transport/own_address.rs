//! Addresses of this machine itself, given by a name server for a name that is not this machine's: a
//! filter or a mistake. Whatever answers there is not the service.

use std::net::IpAddr;

use crate::outcome::{Failure, Reason};

/// Names that anybody may give to his own machines: never in the public DNS (RFC 6761, RFC 6762, RFC
/// 8375, and `internal`, which ICANN reserved in 2024).
const PRIVATE_DOMAINS: [&str; 5] = ["localhost", "test", "local", "internal", "home.arpa"];

/// Whether a name server may not send us there for this name. `/etc/hosts`, `connect_to` and addresses
/// in the file are the operator's own word and are not judged.
pub(super) fn is_refused(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || (address.is_loopback() && !may_be_this_machine(host))
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
}

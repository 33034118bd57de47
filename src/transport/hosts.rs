//! `/etc/hosts`: names that the operator of this machine has given addresses himself (hosts(5)).
//!
//! The resolver's own look at the file is not used: it looks for the name with the first domain of
//! the search list, where the C library and browsers look for the name as it stands.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;

pub(super) const HOSTS_FILE: &str = "/etc/hosts";
/// Of the file. The lists that block advertisements by it, the longest there are, have a few MiB.
///
/// No row: the file is the system's.
const BYTES_MAX: u64 = 16 << 20;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// By the name in lower case.
    by_name: HashMap<Box<str>, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads the file. One that is missing or no text is empty.
    pub(super) fn read() -> Hosts {
        let mut bytes = Vec::new();
        let read =
            File::open(HOSTS_FILE).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
        if read.is_ok() { Hosts::of(&String::from_utf8_lossy(&bytes)) } else { Hosts::default() }
    }

    /// Lines that begin with no address are passed over.
    pub(super) fn of(text: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse) else { continue };
            for name in words {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                hosts.by_name.entry(name.into()).or_default().push(address);
            }
        }
        hosts
    }

    /// The addresses of a name, in the order of the file.
    pub(super) fn addresses(&self, host: &str) -> &[IpAddr] {
        let host = host.strip_suffix('.').unwrap_or(host);
        let found = match self.by_name.get(host) {
            Some(found) => Some(found),
            None if host.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.by_name.get(host.to_ascii_lowercase().as_str())
            }
            None => None,
        };
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_addresses_of_their_lines_in_order() {
        let hosts = Hosts::of(
            "\u{feff}127.0.0.1\tlocalhost loopback\n\
             # 10.0.0.1 a.kr\n\
             \n\
             10.0.0.2  A.kr. intranet # 10.0.0.3 b.kr\n\
             ::1 localhost\n\
             no.address a.kr\n\
             fe80::1%eth0 a.kr\n\
             10.0.0.4 a.kr\n",
        );
        let of = |name| hosts.addresses(name).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(of("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(of("loopback"), ["127.0.0.1"]);
        assert_eq!(of("a.kr"), ["10.0.0.2", "10.0.0.4"]);
        assert_eq!(of("a.KR."), ["10.0.0.2", "10.0.0.4"]);
        assert_eq!(of("intranet"), ["10.0.0.2"]);
        assert!(of("b.kr").is_empty());
        assert!(of("intranet.a.kr").is_empty());
    }
}

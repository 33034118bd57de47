//! The servers that a secret may be sent to.

use std::fmt;

use url::Url;

/// A host and a port of it: another port is another server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receiver {
    /// Lowercase, IPv6 without brackets.
    pub host: String,
    /// `None` where the file names the host alone: every port of it.
    pub port: Option<u16>,
}

impl Receiver {
    /// Whoever answers at a URL.
    pub fn of(url: &Url) -> Receiver {
        let host = url.host_str().unwrap_or_default();
        Receiver { port: url.port_or_known_default(), ..Receiver::any_port(host) }
    }

    /// Every port of a host.
    pub fn any_port(host: &str) -> Receiver {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Receiver { host: host.to_ascii_lowercase(), port: None }
    }

    /// Whether what is bound to this may be sent to `other`.
    pub fn covers(&self, other: &Receiver) -> bool {
        let same_port = self.port.zip(other.port).is_none_or(|(one, other)| one == other);
        self.host == other.host && same_port
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (host, None) => f.write_str(host),
            (host, Some(port)) if host.contains(':') => write!(f, "[{host}]:{port}"),
            (host, Some(port)) => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_is_another_server_where_the_file_names_one() {
        let url = |text: &str| Receiver::of(&Url::parse(text).unwrap());
        let at = |host: &str, port| Receiver { port: Some(port), ..Receiver::any_port(host) };
        assert!(at("a.go.kr", 8443).covers(&url("https://A.go.kr:8443/x")));
        assert!(!at("a.go.kr", 8443).covers(&url("https://a.go.kr/")));
        assert!(!at("a.go.kr", 443).covers(&url("http://a.go.kr/")));
        assert!(Receiver::any_port("a.go.kr").covers(&url("https://a.go.kr:8443/")));
        assert!(Receiver::any_port("[::1]").covers(&url("http://[::1]:81/")));
        assert!(!at("::1", 80).covers(&url("http://[::1]:81/")));
        assert!(!Receiver::any_port("a.go.kr").covers(&url("https://b.go.kr/")));
        assert_eq!(at("::1", 80).to_string(), "[::1]:80");
        assert_eq!(url("https://a.go.kr/x").to_string(), "a.go.kr:443");
    }
}

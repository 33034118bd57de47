//! Where the daemon listens.

use std::fmt;
use std::str::FromStr;

/// `--web.listen-address`: `:10915`, `127.0.0.1:10915`, `[::1]:10915`, `localhost:10915`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// Name or address without brackets; none means every address.
    pub host: Option<String>,
    /// 0 lets the system choose.
    pub port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        let (host, port) =
            text.rsplit_once(':').ok_or("there is no port; write :10915 or 127.0.0.1:10915")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(format!("an IPv6 address needs brackets; write [{host}]:{port}"));
        }
        let host = bracketed.unwrap_or(host);
        Ok(ListenAddress { host: (!host.is_empty()).then(|| host.to_owned()), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_read_as_exporters_read_them() {
        for text in [":10915", "127.0.0.1:0", "[::1]:9", "localhost:10915"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in ["10915", "::1:10915", "host:70000", "host:"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}

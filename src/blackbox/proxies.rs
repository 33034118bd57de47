//! Which proxy a request goes through: `proxy_url` with `no_proxy`, or what the environment says, as Go
//! reads it (golang.org/x/net/http/httpproxy).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

use crate::config::{Files, ProxyException, ProxyOptions};

/// What a client's configuration says of proxies.
#[derive(PartialEq)]
pub(super) struct ProxyKeys<'a> {
    pub(super) url: &'a str,
    pub(super) no_proxy: &'a str,
    pub(super) from_environment: bool,
    pub(super) has_connect_header: bool,
}

/// By the scheme of what is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    http: Option<ProxyOptions>,
    https: Option<ProxyOptions>,
}

impl ProxyKeys<'_> {
    /// Keys that do not go together: one of them, and why.
    pub(super) fn at_odds(&self) -> Option<(&'static str, &'static str)> {
        let has_url = !self.url.is_empty();
        if self.from_environment && (has_url || !self.no_proxy.is_empty()) {
            let message = "takes the proxy from the environment; write neither proxy_url nor \
                           no_proxy beside it";
            return Some(("proxy_from_environment", message));
        }
        if has_url || self.from_environment {
            return None;
        }
        if !self.no_proxy.is_empty() {
            return Some(("no_proxy", "has exceptions to no proxy; write proxy_url, too"));
        }
        self.has_connect_header
            .then_some(("proxy_connect_header", "is for no proxy; write proxy_url, too"))
    }

    /// Which proxies these are; `Err` is the key and what is wrong with it.
    pub(super) fn find(&self, files: &dyn Files) -> Result<Proxies, (&'static str, String)> {
        if self.from_environment {
            let found = Proxies::of_environment(files);
            return found.map_err(|message| ("proxy_from_environment", message));
        }
        if self.url.is_empty() {
            return Ok(Proxies::default());
        }
        Proxies::at(self.url, self.no_proxy)
    }
}

impl Proxies {
    /// One for everything but the hosts in this list.
    fn at(url: &str, no_proxy: &str) -> Result<Proxies, (&'static str, String)> {
        let mut options = options(url).map_err(|message| ("proxy_url", message))?;
        options.no_proxy = exceptions(no_proxy).map_err(|message| ("no_proxy", message))?;
        Ok(Proxies { http: Some(options.clone()), https: Some(options) })
    }

    /// Those of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or of their lowercase spellings.
    fn of_environment(files: &dyn Files) -> Result<Proxies, String> {
        let variable = |name: &str| {
            let found = files.variable(name).filter(|value| !value.is_empty());
            found.or_else(|| files.variable(&name.to_lowercase())).unwrap_or_default()
        };
        let mut no_proxy = exceptions(&variable("NO_PROXY"))
            .map_err(|message| format!("NO_PROXY of the environment {message}"))?;
        no_proxy.extend(own_machine());
        let of = |name: &str| match variable(name).as_str() {
            "" => Ok(None),
            url => {
                let url =
                    if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
                let found = options(&url)
                    .map(|found| Some(ProxyOptions { no_proxy: no_proxy.clone(), ..found }));
                found.map_err(|message| format!("{name} of the environment {message}"))
            }
        };
        Ok(Proxies { http: of("HTTP_PROXY")?, https: of("HTTPS_PROXY")? })
    }

    /// For what is asked for by this URL; its exceptions have still to be asked.
    pub(super) fn of(&self, url: &Url) -> Option<&ProxyOptions> {
        if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }
}

fn options(url: &str) -> Result<ProxyOptions, String> {
    let url = Url::parse(url).map_err(|_| "is no URL".to_owned())?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(format!(
            "has the scheme {}, which is none of http, https, socks5, socks5h",
            url.scheme()
        ));
    }
    Ok(ProxyOptions::at(url))
}

/// Where there are exceptions, this machine is always one.
fn exceptions(no_proxy: &str) -> Result<Vec<ProxyException>, String> {
    let words = no_proxy.split(',').filter(|text| !text.trim().is_empty());
    let mut found: Vec<_> = words.map(ProxyException::parse).collect::<Result<_, _>>()?;
    if !found.is_empty() {
        found.extend(own_machine());
    }
    Ok(found)
}

fn own_machine() -> [ProxyException; 3] {
    [
        ProxyException::Domain { name: "localhost".to_owned(), only_below: false },
        ProxyException::Network(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
        ProxyException::Network(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};

    use super::*;

    struct Variables(HashMap<&'static str, &'static str>);

    impl Files for Variables {
        fn read(&self, _: &Path, _: u64) -> Result<Vec<u8>, String> {
            Err("no files".to_owned())
        }

        fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, String> {
            Ok(Vec::new())
        }

        fn variable(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }
    }

    fn of(proxies: &Proxies, url: &str) -> Option<String> {
        let url = Url::parse(url).unwrap();
        let options = proxies.of(&url)?;
        let host = url.host_str().unwrap().trim_matches(['[', ']']);
        let is_direct = options.no_proxy.iter().any(|exception| exception.covers(host));
        (!is_direct).then(|| options.url.to_string())
    }

    #[test]
    fn the_environment_is_read_as_go_reads_it() {
        let variables = Variables(HashMap::from([
            ("HTTP_PROXY", "proxy.a.kr:3128"),
            ("https_proxy", "https://secure.a.kr/"),
            ("NO_PROXY", "10.0.0.0/8, .b.kr,c.kr"),
        ]));
        let proxies = Proxies::of_environment(&variables).unwrap();
        for (url, proxy) in [
            ("http://d.kr/", Some("http://proxy.a.kr:3128/")),
            ("https://d.kr/", Some("https://secure.a.kr/")),
            ("http://10.1.2.3/", None),
            ("http://x.b.kr/", None),
            ("http://b.kr/", Some("http://proxy.a.kr:3128/")),
            ("http://x.c.kr/", None),
            ("http://localhost/", None),
            ("http://127.0.0.1/", None),
            ("http://[::1]/", None),
        ] {
            assert_eq!(of(&proxies, url).as_deref(), proxy, "{url}");
        }
        let none = Proxies::of_environment(&Variables(HashMap::new())).unwrap();
        assert_eq!(of(&none, "http://d.kr/"), None);
        let bad = Variables(HashMap::from([("HTTP_PROXY", "ftp://u:canary@a.kr/")]));
        let error = Proxies::of_environment(&bad).unwrap_err();
        assert!(error.contains("HTTP_PROXY") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn exceptions_bring_this_machine_with_them() {
        let all = Proxies::at("http://p.a.kr/", "").unwrap();
        assert!(of(&all, "http://127.0.0.1/").is_some());
        let some = Proxies::at("http://p.a.kr/", "b.kr").unwrap();
        assert_eq!(of(&some, "http://127.0.0.1/"), None);
        assert!(of(&some, "http://d.kr/").is_some());
    }
}

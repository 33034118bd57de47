//! The cookies of one run (RFC 6265, the parts that matter within seconds).
//!
//! A jar lives as long as a run, so that sessions never leak from one run into the next. Many
//! front pages set a cookie and redirect to see whether it comes back.

use http::header::{HeaderMap, SET_COOKIE};
use jiff::Timestamp;
use url::{Host, Url};

/// Cookies of one run. More than a browser would keep for a site is an attack.
const MAX_COOKIES: usize = 64;
/// Name and value together (RFC 6265 section 6.1 asks for at least 4096).
const MAX_COOKIE_BYTES: usize = 8192;

/// The cookies of one run.
#[derive(Default)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
}

impl Jar {
    /// Takes the cookies of a response to `url`.
    pub fn store(&mut self, url: &Url, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            // Korean servers put raw EUC-KR into values: bytes above ASCII are kept lossily.
            if let Some((cookie, life)) = parse(&String::from_utf8_lossy(header.as_bytes()), url) {
                self.cookies.retain(|old| {
                    (&old.name, &old.domain, &old.path)
                        != (&cookie.name, &cookie.domain, &cookie.path)
                });
                if life == Life::Session && self.cookies.len() < MAX_COOKIES {
                    self.cookies.push(cookie);
                }
            }
        }
    }

    /// The `Cookie` header for a request, longer paths first (section 5.4).
    pub fn header(&self, url: &Url) -> Option<String> {
        let mut fitting: Vec<&Cookie> =
            self.cookies.iter().filter(|cookie| cookie.fits(url)).collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        if pairs.is_empty() { None } else { Some(pairs.join("; ")) }
    }

    /// Every value, for masking.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|cookie| cookie.value.as_str())
    }

    /// The value of a cookie, whichever site set it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.cookies.iter().rev().find(|cookie| cookie.name == name).map(|c| c.value.as_str())
    }
}

impl Cookie {
    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host_fits =
            if self.host_only { host == self.domain } else { within(host, &self.domain) };
        host_fits
            && path_within(url.path(), &self.path)
            && (!self.secure || url.scheme() == "https")
    }
}

/// Whether a cookie is to be kept. Lifetimes beyond "already over" do not matter within a run.
#[derive(PartialEq, Eq)]
enum Life {
    Session,
    Over,
}

fn parse(text: &str, url: &Url) -> Option<(Cookie, Life)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.len() + value.len() > MAX_COOKIE_BYTES {
        return None;
    }
    let host = url.host_str()?;
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.to_owned(),
        host_only: true,
        path: default_path(url.path()).to_owned(),
        secure: false,
    };
    let (mut age, mut expired) = (None, false);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                // An address has no subdomains, and nobody speaks for all of go.kr: a cookie for
                // a public suffix is refused unless the suffix is the host itself (section 5.3).
                let is_name = matches!(url.host(), Some(Host::Domain(_)));
                let is_shared = is_name && !is_public_suffix(&domain);
                if domain.is_empty() {
                    continue;
                }
                if domain != host {
                    if !is_shared || !within(host, &domain) {
                        return None;
                    }
                    cookie.domain = domain;
                }
                cookie.host_only = !is_shared;
            }
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "max-age" => age = value.parse::<i64>().ok().or(age),
            "expires" => expired = is_past(value),
            _ => {}
        }
    }
    // Max-Age counts more than Expires (section 5.3, step 3).
    let over = age.map_or(expired, |age| age <= 0);
    Some((cookie, if over { Life::Over } else { Life::Session }))
}

/// Whether everyone below may register names there: `kr`, `go.kr`, `co.kr`.
fn is_public_suffix(domain: &str) -> bool {
    public_suffix::DEFAULT_PROVIDER.is_effective_tld(domain)
}

/// Whether a date is over: RFC 2822 form, or Netscape's with hyphens.
fn is_past(date: &str) -> bool {
    let date = date.replace('-', " ");
    jiff::fmt::rfc2822::parse(&date).is_ok_and(|date| date.timestamp() <= Timestamp::now())
}

fn within(host: &str, domain: &str) -> bool {
    host == domain
        || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.') && !sub.starts_with('.'))
}

fn path_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => path.get(..end).unwrap_or("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(url: &str, cookies: &[&str]) -> Jar {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie.parse().unwrap());
        }
        let mut jar = Jar::default();
        jar.store(&url.parse().unwrap(), &headers);
        jar
    }

    fn sent(jar: &Jar, url: &str) -> Option<String> {
        jar.header(&url.parse().unwrap())
    }

    #[test]
    fn a_cookie_goes_back_to_its_own_host_only() {
        let jar = jar("https://a.go.kr/x/login", &["JSESSIONID=1; HttpOnly; Path=/"]);
        assert_eq!(sent(&jar, "https://a.go.kr/y").as_deref(), Some("JSESSIONID=1"));
        assert_eq!(sent(&jar, "https://b.a.go.kr/"), None);
        assert_eq!(sent(&jar, "https://go.kr/"), None);
    }

    #[test]
    fn a_domain_cookie_goes_to_subdomains_and_nobody_sets_one_for_others() {
        let jar = jar(
            "https://a.b.go.kr/",
            &["s=1; Domain=.b.go.kr", "t=2; Domain=kr", "u=3; Domain=x.kr"],
        );
        assert_eq!(sent(&jar, "https://c.b.go.kr/").as_deref(), Some("s=1"));
        assert_eq!(sent(&jar, "https://xb.go.kr/"), None);
        assert_eq!(jar.value("t"), None);
        assert_eq!(jar.value("u"), None);
    }

    #[test]
    fn nobody_speaks_for_a_public_suffix() {
        let jar = jar(
            "https://www.seocho.go.kr/",
            &["a=1; Domain=go.kr", "b=2; Domain=.kr", "c=3; Domain=seocho.go.kr", "d=4; Domain="],
        );
        assert_eq!(sent(&jar, "https://www.seocho.go.kr/").as_deref(), Some("c=3; d=4"));
        assert_eq!(sent(&jar, "https://other.go.kr/"), None);
    }

    #[test]
    fn a_cookie_that_is_over_is_gone_and_max_age_counts_more_than_expires() {
        let over = [
            "a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
            "a=1; Expires=Tue, 12 Oct 1999 00:00:00 GMT",
            "a=1; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        ];
        for cookie in over {
            assert_eq!(sent(&jar("https://a.kr/", &["a=0", cookie]), "https://a.kr/"), None);
        }
        let kept = "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert!(sent(&jar("https://a.kr/", &[kept]), "https://a.kr/").is_some());
    }

    #[test]
    fn path_secure_and_expiry_hold() {
        let jar = jar(
            "https://a.kr/app/login",
            &[
                "p=1",
                "s=2; Secure; Path=/",
                "x=3; Max-Age=0",
                "y=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ],
        );
        assert_eq!(sent(&jar, "https://a.kr/app/main").as_deref(), Some("p=1; s=2"));
        assert_eq!(sent(&jar, "http://a.kr/app/main").as_deref(), Some("p=1"));
        assert_eq!(sent(&jar, "http://a.kr/application"), None);
    }

    #[test]
    fn a_flood_of_cookies_is_bounded() {
        let flood: Vec<String> = (0..500).map(|n| format!("c{n}=v")).collect();
        let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
        assert_eq!(jar("http://a.kr/", &flood).cookies.len(), MAX_COOKIES);
    }
}

//! The cookies of one run (RFC 6265bis, the parts that matter within seconds). How one is written
//! is read in [`set_cookie`](super::set_cookie).
//!
//! A jar lives as long as a run, so that sessions never leak from one run into the next. Many
//! front pages set a cookie and redirect to see whether it comes back.

use http::header::{HeaderMap, SET_COOKIE};
use url::{Host, Url};

use super::set_cookie::{Life, SetCookie};
use crate::calendar;
use crate::redact;
use crate::secret::Secret;

/// Cookies of one domain, as many as Chromium and Firefox keep. The one that was set longest ago
/// makes room for the next.
///
/// Limit: cookies of one domain.
/// Share: of each run.
/// Full: the oldest is forgotten.
/// Filled: a_flood_of_cookies_is_bounded_and_the_last_ones_stay
const PER_DOMAIN_MAX: usize = 180;
/// Cookies of one run, which meets few sites.
///
/// Limit: cookies.
/// Share: of each run.
/// Full: the oldest is forgotten.
/// Filled: a_flood_of_cookies_is_bounded_and_the_last_ones_stay
const COOKIES_MAX: usize = 1_024;
/// Of all cookies of one run: as much as a server takes of one request's head, for each of dozens of
/// sites.
///
/// Limit: bytes of cookies.
/// Share: of each run.
/// Full: the oldest is forgotten.
/// Filled: large_cookies_of_many_hosts_are_bounded_in_bytes
const BYTES_MAX: usize = 512 << 10;

/// The cookies of one run.
#[derive(Clone, Default)]
pub struct Jar {
    /// The one that was set last comes last.
    cookies: Vec<Cookie>,
    /// Counts them, whatever became of them.
    made: u64,
}

#[derive(Clone)]
struct Cookie {
    name: Vec<u8>,
    /// As it came: it goes back unchanged, in whatever charset it is.
    value: Vec<u8>,
    /// The value for people and rules.
    text: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    /// When a cookie of this name, domain and path was first set.
    created: u64,
}

impl Jar {
    /// Takes the cookies of a response to `url`.
    pub fn store(&mut self, url: &Url, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let Some(set) = SetCookie::parse(header.as_bytes()) else { continue };
            let Some(cookie) = Cookie::new(&set, url) else { continue };
            if cookie.is_shadow(url, &self.cookies) {
                continue;
            }
            self.replace(cookie, set.life(calendar::now()));
        }
    }

    fn replace(&mut self, mut cookie: Cookie, life: Life) {
        cookie.created = self.made;
        self.made += 1;
        let key = |cookie: &Cookie| {
            (cookie.name.clone(), cookie.domain.clone(), cookie.host_only, cookie.path.clone())
        };
        if let Some(old) = self.cookies.iter().position(|old| key(old) == key(&cookie)) {
            cookie.created = self.cookies.remove(old).created;
        }
        if life == Life::Session {
            self.make_room(&cookie);
            self.cookies.push(cookie);
        }
    }

    fn make_room(&mut self, cookie: &Cookie) {
        let others = self.cookies.iter().enumerate();
        let mut of_domain = others.filter(|(_, old)| old.domain == cookie.domain);
        let oldest = of_domain.next().map(|(at, _)| at);
        if let Some(at) = oldest.filter(|_| of_domain.count() + 1 >= PER_DOMAIN_MAX) {
            self.cookies.remove(at);
        } else if self.cookies.len() >= COOKIES_MAX {
            self.cookies.remove(0);
        }
        let mut bytes = cookie.bytes() + self.cookies.iter().map(Cookie::bytes).sum::<usize>();
        while bytes > BYTES_MAX && !self.cookies.is_empty() {
            bytes -= self.cookies.remove(0).bytes();
        }
    }

    /// The `Cookie` header for a request: longer paths first, then the older ones (section 5.8.3).
    pub fn header(&self, url: &Url) -> Option<Vec<u8>> {
        let mut fitting: Vec<&Cookie> =
            self.cookies.iter().filter(|cookie| cookie.fits(url)).collect();
        fitting.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.created));
        let pairs: Vec<Vec<u8>> = fitting.iter().map(|cookie| cookie.pair()).collect();
        if pairs.is_empty() { None } else { Some(pairs.join(b"; ".as_slice())) }
    }

    /// Every value, as it is masked: one that is too short to be told from other text stands behind
    /// its name.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.cookies.iter().map(|cookie| {
            redact::named(&format!("{}=", String::from_utf8_lossy(&cookie.name)), &cookie.text)
        })
    }

    /// The value of a cookie, whichever site set it.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut latest_first = self.cookies.iter().rev();
        latest_first.find(|cookie| cookie.name == name.as_bytes()).map(|c| c.text.as_str())
    }
}

impl Cookie {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let texts = self.text.len() + self.domain.len() + self.path.len();
        size_of::<Cookie>() + self.name.len() + self.value.len() + texts
    }

    /// The cookie that a response to `url` sets; `None` where it has no right to (section 5.7).
    fn new(set: &SetCookie<'_>, url: &Url) -> Option<Cookie> {
        let host = url.host_str()?;
        let (domain, host_only) = match set.domain.as_deref().filter(|domain| !domain.is_empty()) {
            None => (host.to_owned(), true),
            Some(domain) => {
                // An address has no subdomains, and nobody speaks for all of go.kr: a cookie for
                // a public suffix is refused unless the suffix is the host itself.
                let is_name = matches!(url.host(), Some(Host::Domain(_)));
                let is_shared = is_name && !is_public_suffix(domain);
                if domain != host && !(is_shared && within(host, domain)) {
                    return None;
                }
                (domain.to_owned(), !is_shared)
            }
        };
        let is_safe = url.scheme() == "https";
        let path = set.path.filter(|path| path.starts_with(b"/"));
        let of_host = set.has_prefix("__Host-");
        let needs_secure = of_host || set.has_prefix("__Secure-") || set.is_for_embedding();
        let is_whole_host = set.domain.is_none() && path == Some(b"/");
        if (set.secure && !is_safe) || (needs_secure && !set.secure) || (of_host && !is_whole_host)
        {
            return None;
        }
        let path = match path {
            Some(path) => String::from_utf8_lossy(path).into_owned(),
            None => default_path(url.path()).to_owned(),
        };
        Some(Cookie {
            name: set.name.to_vec(),
            value: set.value.to_vec(),
            text: String::from_utf8_lossy(set.value).into_owned(),
            domain,
            host_only,
            path,
            secure: set.secure,
            created: 0,
        })
    }

    /// Whether it would hide a secure cookie, and came in the clear.
    fn is_shadow(&self, url: &Url, others: &[Cookie]) -> bool {
        let related = |other: &Cookie| {
            within(&self.domain, &other.domain) || within(&other.domain, &self.domain)
        };
        !self.secure
            && url.scheme() != "https"
            && others.iter().any(|other| {
                other.secure
                    && other.name == self.name
                    && related(other)
                    && path_within(&self.path, &other.path)
            })
    }

    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host_fits =
            if self.host_only { host == self.domain } else { within(host, &self.domain) };
        host_fits
            && path_within(url.path(), &self.path)
            && (!self.secure || url.scheme() == "https")
    }

    /// A cookie may have no name.
    fn pair(&self) -> Vec<u8> {
        let named = if self.name.is_empty() { &b""[..] } else { b"=" };
        [&self.name, named, &self.value].concat()
    }
}

/// Whether everyone below may register names there: `kr`, `go.kr`, `co.kr`.
fn is_public_suffix(domain: &str) -> bool {
    public_suffix::DEFAULT_PROVIDER.is_effective_tld(domain)
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
        jar.header(&url.parse().unwrap()).map(|bytes| String::from_utf8(bytes).unwrap())
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
    fn a_flood_of_cookies_is_bounded_and_the_last_ones_stay() {
        let flood: Vec<String> = (0..500).map(|n| format!("c{n}=v")).collect();
        let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
        let mut jar = jar("http://a.kr/", &flood);
        assert_eq!(jar.cookies.len(), PER_DOMAIN_MAX);
        assert_eq!((jar.value("c319"), jar.value("c320")), (None, Some("v")));
        for n in 0..2 * COOKIES_MAX {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, "a=b".parse().unwrap());
            jar.store(&format!("http://h{n}.kr/").parse().unwrap(), &headers);
        }
        assert_eq!(jar.cookies.len(), COOKIES_MAX);
    }

    #[test]
    fn large_cookies_of_many_hosts_are_bounded_in_bytes() {
        let mut jar = Jar::default();
        let value = "v".repeat(4_000);
        for n in 0..400 {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, format!("c{n}={value}").parse().unwrap());
            jar.store(&format!("http://h{n}.kr/").parse().unwrap(), &headers);
        }
        let bytes: usize = jar.cookies.iter().map(Cookie::bytes).sum();
        assert!((BYTES_MAX / 2..=BYTES_MAX).contains(&bytes), "{bytes}");
        assert_eq!((jar.value("c0"), jar.value("c399")), (None, Some(value.as_str())));
    }

    #[test]
    fn of_attributes_that_come_twice_the_last_counts() {
        let sent = |cookie: &str, url: &str| sent(&jar("https://www.a.kr/x/y", &[cookie]), url);
        assert!(sent("a=1; Domain=b.kr; Domain=a.kr", "https://a.kr/x/").is_some());
        assert!(sent("a=1; Domain=a.kr; Domain=b.kr", "https://www.a.kr/x/").is_none());
        assert!(sent("a=1; Domain=a.kr; Domain=", "https://a.kr/x/").is_none());
        assert!(sent("a=1; Path=/other; Path=/", "https://www.a.kr/").is_some());
        // A path that is none is the default one.
        assert!(sent("a=1; Path=/; Path=x", "https://www.a.kr/").is_none());
        assert!(sent("a=1; Path=/; Path", "https://www.a.kr/x/").is_some());
    }

    #[test]
    fn names_that_promise_something_must_keep_it() {
        let is_kept = |url: &str, cookie: &str| sent(&jar(url, &[cookie]), url).is_some();
        for kept in [
            "__Secure-a=1; Secure",
            "a=1; SameSite=None; Secure",
            "a=1; SameSite=None; SameSite=Lax",
            "a=1; samesite=none; SameSite=else",
            "a=1; Partitioned; Secure",
            "__Secure-a=1; Secure; Domain=a.kr",
            "__Host-a=1; Secure; Path=/",
            "__host-a=1; Path=/; Secure",
            "__Hosta=1",
        ] {
            assert!(is_kept("https://a.kr/", kept), "{kept}");
        }
        for dropped in [
            "__Secure-a=1",
            "a=1; SameSite=None",
            "a=1; SameSite=Lax; SAMESITE = NONE",
            "a=1; Partitioned",
            "__Host-a=1; Path=/",
            "__Host-a=1; Secure",
            "__Host-a=1; Secure; Path=/x",
            "__Host-a=1; Secure; Path=/; Domain=a.kr",
            "__HOST-a=1; Path=/",
        ] {
            assert!(!is_kept("https://a.kr/", dropped), "{dropped}");
        }
        for dropped in ["a=1; Secure", "__Secure-a=1; Secure", "__Host-a=1; Secure; Path=/"] {
            assert!(!is_kept("http://a.kr/", dropped), "{dropped}");
        }
    }

    #[test]
    fn a_response_in_the_clear_does_not_hide_a_secure_cookie() {
        let headers = |cookie: &str| HeaderMap::from_iter([(SET_COOKIE, cookie.parse().unwrap())]);
        let mut jar = jar("https://a.kr/x/", &["s=1; Secure; Path=/x"]);
        let plain = "http://a.kr/x/".parse().unwrap();
        for cookie in ["s=2; Path=/x", "s=2; Path=/x/y", "s=; Path=/x; Max-Age=0"] {
            jar.store(&plain, &headers(cookie));
            assert_eq!(sent(&jar, "https://a.kr/x/y").as_deref(), Some("s=1"), "{cookie}");
        }
        jar.store(&plain, &headers("s=2; Path=/"));
        assert_eq!(sent(&jar, "https://a.kr/x/y").as_deref(), Some("s=1; s=2"));
    }

    #[test]
    fn a_cookie_that_is_set_again_keeps_its_place_and_is_the_latest() {
        let jar = jar("https://a.kr/", &["a=1", "b=2; Path=/", "b=3; Path=/x", "a=4"]);
        assert_eq!(sent(&jar, "https://a.kr/").as_deref(), Some("a=4; b=2"));
        assert_eq!(jar.value("b"), Some("3"));
    }

    #[test]
    fn values_go_back_byte_for_byte_and_a_cookie_may_have_no_name() {
        let url = "https://a.kr/".parse().unwrap();
        let mut headers = HeaderMap::new();
        for cookie in [&b"n=\xc8\xab\xb1\xe6"[..], b"bare", b"=named; Path=/none"] {
            headers.append(SET_COOKIE, http::HeaderValue::from_bytes(cookie).unwrap());
        }
        let mut jar = Jar::default();
        jar.store(&url, &headers);
        assert_eq!(jar.header(&url), Some(b"n=\xc8\xab\xb1\xe6; bare".to_vec()));
        assert_eq!(jar.value("n"), Some("\u{22b}\u{fffd}\u{fffd}"));
    }
}

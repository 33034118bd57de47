//! A request ready to be sent, and what of it may be sent to whom.
//!
//! A redirect turns one request into the next. What must not travel with it is decided here and
//! nowhere else: credentials go to the host they were meant for and never from https to http.

use base::cut;
use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};
use http::{Method, StatusCode};
use url::{Position, Url};

use crate::outcome::{Failure, Reason, URL_TAKEN_BYTES_MAX};
use crate::probe::referrer::ReferrerPolicy;
use crate::redact::MASK;
use crate::transport::http::Repeat;

/// The header that makes a request large (`pad_request`).
pub const PADDING: HeaderName = HeaderName::from_static("x-bongsu-padding");

/// A request of a chain of redirects.
#[derive(Clone)]
pub struct Outgoing {
    method: Method,
    url: Url,
    headers: HeaderMap,
    credentials: HeaderMap,
    host: Option<HeaderValue>,
    body: Option<Payload>,
    pad: Option<u32>,
    /// Holds a secret somewhere else than in credentials and body.
    once: bool,
    /// Where the first request of the chain went.
    home: Url,
    /// The page that it is made on.
    page: Option<Page>,
}

/// The page that a request is made on, for `Referer` and `Origin`.
#[derive(Clone)]
struct Page {
    url: Url,
    /// A redirect led from a host that is not the page's to yet another one: neither hears of the
    /// page (Fetch standard, "redirect-tainted origin").
    tainted: bool,
    policy: ReferrerPolicy,
}

#[derive(Clone)]
pub struct Payload {
    /// As sent.
    pub bytes: Bytes,
    /// Whether a secret is in it.
    pub secrecy: Secrecy,
}

/// Whether something may be sent to any host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    Open,
    /// Only to the host it was rendered for.
    Secret,
}

impl Outgoing {
    /// The first request of a chain.
    pub fn new(method: Method, url: Url) -> Outgoing {
        let home = url.clone();
        let (headers, credentials) = (HeaderMap::new(), HeaderMap::new());
        Outgoing {
            method,
            url,
            headers,
            credentials,
            host: None,
            body: None,
            pad: None,
            once: false,
            home,
            page: None,
        }
    }

    /// Tells of the page that it is made on what that wishes to be told.
    #[must_use]
    pub fn on_page(mut self, page: &Url, policy: ReferrerPolicy) -> Outgoing {
        let mut url = page.clone();
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        self.page = Some(Page { url, tainted: false, policy });
        self
    }

    /// Headers that every host may see.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Outgoing {
        self.headers = headers;
        self
    }

    /// Headers that only the first host may see.
    #[must_use]
    pub fn with_credentials(mut self, mut credentials: HeaderMap) -> Outgoing {
        credentials.values_mut().for_each(|value| value.set_sensitive(true));
        self.credentials = credentials;
        self
    }

    /// A `Host` that is not the URL's.
    #[must_use]
    pub fn with_host(mut self, host: Option<HeaderValue>) -> Outgoing {
        self.host = host;
        self
    }

    #[must_use]
    pub fn with_body(mut self, body: Option<Payload>) -> Outgoing {
        self.body = body;
        self
    }

    /// Makes the head at least this many bytes long.
    #[must_use]
    pub fn padded(mut self, pad: Option<u32>) -> Outgoing {
        self.pad = pad;
        self
    }

    /// For a request that is never to be sent twice: a secret stands in its query, say.
    #[must_use]
    pub fn once(mut self, once: bool) -> Outgoing {
        self.once = once;
        self
    }

    /// Whether the request may be sent again: not where it holds a secret.
    pub fn repeat(&self) -> Repeat {
        let secret_body = self.body.as_ref().is_some_and(|body| body.secrecy == Secrecy::Secret);
        let secret_head = !self.credentials.is_empty() && self.may_see_credentials(&self.url);
        if self.once || secret_body || secret_head { Repeat::Never } else { Repeat::Allowed }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where the first request of the chain went.
    pub fn home(&self) -> &Url {
        &self.home
    }

    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The `Host` to send when it is not the URL's. After a redirect to another authority the new
    /// URL's own counts (as blackbox_exporter).
    pub fn host(&self) -> Option<&HeaderValue> {
        if self.is_home() { self.host.as_ref() } else { None }
    }

    /// Whether this goes to the authority of the first request of the chain.
    pub fn is_home(&self) -> bool {
        authority(&self.url) == authority(&self.home)
    }

    pub fn body(&self) -> Option<Bytes> {
        self.body.as_ref().map(|body| body.bytes.clone())
    }

    /// The headers that every host may see, without those of a single hop.
    pub fn own_headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// All headers for this hop but `Cookie` and `Host`.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(page) = &self.page {
            let told =
                page.policy.told(&page.url, &self.method, &self.url, page.tainted).into_iter();
            let own = |name: &HeaderName| self.headers.contains_key(name);
            headers.extend(told.filter(|(name, _)| !own(name)));
        }
        if self.may_see_credentials(&self.url) {
            for (name, value) in &self.credentials {
                headers.append(name.clone(), value.clone());
            }
        }
        if let Some(target) = self.pad {
            // 'X' is one of the few characters that HPACK's Huffman code does not shorten.
            let have = head_size(&self.method, &self.url, &headers);
            let padding = "X".repeat((target as usize).saturating_sub(have));
            if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(padding)) {
                headers.insert(PADDING, value);
            }
        }
        headers
    }

    /// Takes over what a redirect says of how much is told.
    #[must_use]
    pub fn told_less_by(mut self, redirect: &HeaderMap) -> Outgoing {
        if let (Some(page), Some(policy)) = (&mut self.page, ReferrerPolicy::of(redirect)) {
            page.policy = policy;
        }
        self
    }

    /// The next request of the chain. Methods are rewritten as browsers do (Fetch standard,
    /// HTTP-redirect fetch): 303 becomes GET, 301 and 302 only when it was POST, 307 and 308 repeat
    /// the request, body included.
    pub fn redirected(mut self, status: StatusCode, to: Url) -> Result<Outgoing, Failure> {
        let to_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::GET && self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.body = None;
            self.once = false;
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE] {
                self.headers.remove(&name);
                self.credentials.remove(&name);
            }
        }
        let secret_body = self.body.as_ref().is_some_and(|body| body.secrecy == Secrecy::Secret);
        if secret_body && !self.may_see_credentials(&to) {
            let host = to.host_str().unwrap_or_default();
            return Err(Failure::new(
                Reason::SecretHost,
                format!(
                    "a redirect asked for a body with a secret to be sent to {}://{host}",
                    to.scheme()
                ),
            ));
        }
        if let Some(page) = &mut self.page {
            let (from, origin) = (self.url.origin(), page.url.origin());
            page.tainted |= from != origin && from != to.origin();
        }
        self.url = to;
        Ok(self)
    }

    fn may_see_credentials(&self, url: &Url) -> bool {
        // Another port of a host is another server; `None` is the scheme's own.
        (url.host_str(), url.port()) == (self.home.host_str(), self.home.port())
            && !(self.home.scheme() == "https" && url.scheme() != "https")
    }
}

fn authority(url: &Url) -> (Option<&str>, Option<u16>) {
    (url.host_str(), url.port_or_known_default())
}

/// Bytes of an HTTP/1.1 head without the padding's value: an estimate that is never too high, so
/// that the padded request is at least as large as asked for.
fn head_size(method: &Method, url: &Url, headers: &HeaderMap) -> usize {
    let line = method.as_str().len() + url.path().len() + url.query().map_or(0, |q| q.len() + 1);
    let fields: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    line + fields + PADDING.as_str().len()
}

/// A URL as it may be shown: no query, no fragment, no userinfo, because all of them carry tokens, and
/// of a path no session and no nonce. A long one is cut.
pub fn shown(url: &Url) -> String {
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let path: Vec<String> = url.path().split('/').map(shown_segment).collect();
    cut([url.scheme(), "://", authority, &path.join("/")].concat(), URL_TAKEN_BYTES_MAX)
}

/// `login;jsessionid=0A1B` and `9f86d081884c7d65` are not shown as they are.
fn shown_segment(segment: &str) -> String {
    let mut parts = segment.split(';');
    let name = parts.next().unwrap_or_default();
    let mut text = if is_nonce(name) { MASK.to_owned() } else { name.to_owned() };
    for parameter in parts {
        let name = parameter.split_once('=').map_or("", |(name, _)| name);
        text.push_str(&match name {
            "" => format!(";{MASK}"),
            name => format!(";{name}={MASK}"),
        });
    }
    text
}

/// Whether a part of a path was made for one visit: long, of letters and many digits, no words.
fn is_nonce(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(char::is_ascii_alphabetic).count();
    let is_uuid = text.len() == 36 && text.matches('-').count() == 4 && digits + letters == 32;
    is_uuid
        || (text.len() >= NONCE_CHARS
            && digits + letters == text.len()
            && digits >= 4
            && letters >= 4)
}

/// Shorter ones are names: `egovLogin2023`.
const NONCE_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use http::header::{ORIGIN, REFERER};

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn post(to: &str, secrecy: Secrecy) -> Outgoing {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let mut credentials = HeaderMap::new();
        credentials.insert(http::header::AUTHORIZATION, HeaderValue::from_static("Basic canary"));
        Outgoing::new(Method::POST, url(to))
            .with_headers(headers)
            .with_credentials(credentials)
            .with_body(Some(Payload { bytes: Bytes::from_static(b"x"), secrecy }))
    }

    #[test]
    fn methods_are_rewritten_as_browsers_do() {
        for (status, method, has_body) in [
            (301, Method::GET, false),
            (302, Method::GET, false),
            (303, Method::GET, false),
            (307, Method::POST, true),
            (308, Method::POST, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let next = post("https://a.kr/", Secrecy::Open);
            let next = next.redirected(status, url("https://a.kr/next")).unwrap();
            assert_eq!((next.method(), next.body().is_some()), (&method, has_body), "{status}");
            assert_eq!(next.headers().contains_key(CONTENT_TYPE), has_body, "{status}");
        }
        let head = Outgoing::new(Method::HEAD, url("https://a.kr/"));
        let head = head.redirected(StatusCode::SEE_OTHER, url("https://a.kr/n")).unwrap();
        assert_eq!(head.method(), Method::HEAD);
    }

    #[test]
    fn credentials_stay_with_their_host_and_never_leave_https() {
        let kept = |from: &str, to: &str| {
            let next = post(from, Secrecy::Open).redirected(StatusCode::FOUND, url(to)).unwrap();
            next.headers().contains_key("authorization")
        };
        assert!(kept("https://a.kr/", "https://a.kr/x"));
        assert!(kept("http://a.kr/", "https://a.kr/"));
        assert!(!kept("https://a.kr/", "http://a.kr/"));
        assert!(!kept("https://a.kr/", "https://b.kr/"));
        assert!(!kept("https://a.kr/", "https://a.kr:8443/"));
        assert!(kept("https://a.kr:8443/", "https://a.kr:8443/x"));
        assert!(!kept("https://a.kr/", "https://a.kr.evil.example/"));
    }

    #[test]
    fn credentials_come_back_when_the_chain_comes_back() {
        let away = post("https://a.kr/", Secrecy::Open);
        let away = away.redirected(StatusCode::FOUND, url("https://sso.kr/")).unwrap();
        assert!(!away.headers().contains_key("authorization"));
        let back = away.redirected(StatusCode::FOUND, url("https://a.kr/home")).unwrap();
        assert!(back.headers().contains_key("authorization"));
    }

    #[test]
    fn a_secret_body_is_not_repeated_to_another_host() {
        let status = StatusCode::TEMPORARY_REDIRECT;
        let to = url("https://b.kr/?token=t");
        let failure = post("https://a.kr/", Secrecy::Secret).redirected(status, to).err().unwrap();
        assert_eq!(failure.reason, Reason::SecretHost);
        assert!(!failure.detail.contains("token"), "{failure}");
        assert!(
            post("https://a.kr/", Secrecy::Open).redirected(status, url("https://b.kr/")).is_ok()
        );
    }

    #[test]
    fn the_padded_head_is_large_enough_and_not_much_larger() {
        let request = post("https://a.kr/path?q=1", Secrecy::Open).padded(Some(4096));
        let headers = request.headers();
        let size = head_size(request.method(), request.url(), &headers);
        assert!((4096..4200).contains(&size), "{size}");
    }

    #[test]
    fn a_custom_host_is_for_the_first_authority_only() {
        let host = HeaderValue::from_static("real.kr");
        let request = Outgoing::new(Method::GET, url("http://10.0.0.1/")).with_host(Some(host));
        assert!(request.host().is_some());
        let next = request.clone().redirected(StatusCode::FOUND, url("http://10.0.0.1/x")).unwrap();
        assert!(next.host().is_some());
        let next = request.redirected(StatusCode::FOUND, url("http://real.kr/x")).unwrap();
        assert!(next.host().is_none());
    }

    #[test]
    fn the_page_is_told_to_its_own_origin_and_only_the_origin_to_others() {
        let page = url("https://a.kr/page?t=1#x");
        let told = |method: Method, to: &str| {
            let request = Outgoing::new(method, url(to)).on_page(&page, ReferrerPolicy::default());
            told_by(&request)
        };
        let own = "https://a.kr/page?t=1";
        assert_eq!(told(Method::POST, "https://a.kr/"), (own.into(), "https://a.kr".into()));
        assert_eq!(told(Method::GET, "https://a.kr/"), (own.into(), String::new()));
        let other = ("https://a.kr/".into(), "https://a.kr".into());
        assert_eq!(told(Method::POST, "https://b.kr/"), other);
        assert_eq!(told(Method::POST, "http://a.kr/"), (String::new(), "null".into()));
    }

    #[test]
    fn what_is_told_of_the_page_changes_with_each_redirect() {
        let request = Outgoing::new(Method::POST, url("https://a.kr/"))
            .on_page(&url("https://a.kr/p"), ReferrerPolicy::default());
        let away =
            request.redirected(StatusCode::TEMPORARY_REDIRECT, url("https://b.kr/")).unwrap();
        assert_eq!(told_by(&away), ("https://a.kr/".into(), "https://a.kr".into()));
        let on = away.clone().redirected(StatusCode::TEMPORARY_REDIRECT, url("https://c.kr/"));
        assert_eq!(told_by(&on.unwrap()), ("https://a.kr/".into(), "null".into()));
        let back = away.redirected(StatusCode::FOUND, url("https://a.kr/x")).unwrap();
        assert_eq!(told_by(&back), ("https://a.kr/p".into(), String::new()));
    }

    fn told_by(request: &Outgoing) -> (String, String) {
        let headers = request.headers();
        let text = |name| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        (text(REFERER).unwrap_or_default(), text(ORIGIN).unwrap_or_default())
    }

    #[test]
    fn an_endless_path_is_shown_in_short() {
        let shown = shown(&url(&format!("https://a.kr/{}", "x/".repeat(1 << 18))));
        assert!(shown.ends_with('…') && shown.len() <= URL_TAKEN_BYTES_MAX + '…'.len_utf8());
    }

    #[test]
    fn sessions_and_nonces_in_paths_are_not_shown() {
        for (path, expected) in [
            ("/a;jsessionid=0A1B2C/b", "/a;jsessionid=[masked]/b"),
            ("/a.do;x", "/a.do;[masked]"),
            ("/login/9f86d081884c7d65/go", "/login/[masked]/go"),
            ("/x/6fa459ea-ee8a-3ca4-894e-db77e160355e", "/x/[masked]"),
            ("/uat/uia/egovLoginUsr.do", "/uat/uia/egovLoginUsr.do"),
            ("/notice-2023-11-17-maintenance", "/notice-2023-11-17-maintenance"),
            ("/2023111708300000", "/2023111708300000"),
        ] {
            assert_eq!(
                shown(&url(&format!("https://a.kr{path}"))),
                format!("https://a.kr{expected}")
            );
        }
    }

    #[test]
    fn a_shown_url_has_no_query_fragment_or_userinfo() {
        let url = url("https://user:pw@a.kr:8443/p?token=1#f");
        assert_eq!(shown(&url), "https://a.kr:8443/p");
    }
}

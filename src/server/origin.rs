//! Whether a request that changes something was made by another site's page in an operator's
//! browser. Such a page cannot read our answer, but it could press a button.
//!
//! Browsers tell where a request comes from: `Sec-Fetch-Site` where the connection is trusted,
//! `Origin` always (Fetch standard, sections 3.2 and 3.8). Another port of the same host is another
//! site here, because another program answers there. curl and Prometheus say nothing of this, and
//! nothing is asked of them.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};
use url::Url;

use super::external::External;

/// What such a request is answered, with status 403.
pub const REFUSED: &str = "refused: another site's page made this request\n";

/// True for a request to be refused.
pub fn is_foreign(method: &Method, headers: &HeaderMap, external: &External) -> bool {
    if method.is_safe() {
        return false;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else {
        return true;
    };
    // Behind a proxy our host has another name than the one that the browser knows.
    !external.is_origin(&origin) && !is_host(&origin, headers)
}

/// Whether the request was sent to the host that its page came from. A proxy may have taken the
/// TLS off, so the page's scheme fills in a port that is left out.
fn is_host(origin: &Url, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let ours = host.and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    ours.is_some_and(|ours| ours.origin().is_tuple() && ours.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let external = External::new(Some(Url::parse("https://ops.go.kr/bongsu").unwrap()));
        is_foreign(&Method::POST, &headers, &external)
    }

    #[test]
    fn our_own_pages_and_tools_without_an_origin_may() {
        assert!(!foreign(&[("host", "10.0.0.5:10915")]));
        assert!(!foreign(&[("host", "10.0.0.5:10915"), ("origin", "http://10.0.0.5:10915")]));
        assert!(!foreign(&[("host", "a.go.kr"), ("origin", "https://a.go.kr")]));
        assert!(!foreign(&[("host", "A.go.kr:80"), ("origin", "http://a.go.kr")]));
        assert!(!foreign(&[("host", "127.0.0.1:10915"), ("origin", "https://ops.go.kr")]));
        assert!(!foreign(&[("sec-fetch-site", "same-origin"), ("origin", "https://x.kr")]));
        assert!(!foreign(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn pages_of_other_sites_ports_and_sandboxes_may_not() {
        let host = ("host", "localhost:10916");
        for origin in ["http://localhost:8080", "http://evil.kr", "null", "x"] {
            assert!(foreign(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(foreign(&[("origin", "http://evil.kr")]), "without a host");
        for site in ["cross-site", "same-site", ""] {
            assert!(foreign(&[host, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn looking_is_free() {
        let headers = HeaderMap::from_iter([(ORIGIN, "http://evil.kr".parse().unwrap())]);
        assert!(!is_foreign(&Method::GET, &headers, &External::default()));
    }
}

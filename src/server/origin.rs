//! Whether a request that changes something was made by another site's page in an operator's
//! browser. Such a page cannot read our answer, but it could press a button.
//!
//! Browsers tell where a request comes from: `Sec-Fetch-Site` where the connection is trusted,
//! `Origin` always (Fetch standard, sections 3.2 and 3.8). Another port of the same host is another
//! site here, because another program answers there. curl and Prometheus say nothing of this, and
//! nothing is asked of them.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};
use url::{Host, Url};

use super::external::External;

/// What such a request is answered, with status 403.
pub(super) const REFUSED: &str = "refused: another site's page made this request, or a page of ours that \
                           was opened by a name which --web.external-url does not give\n";

/// True for a request to be refused, among those that change something.
pub(super) fn is_foreign(method: &Method, headers: &HeaderMap, external: &External) -> bool {
    !method.is_safe() && is_from_elsewhere(headers, external)
}

/// True when a browser says that another site's page made the request, whatever its method.
pub(super) fn is_from_elsewhere(headers: &HeaderMap, external: &External) -> bool {
    let site = headers.get("sec-fetch-site");
    match site.map(HeaderValue::as_bytes) {
        // TypedWord or bookmarked.
        Some(b"none") => return false,
        Some(b"same-origin") | None => {}
        Some(_) => return true,
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return site.is_some()
            && !host(headers, "http").is_some_and(|host| is_ours(&host, external));
    };
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else {
        return true;
    };
    // Behind a proxy our host has another name than the one that the browser knows.
    if external.is_origin(&origin) {
        return false;
    }
    (site.is_none() && !is_host(&origin, headers)) || !is_ours(&origin, external)
}

/// Whether nobody else can make the origin's name lead to us. The owner of a name can let it point
/// here for a moment, and his page is of our origin then, as far as the browser knows (DNS
/// rebinding). Not where the browser checked a certificate, nor with an address, nor with a name
/// that no public zone has.
fn is_ours(origin: &Url, external: &External) -> bool {
    match origin.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => {
            origin.scheme() == "https"
                || !name.contains('.')
                || name.ends_with(".localhost")
                || external.is_host(name)
        }
        None => false,
    }
}

/// Whether the request was sent to the host that its page came from. A proxy may have taken the
/// TLS off, so the page's scheme fills in a port that is left out.
fn is_host(origin: &Url, headers: &HeaderMap) -> bool {
    let ours = host(headers, origin.scheme());
    ours.is_some_and(|ours| ours.origin().is_tuple() && ours.origin() == origin.origin())
}

fn host(headers: &HeaderMap, scheme: &str) -> Option<Url> {
    let host = headers.get(HOST)?.to_str().ok()?;
    Url::parse(&format!("{scheme}://{host}")).ok()
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
        assert!(!foreign(&[("host", "OPS.go.kr:80"), ("origin", "http://ops.go.kr")]));
        assert!(!foreign(&[("host", "watch:10915"), ("origin", "http://watch:10915")]));
        assert!(!foreign(&[("host", "[::1]:1"), ("origin", "http://[::1]:1")]));
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
    fn a_name_that_somebody_lets_point_here_is_not_ours() {
        let (host, origin) = (("host", "evil.kr:10915"), ("origin", "http://evil.kr:10915"));
        assert!(foreign(&[host, origin]));
        // Not sent over plain HTTP today, but not every browser is the same.
        assert!(foreign(&[host, origin, ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[host]), "no browser");
        assert!(!foreign(&[host, ("sec-fetch-site", "none")]), "typed by hand");
    }

    #[test]
    fn looking_is_free() {
        let headers = HeaderMap::from_iter([(ORIGIN, "http://evil.kr".parse().unwrap())]);
        assert!(!is_foreign(&Method::GET, &headers, &External::default()));
    }
}

//! Another site's page in the operator's browser must not press a button or call the API.
//!
//! A browser tells which page a request comes from: `Origin` and `Sec-Fetch-Site` (Fetch standard,
//! sections 3.2 and 3.8). Such a request is accepted from the control page's own addresses only. curl
//! sends neither header and is accepted.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::ORIGIN;
use http::{HeaderMap, Method, StatusCode};

/// Where the control page may be opened, without a final slash: `http://localhost:10916`.
pub(super) struct OwnOrigins(Vec<String>);

impl OwnOrigins {
    /// Its published address, the address it listens on, and the loopback names.
    pub(super) fn new(control_url: &str, listen: SocketAddr) -> OwnOrigins {
        let published = control_url.trim_end_matches('/').to_owned();
        let bound = (!listen.ip().is_unspecified()).then(|| format!("http://{listen}"));
        let loopback = ["localhost", "127.0.0.1", "[::1]"];
        let loopback = loopback.map(|host| format!("http://{host}:{}", listen.port()));
        let mut origins = Vec::new();
        for origin in [published].into_iter().chain(bound).chain(loopback) {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        OwnOrigins(origins)
    }

    fn refuses(&self, method: &Method, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        let origin = headers.get(ORIGIN);
        // `none`: the user typed the address or opened a bookmark.
        let from_a_page = origin.is_some() || site.is_some_and(|site| site != "none");
        let from_ours = site.is_none_or(|site| site == "same-origin" || site == "none")
            && origin
                .and_then(|origin| origin.to_str().ok())
                .is_some_and(|origin| self.0.iter().any(|own| own.eq_ignore_ascii_case(origin)));
        !method.is_safe() && from_a_page && !from_ours
    }
}

/// Answers 403 to a request that changes something and comes from another page.
pub(super) async fn own_pages_only(
    State(origins): State<Arc<OwnOrigins>>,
    request: Request,
    next: Next,
) -> Response {
    if origins.refuses(request.method(), request.headers()) {
        let told = format!(
            "refused: the page that made this request is not the lab's; open it at {}/\n",
            origins.0.join("/ or ")
        );
        return (StatusCode::FORBIDDEN, told).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let origins = OwnOrigins::new("http://estate:10916/", ([0, 0, 0, 0], 10_916).into());
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        origins.refuses(&method, &headers)
    }

    #[test]
    fn its_own_page_and_tools_without_an_origin_may() {
        assert!(!refused(Method::POST, &[]));
        assert!(!refused(Method::POST, &[("sec-fetch-site", "none")]));
        for origin in ["http://estate:10916", "http://localhost:10916", "http://[::1]:10916"] {
            assert!(!refused(Method::POST, &[("origin", origin)]), "{origin}");
            let headers = [("origin", origin), ("sec-fetch-site", "same-origin")];
            assert!(!refused(Method::DELETE, &headers), "{origin}");
        }
    }

    #[test]
    fn pages_of_other_sites_and_ports_may_only_look() {
        for origin in ["http://evil.kr", "http://evil.kr:10916", "http://localhost:1", "null"] {
            assert!(refused(Method::POST, &[("origin", origin)]), "{origin}");
            assert!(!refused(Method::GET, &[("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "same-origin", ""] {
            assert!(refused(Method::POST, &[("sec-fetch-site", site)]), "{site}");
        }
    }
}

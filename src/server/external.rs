//! Where people reach the daemon: `--web.external-url`. Every link on a page takes its path.
//!
//! Requests are answered below that path and without it. The first is for a proxy that passes
//! paths on as they are, the second for one that strips them, and for whoever needs no proxy: a
//! container's health check, a scrape. Where the two could be confused, the path wins.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::Uri;
use url::Url;

/// The external URL, or that there is none.
#[derive(Debug, Clone, Default)]
pub struct External {
    url: Option<Url>,
}

impl External {
    /// As given on the command line, which has checked it.
    pub fn new(url: Option<Url>) -> External {
        External { url }
    }

    /// The path before each of our own: empty, or `/bongsu` without a slash at its end.
    pub fn prefix(&self) -> &str {
        self.url.as_ref().map_or("", |url| url.path().trim_end_matches('/'))
    }

    /// One of our own paths, which begin with a slash, as a link.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.prefix())
    }

    /// Whether a page of this origin is ours.
    pub(super) fn is_origin(&self, origin: &Url) -> bool {
        self.url.as_ref().is_some_and(|url| url.origin() == origin.origin())
    }

    /// Whether a host of this name is ours.
    pub(super) fn is_host(&self, name: &str) -> bool {
        self.url.as_ref().is_some_and(|url| url.host_str() == Some(name))
    }

    /// The same endpoints below the prefix, too.
    pub(super) fn around(&self, router: Router) -> Router {
        if self.prefix().is_empty() {
            return router;
        }
        let prefix: Arc<str> = self.prefix().into();
        let strip = middleware::from_fn(move |mut request: Request, next: Next| {
            if let Some(uri) = without(request.uri(), &prefix) {
                *request.uri_mut() = uri;
            }
            next.run(request)
        });
        Router::new().fallback_service(router).layer(strip)
    }
}

/// The URI without the prefix; `None` when it does not have it.
fn without(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path().strip_prefix(prefix)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parts_of_a_path_are_a_prefix() {
        for (path, wanted) in [
            ("/ops/bongsu", Some("/")),
            ("/ops/bongsu/", Some("/")),
            ("/ops/bongsu/metrics?x=1", Some("/metrics?x=1")),
            ("/ops/bongsu?lang=en", Some("/?lang=en")),
            ("/ops/bongsu2/metrics", None),
            ("/metrics", None),
        ] {
            let found = without(&path.parse().unwrap(), "/ops/bongsu");
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn a_slash_at_the_end_of_the_url_does_not_matter() {
        for text in ["https://ops.go.kr/bongsu", "https://ops.go.kr/bongsu/"] {
            let external = External::new(Some(Url::parse(text).unwrap()));
            assert_eq!(external.link("/metrics"), "/bongsu/metrics");
        }
        assert_eq!(External::default().link("/"), "/");
        assert_eq!(External::new(Some(Url::parse("https://a.go.kr").unwrap())).link("/"), "/");
    }
}

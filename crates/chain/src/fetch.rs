//! How revocation lists and issuers are fetched.

use futures_util::future::BoxFuture;

/// How far a certificate may send whoever looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchReach {
    /// It is the certificate of a site on this machine.
    Anywhere,
    /// Not to this machine itself: whoever writes certificates could have it ask its own services.
    Elsewhere,
}

/// Fetches what certificates point to. The addresses were written by strangers, so an
/// implementation limits time and redirects by itself and follows nothing but `http:`, and `ldap:` for lists. How many are
/// fetched at a time is decided here.
pub trait Fetch: Send + Sync {
    /// What is at an `http:` or `ldap:` address, at most `limit` bytes; else one sentence that names the
    /// address and says why there is none.
    fn get(
        &self,
        url: String,
        limit: usize,
        reach: FetchReach,
    ) -> BoxFuture<'static, Result<Vec<u8>, String>>;
}

/// What is refused to one site is not refused to another.
pub(crate) fn cache_key(url: &str, reach: FetchReach) -> String {
    match reach {
        FetchReach::Elsewhere => url.to_owned(),
        FetchReach::Anywhere => format!("{url} from here"),
    }
}

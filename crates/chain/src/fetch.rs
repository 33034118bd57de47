//! How revocation lists and issuers are fetched.

use futures_util::future::BoxFuture;

/// Fetches what certificates point to. The addresses were written by strangers, so an
/// implementation limits time and redirects by itself and follows nothing but `http:`, and `ldap:` for lists. How many are
/// fetched at a time is decided here.
pub trait Fetch: Send + Sync {
    /// What is at an `http:` or `ldap:` address, at most `limit` bytes; else one sentence that names the
    /// address and says why there is none.
    fn get(&self, url: String, limit: usize) -> BoxFuture<'static, Result<Vec<u8>, String>>;
}

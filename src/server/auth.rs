//! Basic authentication (RFC 7617) against bcrypt hashes.
//!
//! bcrypt is slow on purpose, and Prometheus sends the same password at every scrape: a correct
//! one is remembered as a digest, one entry a user, so that the memory is bounded by the file.
//! Wrong ones are never remembered and cost their bcrypt each, a few at a time. An unknown user
//! costs the same as a known one, so that names cannot be found by the clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// Checks at once: guessing must not take the processor from the probes.
///
/// Limit: passwords that are checked at a time.
/// Share: of all.
/// Full: the next one waits.
/// Filled: guesses_are_checked_two_at_a_time
const CHECKS_MAX: usize = 2;

/// The users of a web configuration.
pub struct Users {
    hashes: BTreeMap<String, String>,
    remembered: Mutex<HashMap<String, [u8; 32]>>,
    checks: Semaphore,
}

impl Users {
    /// Users by name, with their bcrypt hashes.
    pub fn new(hashes: BTreeMap<String, String>) -> Arc<Users> {
        Arc::new(Users {
            hashes,
            remembered: Mutex::new(HashMap::new()),
            checks: Semaphore::new(CHECKS_MAX),
        })
    }

    /// Whether these headers may pass. Everybody may when there are no users.
    pub async fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(anybody) = self.hashes.values().next() else {
            return true;
        };
        let Some((user, password)) = credentials(headers) else {
            return false;
        };
        let known = self.hashes.contains_key(&user);
        let hash = self.hashes.get(&user).unwrap_or(anybody).clone();
        let digest = digest(&hash, &password);
        if self.remembered.lock().get(&user) == Some(&digest) {
            return true;
        }
        let Ok(_permit) = self.checks.acquire().await else {
            return false;
        };
        let check = move || bcrypt::verify(&password, &hash).unwrap_or(false);
        let matches = tokio::task::spawn_blocking(check).await.unwrap_or(false);
        let admitted = matches && known;
        if admitted {
            self.remembered.lock().insert(user, digest);
        }
        admitted
    }
}

fn digest(hash: &str, password: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(hash);
    hasher.update(password);
    hasher.finalize().into()
}

fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut user = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = user.iter().position(|&byte| byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some((String::from_utf8(user).ok()?, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[tokio::test]
    async fn only_a_correct_password_is_admitted_and_remembered() {
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        let users = Users::new(BTreeMap::from([("scraper".to_owned(), hash)]));
        assert!(!users.admits(&HeaderMap::new()).await);
        assert!(!users.admits(&headers("scraper", "wrong")).await);
        assert!(!users.admits(&headers("nobody", "correct horse")).await);
        assert!(users.remembered.lock().is_empty());
        assert!(users.admits(&headers("scraper", "correct horse")).await);
        assert_eq!(users.remembered.lock().len(), 1);
        assert!(!users.admits(&headers("scraper", "wrong")).await);
        assert!(!users.admits(&headers("nobody", "correct horse")).await);
        assert!(users.admits(&headers("scraper", "correct horse")).await);
    }

    #[tokio::test]
    async fn guesses_are_checked_two_at_a_time() {
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        let users = Users::new(BTreeMap::from([("scraper".to_owned(), hash)]));
        assert!(users.admits(&headers("scraper", "correct horse")).await);
        let guesses = users.checks.acquire_many(CHECKS_MAX as u32).await.unwrap();
        assert_eq!(users.checks.available_permits(), 0);
        let guess = headers("scraper", "wrong");
        let mut waiting = Box::pin(users.admits(&guess));
        assert_eq!(futures_util::FutureExt::now_or_never(&mut waiting), None);
        assert!(users.admits(&headers("scraper", "correct horse")).await, "needs no check");
        drop(guesses);
        assert!(!waiting.await);
    }

    #[test]
    fn broken_headers_hold_no_credentials() {
        for value in ["", "Basic", "Basic ", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc"] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert!(credentials(&headers).is_none(), "{value}");
        }
    }
}

//! Basic authentication (RFC 7617) against bcrypt hashes.
//!
//! bcrypt is slow on purpose, and Prometheus sends the same password at every scrape: a correct
//! one is remembered as a digest, one entry a user, so that the memory is bounded by the file, and
//! so are a few wrong ones, because a script with an old password sends it again and again. The
//! others cost their bcrypt each, a few at a time, in turns that are fair to the addresses they come
//! from. A wrong password takes as long for every name, known or not, as for the user whose hash
//! costs most, so that names cannot be found by the clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::connections::ClientConnection;
use super::fair_turns::{FairTurns, TurnLimits};

/// Checks at once: guessing must not take the processor from the probes.
///
/// Limit: passwords that are checked at a time.
/// Share: of all.
/// Full: the next one waits.
/// Filled: guesses_are_checked_two_at_a_time
const CHECKS_MAX: usize = 2;
/// A few people behind one gateway who sign in at the same moment.
///
/// Limit: passwords that wait to be checked.
/// Share: of each address.
/// Full: the oldest gets 429.
/// Filled: of_many_guesses_the_oldest_are_turned_away
const WAITING_MAX: usize = 16;
/// Scripts with an old password, each with its own.
///
/// Limit: digests of wrong passwords.
/// Share: of all.
/// Full: the oldest is forgotten.
/// Filled: wrong_passwords_that_are_remembered_are_few
const WRONG_MAX: usize = 64;

/// The users of a web configuration.
pub struct Users {
    hashes: BTreeMap<String, UserHash>,
    /// The highest cost of all hashes.
    highest_cost: u32,
    checked: Mutex<CheckedPasswords>,
    turns: Arc<FairTurns>,
}

/// A bcrypt hash and the logarithm of its rounds.
#[derive(Clone)]
struct UserHash {
    text: String,
    cost: u32,
}

/// Digests of user, hash and password.
#[derive(Default)]
struct CheckedPasswords {
    right: HashMap<String, [u8; 32]>,
    wrong: VecDeque<[u8; 32]>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    Yes,
    No,
    /// Its password was not checked, because too many wait.
    TooMany,
}

impl Users {
    /// Users by name, with their bcrypt hashes.
    pub fn new(hashes: BTreeMap<String, String>) -> Arc<Users> {
        let hashes: BTreeMap<String, UserHash> =
            hashes.into_iter().map(|(user, text)| (user, UserHash::of(text))).collect();
        let highest_cost = hashes.values().map(|hash| hash.cost).max().unwrap_or(0);
        let turns = FairTurns::new(TurnLimits { turns: CHECKS_MAX, waiting: WAITING_MAX });
        Arc::new(Users { hashes, highest_cost, checked: Mutex::default(), turns })
    }

    /// Whether these headers may pass. Everybody may when there are no users.
    pub(super) async fn admit(&self, headers: &HeaderMap, client: &ClientConnection) -> Admitted {
        if self.hashes.is_empty() {
            return Admitted::Yes;
        }
        let Some((user, password)) = credentials(headers) else {
            return Admitted::No;
        };
        let hash = self.hashes.get(&user).cloned();
        let digest = digest(&user, hash.as_ref(), &password);
        if let Some(known) = self.known(&user, &digest) {
            return known;
        }
        let Some(turn) = self.turns.take(client).await else {
            return Admitted::TooMany;
        };
        // The same one may have been checked meanwhile.
        if let Some(known) = self.known(&user, &digest) {
            return known;
        }
        let highest_cost = self.highest_cost;
        let check = move || is_right(&password, hash.as_ref(), highest_cost);
        let admitted = tokio::task::spawn_blocking(check).await.unwrap_or(false);
        let mut checked = self.checked.lock();
        if admitted {
            checked.right.insert(user, digest);
            return Admitted::Yes;
        }
        if checked.wrong.len() >= WRONG_MAX {
            checked.wrong.pop_front();
        }
        checked.wrong.push_back(digest);
        turn.ended_badly();
        Admitted::No
    }

    fn known(&self, user: &str, digest: &[u8; 32]) -> Option<Admitted> {
        let checked = self.checked.lock();
        if checked.right.get(user) == Some(digest) {
            return Some(Admitted::Yes);
        }
        checked.wrong.contains(digest).then_some(Admitted::No)
    }
}

impl UserHash {
    /// `$2b$10$...`, as the web configuration has it.
    fn of(text: String) -> UserHash {
        let cost = text.split('$').nth(2).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        UserHash { text, cost }
    }
}

/// A wrong password costs 2^`highest_cost` rounds whatever the hash and whether there is one: after
/// 2^c rounds, those of c, c + 1 ... are what is missing.
fn is_right(password: &[u8], hash: Option<&UserHash>, highest_cost: u32) -> bool {
    let unused = |cost| drop(bcrypt::hash_with_salt(password, cost, [0; 16]));
    let Some(hash) = hash else {
        unused(highest_cost);
        return false;
    };
    let is_right = bcrypt::verify(password, &hash.text).unwrap_or(false);
    if !is_right {
        (hash.cost..highest_cost).for_each(unused);
    }
    is_right
}

fn digest(user: &str, hash: Option<&UserHash>, password: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    // No name holds a colon (RFC 7617 section 2), and hashes are of one length.
    hasher.update(user);
    hasher.update(":");
    hasher.update(hash.map_or("", |hash| &hash.text));
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
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::super::connections::ClientAddress;
    use super::*;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    fn client(number: u32) -> Arc<ClientConnection> {
        ClientConnection::alone(ClientAddress::of(Ipv4Addr::from_bits(number).into()))
    }

    fn users(users: &[(&str, u32)]) -> Arc<Users> {
        let hash = |cost| bcrypt::hash("correct horse", cost).unwrap();
        Users::new(users.iter().map(|&(user, cost)| (user.to_owned(), hash(cost))).collect())
    }

    async fn admitted(users: &Users, user: &str, password: &str) -> Admitted {
        users.admit(&headers(user, password), &client(1)).await
    }

    #[tokio::test]
    async fn only_a_correct_password_is_admitted() {
        let users = users(&[("scraper", 4)]);
        assert_eq!(users.admit(&HeaderMap::new(), &client(1)).await, Admitted::No);
        assert_eq!(admitted(&users, "scraper", "wrong").await, Admitted::No);
        assert_eq!(admitted(&users, "nobody", "correct horse").await, Admitted::No);
        assert!(users.checked.lock().right.is_empty());
        for _ in 0..2 {
            assert_eq!(admitted(&users, "scraper", "correct horse").await, Admitted::Yes);
            assert_eq!(users.checked.lock().right.len(), 1);
            assert_eq!(admitted(&users, "scraper", "wrong").await, Admitted::No);
            assert_eq!(admitted(&users, "nobody", "correct horse").await, Admitted::No);
        }
        assert_eq!(users.checked.lock().wrong.len(), 2, "the same ones are not checked twice");
    }

    #[tokio::test]
    async fn guesses_are_checked_two_at_a_time() {
        let users = users(&[("scraper", 4)]);
        assert_eq!(admitted(&users, "scraper", "correct horse").await, Admitted::Yes);
        let mut guesses = Vec::new();
        for _ in 0..CHECKS_MAX {
            guesses.push(users.turns.take(&client(1)).await.unwrap());
        }
        assert!(!users.turns.are_free());
        let mut waiting = Box::pin(admitted(&users, "scraper", "wrong"));
        assert_eq!((&mut waiting).now_or_never(), None);
        let remembered = admitted(&users, "scraper", "correct horse").await;
        assert_eq!(remembered, Admitted::Yes, "needs no check");
        drop(guesses);
        assert_eq!(waiting.await, Admitted::No);
    }

    #[tokio::test]
    async fn of_many_guesses_the_oldest_are_turned_away() {
        let users = users(&[("scraper", 4)]);
        let guesses = [users.turns.take(&client(1)).await, users.turns.take(&client(1)).await];
        let mut waiting: Vec<_> =
            (0..WAITING_MAX + 2).map(|_| Box::pin(admitted(&users, "scraper", "wrong"))).collect();
        for guess in &mut waiting {
            assert_eq!(guess.now_or_never(), None);
        }
        for oldest in waiting.drain(..2) {
            assert_eq!(oldest.await, Admitted::TooMany);
        }
        drop(guesses);
        assert_eq!(waiting.pop().unwrap().await, Admitted::No);
    }

    #[tokio::test]
    async fn wrong_passwords_that_are_remembered_are_few() {
        let users = users(&[("scraper", 4)]);
        for number in 0..WRONG_MAX + 5 {
            // Each from its own address, which has no bad turns behind it.
            let guess = headers("scraper", &number.to_string());
            assert_eq!(users.admit(&guess, &client(number as u32)).await, Admitted::No);
        }
        assert_eq!(users.checked.lock().wrong.len(), WRONG_MAX);
    }

    #[test]
    fn a_wrong_password_takes_as_long_for_every_name() {
        let users = users(&[("cheap", 4), ("dear", 9)]);
        let time = |user: &str| {
            let hash = users.hashes.get(user);
            let before = std::time::Instant::now();
            assert!(!is_right(b"wrong", hash, users.highest_cost));
            before.elapsed()
        };
        // The shortest of many, in turns, so that a busy machine does not decide.
        let mut shortest = [Duration::MAX; 3];
        for _ in 0..40 {
            for (shortest, user) in shortest.iter_mut().zip(["dear", "cheap", "nobody"]) {
                *shortest = time(user).min(*shortest);
            }
            let [dear, others @ ..] = shortest;
            if others.iter().all(|other| *other * 4 > dear * 3 && *other * 3 < dear * 4) {
                return;
            }
        }
        panic!("dear, cheap, nobody: {shortest:?}");
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

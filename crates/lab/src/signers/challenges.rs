//! The challenges that GPKI has handed out: each is good for one answer, and not for long.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::random::{random_bytes, random_token};

/// A challenge is valid for one answer within this time, unless told otherwise.
pub const CHALLENGE_LASTS: Duration = Duration::from_secs(60);
/// Random bytes of a challenge, which are no text.
const NONCE_BYTES: usize = 32;
/// Open challenges. Beyond this a new one is refused until others have run out.
const MAX_CHALLENGES: usize = 10_000;

pub struct OpenChallenges {
    last: Duration,
    open: Mutex<HashMap<String, Challenge>>,
}

/// What is to be signed.
pub type Nonce = [u8; NONCE_BYTES];

struct Challenge {
    nonce: Nonce,
    made: Instant,
}

impl OpenChallenges {
    /// None yet; each will last this long.
    pub fn lasting(last: Duration) -> OpenChallenges {
        OpenChallenges { last, open: Mutex::default() }
    }

    /// A new challenge and its name. `None` while too many are open.
    pub fn hand_out(&self) -> Option<(String, Nonce)> {
        let (name, nonce) = (random_token(), random_bytes());
        let mut open = self.open.lock();
        open.retain(|_, challenge| challenge.made.elapsed() < self.last);
        if open.len() >= MAX_CHALLENGES {
            return None;
        }
        open.insert(name.clone(), Challenge { nonce, made: Instant::now() });
        Some((name, nonce))
    }

    /// Takes a challenge away, to judge the answer to it. `None` for one that was never handed out,
    /// was answered before or has run out.
    pub fn take(&self, name: &str) -> Option<Nonce> {
        let challenge = self.open.lock().remove(name)?;
        (challenge.made.elapsed() < self.last).then_some(challenge.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_challenge_is_good_once_and_for_a_minute() {
        let challenges = OpenChallenges::lasting(CHALLENGE_LASTS);
        let moment = Duration::from_millis(1);
        let (first, nonce) = challenges.hand_out().unwrap();
        let (late, _) = challenges.hand_out().unwrap();
        tokio::time::advance(CHALLENGE_LASTS - moment).await;
        assert_eq!(challenges.take(&first), Some(nonce));
        assert_eq!(challenges.take(&first), None);
        tokio::time::advance(moment).await;
        assert_eq!(challenges.take(&late), None);
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_made_by_those_that_have_run_out() {
        let challenges = OpenChallenges::lasting(CHALLENGE_LASTS);
        for _ in 0..MAX_CHALLENGES {
            challenges.hand_out().unwrap();
        }
        assert_eq!(challenges.hand_out(), None);
        tokio::time::advance(CHALLENGE_LASTS).await;
        assert!(challenges.hand_out().is_some());
    }
}

//! Sessions of one system: they expire, they can be counted, and their number is limited.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::random::random_token;

/// Idle sessions end after ten minutes, as on most of the real systems.
pub const SESSION_IDLE: Duration = Duration::from_secs(600);
/// Sessions of one system, anonymous ones included. Beyond this the oldest is closed.
const MAX_SESSIONS: usize = 4_096;
/// Values that one session can keep; more are ignored.
const MAX_VALUES: usize = 16;

/// What the server remembers of one browser.
#[derive(Debug, Clone)]
pub struct SiteSession {
    /// The value of the cookie.
    pub id: String,
    /// Who signed in; `None` before that.
    pub user: Option<String>,
    /// What a form of this session must bring along.
    pub csrf: String,
    values: HashMap<&'static str, String>,
    last_seen: Instant,
}

impl SiteSession {
    /// A value kept between two pages.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

/// An open session as the control API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    pub user: String,
    /// Time since the last request.
    pub idle: Duration,
}

#[derive(Debug, Default)]
pub struct SiteSessions {
    all: Mutex<HashMap<String, SiteSession>>,
}

impl SiteSessions {
    /// A new session; one with a user counts as signed in.
    pub fn open(&self, user: Option<&str>) -> SiteSession {
        let session = SiteSession {
            id: random_token(),
            user: user.map(str::to_owned),
            csrf: random_token(),
            values: HashMap::new(),
            last_seen: Instant::now(),
        };
        let mut all = self.all.lock();
        all.retain(|_, session| session.last_seen.elapsed() < SESSION_IDLE);
        if all.len() >= MAX_SESSIONS {
            let oldest = all.values().min_by_key(|session| session.last_seen);
            if let Some(id) = oldest.map(|session| session.id.clone()) {
                all.remove(&id);
            }
        }
        all.insert(session.id.clone(), session.clone());
        session
    }

    /// The session of a cookie, if it has not ended. Finding it counts as use.
    pub fn find(&self, id: &str) -> Option<SiteSession> {
        let mut all = self.all.lock();
        let session = all.get_mut(id)?;
        if session.last_seen.elapsed() >= SESSION_IDLE {
            all.remove(id);
            return None;
        }
        session.last_seen = Instant::now();
        Some(session.clone())
    }

    /// Keeps a value for the next page.
    pub fn keep(&self, id: &str, key: &'static str, value: impl Into<String>) {
        let mut all = self.all.lock();
        if let Some(session) = all.get_mut(id)
            && session.values.len() < MAX_VALUES
        {
            session.values.insert(key, value.into());
        }
    }

    /// Ends every session of a user.
    pub fn close_of(&self, user: &str) {
        self.all.lock().retain(|_, session| session.user.as_deref() != Some(user));
    }

    pub fn close(&self, id: &str) {
        self.all.lock().remove(id);
    }

    /// Sessions with a user, sorted by user.
    pub fn signed_in(&self) -> Vec<OpenSession> {
        let all = self.all.lock();
        let mut open: Vec<OpenSession> = all
            .values()
            .filter(|session| session.last_seen.elapsed() < SESSION_IDLE)
            .filter_map(|session| {
                let user = session.user.clone()?;
                Some(OpenSession { user, idle: session.last_seen.elapsed() })
            })
            .collect();
        open.sort_by(|a, b| (&a.user, a.idle).cmp(&(&b.user, b.idle)));
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_idle_session_ends_and_a_used_one_does_not() {
        let sessions = SiteSessions::default();
        let (idle, used) = (sessions.open(Some("kim")), sessions.open(Some("lee")));
        tokio::time::advance(SESSION_IDLE / 2).await;
        assert!(sessions.find(&used.id).is_some());
        tokio::time::advance(SESSION_IDLE / 2).await;
        assert!(sessions.find(&idle.id).is_none());
        assert_eq!(sessions.signed_in().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_so_many_and_the_oldest_goes() {
        let sessions = SiteSessions::default();
        let first = sessions.open(Some("kim"));
        tokio::time::advance(Duration::from_millis(1)).await;
        for _ in 0..MAX_SESSIONS {
            sessions.open(None);
        }
        assert!(sessions.find(&first.id).is_none());
        assert_eq!(sessions.all.lock().len(), MAX_SESSIONS);
    }
}

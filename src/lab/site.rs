//! What every simulated system stands on: its sessions, its accounts, its faults, its page style
//! and a way to call the others.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;

use super::accounts::{Accounts, Directory};
use super::faults::{FaultSet, Kind};
use super::page::{self, Page};
use super::peers::Peers;
use super::session::{Session, Sessions};
use super::systems::System;

/// The account of the probes on every system.
pub const PROBE_USER: &str = "bongsu-probe";
/// Its password: written into the lab's secret files, worth nothing anywhere else.
pub const PROBE_PASSWORD: &str = "bong-su-2023!";
/// A second account, for people who try a login by hand and get it wrong.
pub const VISITOR_USER: &str = "visitor";
/// Its password.
pub const VISITOR_PASSWORD: &str = "welcome-2023!";
/// Largest body a system reads: a signed message is 2 KB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// One running system.
pub struct Site {
    /// What is fixed about it.
    pub system: &'static System,
    /// Its address without a final slash: `https://gpki.localhost:10921`.
    pub base: String,
    /// Who is here.
    pub sessions: Sessions,
    /// Who may come.
    pub accounts: Accounts,
    /// The others.
    pub peers: Arc<Peers>,
    faults: watch::Receiver<FaultSet>,
}

impl Site {
    /// A system with nobody signed in.
    pub fn new(
        system: &'static System,
        base: String,
        peers: Arc<Peers>,
        faults: watch::Receiver<FaultSet>,
    ) -> Site {
        let accounts =
            Accounts::new([(PROBE_USER, PROBE_PASSWORD), (VISITOR_USER, VISITOR_PASSWORD)]);
        Site { system, base, sessions: Sessions::default(), accounts, peers, faults }
    }

    /// Whether a fault bites now.
    pub fn suffers(&self, kind: Kind) -> bool {
        self.faults.borrow().bites(kind)
    }

    /// Whether passwords are known.
    pub fn directory(&self) -> Directory {
        match self.suffers(Kind::WrongPassword) {
            true => Directory::Empty,
            false => Directory::Filled,
        }
    }

    /// The session of a request; a lost one is gone for good.
    pub fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let id = page::cookie(headers, self.system.cookie)?;
        let session = self.sessions.find(&id)?;
        if session.user.is_some() && self.suffers(Kind::LostSession) {
            self.sessions.close(&id);
            return None;
        }
        Some(session)
    }

    /// The session of somebody who signed in.
    pub fn signed_in(&self, headers: &HeaderMap) -> Option<Session> {
        self.session(headers).filter(|session| session.user.is_some())
    }

    /// The session of a request, or a new one for it.
    pub fn session_or_new(&self, headers: &HeaderMap) -> Session {
        self.session(headers).unwrap_or_else(|| self.sessions.open(None))
    }

    /// A page in this system's frame and charset.
    pub fn page(&self, title: &str, body: &str) -> Page {
        Page::new(self.system.charset, &format!("{title} - {}", self.system.title), body)
    }

    /// The pages with the faults of the answers around them.
    pub fn with_faults(self: &Arc<Self>, app: Router) -> Router {
        app.layer(from_fn_with_state(Arc::clone(self), faulty))
    }
}

/// Late, broken or replaced answers.
async fn faulty(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (latency, status, notice) = {
        let faults = site.faults.borrow();
        (faults.latency(), faults.error_status(), faults.bites(Kind::NoticePage))
    };
    tokio::time::sleep(latency.unwrap_or(Duration::ZERO)).await;
    if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
        let body = "<h1>오류가 발생했습니다</h1><p>잠시 후 다시 이용해 주시기 바랍니다.</p>";
        return site.page("오류", body).status(status).into();
    }
    if notice {
        return site.page("서비스 점검 안내", NOTICE).into();
    }
    next.run(request).await
}

/// What Government24 showed from 13:55 on, with status 200.
const NOTICE: &str = "<h1>시스템 점검 중</h1>\
    <p>행정전산망 장애로 서비스를 일시 중단합니다. 이용에 불편을 드려 죄송합니다.</p>\
    <p>급한 민원은 가까운 주민센터에 문의하여 주시기 바랍니다.</p>";

/// Redirects as old web applications do: 302, whatever the method was.
pub fn redirect(location: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

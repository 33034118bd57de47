//! One running system: its sessions, its accounts, its faults, its page style and a way to call the
//! other systems.

pub mod accounts;
pub mod page;
pub mod sessions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;

use crate::faults::{FaultKind, FaultSet};
use crate::peers::Peers;
use crate::signers::officers::SignerPki;
use crate::system::SimulatedSystem;

use accounts::{PasswordDirectory, UserAccounts};
use page::HtmlPage;
use sessions::{SiteSession, SiteSessions};

/// The account of the probes on every system.
pub const PROBE_USER: &str = "bongsu-probe";
/// Its password: written into the lab's secret files, valid nowhere else.
pub const PROBE_PASSWORD: &str = "bong-su-2023!";
/// A second account, for people who try a login by hand and get it wrong.
pub const VISITOR_USER: &str = "visitor";
pub const VISITOR_PASSWORD: &str = "welcome-2023!";
/// Largest body a system reads: a signed message is 2 KB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

pub struct SystemSite {
    pub system: &'static SimulatedSystem,
    /// Its address without a final slash: `https://gpki.localhost:10921`.
    pub base: String,
    pub sessions: SiteSessions,
    pub accounts: UserAccounts,
    pub peers: Arc<Peers>,
    /// Whose certificates there are, for the one who verifies them.
    pub signers: Arc<SignerPki>,
    faults: watch::Receiver<FaultSet>,
}

impl SystemSite {
    pub fn new(
        system: &'static SimulatedSystem,
        base: String,
        peers: Arc<Peers>,
        faults: watch::Receiver<FaultSet>,
    ) -> SystemSite {
        let signers = Arc::clone(&peers.signers);
        let accounts =
            UserAccounts::new([(PROBE_USER, PROBE_PASSWORD), (VISITOR_USER, VISITOR_PASSWORD)]);
        SystemSite {
            system,
            base,
            sessions: SiteSessions::default(),
            accounts,
            peers,
            signers,
            faults,
        }
    }

    /// Whether a fault is in effect now.
    pub fn suffers(&self, kind: FaultKind) -> bool {
        self.faults.borrow().bites(kind)
    }

    /// How long the waiting room keeps people now. `None` without one.
    pub fn waiting_time(&self) -> Option<Duration> {
        self.faults.borrow().waiting_time()
    }

    /// Whether the directory knows the passwords now.
    pub fn directory(&self) -> PasswordDirectory {
        if self.suffers(FaultKind::WrongPassword) {
            PasswordDirectory::Empty
        } else {
            PasswordDirectory::Filled
        }
    }

    /// The session of a request. While sessions get lost, a signed-in one is closed here.
    pub fn session(&self, headers: &HeaderMap) -> Option<SiteSession> {
        let id = page::cookie(headers, self.system.cookie)?;
        let session = self.sessions.find(&id)?;
        if session.user.is_some() && self.suffers(FaultKind::LostSession) {
            self.sessions.close(&id);
            return None;
        }
        Some(session)
    }

    /// The session of a request, if somebody has signed in with it.
    pub fn signed_in(&self, headers: &HeaderMap) -> Option<SiteSession> {
        self.session(headers).filter(|session| session.user.is_some())
    }

    /// The session of a request, or a new one for it.
    pub fn session_or_new(&self, headers: &HeaderMap) -> SiteSession {
        self.session(headers).unwrap_or_else(|| self.sessions.open(None))
    }

    /// A page in this system's frame and charset.
    pub fn page(&self, title: &str, body: &str) -> HtmlPage {
        HtmlPage::new(self.system.charset, &format!("{title} - {}", self.system.title), body)
    }

    /// Adds latency, error status and notice page to an application.
    pub fn with_faults(self: &Arc<Self>, app: Router) -> Router {
        app.layer(from_fn_with_state(Arc::clone(self), faulty))
    }
}

async fn faulty(State(site): State<Arc<SystemSite>>, request: Request, next: Next) -> Response {
    let (latency, status, notice) = {
        let faults = site.faults.borrow();
        (faults.latency(), faults.error_status(), faults.bites(FaultKind::NoticePage))
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

/// The notice of Government24 on 17 November 2023 from 13:55 on, with status 200.
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

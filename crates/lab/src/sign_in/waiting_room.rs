//! A waiting room before a page, as NetFunnel stands before popular ones: a key for everybody who asks,
//! an answer in a line of script whether its holder may go on, and a page that asks for the key.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;

use crate::site::SystemSite;
use crate::site::page::FormFields;
use crate::site::sessions::SiteSession;

const TURNSTILE: &str = "/ts.wseq";
/// Under this key a turn keeps when it was taken, in milliseconds since 1970.
const SINCE: &str = "since";

/// What a request to the turnstile wants.
const TAKE: &str = "5101";
const ASK: &str = "5002";
const LEAVE: &str = "5004";

#[derive(Clone)]
struct WaitingRoom {
    site: Arc<SystemSite>,
    /// The path of the page behind it.
    page: &'static str,
}

/// Puts a waiting room before one page of an application.
pub fn before(site: &Arc<SystemSite>, page: &'static str, app: Router) -> Router {
    let room = WaitingRoom { site: Arc::clone(site), page };
    let turnstile = Router::new().route(TURNSTILE, get(turnstile)).with_state(Arc::clone(site));
    app.layer(from_fn_with_state(room, guard)).merge(turnstile)
}

async fn turnstile(State(site): State<Arc<SystemSite>>, RawQuery(query): RawQuery) -> String {
    let query = FormFields::parse(query.unwrap_or_default().as_bytes(), site.system.charset);
    let said = |opcode: &str, code: u16, rest: String| {
        format!("NetFunnel.gRtype={opcode};NetFunnel.gControl.result='{opcode}:{code}:{rest}';\n")
    };
    let turn = match query.text("opcode") {
        TAKE => {
            let turn = site.sessions.open(None);
            site.sessions.keep(&turn.id, SINCE, now().as_millis().to_string());
            site.sessions.find(&turn.id)
        }
        ASK => site.sessions.find(query.text("key")),
        LEAVE => {
            site.sessions.close(query.text("key"));
            return said(LEAVE, 200, "msg=\"Success\"".into());
        }
        _ => None,
    };
    let opcode = if query.text("opcode") == TAKE { TAKE } else { ASK };
    match turn.as_ref().and_then(|turn| Some((turn, left(&site, turn)?))) {
        None => said(opcode, 502, "msg=\"Invalid key\"".into()),
        Some((turn, left)) => {
            let code = if left.is_zero() { 200 } else { 201 };
            let rest = format!("key={}&nwait={}&ttl=1", turn.id, left.as_secs_f32().ceil());
            said(opcode, code, rest)
        }
    }
}

/// How long the holder of a turn still waits. `None` for a session that is no turn.
fn left(site: &SystemSite, turn: &SiteSession) -> Option<Duration> {
    let since = Duration::from_millis(turn.value(SINCE)?.parse().ok()?);
    let wait = site.waiting_time().unwrap_or_default();
    Some((since + wait).saturating_sub(now()))
}

async fn guard(State(room): State<WaitingRoom>, request: Request, next: Next) -> Response {
    let WaitingRoom { site, page } = &room;
    if request.uri().path() != *page || site.waiting_time().is_none() {
        return next.run(request).await;
    }
    let query = request.uri().query().unwrap_or_default();
    let query = FormFields::parse(query.as_bytes(), site.system.charset);
    let turn = site.sessions.find(query.text("netfunnel_key"));
    if turn.and_then(|turn| left(site, &turn)).is_some_and(|left| left.is_zero()) {
        return next.run(request).await;
    }
    let body = "<h1>접속 대기 중</h1><p>접속자가 많아 대기 중입니다. 잠시만 기다려 주십시오.</p>";
    site.page("접속 대기", body).into()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

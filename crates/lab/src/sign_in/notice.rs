//! What stands between a right password and the page behind it, on some days: the password should be
//! changed, it has to be, or the account is signed in elsewhere, which it may end.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use super::form::FormLogin;
use crate::faults::FaultKind;
use crate::site::page;
use crate::site::sessions::SiteSession;
use crate::site::{SystemSite, redirect};

/// As eGovFrame calls it.
const CHANGE_PASSWORD: &str = "/noticeExpirePwd.do";
/// Asks whether the session elsewhere is to end.
const END_OTHER: &str = "/duplicateLogin.do";
/// Under this key a session keeps who is signed in once the notice is answered.
const WAITING: &str = "waiting";

#[derive(Clone)]
struct NoticeRoutes {
    site: Arc<SystemSite>,
    form: FormLogin,
}

/// The notice with a button "later", the question about another session, and where both lead.
pub fn routes(site: &Arc<SystemSite>, form: FormLogin) -> Router {
    Router::new()
        .route(CHANGE_PASSWORD, get(show).post(later))
        .route(END_OTHER, get(ask).post(end_other))
        .with_state(NoticeRoutes { site: Arc::clone(site), form })
}

/// The answer to a right password that lets nobody in.
pub fn refusal(site: &SystemSite) -> Option<Response> {
    let (title, told) = if site.suffers(FaultKind::PasswordExpired) {
        ("비밀번호 변경", "비밀번호 유효기간이 지났습니다. 변경해야 이용할 수 있습니다.")
    } else if site.suffers(FaultKind::DuplicateSession) {
        ("중복 로그인", "다른 곳에서 이미 로그인되어 있습니다. 먼저 로그아웃하십시오.")
    } else {
        return None;
    };
    Some(site.page(title, &format!("<h1>{title}</h1><p>{told}</p>")).into())
}

/// The answer to a login that lets a user in, with a new session: at once, or behind a notice or question.
pub fn welcome(site: &SystemSite, form: &FormLogin, user: &str) -> Response {
    let is_elsewhere = || site.sessions.signed_in().iter().any(|session| session.user == user);
    let first = if site.suffers(FaultKind::PasswordNotice) {
        CHANGE_PASSWORD
    } else if site.suffers(FaultKind::OneSession) && is_elsewhere() {
        END_OTHER
    } else {
        return led_to(form.home, site, &site.sessions.open(Some(user)));
    };
    let session = site.sessions.open(None);
    site.sessions.keep(&session.id, WAITING, user);
    led_to(first, site, &session)
}

async fn ask(State(notice): State<NoticeRoutes>, headers: HeaderMap) -> Response {
    let NoticeRoutes { site, form } = &notice;
    if waiting(site, &headers).is_none() {
        return redirect(form.login);
    }
    let body = format!(
        "<h1>중복 로그인 확인</h1><p>다른 곳에서 접속 중인 계정입니다. 기존 접속을 종료하시겠습니까?</p><form \
         id=\"endOther\" method=\"post\" action=\"{END_OTHER}\"><button>기존 접속 종료</button></form>"
    );
    site.page("중복 로그인 확인", &body).into()
}

async fn end_other(State(notice): State<NoticeRoutes>, headers: HeaderMap) -> Response {
    let NoticeRoutes { site, form } = &notice;
    let Some((session, user)) = waiting(site, &headers) else { return redirect(form.login) };
    site.sessions.close(&session.id);
    site.sessions.close_of(&user);
    led_to(form.home, site, &site.sessions.open(Some(&user)))
}

fn led_to(path: &str, site: &SystemSite, session: &SiteSession) -> Response {
    let mut response = redirect(path);
    page::set_cookie(&mut response, &page::session_cookie(site.system.cookie, &session.id));
    response
}

/// Who has to answer the notice in the session of a request.
fn waiting(site: &SystemSite, headers: &HeaderMap) -> Option<(SiteSession, String)> {
    let session = site.session(headers)?;
    let user = session.value(WAITING)?.to_owned();
    Some((session, user))
}

async fn show(State(notice): State<NoticeRoutes>, headers: HeaderMap) -> Response {
    let NoticeRoutes { site, form } = &notice;
    if waiting(site, &headers).is_none() {
        return redirect(form.login);
    }
    let body = format!(
        "<h1>비밀번호 변경 안내</h1><p>비밀번호를 변경한 지 3개월이 지났습니다.</p><form \
         id=\"changeLater\" method=\"post\" action=\"{CHANGE_PASSWORD}\"><button>다음에 \
         변경</button></form>"
    );
    site.page("비밀번호 변경 안내", &body).into()
}

async fn later(State(notice): State<NoticeRoutes>, headers: HeaderMap) -> Response {
    let NoticeRoutes { site, form } = &notice;
    let Some((session, user)) = waiting(site, &headers) else { return redirect(form.login) };
    site.sessions.close(&session.id);
    led_to(form.home, site, &site.sessions.open(Some(&user)))
}

//! A login by JSON for programs and single-page applications: an access token of a few minutes (JWT)
//! for `Authorization`, and a refresh token that each use replaces.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::form::MAX_SESSIONS_OF_ACCOUNT;
use super::id_token;
use crate::faults::FaultKind;
use crate::random::random_token;
use crate::site::SystemSite;
use crate::site::accounts::{PasswordCheck, STRIKES};
use crate::site::page;
use crate::site::sessions::SiteSession;

/// Of an access token; the refresh token lives as long as its session.
const ACCESS_SECONDS: u64 = 300;
/// Under this key a session keeps its refresh token.
const REFRESH: &str = "refresh";

/// Login, refresh, who am I, logout.
pub fn routes(site: &Arc<SystemSite>) -> Router {
    Router::new()
        .route("/api/v1/auth/login", post(login))
        .route("/api/v1/auth/refresh", post(refresh))
        .route("/api/v1/auth/logout", post(logout))
        .route("/api/v1/me", get(me))
        .with_state(Arc::clone(site))
}

async fn login(State(site): State<Arc<SystemSite>>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "BAD_REQUEST", "요청 형식이 올바르지 않습니다.");
    };
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    if site.suffers(FaultKind::Captcha) {
        let told = "보안문자를 입력하십시오.";
        return refused(StatusCode::FORBIDDEN, "CAPTCHA_REQUIRED", told);
    }
    let user = text("id");
    match site.accounts.check(user, text("password"), site.directory()) {
        PasswordCheck::Welcome => {}
        PasswordCheck::Wrong { strikes } => {
            let told =
                format!("아이디 또는 비밀번호가 일치하지 않습니다. ({strikes}/{STRIKES}회 오류)");
            return refused(StatusCode::UNAUTHORIZED, "LOGIN_FAILED", &told);
        }
        PasswordCheck::Locked => {
            let told = "잠긴 계정입니다. 관리자에게 문의하십시오.";
            return refused(StatusCode::UNAUTHORIZED, "ACCOUNT_LOCKED", told);
        }
    }
    let open = site.sessions.signed_in();
    if open.iter().filter(|session| session.user == user).count() >= MAX_SESSIONS_OF_ACCOUNT {
        let told = "동시 접속 한도를 넘었습니다.";
        return refused(StatusCode::CONFLICT, "TOO_MANY_SESSIONS", told);
    }
    if let Err(failed) = site.peers.gpki_verifies(user).await {
        let told = format!("인증서 검증서버(IVS)가 응답하지 않습니다. {}", failed.0);
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "PKI_BACKEND", &told);
    }
    tokens(&site, &site.sessions.open(Some(user)))
}

async fn refresh(State(site): State<Arc<SystemSite>>, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let given = asked["refreshToken"].as_str().unwrap_or_default();
    // The session's identifier, and what this use replaces.
    let session = given.split_once('.').and_then(|(id, _)| site.sessions.find(id));
    match session.filter(|session| session.value(REFRESH) == Some(given)) {
        Some(session) => tokens(&site, &session),
        None => {
            refused(StatusCode::UNAUTHORIZED, "TOKEN_INVALID", "갱신 토큰이 유효하지 않습니다.")
        }
    }
}

async fn me(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    match bearer(&site, &headers).and_then(|session| session.user) {
        Some(user) => page::json(StatusCode::OK, &json!({ "id": user, "approvals": 3 })),
        None => refused(StatusCode::UNAUTHORIZED, "TOKEN_INVALID", "토큰이 유효하지 않습니다."),
    }
}

async fn logout(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    if let Some(session) = bearer(&site, &headers) {
        site.sessions.close(&session.id);
    }
    page::json(StatusCode::OK, &json!({ "result": "success" }))
}

/// A new pair for a session.
fn tokens(site: &SystemSite, session: &SiteSession) -> Response {
    let refresh = format!("{}.{}", session.id, random_token());
    site.sessions.keep(&session.id, REFRESH, refresh.as_str());
    let expires = now() + ACCESS_SECONDS;
    let claims = json!({ "sub": session.user, "sid": session.id, "exp": expires });
    let access = id_token::sign(&claims, &secret(site));
    let body = json!({
        "accessToken": access, "refreshToken": refresh, "tokenType": "Bearer",
        "expiresIn": ACCESS_SECONDS,
    });
    page::json(StatusCode::OK, &body)
}

/// The session of an access token. While sessions get lost, it is closed here.
fn bearer(site: &SystemSite, headers: &HeaderMap) -> Option<SiteSession> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let claims = id_token::verify(given.strip_prefix("Bearer ")?, &secret(site))?;
    let session = site.sessions.find(claims["sid"].as_str()?)?;
    if site.suffers(FaultKind::LostSession) {
        site.sessions.close(&session.id);
        return None;
    }
    (claims["exp"].as_u64()? > now()).then_some(session)
}

fn secret(site: &SystemSite) -> String {
    id_token::client_secret(site.system.name)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn refused(status: StatusCode, code: &str, told: &str) -> Response {
    page::json(status, &json!({ "code": code, "message": told }))
}

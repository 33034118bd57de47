//! Sign-in by Any-ID as the citizen portals have it: the browser is sent to the identity provider,
//! comes back with a code, and the portal exchanges the code over its own connection.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use base::EscapedText;
use http::{HeaderMap, StatusCode};
use url::form_urlencoded::Serializer;

use super::id_token::{self, client_secret};
use crate::random::random_token;
use crate::site::page::{self, FormFields};
use crate::site::sessions::SiteSession;
use crate::site::{SystemSite, redirect};

/// Paths that a portal redirects to.
#[derive(Debug, Clone, Copy)]
pub struct Portal {
    /// After the sign-in.
    pub home: &'static str,
    /// After the logout.
    pub front: &'static str,
}

#[derive(Clone)]
struct PortalRoutes {
    site: Arc<SystemSite>,
    portal: Portal,
}

/// `/signin`, `/callback`, `/logout`.
pub fn routes(site: &Arc<SystemSite>, portal: Portal) -> Router {
    Router::new()
        .route("/signin", get(sign_in))
        .route("/callback", post(callback))
        .route("/logout", get(logout))
        .with_state(PortalRoutes { site: Arc::clone(site), portal })
}

async fn sign_in(
    State(PortalRoutes { site, .. }): State<PortalRoutes>,
    headers: HeaderMap,
) -> Response {
    let session = site.session_or_new(&headers);
    // Two tokens make the 64 characters that a verifier may have (RFC 7636 section 4.1).
    let verifier = random_token() + &random_token();
    let (state, nonce) = (random_token(), random_token());
    let query = Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("response_mode", "form_post")
        .append_pair("scope", "openid")
        .append_pair("client_id", site.system.name)
        .append_pair("redirect_uri", &format!("{}/callback", site.base))
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", &id_token::s256(&verifier))
        .finish();
    for (key, value) in [("state", state), ("nonce", nonce), ("verifier", verifier)] {
        site.sessions.keep(&session.id, key, value);
    }
    let mut response = redirect(&format!("{}/authorize?{query}", site.peers.base("anyid")));
    page::set_cookie(&mut response, &page::session_cookie(site.system.cookie, &session.id));
    response
}

async fn callback(
    State(PortalRoutes { site, portal }): State<PortalRoutes>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = FormFields::parse(&body, site.system.charset);
    let session = site.session(&headers);
    let Some(session) = session.filter(|s| s.value("state") == Some(fields.text("state"))) else {
        let body = "<h1>로그인 오류</h1><p>인증 요청과 응답이 일치하지 않습니다.</p>";
        return site.page("로그인 오류", body).status(StatusCode::BAD_REQUEST).into();
    };
    let user = match exchange(&site, &session, fields.text("code")).await {
        Ok(user) => user,
        Err(why) => {
            let body =
                format!("<h1>로그인 오류</h1><p>통합인증 서버 오류: {}</p>", EscapedText(&why));
            return site.page("로그인 오류", &body).status(StatusCode::BAD_GATEWAY).into();
        }
    };
    site.sessions.close(&session.id);
    let session = site.sessions.open(Some(&user));
    let mut response = redirect(portal.home);
    page::set_cookie(&mut response, &page::session_cookie(site.system.cookie, &session.id));
    response
}

/// Exchanges the code for an ID token and checks it (OpenID Connect Core, section 3.1.3.7). The error
/// is Korean, for a page.
async fn exchange(site: &SystemSite, session: &SiteSession, code: &str) -> Result<String, String> {
    let secret = client_secret(site.system.name);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &format!("{}/callback", site.base)),
        ("client_id", site.system.name),
        ("client_secret", &secret),
        ("code_verifier", session.value("verifier").unwrap_or_default()),
    ];
    let answer = site.peers.post("anyid", "/token", &fields).await.map_err(|failed| failed.0)?;
    let answer: serde_json::Value =
        serde_json::from_slice(&answer).map_err(|_| "응답 형식 오류".to_owned())?;
    let claims = answer["id_token"].as_str().and_then(|token| id_token::verify(token, &secret));
    claims
        .filter(|claims| claims["iss"] == site.peers.base("anyid"))
        .filter(|claims| claims["aud"] == site.system.name)
        .filter(|claims| claims["nonce"].as_str() == session.value("nonce"))
        .and_then(|claims| claims["sub"].as_str().map(str::to_owned))
        .ok_or_else(|| "ID 토큰 검증 실패".to_owned())
}

async fn logout(
    State(PortalRoutes { site, portal }): State<PortalRoutes>,
    headers: HeaderMap,
) -> Response {
    if let Some(session) = site.session(&headers) {
        site.sessions.close(&session.id);
    }
    let mut response = redirect(portal.front);
    page::set_cookie(&mut response, &page::expired_cookie(site.system.cookie));
    response
}

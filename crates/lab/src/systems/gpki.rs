//! GPKI (행정전자서명): hands out challenges, and verifies what is signed in answer to them, for
//! everyone else and for who comes by himself.
//!
//! Its front page is small and a verification is not. In November 2023 large packets were lost, so the
//! page stayed green while verifications failed.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::{get, post};
use base::EscapedText;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::faults::FaultKind;
use crate::signers::message;
use crate::site::page::{self, FormFields};
use crate::site::{MAX_BODY_BYTES, SystemSite};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "gpki",
    service: "gpki",
    title: "행정전자서명 인증(GPKI)",
    english: "GPKI verification",
    needs: &[],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "GPKISESSION",
};

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/gpki/challenge", post(challenge))
        .route("/gpki/verify", post(verify))
        .route("/gpki/me", get(own_page))
        .route("/gpki/logout", get(logout))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(site)
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let body = "<h1>행정전자서명 인증관리센터</h1><p>정상 서비스 중입니다.</p>";
    site.page("안내", body).into()
}

async fn challenge(State(site): State<Arc<SystemSite>>) -> Response {
    let Some((id, nonce)) = site.signers.challenges.hand_out() else {
        let busy = json!({ "error": "too many open challenges" });
        return page::json(StatusCode::SERVICE_UNAVAILABLE, &busy);
    };
    page::json(StatusCode::OK, &json!({ "txId": id, "challenge": BASE64.encode(nonce) }))
}

async fn verify(State(site): State<Arc<SystemSite>>, body: Bytes) -> Response {
    let fields = FormFields::parse(&body, site.system.charset);
    let refused = |status, why: &str| page::json(status, &json!({ "result": "FAIL", "why": why }));
    let Some(nonce) = site.signers.challenges.take(fields.text("txId")) else {
        return refused(StatusCode::GONE, "no such challenge");
    };
    let Ok(message) = BASE64.decode(fields.text("signedData")) else {
        return refused(StatusCode::BAD_REQUEST, "signedData is not base64");
    };
    if site.suffers(FaultKind::PkiBackend) {
        let why = "CRL 검증서버(LDAP)가 응답하지 않습니다";
        return refused(StatusCode::INTERNAL_SERVER_ERROR, why);
    }
    let is_revoked = site.suffers(FaultKind::RevokedSigner);
    let Ok(list) = site.signers.revocation_list(is_revoked) else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "CRL을 만들 수 없습니다");
    };
    // What was judged has status 200, as such servers answer.
    let verified = match message::verify(&message, &site.signers, &list) {
        Ok(verified) => verified,
        Err(refusal) => return refused(StatusCode::OK, refusal.korean()),
    };
    if verified.content != nonce {
        return refused(StatusCode::OK, "전자서명이 챌린지에 대한 것이 아닙니다");
    }
    let answer = json!({ "result": "OK", "signer": verified.signer });
    let mut response = page::json(StatusCode::OK, &answer);
    // Systems ask for others, and want no session.
    if fields.text("session") == "open" {
        let session = site.sessions.open(Some(&verified.signer));
        page::set_cookie(&mut response, &page::session_cookie(SYSTEM.cookie, &session.id));
    }
    response
}

/// Who is signed in, for one who came by himself.
async fn own_page(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let session = site.signed_in(&headers);
    let Some(user) = session.and_then(|session| session.user) else {
        return site
            .page("안내", "<h1>로그인이 필요합니다</h1>")
            .status(StatusCode::FORBIDDEN)
            .into();
    };
    let user = EscapedText(&user);
    let body = format!("<p id=\"user\">{user}</p><a href=\"/gpki/logout\">로그아웃</a>");
    site.page("내 인증서", &body).into()
}

async fn logout(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    if let Some(session) = site.session(&headers) {
        site.sessions.close(&session.id);
    }
    let mut response = page::json(StatusCode::OK, &json!({ "result": "OK" }));
    page::set_cookie(&mut response, &page::expired_cookie(SYSTEM.cookie));
    response
}

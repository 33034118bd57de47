//! GPKI (행정전자서명): hands out challenges, and verifies what is signed in answer to them, for
//! everyone else and for who comes by himself.
//!
//! Its front page is small and a verification is not. In November 2023 large packets were lost, so the
//! page stayed green while verifications failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::{get, post};
use base::EscapedText;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::faults::FaultKind;
use crate::signers::message;
use crate::site::page::{self, FormFields};
use crate::site::sessions::{random_bytes, random_token};
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

/// A challenge is valid for one answer within this time.
const CHALLENGE_LASTS: Duration = Duration::from_secs(60);
/// Random bytes of a challenge, which are no text.
const NONCE_BYTES: usize = 32;
/// Open challenges. Beyond this a new one is refused until others have run out.
const MAX_CHALLENGES: usize = 10_000;

#[derive(Clone)]
struct Gpki {
    site: Arc<SystemSite>,
    open: Arc<Mutex<HashMap<String, Challenge>>>,
}

struct Challenge {
    nonce: [u8; NONCE_BYTES],
    made: Instant,
}

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/gpki/challenge", post(challenge))
        .route("/gpki/verify", post(verify))
        .route("/gpki/me", get(own_page))
        .route("/gpki/logout", get(logout))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Gpki { site, open: Arc::default() })
}

async fn front(State(gpki): State<Gpki>) -> Response {
    let body = "<h1>행정전자서명 인증관리센터</h1><p>정상 서비스 중입니다.</p>";
    gpki.site.page("안내", body).into()
}

async fn challenge(State(gpki): State<Gpki>) -> Response {
    let (id, nonce) = (random_token(), random_bytes());
    let mut open = gpki.open.lock();
    open.retain(|_, challenge| challenge.made.elapsed() < CHALLENGE_LASTS);
    if open.len() >= MAX_CHALLENGES {
        let busy = json!({ "error": "too many open challenges" });
        return page::json(StatusCode::SERVICE_UNAVAILABLE, &busy);
    }
    open.insert(id.clone(), Challenge { nonce, made: Instant::now() });
    page::json(StatusCode::OK, &json!({ "txId": id, "challenge": BASE64.encode(nonce) }))
}

async fn verify(State(gpki): State<Gpki>, body: Bytes) -> Response {
    let fields = FormFields::parse(&body, gpki.site.system.charset);
    let known = {
        let mut open = gpki.open.lock();
        open.remove(fields.text("txId"))
    };
    let refused = |status, why: &str| page::json(status, &json!({ "result": "FAIL", "why": why }));
    let Some(known) = known.filter(|known| known.made.elapsed() < CHALLENGE_LASTS) else {
        return refused(StatusCode::GONE, "no such challenge");
    };
    let Ok(message) = BASE64.decode(fields.text("signedData")) else {
        return refused(StatusCode::BAD_REQUEST, "signedData is not base64");
    };
    if gpki.site.suffers(FaultKind::PkiBackend) {
        let why = "CRL 검증서버(LDAP)가 응답하지 않습니다";
        return refused(StatusCode::INTERNAL_SERVER_ERROR, why);
    }
    let is_revoked = gpki.site.suffers(FaultKind::RevokedSigner);
    let Ok(list) = gpki.site.signers.revocation_list(is_revoked) else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "CRL을 만들 수 없습니다");
    };
    // What was judged has status 200, as such servers answer.
    let verified = match message::verify(&message, &gpki.site.signers, &list) {
        Ok(verified) => verified,
        Err(refusal) => return refused(StatusCode::OK, refusal.korean()),
    };
    if verified.content != known.nonce {
        return refused(StatusCode::OK, "전자서명이 챌린지에 대한 것이 아닙니다");
    }
    let answer = json!({ "result": "OK", "signer": verified.signer });
    let mut response = page::json(StatusCode::OK, &answer);
    // Systems ask for others, and want no session.
    if fields.text("session") == "open" {
        let session = gpki.site.sessions.open(Some(&verified.signer));
        page::set_cookie(&mut response, &page::session_cookie(SYSTEM.cookie, &session.id));
    }
    response
}

/// Who is signed in, for one who came by himself.
async fn own_page(State(gpki): State<Gpki>, headers: HeaderMap) -> Response {
    let session = gpki.site.signed_in(&headers);
    let Some(user) = session.and_then(|session| session.user) else {
        return gpki
            .site
            .page("안내", "<h1>로그인이 필요합니다</h1>")
            .status(StatusCode::FORBIDDEN)
            .into();
    };
    let user = EscapedText(&user);
    let body = format!("<p id=\"user\">{user}</p><a href=\"/gpki/logout\">로그아웃</a>");
    gpki.site.page("내 인증서", &body).into()
}

async fn logout(State(gpki): State<Gpki>, headers: HeaderMap) -> Response {
    if let Some(session) = gpki.site.session(&headers) {
        gpki.site.sessions.close(&session.id);
    }
    let mut response = page::json(StatusCode::OK, &json!({ "result": "OK" }));
    page::set_cookie(&mut response, &page::expired_cookie(SYSTEM.cookie));
    response
}

//! GPKI (행정전자서명): hands out challenges and verifies signed messages for everyone else.
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
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::site::page::{self, FormFields};
use crate::site::sessions::random_token;
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
/// Open challenges. Beyond this a new one is refused until others have run out.
const MAX_CHALLENGES: usize = 10_000;

#[derive(Clone)]
struct Gpki {
    site: Arc<SystemSite>,
    open: Arc<Mutex<HashMap<String, Challenge>>>,
}

struct Challenge {
    nonce: String,
    made: Instant,
}

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/gpki/challenge", post(challenge))
        .route("/gpki/verify", post(verify))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Gpki { site, open: Arc::default() })
}

async fn front(State(gpki): State<Gpki>) -> Response {
    let body = "<h1>행정전자서명 인증관리센터</h1><p>정상 서비스 중입니다.</p>";
    gpki.site.page("안내", body).into()
}

async fn challenge(State(gpki): State<Gpki>) -> Response {
    let (id, nonce) = (random_token(), random_token());
    let mut open = gpki.open.lock();
    open.retain(|_, challenge| challenge.made.elapsed() < CHALLENGE_LASTS);
    if open.len() >= MAX_CHALLENGES {
        let busy = json!({ "error": "too many open challenges" });
        return page::json(StatusCode::SERVICE_UNAVAILABLE, &busy);
    }
    open.insert(id.clone(), Challenge { nonce: nonce.clone(), made: Instant::now() });
    page::json(StatusCode::OK, &json!({ "txId": id, "challenge": nonce }))
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
    if !message.starts_with(known.nonce.as_bytes()) {
        return refused(StatusCode::FORBIDDEN, "the message does not answer the challenge");
    }
    page::json(StatusCode::OK, &json!({ "result": "OK" }))
}

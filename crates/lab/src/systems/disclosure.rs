//! The disclosure portal (정보공개포털): a public search with long results, and requests for people
//! who signed in by Any-ID, behind a waiting room.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use base::EscapedText;
use http::HeaderMap;

use crate::sign_in::portal::{self, Portal};
use crate::sign_in::waiting_room;
use crate::site::page::FormFields;
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "disclosure",
    service: "disclosure",
    title: "정보공개포털",
    english: "Information disclosure",
    needs: &["anyid"],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "OPENSESSION",
};

const PORTAL: Portal = Portal { home: "/requests", front: "/" };

/// Hits of every search: an answer of several packets.
const HITS: usize = 50;

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/search", get(search))
        .route("/requests", get(requests))
        .with_state(Arc::clone(&site))
        .merge(waiting_room::before(&site, "/signin", portal::routes(&site, PORTAL)))
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let body = "<h1>정보공개포털</h1><form action=\"/search\"><input name=\"q\"><button>검색</button>\
                </form><a href=\"/signin\">청구하기</a>";
    site.page("홈", body).into()
}

async fn search(State(site): State<Arc<SystemSite>>, RawQuery(query): RawQuery) -> Response {
    let query = FormFields::parse(query.unwrap_or_default().as_bytes(), site.system.charset);
    let sought = EscapedText(query.text("q"));
    let hits: String =
        (1..=HITS).map(|n| format!("<li>{sought} 관련 결재문서 제{n}호</li>")).collect();
    site.page("검색 결과", &format!("<h1>검색 결과 {HITS}건</h1><ol>{hits}</ol>")).into()
}

async fn requests(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/");
    };
    let body = format!(
        "<h1>나의 청구</h1><p id=\"user\">{} 님 <a href=\"/logout\">로그아웃</a></p><p>처리 중 1건</p>",
        EscapedText(&user)
    );
    site.page("나의 청구", &body).into()
}

//! Government24 (정부24): citizens sign in by Any-ID and have documents issued, for which the
//! resident register is asked while they wait.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use base::EscapedText;
use http::{HeaderMap, StatusCode};

use crate::sign_in::portal::{self, Portal};
use crate::site::page::FormFields;
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "gov24",
    service: "gov24",
    title: "정부24",
    english: "Government24",
    needs: &["resident", "anyid"],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "GOV24SESSION",
};

const PORTAL: Portal = Portal { home: "/main", front: "/" };

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/main", get(main_page))
        .route("/issue", get(application).post(issue))
        .route("/issue/status", get(issuing_status))
        .with_state(Arc::clone(&site))
        .merge(portal::routes(&site, PORTAL))
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let body = "<h1>정부서비스의 시작, 정부24</h1><a href=\"/signin\">로그인</a>\
                <ul><li>주민등록표 등본(초본) 발급</li><li>건축물대장 발급</li><li>전입신고</li></ul>";
    site.page("홈", body).into()
}

async fn main_page(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/");
    };
    let body = format!(
        "<h1>나의 생활정보</h1><p id=\"user\">{} 님 <a href=\"/logout\">로그아웃</a></p>\
         <a href=\"/issue\">등본 발급</a>",
        EscapedText(&user)
    );
    site.page("나의 생활정보", &body).into()
}

async fn application(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(session) = site.signed_in(&headers) else { return redirect("/") };
    let body = format!(
        "<h1>주민등록표 등본 발급 신청</h1><form id=\"issue\" method=\"post\" action=\"/issue\">\
         <input type=\"hidden\" name=\"_csrf\" value=\"{}\"><button>신청</button></form>",
        session.csrf
    );
    site.page("발급 신청", &body).into()
}

async fn issue(State(site): State<Arc<SystemSite>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(session) = site.signed_in(&headers) else { return redirect("/") };
    if FormFields::parse(&body, site.system.charset).text("_csrf") != session.csrf {
        return site
            .page("접근 거부", "<h1>잘못된 접근입니다</h1>")
            .status(StatusCode::FORBIDDEN)
            .into();
    }
    let name = session.user.unwrap_or_default();
    match site.peers.post("resident", "/api/abstract", &[("name", &name)]).await {
        Ok(_) => {
            let body =
                format!("<h1>주민등록표 등본</h1><p id=\"issued\">{}</p>", EscapedText(&name));
            site.page("발급 완료", &body).into()
        }
        Err(failed) => not_issued(&site, &failed.0),
    }
}

/// Whether documents can be issued now; shown to everybody before they sign in.
async fn issuing_status(State(site): State<Arc<SystemSite>>) -> Response {
    match site.peers.get("resident", "/api/status").await {
        Ok(_) => site.page("발급 현황", "<h1>발급 가능</h1>").into(),
        Err(failed) => not_issued(&site, &failed.0),
    }
}

fn not_issued(site: &SystemSite, detail: &str) -> Response {
    let body = format!("<h1>발급 지연</h1><p>주민등록시스템 {}</p>", EscapedText(detail));
    site.page("발급 지연", &body).status(StatusCode::SERVICE_UNAVAILABLE).into()
}

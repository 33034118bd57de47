//! Resident registration (주민등록통합행정시스템): internal, EUC-KR, behind GPKI for officials, and
//! asked by Government24 for every abstract it issues. A script sends its login's form.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::sign_in::certificate;
use crate::sign_in::form::{self, FormLogin, Typed};
use crate::site::page::{self, FormFields};
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "resident",
    service: "resident",
    title: "주민등록통합행정시스템",
    english: "Resident registration",
    needs: &["gpki"],
    charset: &encoding_rs::EUC_KR_INIT,
    cookie: "RESIDENTSESSION",
};

const LOGIN: FormLogin = FormLogin {
    action: "/uat/uia/actionSecurityLogin.do",
    typed: Typed::Scripted,
    ..FormLogin::OF_CIVIL_SERVANTS
};

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(async || redirect(LOGIN.login)))
        .route(LOGIN.home, get(main_page))
        .route("/api/status", get(status))
        .route("/api/abstract", post(issue))
        .with_state(Arc::clone(&site))
        .merge(certificate::routes(&site, "/certLogin.do", LOGIN))
        .merge(form::routes(&site, LOGIN))
}

async fn main_page(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login.do?expired=1");
    };
    let body = format!("<h1>주민등록 업무</h1>{}", form::greeting(&user, &LOGIN));
    site.page("업무 홈", &body).into()
}

async fn status() -> Response {
    page::json(StatusCode::OK, &json!({ "status": "ok", "register": "online" }))
}

/// An abstract of the register, for another system.
async fn issue(body: Bytes) -> Response {
    let fields = FormFields::parse(&body, encoding_rs::UTF_8);
    let name = fields.text("name");
    if name.is_empty() {
        return page::json(StatusCode::BAD_REQUEST, &json!({ "error": "no name" }));
    }
    let document =
        json!({ "name": name, "address": "서울특별시 종로구 세종대로 209", "head": true });
    page::json(StatusCode::OK, &document)
}

//! The bypass domain (우회 도메인): announced around 10:00 on the day of the outage for approvals
//! only. It signs in through GPKI like the system it stands in for, by form or, for the application on
//! the officials' phones, by JSON.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};

use crate::sign_in::certificate;
use crate::sign_in::form::{self, FormLogin, Typed, Vouching};
use crate::sign_in::token;
use crate::site::page::FormFields;
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "bypass",
    service: "bypass",
    title: "전자결재 우회 도메인",
    english: "Bypass for approvals",
    needs: &["gpki"],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "BYPASSSESSION",
};

const LOGIN: FormLogin = FormLogin {
    login: "/login",
    action: "/login/submit",
    home: "/approvals",
    logout: "/logout",
    user_field: "userId",
    password_field: "userPw",
    vouching: Vouching::Gpki,
    typed: Typed::Plain,
};

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route(LOGIN.home, get(approvals))
        .route("/approvals/sign", post(sign))
        .with_state(Arc::clone(&site))
        .merge(certificate::routes(&site, "/login/certificate", LOGIN))
        .merge(form::routes(&site, LOGIN))
        .merge(token::routes(&site))
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let body = "<h1>전자결재 우회 접속</h1><p>결재만 가능합니다.</p><a href=\"/login\">로그인</a>";
    site.page("우회 접속", body).into()
}

async fn approvals(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(session) = site.signed_in(&headers) else {
        return redirect("/login?expired=1");
    };
    let greeting = form::greeting(session.user.as_deref().unwrap_or_default(), &LOGIN);
    let body = format!(
        "<h1>결재 대기</h1>{greeting}<form id=\"approve\" method=\"post\" action=\"/approvals/sign\">\
         <input type=\"hidden\" name=\"_csrf\" value=\"{}\"><button>결재</button></form>",
        session.csrf
    );
    site.page("결재", &body).into()
}

async fn sign(State(site): State<Arc<SystemSite>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(session) = site.signed_in(&headers) else {
        return redirect("/login?expired=1");
    };
    if FormFields::parse(&body, site.system.charset).text("_csrf") != session.csrf {
        return site
            .page("접근 거부", "<h1>잘못된 접근입니다</h1>")
            .status(StatusCode::FORBIDDEN)
            .into();
    }
    site.page("결재", "<h1>결재되었습니다</h1>").into()
}

//! Document exchange (정부문서유통): id and password, no certificate; the inbox needs a login.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use crate::sign_in::form::{self, FormLogin, Typed, Vouching};
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "document-exchange",
    service: "document-exchange",
    title: "정부문서유통",
    english: "Document exchange",
    needs: &[],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "GDOCSESSION",
};

const LOGIN: FormLogin = FormLogin {
    login: "/login",
    action: "/login/check",
    home: "/inbox",
    logout: "/logout",
    user_field: "userId",
    password_field: "password",
    vouching: Vouching::Password,
    typed: Typed::Plain,
};

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route(LOGIN.home, get(inbox))
        .with_state(Arc::clone(&site))
        .merge(form::routes(&site, LOGIN))
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let body =
        "<h1>문서24</h1><p>공문서를 온라인으로 주고받습니다.</p><a href=\"/login\">로그인</a>";
    site.page("문서24", body).into()
}

async fn inbox(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login?expired=1");
    };
    let greeting = form::greeting(&user, &LOGIN);
    let body = format!("<h1>받은 문서함</h1>{greeting}<ol><li>업무협조 요청</li></ol>");
    site.page("받은 문서함", &body).into()
}

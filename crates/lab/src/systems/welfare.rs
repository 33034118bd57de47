//! Welfare (행복이음 and its public side 복지로): officials sign in through GPKI; the public reads a
//! page that is much longer than a packet. What officials type is encrypted by the page.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use crate::sign_in::certificate;
use crate::sign_in::form::{self, FormLogin, Typed, Vouching};
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "welfare",
    service: "welfare",
    title: "행복이음·복지로",
    english: "Welfare",
    needs: &["gpki"],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "WELFARESESSION",
};

const LOGIN: FormLogin = FormLogin {
    login: "/login",
    action: "/login/submit",
    home: "/work",
    logout: "/logout",
    user_field: "securedUsername",
    password_field: "securedPassword",
    vouching: Vouching::Gpki,
    typed: Typed::Encrypted,
};

/// Entries of the public list.
const BENEFITS: usize = 40;

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route(LOGIN.home, get(work))
        .with_state(Arc::clone(&site))
        .merge(certificate::routes(&site, "/login/certificate", LOGIN))
        .merge(form::routes(&site, LOGIN))
}

async fn front(State(site): State<Arc<SystemSite>>) -> Response {
    let list: String = (1..=BENEFITS)
        .map(|n| format!("<li>복지서비스 {n}호: 신청 자격과 절차 안내</li>"))
        .collect();
    site.page("복지로", &format!("<h1>복지서비스 모의계산과 신청</h1><ul>{list}</ul>")).into()
}

async fn work(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login?expired=1");
    };
    let greeting = form::greeting(&user, &LOGIN);
    site.page("행복이음", &format!("<h1>급여 결정</h1>{greeting}")).into()
}

//! Welfare (행복이음 and its public side 복지로): officials sign in through GPKI; the public reads a
//! page that is much longer than a packet.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use super::System;
use crate::lab::form_login::{self, FormLogin, Vouching};
use crate::lab::site::{Site, redirect};

/// The system.
pub static SYSTEM: System = System {
    name: "welfare",
    service: "welfare",
    title: "행복이음·복지로",
    english: "Welfare",
    needs: &["gpki"],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "WELFARESESSION",
    app,
};

const LOGIN: FormLogin = FormLogin {
    login: "/login",
    action: "/login/submit",
    home: "/work",
    logout: "/logout",
    user_field: "id",
    password_field: "pw",
    vouching: Vouching::Gpki,
};

/// Entries of the public list.
const BENEFITS: usize = 40;

fn app(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(front))
        .route(LOGIN.home, get(work))
        .with_state(Arc::clone(&site))
        .merge(form_login::routes(&site, LOGIN))
}

async fn front(State(site): State<Arc<Site>>) -> Response {
    let list: String = (1..=BENEFITS)
        .map(|n| format!("<li>복지서비스 {n}호: 신청 자격과 절차 안내</li>"))
        .collect();
    site.page("복지로", &format!("<h1>복지서비스 모의계산과 신청</h1><ul>{list}</ul>")).into()
}

async fn work(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login?expired=1");
    };
    let greeting = form_login::greeting(&user, &LOGIN);
    site.page("행복이음", &format!("<h1>급여 결정</h1>{greeting}")).into()
}

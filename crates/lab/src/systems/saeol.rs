//! Saeol (새올행정시스템): what municipal officials work with, one installation a municipality.
//! EUC-KR pages, and no login without GPKI.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use crate::sign_in::certificate;
use crate::sign_in::form::{self, FormLogin};
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static JONGNO: SimulatedSystem =
    municipality("saeol-jongno", "새올 종로구", "Saeol, Jongno-gu");
pub(super) static HAEUNDAE: SimulatedSystem =
    municipality("saeol-haeundae", "새올 해운대구", "Saeol, Haeundae-gu");
/// The district of Daejeon that the data centre is in.
pub(super) static YUSEONG: SimulatedSystem =
    municipality("saeol-yuseong", "새올 유성구", "Saeol, Yuseong-gu");

const fn municipality(
    name: &'static str,
    title: &'static str,
    english: &'static str,
) -> SimulatedSystem {
    SimulatedSystem {
        name,
        service: "saeol",
        title,
        english,
        needs: &["gpki"],
        charset: &encoding_rs::EUC_KR_INIT,
        cookie: "JSESSIONID",
    }
}

const LOGIN: FormLogin = FormLogin::OF_CIVIL_SERVANTS;

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(async || redirect(LOGIN.login)))
        .route(LOGIN.home, get(main_page))
        .route("/certCheck.do", get(cert_check))
        .with_state(Arc::clone(&site))
        .merge(certificate::routes(&site, "/certLogin.do", LOGIN))
        .merge(form::routes(&site, LOGIN))
}

async fn main_page(State(site): State<Arc<SystemSite>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login.do?expired=1");
    };
    let body = format!(
        "<h1>새올행정시스템</h1>{}<ul><li>민원접수 12건</li><li>전자결재 3건</li>\
         <li>온라인 신고 5건</li></ul>",
        form::greeting(&user, &LOGIN)
    );
    site.page("업무 홈", &body).into()
}

/// The self-test of the certificate module: a whole verification, without anybody's password.
async fn cert_check(State(site): State<Arc<SystemSite>>) -> Response {
    match site.peers.gpki_verifies(site.system.name).await {
        Ok(()) => site.page("인증 점검", "<h1>인증서 검증 정상</h1>").into(),
        Err(failed) => form::verification_failed(&site, &failed.0),
    }
}

//! Saeol (새올행정시스템): what municipal officials work with, one installation a municipality.
//! EUC-KR pages, and no login without GPKI.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;

use super::System;
use crate::lab::form_login::{self, FormLogin, Vouching};
use crate::lab::site::{Site, redirect};

macro_rules! municipality {
    ($(#[$doc:meta])* $id:ident $name:literal $title:literal $english:literal) => {
        $(#[$doc])*
        pub static $id: System = System {
            name: $name,
            service: "saeol",
            title: $title,
            english: $english,
            needs: &["gpki"],
            charset: &encoding_rs::EUC_KR_INIT,
            cookie: "JSESSIONID",
            app,
        };
    };
}

municipality!(
    /// Seoul's oldest district.
    JONGNO "saeol-jongno" "새올 종로구" "Saeol, Jongno-gu"
);
municipality!(
    /// A district of Busan.
    HAEUNDAE "saeol-haeundae" "새올 해운대구" "Saeol, Haeundae-gu"
);
municipality!(
    /// The district of Daejeon that the data centre is in.
    YUSEONG "saeol-yuseong" "새올 유성구" "Saeol, Yuseong-gu"
);

const LOGIN: FormLogin = FormLogin {
    login: "/login.do",
    action: "/loginProc.do",
    home: "/main.do",
    logout: "/logout.do",
    user_field: "userId",
    password_field: "userPw",
    vouching: Vouching::Gpki,
};

fn app(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(async || redirect(LOGIN.login)))
        .route(LOGIN.home, get(main_page))
        .route("/certCheck.do", get(cert_check))
        .with_state(Arc::clone(&site))
        .merge(form_login::routes(&site, LOGIN))
}

async fn main_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(user) = site.signed_in(&headers).and_then(|session| session.user) else {
        return redirect("/login.do?expired=1");
    };
    let body = format!(
        "<h1>새올행정시스템</h1>{}<ul><li>민원접수 12건</li><li>전자결재 3건</li>\
         <li>온라인 신고 5건</li></ul>",
        form_login::greeting(&user, &LOGIN)
    );
    site.page("업무 홈", &body).into()
}

/// The self-test of the certificate module: a whole verification, without anybody's password.
async fn cert_check(State(site): State<Arc<Site>>) -> Response {
    match site.peers.gpki_verifies(site.system.name).await {
        Ok(()) => site.page("인증 점검", "<h1>인증서 검증 정상</h1>").into(),
        Err(failed) => form_login::verification_failed(&site, &failed.0),
    }
}

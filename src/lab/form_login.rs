//! The login with id and password that most of the systems have: a form with a CSRF token, a
//! session cookie that changes at the login, lockout, captcha, and GPKI asked before the door opens.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::accounts::{Check, STRIKES};
use super::faults::Kind;
use super::page::{self, Fields, Page};
use super::site::{Site, redirect};

/// Sessions of one account at a time. Logins that are never closed pile up to this, and then the
/// next one is refused, which is how a probe without logout breaks itself.
pub const MAX_SESSIONS_OF_ACCOUNT: usize = 20;

/// How a system words its login.
#[derive(Debug, Clone, Copy)]
pub struct FormLogin {
    /// Path of the page with the form.
    pub login: &'static str,
    /// Where the form goes.
    pub action: &'static str,
    /// The page behind the door.
    pub home: &'static str,
    /// Path that ends the session.
    pub logout: &'static str,
    /// Name of the user field.
    pub user_field: &'static str,
    /// Name of the password field.
    pub password_field: &'static str,
    /// Who vouches for the user beside the password.
    pub vouching: Vouching,
}

/// Who vouches for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouching {
    /// The password is enough.
    Password,
    /// GPKI verifies a signature as well.
    Gpki,
}

#[derive(Clone)]
struct Door {
    site: Arc<Site>,
    form: FormLogin,
}

/// The login, its answer and the logout.
pub fn routes(site: &Arc<Site>, form: FormLogin) -> Router {
    Router::new()
        .route(form.login, get(show))
        .route(form.action, post(submit))
        .route(form.logout, get(logout))
        .with_state(Door { site: Arc::clone(site), form })
}

/// What a signed-in page begins with: the user and the marker a probe looks for.
pub fn greeting(user: &str, form: &FormLogin) -> String {
    format!("<p id=\"user\">{} 님 <a href=\"{}\">로그아웃</a></p>", page::escape(user), form.logout)
}

#[derive(Deserialize)]
struct Why {
    #[serde(default)]
    expired: Option<String>,
}

async fn show(State(door): State<Door>, Query(why): Query<Why>, headers: HeaderMap) -> Response {
    let notice = why.expired.map(|_| "세션이 만료되었습니다. 다시 로그인하십시오.");
    door.form_page(&headers, notice.unwrap_or_default()).into()
}

async fn submit(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let Door { site, form } = &door;
    let fields = Fields::parse(&body, site.system.charset);
    let Some(session) = site.session(&headers) else {
        return redirect(&format!("{}?expired=1", form.login));
    };
    if fields.text("_csrf") != session.csrf {
        let body = "<h1>잘못된 접근입니다</h1><p>CSRF 토큰이 올바르지 않습니다.</p>";
        return site.page("접근 거부", body).status(StatusCode::FORBIDDEN).into();
    }
    if site.suffers(Kind::Captcha) {
        return door.form_page(&headers, "보안문자를 바르게 입력하십시오.").into();
    }
    let user = fields.text(form.user_field);
    match site.accounts.check(user, fields.text(form.password_field), site.directory()) {
        Check::Welcome => {}
        Check::Wrong { strikes } => {
            let told =
                format!("아이디 또는 비밀번호가 일치하지 않습니다. ({strikes}/{STRIKES}회 오류)");
            return door.form_page(&headers, &told).into();
        }
        Check::Locked => {
            let told = "잠긴 계정입니다. 관리자에게 문의하십시오.";
            return door.form_page(&headers, told).into();
        }
    }
    let open = site.sessions.signed_in();
    if open.iter().filter(|session| session.user == user).count() >= MAX_SESSIONS_OF_ACCOUNT {
        return door
            .form_page(&headers, "동시 접속 한도를 넘었습니다. 먼저 로그아웃하십시오.")
            .into();
    }
    if form.vouching == Vouching::Gpki
        && let Err(failed) = site.peers.gpki_verifies(user).await
    {
        return verification_failed(site, &failed.0);
    }
    // A new identifier, so that one planted before the login is worth nothing after it.
    site.sessions.close(&session.id);
    let session = site.sessions.open(Some(user));
    let mut response = redirect(form.home);
    let cookie = page::session_cookie(site.system.cookie, &session.id);
    page::set_cookie(&mut response, &cookie);
    response
}

async fn logout(State(door): State<Door>, headers: HeaderMap) -> Response {
    if let Some(session) = door.site.session(&headers) {
        door.site.sessions.close(&session.id);
    }
    let mut response = redirect(door.form.login);
    page::set_cookie(&mut response, &page::expired_cookie(door.site.system.cookie));
    response
}

/// What a system shows when GPKI does not verify.
pub fn verification_failed(site: &Site, detail: &str) -> Response {
    let body = format!(
        "<h1>인증서 로그인 오류</h1><p>인증서 검증서버(IVS)가 응답하지 않습니다.</p><p>{}</p>",
        page::escape(detail)
    );
    site.page("인증 오류", &body).status(StatusCode::INTERNAL_SERVER_ERROR).into()
}

impl Door {
    fn form_page(&self, headers: &HeaderMap, notice: &str) -> Page {
        let Door { site, form } = self;
        let session = site.session_or_new(headers);
        let notice = match notice {
            "" => String::new(),
            text => format!("<p class=\"error\">{}</p>", page::escape(text)),
        };
        let captcha = match site.suffers(Kind::Captcha) {
            true => {
                "<img id=\"captcha\" src=\"/captcha.png\" alt=\"보안문자\"><input name=\"captcha\">"
            }
            false => "",
        };
        let body = format!(
            "<h1>{title}</h1>{notice}<form id=\"loginForm\" method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"_csrf\" value=\"{csrf}\">\
             <label>아이디 <input name=\"{user}\"></label>\
             <label>비밀번호 <input type=\"password\" name=\"{password}\"></label>{captcha}\
             <button>로그인</button></form>",
            title = site.system.title,
            action = form.action,
            csrf = session.csrf,
            user = form.user_field,
            password = form.password_field,
        );
        site.page("로그인", &body).cookie(site.system.cookie, &session.id)
    }
}

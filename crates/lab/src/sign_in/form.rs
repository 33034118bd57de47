//! The login with id and password that most of the systems have: a form with a CSRF token, a
//! session cookie that changes at the login, lockout, captcha, and a signature that GPKI verifies.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use base::EscapedText;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::session_key::{self, ShownKey};
use super::{captcha, notice};
use crate::faults::FaultKind;
use crate::site::accounts::{PasswordCheck, STRIKES};
use crate::site::page::{self, FormFields};
use crate::site::sessions::SiteSession;
use crate::site::{SystemSite, redirect};

/// Sessions of one account at a time. The next login is refused, so a probe that never logs out
/// breaks itself.
pub const MAX_SESSIONS_OF_ACCOUNT: usize = 20;

/// Paths and field names of a system's login.
#[derive(Debug, Clone, Copy)]
pub struct FormLogin {
    /// Path of the page with the form.
    pub login: &'static str,
    /// Path that the form is sent to.
    pub action: &'static str,
    /// Path of the page after the login.
    pub home: &'static str,
    /// Path that ends the session.
    pub logout: &'static str,
    pub user_field: &'static str,
    pub password_field: &'static str,
    pub vouching: Vouching,
    pub typed: Typed,
}

/// What a page does with what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    Plain,
    /// Sends it to an address that a script sets, as eGovFrame's enterprise template does: the form
    /// itself leads nowhere.
    Scripted,
    /// Encrypts it with the key of the session, into a second form.
    Encrypted,
}

impl FormLogin {
    /// Of the systems that civil servants work with.
    pub const OF_CIVIL_SERVANTS: FormLogin = FormLogin {
        login: "/login.do",
        action: "/loginProc.do",
        home: "/main.do",
        logout: "/logout.do",
        user_field: "userId",
        password_field: "userPw",
        vouching: Vouching::Gpki,
        typed: Typed::Plain,
    };

    /// The session that the form was shown in, or the answer to a request without it or its token.
    pub fn session_of(
        &self,
        site: &SystemSite,
        headers: &HeaderMap,
        fields: &FormFields,
    ) -> Result<SiteSession, Box<Response>> {
        let Some(session) = site.session(headers) else {
            return Err(Box::new(redirect(&format!("{}?expired=1", self.login))));
        };
        if fields.text("_csrf") != session.csrf {
            let body = "<h1>잘못된 접근입니다</h1><p>CSRF 토큰이 올바르지 않습니다.</p>";
            return Err(Box::new(
                site.page("접근 거부", body).status(StatusCode::FORBIDDEN).into(),
            ));
        }
        Ok(session)
    }
}

/// What a system asks for before it lets a user in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouching {
    Password,
    /// The password, and GPKI verifies a signature.
    Gpki,
}

#[derive(Clone)]
struct LoginRoutes {
    site: Arc<SystemSite>,
    form: FormLogin,
}

/// The login, its answer and the logout.
pub fn routes(site: &Arc<SystemSite>, form: FormLogin) -> Router {
    Router::new()
        .route(form.login, get(show))
        .route(form.action, post(submit))
        .route(form.logout, get(logout))
        .with_state(LoginRoutes { site: Arc::clone(site), form })
        .merge(notice::routes(site, form))
}

/// A signed-in page begins with the user and the logout link, which probes look for.
pub fn greeting(user: &str, form: &FormLogin) -> String {
    format!("<p id=\"user\">{} 님 <a href=\"{}\">로그아웃</a></p>", EscapedText(user), form.logout)
}

#[derive(Deserialize)]
struct ExpiredQuery {
    #[serde(default)]
    expired: Option<String>,
}

async fn show(
    State(login): State<LoginRoutes>,
    Query(why): Query<ExpiredQuery>,
    headers: HeaderMap,
) -> Response {
    let notice = why.expired.map(|_| "세션이 만료되었습니다. 다시 로그인하십시오.");
    login.form_page(&headers, notice.unwrap_or_default()).await
}

async fn submit(State(login): State<LoginRoutes>, headers: HeaderMap, body: Bytes) -> Response {
    let LoginRoutes { site, form } = &login;
    let fields = FormFields::parse(&body, site.system.charset);
    let session = match form.session_of(site, &headers, &fields) {
        Ok(session) => session,
        Err(answer) => return *answer,
    };
    if site.suffers(FaultKind::Captcha) {
        return login.form_page(&headers, "보안문자를 바르게 입력하십시오.").await;
    }
    let (user, password) = (fields.text(form.user_field), fields.text(form.password_field));
    let typed = match form.typed {
        Typed::Plain | Typed::Scripted => Some((user.to_owned(), password.to_owned())),
        Typed::Encrypted => session_key::take(site, &session)
            .and_then(|key| Some((key.decrypt(user)?, key.decrypt(password)?))),
    };
    let Some((user, password)) = typed else {
        return login
            .form_page(&headers, "암호화 키가 유효하지 않습니다. 다시 시도하십시오.")
            .await;
    };
    let user = user.as_str();
    match site.accounts.check(user, &password, site.directory()) {
        PasswordCheck::Welcome => {}
        PasswordCheck::Wrong { strikes } => {
            let told =
                format!("아이디 또는 비밀번호가 일치하지 않습니다. ({strikes}/{STRIKES}회 오류)");
            return login.form_page(&headers, &told).await;
        }
        PasswordCheck::Locked => {
            let told = "잠긴 계정입니다. 관리자에게 문의하십시오.";
            return login.form_page(&headers, told).await;
        }
    }
    let open = site.sessions.signed_in();
    if open.iter().filter(|session| session.user == user).count() >= MAX_SESSIONS_OF_ACCOUNT {
        let told = "동시 접속 한도를 넘었습니다. 먼저 로그아웃하십시오.";
        return login.form_page(&headers, told).await;
    }
    if let Some(answer) = notice::refusal(site) {
        return answer;
    }
    if form.vouching == Vouching::Gpki
        && let Err(failed) = site.peers.gpki_verifies(user).await
    {
        return verification_failed(site, &failed.0);
    }
    // A new identifier: one that was planted before the login (session fixation) is void after it.
    site.sessions.close(&session.id);
    notice::welcome(site, form, user)
}

async fn logout(State(login): State<LoginRoutes>, headers: HeaderMap) -> Response {
    if let Some(session) = login.site.session(&headers) {
        login.site.sessions.close(&session.id);
    }
    let mut response = redirect(login.form.login);
    page::set_cookie(&mut response, &page::expired_cookie(login.site.system.cookie));
    response
}

/// The page that a system shows when GPKI does not verify.
pub fn verification_failed(site: &SystemSite, detail: &str) -> Response {
    let body = format!(
        "<h1>인증서 로그인 오류</h1><p>인증서 검증서버(IVS)가 응답하지 않습니다.</p><p>{}</p>",
        EscapedText(detail)
    );
    site.page("인증 오류", &body).status(StatusCode::INTERNAL_SERVER_ERROR).into()
}

impl LoginRoutes {
    async fn form_page(&self, headers: &HeaderMap, notice: &str) -> Response {
        let LoginRoutes { site, form } = self;
        let session = site.session_or_new(headers);
        let notice = match notice {
            "" => String::new(),
            text => format!("<p class=\"error\">{}</p>", EscapedText(text)),
        };
        let forms = match form.typed {
            Typed::Plain => self.plain(&session, form.action),
            Typed::Scripted => self.plain(&session, "#LINK"),
            Typed::Encrypted => match session_key::renew(site, &session).await {
                Some(key) => self.encrypted(&session, &key),
                None => String::new(),
            },
        };
        let body = format!("<h1>{}</h1>{notice}{forms}", site.system.title);
        site.page("로그인", &body).cookie(site.system.cookie, &session.id).into()
    }

    /// A form that leads to `action`.
    fn plain(&self, session: &SiteSession, action: &str) -> String {
        let LoginRoutes { site, form } = self;
        format!(
            "<form id=\"loginForm\" method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"_csrf\" value=\"{csrf}\">\
             <label>아이디 <input name=\"{user}\"></label>\
             <label>비밀번호 <input type=\"password\" name=\"{password}\"></label>{captcha}\
             <button>로그인</button></form>",
            captcha = captcha(site),
            csrf = session.csrf,
            user = form.user_field,
            password = form.password_field,
        )
    }

    /// What is typed has no names, and a script fills in the form that is sent.
    fn encrypted(&self, session: &SiteSession, key: &ShownKey) -> String {
        let LoginRoutes { site, form } = self;
        format!(
            "<input type=\"hidden\" id=\"RSAModulus\" value=\"{modulus}\">\
             <input type=\"hidden\" id=\"RSAExponent\" value=\"{exponent}\">\
             <form id=\"loginForm\" onsubmit=\"return encryptedSubmit()\">\
             <label>아이디 <input id=\"typedId\"></label>\
             <label>비밀번호 <input type=\"password\" id=\"typedPw\"></label>{captcha}\
             <button>로그인</button></form>\
             <form id=\"securedLoginForm\" method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"_csrf\" value=\"{csrf}\">\
             <input type=\"hidden\" name=\"{user}\"><input type=\"hidden\" name=\"{password}\">\
             </form>",
            modulus = key.modulus,
            exponent = key.exponent,
            captcha = captcha(site),
            action = form.action,
            csrf = session.csrf,
            user = form.user_field,
            password = form.password_field,
        )
    }
}

//! Any-ID (정부통합인증): the identity provider of the citizen portals. OpenID Connect, authorization
//! code flow with PKCE (RFC 7636), answers by form post.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use base::EscapedText;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::faults::FaultKind;
use crate::random::random_token;
use crate::sign_in::{captcha, id_token};
use crate::site::accounts::{PasswordCheck, STRIKES};
use crate::site::page::{self, FormFields, HtmlPage};
use crate::site::{SystemSite, redirect};
use crate::system::SimulatedSystem;

pub(super) static SYSTEM: SimulatedSystem = SimulatedSystem {
    name: "anyid",
    service: "anyid",
    title: "정부통합인증(Any-ID)",
    english: "Any-ID sign-in",
    needs: &[],
    charset: &encoding_rs::UTF_8_INIT,
    cookie: "ANYIDSESSION",
};

/// Systems that may ask for a sign-in.
const CLIENTS: [&str; 2] = ["gov24", "disclosure"];
/// A code that is not exchanged within this time is void.
const CODE_LASTS: Duration = Duration::from_secs(60);
/// A sign-in that is not finished within this time is forgotten.
const REQUEST_LASTS: Duration = Duration::from_secs(600);
/// Sign-ins under way, and codes not yet exchanged. Beyond this a sign-in is refused, and a new code
/// is void.
const MAX_OPEN: usize = 10_000;

#[derive(Clone)]
struct AnyId {
    site: Arc<SystemSite>,
    requests: Arc<Mutex<HashMap<String, SignInRequest>>>,
    codes: Arc<Mutex<HashMap<String, SignInCode>>>,
}

/// What a portal asked for.
#[derive(Clone)]
struct SignInRequest {
    client: &'static str,
    state: String,
    nonce: String,
    challenge: String,
    made: Instant,
}

struct SignInCode {
    request: SignInRequest,
    user: String,
    made: Instant,
}

pub(super) fn app(site: Arc<SystemSite>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/authorize", get(authorize))
        .route("/login", post(login))
        .route("/token", post(token))
        .route("/logout", get(logout))
        .with_state(AnyId { site, requests: Arc::default(), codes: Arc::default() })
}

async fn front(State(anyid): State<AnyId>, headers: HeaderMap) -> Response {
    let user = anyid.site.signed_in(&headers).and_then(|session| session.user);
    let who = user
        .map(|user| format!("<p>{} 님 <a href=\"/logout\">로그아웃</a></p>", EscapedText(&user)));
    let body = format!("<h1>정부통합인증</h1>{}", who.unwrap_or_default());
    anyid.site.page("안내", &body).into()
}

async fn discovery(State(anyid): State<AnyId>) -> Response {
    let base = &anyid.site.base;
    let document = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "end_session_endpoint": format!("{base}/logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["form_post"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "subject_types_supported": ["public"],
    });
    page::json(StatusCode::OK, &document)
}

async fn authorize(
    State(anyid): State<AnyId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = FormFields::parse(query.unwrap_or_default().as_bytes(), anyid.site.system.charset);
    let client = CLIENTS.iter().find(|client| **client == query.text("client_id"));
    let Some(client) = client.filter(|client| query.text("redirect_uri") == anyid.callback(client))
    else {
        // Nothing is sent to an address that is not registered.
        return anyid.bad_request("등록되지 않은 이용기관입니다.");
    };
    let right = query.text("response_type") == "code"
        && query.text("response_mode") == "form_post"
        && query.text("code_challenge_method") == "S256"
        && !query.text("code_challenge").is_empty();
    if !right {
        return anyid.bad_request("인증 요청 형식이 올바르지 않습니다.");
    }
    let request = SignInRequest {
        client,
        state: query.text("state").to_owned(),
        nonce: query.text("nonce").to_owned(),
        challenge: query.text("code_challenge").to_owned(),
        made: Instant::now(),
    };
    // A user who has signed in already is not asked again.
    if let Some(user) = anyid.site.signed_in(&headers).and_then(|session| session.user) {
        return anyid.answer(request, user).into();
    }
    let id = random_token();
    if !anyid.remember(&id, request) {
        return anyid.bad_request("접속자가 많습니다.");
    }
    anyid.form(&headers, &id, "").into()
}

async fn login(State(anyid): State<AnyId>, headers: HeaderMap, body: Bytes) -> Response {
    let site = &anyid.site;
    let fields = FormFields::parse(&body, site.system.charset);
    let Some(session) = site.session(&headers).filter(|s| s.csrf == fields.text("_csrf")) else {
        return anyid.bad_request("세션이 만료되었습니다.");
    };
    let id = fields.text("request");
    if site.suffers(FaultKind::Captcha) {
        return anyid.form(&headers, id, "보안문자를 바르게 입력하십시오.").into();
    }
    let user = fields.text("userId");
    match site.accounts.check(user, fields.text("password"), site.directory()) {
        PasswordCheck::Welcome => {}
        PasswordCheck::Wrong { strikes } => {
            let told =
                format!("아이디 또는 비밀번호가 일치하지 않습니다. ({strikes}/{STRIKES}회 오류)");
            return anyid.form(&headers, id, &told).into();
        }
        PasswordCheck::Locked => {
            return anyid.form(&headers, id, "잠긴 계정입니다. 고객센터에 문의하십시오.").into();
        }
    }
    let request = anyid.requests.lock().remove(id);
    let Some(request) = request.filter(|request| request.made.elapsed() < REQUEST_LASTS) else {
        return anyid.bad_request("인증 요청이 만료되었습니다.");
    };
    site.sessions.close(&session.id);
    let session = site.sessions.open(Some(user));
    anyid.answer(request, user.to_owned()).cookie(site.system.cookie, &session.id).into()
}

async fn token(State(anyid): State<AnyId>, body: Bytes) -> Response {
    let fields = FormFields::parse(&body, anyid.site.system.charset);
    let refused = |error: &str| page::json(StatusCode::BAD_REQUEST, &json!({ "error": error }));
    let client = fields.text("client_id");
    if fields.text("client_secret") != id_token::client_secret(client) {
        return refused("invalid_client");
    }
    if fields.text("grant_type") != "authorization_code" {
        return refused("unsupported_grant_type");
    }
    let code = {
        let mut codes = anyid.codes.lock();
        codes.remove(fields.text("code"))
    };
    let good = code.filter(|code| {
        code.made.elapsed() < CODE_LASTS
            && code.request.client == client
            && fields.text("redirect_uri") == anyid.callback(client)
            && id_token::s256(fields.text("code_verifier")) == code.request.challenge
    });
    let Some(code) = good else { return refused("invalid_grant") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "iss": anyid.site.base,
        "aud": client,
        "sub": code.user,
        "nonce": code.request.nonce,
        "iat": now,
        "exp": now + CODE_LASTS.as_secs(),
    });
    let id_token = id_token::sign(&claims, &id_token::client_secret(client));
    let answer = json!({
        "access_token": random_token(), "token_type": "Bearer", "expires_in": 60, "id_token": id_token,
    });
    page::json(StatusCode::OK, &answer)
}

async fn logout(State(anyid): State<AnyId>, headers: HeaderMap) -> Response {
    if let Some(session) = anyid.site.session(&headers) {
        anyid.site.sessions.close(&session.id);
    }
    let mut response = redirect("/");
    page::set_cookie(&mut response, &page::expired_cookie(anyid.site.system.cookie));
    response
}

impl AnyId {
    fn callback(&self, client: &str) -> String {
        format!("{}/callback", self.site.peers.base(client))
    }

    fn remember(&self, id: &str, request: SignInRequest) -> bool {
        let mut requests = self.requests.lock();
        requests.retain(|_, request| request.made.elapsed() < REQUEST_LASTS);
        let room = requests.len() < MAX_OPEN;
        if room {
            requests.insert(id.to_owned(), request);
        }
        room
    }

    /// The page that carries the code back to the portal.
    fn answer(&self, request: SignInRequest, user: String) -> HtmlPage {
        let action = self.callback(request.client);
        let code = random_token();
        let body = format!(
            "<h1>인증되었습니다</h1><form id=\"answer\" method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"code\" value=\"{code}\">\
             <input type=\"hidden\" name=\"state\" value=\"{}\"><button>계속</button></form>\
             <script>document.forms[0].submit()</script>",
            EscapedText(&action),
            EscapedText(&request.state)
        );
        let mut codes = self.codes.lock();
        codes.retain(|_, code| code.made.elapsed() < CODE_LASTS);
        if codes.len() < MAX_OPEN {
            codes.insert(code, SignInCode { request, user, made: Instant::now() });
        }
        self.site.page("인증", &body)
    }

    fn form(&self, headers: &HeaderMap, request: &str, notice: &str) -> HtmlPage {
        let session = self.site.session_or_new(headers);
        let captcha = captcha(&self.site);
        let body = format!(
            "<h1>간편 로그인</h1><p class=\"error\">{}</p>\
             <form id=\"anyidLogin\" method=\"post\" action=\"/login\">\
             <input type=\"hidden\" name=\"_csrf\" value=\"{}\">\
             <input type=\"hidden\" name=\"request\" value=\"{}\">\
             <label>아이디 <input name=\"userId\"></label>\
             <label>비밀번호 <input type=\"password\" name=\"password\"></label>{captcha}\
             <button>로그인</button></form>",
            EscapedText(notice),
            session.csrf,
            EscapedText(request)
        );
        self.site.page("로그인", &body).cookie(self.site.system.cookie, &session.id)
    }

    fn bad_request(&self, text: &str) -> Response {
        let body = format!("<h1>인증 오류</h1><p>{}</p>", EscapedText(text));
        self.site.page("인증 오류", &body).status(StatusCode::BAD_REQUEST).into()
    }
}

//! A sign-in as many municipalities have it: a form with a token in EUC-KR, a session cookie that
//! changes with the login, a lock after five wrong passwords that nobody ever forgets.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use encoding_rs::EUC_KR;

use super::flow::{PASS, USER};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

/// Wrong passwords until the account is locked.
const STRIKES: usize = 5;

/// What the sign-in does with a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// 503 on the login.
    Broken,
    /// The answer to the login takes some seconds.
    Slow,
    /// The answer to the login comes too late.
    Stalled,
    /// The login page again, and no word why.
    Silent,
    Captcha,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) mood: Mutex<Option<Mood>>,
    pub(crate) password: Mutex<Option<String>>,
    /// Every cookie handed out: whether it is logged in.
    sessions: Mutex<HashMap<String, bool>>,
    pub(crate) strikes: Mutex<usize>,
    pub(crate) logins: Mutex<usize>,
    next: Mutex<usize>,
    returned: Mutex<HashSet<String>>,
}

impl State {
    pub(crate) fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = Some(mood);
    }

    pub(crate) fn is_locked(&self) -> bool {
        *self.strikes.lock().unwrap() >= STRIKES
    }

    pub(crate) fn open(&self) -> usize {
        self.sessions.lock().unwrap().values().filter(|logged_in| **logged_in).count()
    }

    fn fresh(&self, logged_in: bool) -> String {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        let id = format!("session-{next}");
        self.sessions.lock().unwrap().insert(id.clone(), logged_in);
        id
    }

    fn is_logged_in(&self, asked: &Asked) -> bool {
        let cookie = asked.cookie("JSESSIONID").unwrap_or_default();
        self.sessions.lock().unwrap().get(&cookie).copied().unwrap_or(false)
    }
}

fn page(text: &str) -> Reply {
    let mut reply = Reply::status(200).header("Content-Type", "text/html; charset=euc-kr");
    reply.body = EUC_KR.encode(text).0.into_owned();
    reply
}

fn form(id: &str) -> String {
    format!(
        "<form id=loginForm method=post action=/login.do><input type=hidden name=_csrf \
         value='token-of-{id}'><input name=userId><input type=password name=userPw>\
         <input type=submit name=go value='로그인'></form>"
    )
}

pub(crate) async fn start() -> (RoutedSite, Arc<State>) {
    let state = Arc::new(State::default());
    (routes(&state).serve().await, state)
}

pub(crate) fn routes(state: &Arc<State>) -> Routes {
    let with = |answer: fn(&State, &Asked) -> Reply| {
        let state = Arc::clone(state);
        move |asked: &Asked| answer(&state, asked)
    };
    Routes::new()
        .on(
            "GET",
            "/login.do",
            with(|state, _| {
                let id = state.fresh(false);
                page(&form(&id)).header("Set-Cookie", format!("JSESSIONID={id}; Path=/; HttpOnly"))
            }),
        )
        .on("POST", "/login.do", with(login))
        .on(
            "GET",
            "/main.do",
            with(|state, asked| match state.is_logged_in(asked) {
                true => page("<h1>새올행정시스템</h1><a href=/logout.do>로그아웃</a>"),
                false => Reply::redirect("/login.do"),
            }),
        )
        .on(
            "GET",
            "/logout.do",
            with(|state, asked| {
                let id = asked.cookie("JSESSIONID").unwrap_or_default();
                state.sessions.lock().unwrap().remove(&id);
                Reply::redirect("/login.do")
            }),
        )
}

fn login(state: &State, asked: &Asked) -> Reply {
    let mood = state.mood.lock().unwrap().unwrap_or(Mood::Well);
    if mood == Mood::Broken {
        return Reply::html("인증 서버 오류").with_status(503);
    }
    let old = asked.cookie("JSESSIONID").unwrap_or_default();
    let (body, _, _) = EUC_KR.decode(&asked.body);
    let pairs: HashMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let is = |key: &str, value: &str| pairs.get(key).is_some_and(|given| given == value);
    if !is("_csrf", &format!("token-of-{old}")) || !is("go", "로그인") {
        return Reply::html("invalid token").with_status(403);
    }
    match mood {
        Mood::Silent => return page(&form(&old)),
        Mood::Captcha => return page("<img id=captcha>"),
        _ => {}
    }
    let password = state.password.lock().unwrap().clone().unwrap_or_else(|| PASS.to_owned());
    if state.is_locked() {
        return page("<p>잠긴 계정입니다.</p>");
    }
    if !is("userId", USER) || !is("userPw", &password) {
        *state.strikes.lock().unwrap() += 1;
        return page("<p>비밀번호가 일치하지 않습니다.</p>");
    }
    *state.logins.lock().unwrap() += 1;
    state.sessions.lock().unwrap().remove(&old);
    let id = state.fresh(true);
    state.returned.lock().unwrap().insert(id.clone());
    let reply = Reply::redirect("/main.do")
        .header("Set-Cookie", format!("JSESSIONID={id}; Path=/; HttpOnly"));
    match mood {
        Mood::Slow => reply.after(Duration::from_secs(4)),
        Mood::Stalled => {
            // Its cookie never reaches the client: no session that the client could end.
            state.sessions.lock().unwrap().remove(&id);
            reply.after(Duration::from_secs(60))
        }
        _ => reply,
    }
}

/// Percent-decoding into EUC-KR text.
fn decode(text: &str) -> String {
    let bytes = text.replace('+', " ");
    let bytes: Vec<u8> = percent(&bytes);
    EUC_KR.decode(&bytes).0.into_owned()
}

fn percent(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' && tail.len() >= 2 {
            let digits = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// The first example of the specification, at this site.
pub(crate) fn flow(site: &RoutedSite) -> String {
    format!(
        r#"base: {}
charset: euc-kr
headers: {{ X-Synthetic-Probe: bongsu }}
account: user
guard: {{ max_failures: 1, slow_to: 15m }}
steps:
  - name: login_page
    get: /login.do
    expect: {{ status: 200, css: {{ 'form#loginForm': exists }} }}
  - name: submit
    component: gpki
    submit:
      form: form#loginForm
      fields: {{ userId: '${{secret.user}}', userPw: '${{secret.pass}}' }}
    follow: {{ redirects: 5 }}
    fail_if:
      - {{ reason: bad_credentials, body: {{ contains: 비밀번호가 일치하지 }} }}
      - {{ reason: account_locked, body: {{ contains: 잠긴 계정 }} }}
      - {{ reason: captcha, css: {{ 'img#captcha': exists }} }}
    expect: {{ url: {{ path: /main.do }}, cookie: {{ JSESSIONID: exists }} }}
  - name: main
    get: /main.do
    expect: {{ css: {{ 'a[href*=logout]': exists }} }}
    warn: {{ time: {{ lt: 2s }} }}
finally:
  - name: logout
    if: submit.sent
    get: /logout.do
    expect: {{ status: [200, 302] }}
"#,
        site.url("")
    )
}

//! What real sites put between a visitor and the page behind the login: rules for every step,
//! lists of past refusals, notices that appear once a quarter, waiting rooms, sessions that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bongsu::outcome::{Reason, Verdict};

use super::config_errors::refused;
use super::flow::{Flow, PASS};
use crate::support::http::{Asked, Reply, Routes};

const FORM: &str = "<form id=f method=post action=/login><input name=pw></form>";
const MAIN: &str = "<a href=/logout>로그아웃</a>";

/// A form login; what comes after the right password is the test's.
fn login(after: impl Fn() -> Reply + Send + Sync + 'static) -> Routes {
    Routes::new().on("GET", "/login", |_| Reply::html(FORM)).on("POST", "/login", move |asked| {
        match asked.field("pw").as_deref() {
            Some(PASS) => after().header("Set-Cookie", "sid=1; Path=/"),
            _ => Reply::html(format!("비밀번호가 일치하지 않습니다 {FORM}")),
        }
    })
}

fn is_in(asked: &Asked) -> bool {
    asked.cookie("sid").is_some()
}

fn flow(base: &str, of_flow: &str, steps: &str) -> String {
    format!(
        "base: {base}\n{of_flow}steps:\n  - {{ name: page, get: /login }}\n  - {{ name: in, submit: {{ \
         form: form, fields: {{ pw: '${{secret.pass}}' }} }} }}\n{steps}finally:\n  - {{ name: out, \
         get: /logout, expect: {{ body: {{ contains: bye }} }} }}\n"
    )
}

const SEE_MAIN: &str =
    "  - { name: main, get: /main, expect: { css: { 'a[href*=logout]': exists } } }\n";

#[tokio::test]
async fn one_rule_of_the_flow_is_for_every_step() {
    let rule = "fail_if: [ { reason: notice_page, body: { contains: 시스템 점검 } } ]\n";
    for notice in ["/login", "/main"] {
        let show = move |path: &str, text: &str| match path == notice {
            true => Reply::html("시스템 점검"),
            false => Reply::html(text),
        };
        let site = login(|| Reply::redirect("/main"))
            .on("GET", "/login", move |_| show("/login", FORM))
            .on("GET", "/main", move |_| show("/main", MAIN))
            .on("GET", "/logout", |_| Reply::html("bye"))
            .serve()
            .await;
        let step = if notice == "/login" { "page" } else { "in" };
        let end = Flow::new(&flow(&site.url(""), rule, SEE_MAIN)).fail().await;
        assert_eq!(end, (step.into(), Reason::NoticePage));
    }
    refused(
        "base: https://a.go.kr\nfail_if: [ { reason: notice_pag, body: { contains: x } } ]\nsteps:\n  \
         - { name: one, get: / }\n",
        &[
            "fail_if[0].reason: no reason is called \"notice_pag\"; did you mean \"notice_page\"? (probe \
           login)",
        ],
    );
}

/// A portal that lists past refusals on the page behind the login.
#[tokio::test]
async fn what_proves_the_login_is_stronger_than_a_sentence_about_a_refusal() {
    let rule =
        "fail_if: [ { reason: bad_credentials, body: { contains: 비밀번호가 일치하지 } } ]\n";
    let site = login(|| Reply::redirect("/main"))
        .on("GET", "/main", |_| {
            Reply::html(format!("{MAIN}<p>11.02 접속 실패: 비밀번호가 일치하지 않습니다</p>"))
        })
        .on("GET", "/logout", |_| Reply::html("bye"))
        .serve()
        .await;
    let proven = flow(&site.url(""), rule, SEE_MAIN).replace(
        "${secret.pass}' } }",
        "${secret.pass}' } }, expect: { css: { 'a[href*=logout]': exists } }",
    );
    let good = Flow::new(&proven);
    good.succeed().await;
    good.write("pass", "wrong");
    assert_eq!(good.fail().await, ("in".into(), Reason::BadCredentials));
    // A cookie proves nothing: a refusal brings one too.
    let by_cookie = flow(&site.url(""), rule, SEE_MAIN)
        .replace("${secret.pass}' } }", "${secret.pass}' } }, expect: { cookie: { sid: exists } }");
    let mistaken = Flow::new(&by_cookie);
    assert_eq!(mistaken.fail().await, ("in".into(), Reason::BadCredentials));
    let advice = |yaml: &str| {
        let flow = Flow::new(yaml);
        let config = bongsu::config::load(&flow.directory.path().join("bongsu.yml")).unwrap();
        config.advice.iter().any(|a| a.contains("step in has a rule about a refusal"))
    };
    assert!(advice(&by_cookie));
    assert!(!advice(&proven));
}

#[tokio::test]
async fn a_page_that_refuses_the_session_is_session_lost() {
    for status in [401, 403] {
        let site = login(|| Reply::redirect("/main"))
            .on("GET", "/main", |_| Reply::html(MAIN))
            .on("GET", "/next", move |_| Reply::html("no").with_status(status))
            .on("GET", "/logout", |_| Reply::html("bye"))
            .serve()
            .await;
        let next = "  - { name: next, get: /next }\n";
        let proven = flow(&site.url(""), "", &format!("{SEE_MAIN}{next}"));
        assert_eq!(Flow::new(&proven).fail().await, ("next".into(), Reason::SessionLost));
        // Before any proof it is what it is.
        let unproven = flow(&site.url(""), "", &format!("{next}{SEE_MAIN}"));
        assert_eq!(Flow::new(&unproven).fail().await, ("next".into(), Reason::HttpStatus));
    }
}

#[tokio::test]
async fn nothing_is_said_about_a_logout_that_was_impossible() {
    let site = login(|| Reply::redirect("/main"))
        .on("GET", "/main", |asked| match is_in(asked) {
            true => Reply::html(MAIN),
            false => Reply::redirect("/login"),
        })
        .on("GET", "/logout", |_| Reply::html("no session").with_status(500))
        .serve()
        .await;
    let flow = Flow::new(&flow(&site.url(""), "", SEE_MAIN));
    let outcome = flow.run().await;
    assert_eq!(outcome.verdict(), Verdict::Degraded);
    assert_eq!(outcome.facts.warnings[0].reason, Reason::LogoutFailed);
    flow.write("pass", "wrong");
    let outcome = flow.run().await;
    assert_eq!(outcome.result.err().unwrap().reason, Reason::NotLoggedIn);
    assert_eq!(outcome.facts.warnings, []);
    assert!(outcome.facts.steps.iter().all(|facts| &*facts.step.name != "out"));
}

/// eGovFrame's password-expiry page: it appears once a quarter, and "change later" leads on.
#[tokio::test]
async fn an_optional_step_is_done_where_there_is_something_to_do() {
    let notice = "비밀번호 유효기간이 지났습니다 <form id=later method=post action=/later></form>";
    for shows_notice in [true, false] {
        let site = login(move || Reply::redirect(if shows_notice { "/notice" } else { "/main" }))
            .on("GET", "/notice", move |_| Reply::html(notice))
            .on("POST", "/later", |_| Reply::redirect("/main"))
            .on("GET", "/main", |_| Reply::html(MAIN))
            .on("GET", "/logout", |_| Reply::html("bye"))
            .serve()
            .await;
        let later = "  - { name: later, optional: true, submit: { form: 'form#later' } }\n";
        let outcome =
            Flow::new(&flow(&site.url(""), "", &format!("{later}{SEE_MAIN}"))).succeed().await;
        assert_eq!(site.of("POST", "/later").len(), usize::from(shows_notice));
        let did = outcome.facts.steps.iter().any(|facts| &*facts.step.name == "later");
        assert_eq!(did, shows_notice);
        // Without the step the notice has a reason of its own, which says nothing of the service.
        let rule =
            "fail_if: [ { reason: password_expired, body: { contains: 유효기간이 지났 } } ]\n";
        let outcome = Flow::new(&flow(&site.url(""), rule, SEE_MAIN)).run().await;
        let reason = outcome.result.err().map(|failure| failure.reason);
        assert_eq!(reason, shows_notice.then_some(Reason::PasswordExpired));
        assert!(reason.is_none_or(Reason::says_nothing_about_the_service));
    }
}

/// What the service does wrong in an optional step is no less wrong, and the page before stays the
/// one that the next step sees.
#[tokio::test]
async fn an_optional_step_hides_no_fault_of_the_service() {
    let site = login(|| Reply::html("<form id=next method=post action=/main></form>"))
        .on("GET", "/odd", |_| Reply::html("odd"))
        .on("GET", "/broken", |_| Reply::html("x").with_status(500))
        .on("POST", "/main", |_| Reply::html(MAIN))
        .on("GET", "/logout", |_| Reply::html("bye"))
        .serve()
        .await;
    let steps = |path: &str| {
        format!(
            "  - {{ name: may, optional: true, get: {path}, expect: {{ body: {{ contains: 다른 곳 }} }} \
             }}\n  - {{ name: main, submit: {{ form: 'form#next' }}, expect: {{ css: {{ \
             'a[href*=logout]': exists }} }} }}\n"
        )
    };
    Flow::new(&flow(&site.url(""), "", &steps("/odd"))).succeed().await;
    let end = Flow::new(&flow(&site.url(""), "", &steps("/broken"))).fail().await;
    assert_eq!(end, ("may".into(), Reason::HttpStatus));
}

/// A waiting room as NetFunnel has it: a number that counts down, with a key for the next request.
fn waiting_room(lets_in_after: usize) -> Routes {
    let asked = Arc::new(AtomicUsize::new(0));
    Routes::new()
        .on("GET", "/ts.wseq", move |_| {
            let before = asked.fetch_add(1, Ordering::SeqCst);
            let left = lets_in_after.saturating_sub(before);
            let code = if left == 0 { 200 } else { 201 };
            Reply::html(format!(
                "NetFunnel.gControl.result='5002:{code}:key=k{before}&nwait={left}&ttl=1';"
            ))
        })
        .on("GET", "/main", |asked| match asked.query.as_str() {
            "key=k3" => Reply::html(MAIN),
            _ => Reply::html("no key").with_status(403),
        })
}

fn queue(base: &str, of_flow: &str, at_most: &str) -> String {
    format!(
        "base: {base}\n{of_flow}steps:\n  - name: queue\n    get: /ts.wseq?opcode=5002\n    poll_until: {{ \
         body: {{ contains: ':200:' }}, every: 100ms{at_most} }}\n    capture: {{ key: {{ regex: \
         'key=([^&]+)' }} }}\n  - {{ name: main, get: '/main?key=${{key}}', expect: {{ css: {{ \
         'a[href*=logout]': exists }} }} }}\n"
    )
}

#[tokio::test]
async fn a_waiting_room_is_waited_in_and_degrades() {
    let site = waiting_room(3).serve().await;
    let outcome = Flow::new(&queue(&site.url(""), "", "")).run().await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!(outcome.verdict(), Verdict::Degraded);
    assert_eq!(outcome.facts.warnings[0].reason, Reason::WaitingRoom);
    assert_eq!(site.of("GET", "/ts.wseq").len(), 4);
}

#[tokio::test]
async fn who_is_not_let_in_is_degraded_for_a_time_and_down_after_it() {
    let site = waiting_room(usize::MAX).serve().await;
    let flow = |of_flow: &str| Flow::new(&queue(&site.url(""), of_flow, ", at_most: 300ms"));
    let by_default = flow("").run().await;
    assert_eq!(by_default.verdict(), Verdict::Degraded);
    let warning = &by_default.facts.warnings[0];
    assert_eq!(
        (warning.reason, &*warning.step.as_ref().unwrap().name),
        (Reason::WaitingRoom, "queue")
    );
    let at_once = flow("waiting_room: down\n").run().await;
    assert_eq!(at_once.verdict(), Verdict::Down);
    assert_eq!(at_once.result.err().unwrap().reason, Reason::WaitingRoom);
    // One probe, as the daemon keeps it.
    let patient = flow("waiting_room: { degraded_for: 1s }\n");
    let probe = bongsu::probe::build(&patient.target, &patient.surroundings);
    let stop = bongsu::stop::Stop::default();
    let start = tokio::time::Instant::now();
    let mut verdicts = Vec::new();
    while verdicts.last() != Some(&Verdict::Down) && start.elapsed() < Duration::from_secs(20) {
        let outcome = bongsu::probe::run(&*probe, Duration::from_secs(20), &stop).await;
        verdicts.push(outcome.verdict());
    }
    assert_eq!((verdicts[0], verdicts.last()), (Verdict::Degraded, Some(&Verdict::Down)));
}

/// A page of the site itself that says "please wait" is named by a rule.
#[tokio::test]
async fn a_waiting_room_can_be_named_by_a_rule_and_is_nothing_against_the_account() {
    let site = login(|| Reply::html("접속 대기 중입니다")).serve().await;
    let rule = "fail_if: [ { reason: waiting_room, body: { contains: 접속 대기 } } ]\n";
    let flow = Flow::new(&flow(&site.url(""), rule, SEE_MAIN));
    for _ in 0..3 {
        assert_eq!(flow.run().await.verdict(), Verdict::Degraded);
    }
    assert_eq!(site.of("POST", "/login").len(), 3, "it is never slowed down");
}

#[tokio::test]
async fn another_open_session_says_nothing_about_the_service() {
    let site = login(|| Reply::html("이미 로그인되어 있습니다")).serve().await;
    let rule = "fail_if: [ { reason: duplicate_session, body: { contains: 이미 로그인 } } ]\n";
    let flow = Flow::new(&flow(&site.url(""), rule, SEE_MAIN));
    for _ in 0..2 {
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Unknown);
        assert_eq!(outcome.result.err().unwrap().reason, Reason::DuplicateSession);
    }
    assert_eq!(site.of("POST", "/login").len(), 2);
}

#[test]
fn what_cannot_be_polled_or_optional_is_refused() {
    refused(
        "base: https://a.go.kr\nwaiting_room: up\nform_changed: dwn\nsteps:\n  - { name: one, get: /, \
         poll_until: { every: 1s } }\n  - { name: two, post: /, form: { p: '${secret.pass}' }, \
         poll_until: { body: { contains: x } }, expect: { body: { contains: x } } }\n  - { name: three, \
         submit: { form: form, action: '/?p=${secret.pass}', drop: [a], fields: { a: b }, add: { a: b \
         }, method: put } }\n  - { name: four, wait: 1s, poll_until: { status: 200 } }\nfinally:\n  - { \
         name: out, optional: true, get: / }\n",
        &[
            "waiting_room: write down, degraded, or { degraded_for: 10m }, after which it is down \
             (probe login)",
            "form_changed: \"dwn\" is not known here; did you mean \"down\"? (probe login)",
            "steps[0].poll_until: says no subject, so it would never end; add one such as body or json \
             (probe login, step one)",
            "steps[1].poll_until: a request with a secret is sent once and never again; poll in a step \
             of its own (probe login, step two)",
            "steps[2].submit.action: a secret cannot stand in a URL, which is shown; write it under \
             fields (probe login, step three)",
            "steps[2].submit.drop[0]: \"a\" is set beside it; drop leaves a field out altogether \
             (probe login, step three)",
            "steps[2].submit.add: \"a\" is under fields already; write it once (probe login, step \
             three)",
            "steps[2].submit.method: \"put\" is not known here; write one of get, post (probe login, \
             step three)",
            "steps[3].poll_until: means nothing beside wait; remove it (probe login, step four)",
            "finally[0].optional: means nothing here: no step of finally can fail the run; remove it \
             (probe login, step out)",
        ],
    );
}

//! A form login in EUC-KR with a token, told apart from everything that can go wrong with it.

use std::sync::Arc;
use std::time::Duration;

use bongsu::outcome::{Reason, Verdict};

use super::flow::Flow;
use super::saeol::{self, Mood};

/// Old servers and balancers close after each answer and do not say so. The connection that the login
/// page came on is then none that a password may be sent on.
#[tokio::test]
async fn a_whole_login_at_a_server_that_closes_after_each_answer() {
    let state: Arc<saeol::State> = Arc::default();
    let site = saeol::routes(&state).that_close().serve().await;
    let flow = Flow::new(&saeol::flow(&site));
    for _ in 0..20 {
        let outcome = flow.run().await;
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        assert_eq!(outcome.facts.warnings, []);
    }
    assert_eq!(site.of("POST", "/login.do").len(), 20, "each was sent once");
    assert_eq!(state.open(), 0);
    let mut connections: Vec<usize> = site.asked().iter().map(|asked| asked.connection).collect();
    let answers = connections.len();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(connections.len(), answers, "one answer on each connection");
}

#[tokio::test]
async fn a_login_is_up_has_its_steps_and_signs_out() {
    let (site, state) = saeol::start().await;
    let outcome = Flow::new(&saeol::flow(&site)).succeed().await;
    assert_eq!(outcome.verdict(), Verdict::Up);
    let steps: Vec<(&str, &str, bool)> = outcome
        .facts
        .steps
        .iter()
        .map(|facts| (&*facts.step.name, &*facts.step.component, facts.success))
        .collect();
    let expected = [
        ("login_page", "saeol", true),
        ("submit", "gpki", true),
        ("main", "saeol", true),
        ("logout", "saeol", true),
    ];
    assert_eq!(steps, expected);
    assert_eq!(state.open(), 0);
    assert_eq!(
        site.lines(),
        [
            "GET /login.do",
            "POST /login.do",
            "GET /main.do",
            "GET /main.do",
            "GET /logout.do",
            "GET /login.do"
        ]
    );
    let asked = site.asked();
    assert!(asked.iter().all(|asked| asked.header("x-synthetic-probe") == Some("bongsu")));
    // What holds the password goes over a connection that was not used before, which then is kept.
    let connections: Vec<usize> = asked.iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [1, 2, 2, 2, 2, 2]);
}

#[tokio::test]
async fn a_wrong_password_is_the_accounts_fault_and_not_an_outage() {
    let (site, state) = saeol::start().await;
    let flow = Flow::new(&saeol::flow(&site));
    flow.write("pass", "wrong-password");
    let outcome = flow.run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    let failure = outcome.result.err().unwrap();
    assert_eq!(failure.reason, Reason::BadCredentials);
    let step = failure.step.unwrap();
    assert_eq!((&*step.name, &*step.component), ("submit", "gpki"));
    assert_eq!(*state.strikes.lock().unwrap(), 1);
}

#[tokio::test]
async fn an_outage_of_the_sign_in_is_down_whatever_its_form() {
    for (mood, reason) in [
        (Mood::Broken, Reason::HttpStatus),
        (Mood::Stalled, Reason::ResponseTimeout),
        (Mood::Silent, Reason::NotLoggedIn),
    ] {
        let (site, state) = saeol::start().await;
        let flow = Flow::within(Duration::from_secs(4), &saeol::flow(&site));
        flow.succeed().await;
        state.be(mood);
        for run in 0..3 {
            let outcome = flow.run().await;
            assert_eq!(outcome.verdict(), Verdict::Down, "{mood:?}, run {run}");
            assert_eq!(outcome.result.err().unwrap().reason, reason, "{mood:?}, run {run}");
        }
    }
}

#[tokio::test]
async fn a_captcha_and_a_locked_account_say_nothing_about_the_service() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Captcha);
    let flow = Flow::new(&saeol::flow(&site));
    assert_eq!(flow.fail().await, ("submit".into(), Reason::Captcha));

    let (site, state) = saeol::start().await;
    *state.strikes.lock().unwrap() = 5;
    let flow = Flow::new(&saeol::flow(&site));
    let outcome = flow.run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert_eq!(outcome.result.err().unwrap().reason, Reason::AccountLocked);
}

#[tokio::test]
async fn a_session_that_is_gone_in_a_later_step_is_session_lost() {
    let (site, state) = saeol::start().await;
    let flow = saeol::flow(&site).replace(
        "  - name: main\n",
        "  - { name: leave, get: /logout.do, follow: { redirects: 0 } }\n  - name: main\n",
    );
    assert_eq!(Flow::new(&flow).fail().await, ("main".into(), Reason::SessionLost));
    assert_eq!(state.open(), 0);
}

#[tokio::test]
async fn a_page_without_the_form_is_form_missing() {
    let (site, _) = saeol::start().await;
    let flow = saeol::flow(&site).replace("form: form#loginForm", "form: form#other");
    assert_eq!(Flow::new(&flow).fail().await, ("submit".into(), Reason::FormMissing));
}

#[tokio::test]
async fn a_logout_that_fails_degrades_and_never_fails() {
    let (site, _) = saeol::start().await;
    let flow = saeol::flow(&site).replace("get: /logout.do", "get: /nothing-here");
    let outcome = Flow::new(&flow).run().await;
    assert_eq!(outcome.verdict(), Verdict::Degraded);
    let warning = &outcome.facts.warnings[0];
    assert_eq!(warning.reason, Reason::LogoutFailed);
    assert_eq!(warning.step.as_ref().unwrap().name.as_ref(), "logout");
}

#[tokio::test]
async fn a_slow_page_of_a_warn_limit_degrades() {
    let (site, _) = saeol::start().await;
    let flow =
        saeol::flow(&site).replace("warn: { time: { lt: 2s } }", "warn: { time: { lt: 1ms } }");
    let outcome = Flow::new(&flow).run().await;
    // A loopback answer may in theory be faster than a millisecond.
    if outcome.verdict() == Verdict::Degraded {
        assert_eq!(outcome.facts.warnings[0].reason, Reason::TooSlow);
        assert_eq!(outcome.facts.warnings[0].step.as_ref().unwrap().name.as_ref(), "main");
    }
}

//! Sessions do not pile up: whatever ends a run, it signs out.

use std::time::Duration;

use bongsu::outcome::Reason;
use bongsu::probe::login::lockout::ledger::AccountKey;
use bongsu::stop::Stop;
use tokio::time::Instant;

use super::flow::Flow;
use super::saeol::{self, Mood, State};
use crate::support::http::{Reply, RoutedSite};

/// Runs that go well, that fail behind the login, that run into their timeout, and that are
/// stopped by the end of the daemon.
const RUNS: usize = 1000;
/// For a login on a busy machine; five runs wait for as long.
const ENOUGH: Duration = Duration::from_secs(5);

#[tokio::test]
async fn after_a_thousand_runs_of_every_kind_no_session_is_open() {
    let (site, state) = saeol::start().await;
    let good = Flow::new(&saeol::flow(&site));
    let fails = Flow::new(&saeol::flow(&site).replace("a[href*=logout]", "a[href*=never]"));
    let stalls = Flow::within(
        ENOUGH,
        &saeol::flow(&site)
            .replace("  - name: main\n", "  - { name: late, get: /late.do }\n  - name: main\n"),
    );
    let mut logins = 0;
    for run in 0..RUNS {
        match run % 20 {
            0 => {
                // The time runs out on a page behind the login.
                let waits = saeol::routes(&state)
                    .on("GET", "/late.do", |_| Reply::html("x").after(Duration::from_secs(60)));
                if run % 200 == 0 {
                    let slow = waits.serve().await;
                    let flow = saeol::flow(&slow).replace(
                        "  - name: main\n",
                        "  - { name: late, get: /late.do }\n  - name: main\n",
                    );
                    let flow = Flow::within(ENOUGH, &flow);
                    assert_eq!(flow.fail().await, ("late".into(), Reason::ResponseTimeout));
                } else {
                    assert_eq!(stalls.fail().await, ("late".into(), Reason::HttpStatus));
                }
            }
            1 | 2 => {
                assert_eq!(fails.fail().await.0, "main");
            }
            3 => {
                let stop = Stop::default();
                stop.ask(Instant::now() + ENOUGH);
                let outcome = good.run_until(&stop).await;
                assert_eq!(outcome.result.err().unwrap().reason, Reason::Internal);
                continue;
            }
            _ => drop(good.succeed().await),
        }
        logins += 1;
    }
    assert_eq!(*state.logins.lock().unwrap(), logins);
    assert_eq!(state.open(), 0);
}

/// The daemon's end comes while the page behind the login is awaited.
#[tokio::test]
async fn a_run_that_is_stopped_in_the_middle_signs_out() {
    let state = std::sync::Arc::default();
    let (reached, mut is_there) = tokio::sync::mpsc::channel(1);
    let site = saeol::routes(&state)
        .on("GET", "/late.do", move |_| {
            let _ = reached.try_send(());
            Reply::html("x").after(Duration::from_secs(60))
        })
        .serve()
        .await;
    let flow = saeol::flow(&site)
        .replace("  - name: main\n", "  - { name: late, get: /late.do }\n  - name: main\n");
    let flow = Flow::new(&flow);
    let stop = Stop::default();
    let stopping = async {
        is_there.recv().await;
        assert_eq!(state.open(), 1);
        stop.ask(Instant::now() + ENOUGH);
    };
    let (outcome, ()) = tokio::join!(flow.run_until(&stop), stopping);
    let failure = outcome.result.err().unwrap();
    assert_eq!((failure.reason, &*failure.step.unwrap().name), (Reason::Internal, "late"));
    assert_eq!(outcome.facts.warnings, []);
    assert_eq!(state.open(), 0);
}

/// A run that is asked to be over in so much time once the login was sent.
async fn stopped_in_the_login(
    site: &RoutedSite,
    state: &State,
    within: Duration,
) -> (String, Reason) {
    let flow = Flow::new(&saeol::flow(site));
    let stop = Stop::default();
    let stopping = async {
        while *state.logins.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        stop.ask(Instant::now() + within);
    };
    let (outcome, ()) = tokio::join!(flow.run_until(&stop), stopping);
    let failure = outcome.result.err().unwrap();
    (failure.step.unwrap().name.to_string(), failure.reason)
}

/// Its answer brings the cookie that the logout needs.
#[tokio::test]
async fn a_stopped_run_waits_for_the_answer_to_its_login() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Slow);
    let end = stopped_in_the_login(&site, &state, Duration::from_secs(60)).await;
    assert_eq!(end, ("main".into(), Reason::Internal));
    assert_eq!(state.open(), 0);
}

#[tokio::test]
async fn a_stopped_run_keeps_time_to_sign_out() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Stalled);
    let end = stopped_in_the_login(&site, &state, ENOUGH).await;
    assert_eq!(end, ("submit".into(), Reason::Internal));
    assert_eq!(site.of("GET", "/logout.do").len(), 1);
}

/// Stops a run in the step of that name, which sends nothing yet; the step and the reason it tells.
async fn stopped_in(step: &str, flow: &Flow, site: &RoutedSite) -> (String, Reason) {
    // Nobody outside sees that the step has begun, so it is stopped later until it has.
    for patience in (0..7).map(|power| 10_usize.pow(power)) {
        let before = site.of("GET", "/login.do").len();
        let stop = Stop::default();
        let stopping = async {
            while site.of("GET", "/login.do").len() == before {
                tokio::task::yield_now().await;
            }
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
            stop.ask(Instant::now() + Duration::from_secs(60));
        };
        let (outcome, ()) = tokio::join!(flow.run_until(&stop), stopping);
        if outcome.facts.steps.iter().any(|facts| &*facts.step.name == step) {
            let failure = outcome.result.err().unwrap();
            return (failure.step.unwrap().name.to_string(), failure.reason);
        }
    }
    panic!("{step} never began");
}

#[tokio::test]
async fn a_stopped_run_does_not_go_on_waiting_before_it_sends() {
    let (site, _state) = saeol::start().await;
    let paused = saeol::flow(&site)
        .replace("  - name: submit\n", "  - { name: pause, wait: 9s }\n  - name: submit\n");
    let end = stopped_in("pause", &Flow::new(&paused), &site).await;
    assert_eq!(end, ("pause".into(), Reason::Internal));

    let flow = Flow::new(&saeol::flow(&site));
    let key = AccountKey { account: "user".into(), host: "127.0.0.1".into() };
    let _turn_of_another = flow.surroundings.accounts.turn(&key).await;
    assert_eq!(stopped_in("submit", &flow, &site).await, ("submit".into(), Reason::Internal));
    assert_eq!(site.of("POST", "/login.do").len(), 0);
}

/// The answer to the login itself is lost: `finally` is done all the same.
#[tokio::test]
async fn a_login_whose_answer_is_lost_is_signed_out_too() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Stalled);
    let flow = Flow::within(ENOUGH, &saeol::flow(&site));
    assert_eq!(flow.fail().await, ("submit".into(), Reason::ResponseTimeout));
    assert_eq!(site.of("GET", "/logout.do").len(), 1);
}

//! The account guard with real logins: a wrong password is tried once, whatever happens after.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bongsu::outcome::{Reason, Verdict};
use bongsu::probe::login::lockout::store::AccountStore;

use super::flow::{Flow, PASS};
use super::saeol::{self, Mood};
use crate::support::SHORT;
use crate::support::http::{Reply, Routes};

const INTERVAL: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_held_account_runs_the_anonymous_steps_only_until_its_secret_changes() {
    let (site, state) = saeol::start().await;
    let flow = Flow::new(&saeol::flow(&site));
    flow.write("pass", "wrong-password");
    assert_eq!(flow.fail().await, ("submit".into(), Reason::BadCredentials));
    for _ in 0..3 {
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Unknown);
        assert_eq!(outcome.result.err().unwrap().reason, Reason::AccountHeld);
    }
    assert_eq!(*state.strikes.lock().unwrap(), 1);
    // Once more by the logout of the first run, which leads there.
    assert_eq!(site.of("GET", "/login.do").len(), 5);
    assert_eq!(site.of("POST", "/login.do").len(), 1);
    assert_eq!(flow.surroundings.accounts.holds(), [("user".into(), site.host(), true)]);
    flow.write("pass", PASS);
    flow.succeed().await;
    assert_eq!(flow.surroundings.accounts.holds(), [("user".into(), site.host(), false)]);
}

#[tokio::test]
async fn an_operator_releases_a_held_account() {
    let (site, state) = saeol::start().await;
    let flow = Flow::new(&saeol::flow(&site));
    *state.password.lock().unwrap() = Some("changed-at-the-server".into());
    assert_eq!(flow.fail().await.1, Reason::BadCredentials);
    assert_eq!(flow.fail().await.1, Reason::AccountHeld);
    *state.password.lock().unwrap() = None;
    assert_eq!(flow.fail().await.1, Reason::AccountHeld);
    assert_eq!(flow.surroundings.accounts.resume(Some("user")), 1);
    flow.succeed().await;
}

/// An outage of the sign-in neither holds the account nor is it hidden by the guard.
#[tokio::test]
async fn an_outage_never_holds_and_never_slows() {
    let (site, state) = saeol::start().await;
    let flow = Flow::new(&saeol::flow(&site));
    state.be(Mood::Broken);
    for _ in 0..10 {
        assert_eq!(flow.fail().await, ("submit".into(), Reason::HttpStatus));
    }
    assert_eq!(site.of("POST", "/login.do").len(), 10);
    state.be(Mood::Well);
    flow.succeed().await;
}

/// The outage of 2023: pages came and logins got no answer, for days. Each was a failure of the service,
/// none was held against an account that had worked before, and the first that was answered was the
/// recovery: attempts that had become rarer would have told it late.
#[tokio::test]
async fn logins_without_an_answer_never_hold_and_the_recovery_is_seen_at_once() {
    let (site, state) = saeol::start().await;
    let flow = Flow::within(SHORT, &saeol::flow(&site));
    flow.succeed().await;
    state.be(Mood::Stalled);
    for run in 2..=7 {
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Down, "run {run}");
        let failure = outcome.result.err().unwrap();
        assert_eq!(failure.reason, Reason::ResponseTimeout, "run {run}");
        assert_eq!(site.of("POST", "/login.do").len(), run);
        assert_eq!(flow.surroundings.accounts.holds(), [("user".into(), site.host(), false)]);
    }
    state.be(Mood::Well);
    flow.succeed().await;
}

static SINCE: AtomicU64 = AtomicU64::new(1_700_000_000);

fn since() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SINCE.load(Ordering::SeqCst))
}

/// A refusal that is slower than the timeout looks like an outage. Where the password has never worked,
/// the attempts become rarer after the second and end after the fourth, whatever the interval is.
#[tokio::test]
async fn a_refusal_slower_than_the_timeout_does_not_lock_an_account_that_never_worked() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Stalled);
    let accounts = AccountStore::default().with_clock(since);
    let flow = Flow::with_accounts(SHORT, &saeol::flow(&site), accounts);
    let mut reasons = Vec::new();
    for _ in 0..400 {
        // Each run has a page to look at, and says down only when it has sent something in vain.
        let before = site.of("POST", "/login.do").len();
        let outcome = flow.run().await;
        let sent = site.of("POST", "/login.do").len() - before;
        let wanted = if sent == 1 { Verdict::Down } else { Verdict::Unknown };
        assert_eq!(outcome.verdict(), wanted);
        reasons.push(outcome.result.err().unwrap().reason);
        SINCE.fetch_add(9, Ordering::SeqCst);
    }
    let sent = |reason: &&Reason| **reason == Reason::ResponseTimeout;
    assert_eq!(reasons.iter().filter(sent).count(), 4);
    assert!(reasons.iter().filter(|reason| !sent(reason)).all(|r| *r == Reason::AccountHeld));
    assert_eq!(flow.surroundings.accounts.holds(), [("user".into(), site.host(), true)]);
    state.be(Mood::Well);
    assert_eq!(flow.surroundings.accounts.resume(Some("user")), 1);
    flow.succeed().await;
}

static NOW: AtomicU64 = AtomicU64::new(1_700_000_000);

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::SeqCst))
}

/// A day at the configured interval; three vantages that do not know of each other; each is
/// restarted twice; the lock never forgets.
#[tokio::test]
async fn a_day_with_a_wrong_password_on_three_vantages_does_not_lock_the_account() {
    let (site, state) = saeol::start().await;
    let yaml = saeol::flow(&site);
    let directories: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let start = |vantage: usize| {
        let accounts = AccountStore::open(directories[vantage].path()).unwrap().with_clock(clock);
        let flow = Flow::with_accounts(Duration::from_secs(20), &yaml, accounts);
        flow.write("pass", "wrong-password");
        flow
    };
    let mut vantages: Vec<Flow> = (0..3).map(start).collect();
    let runs = Duration::from_secs(24 * 3600).as_secs() / INTERVAL.as_secs();
    for run in 0..runs {
        for (vantage, flow) in vantages.iter_mut().enumerate() {
            if run == runs / 3 || run == 2 * runs / 3 {
                *flow = start(vantage);
            }
            let outcome = flow.run().await;
            assert_eq!(outcome.verdict(), Verdict::Unknown, "run {run} of vantage {vantage}");
        }
        NOW.fetch_add(INTERVAL.as_secs(), Ordering::SeqCst);
    }
    assert_eq!(*state.strikes.lock().unwrap(), 3);
    assert!(!state.is_locked());
    // The password is put right: no restart is needed.
    for flow in &vantages {
        flow.write("pass", PASS);
        flow.succeed().await;
    }
}

static LATER: AtomicU64 = AtomicU64::new(1_700_000_000);

fn later() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(LATER.load(Ordering::SeqCst))
}

/// A rejection that nobody explains may be the outage: `down` all the time, but asked less often.
#[tokio::test]
async fn an_unexplained_rejection_stays_down_while_attempts_slow_down() {
    let (site, state) = saeol::start().await;
    state.be(Mood::Silent);
    let accounts = AccountStore::default().with_clock(later);
    let flow = Flow::with_accounts(Duration::from_secs(20), &saeol::flow(&site), accounts);
    for run in 0..20 {
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Down, "run {run}");
        let failure = outcome.result.err().unwrap();
        assert_eq!(failure.reason, Reason::NotLoggedIn, "run {run}");
        assert_eq!(&*failure.step.unwrap().name, "submit", "run {run}");
        LATER.fetch_add(INTERVAL.as_secs(), Ordering::SeqCst);
    }
    // An hour at one attempt each 15 minutes.
    assert_eq!(site.of("POST", "/login.do").len(), 4);
    state.be(Mood::Well);
    LATER.fetch_add(900, Ordering::SeqCst);
    flow.succeed().await;
}

#[tokio::test]
async fn two_runs_of_one_account_take_turns() {
    let (site, state) = saeol::start().await;
    let flow = Flow::new(&saeol::flow(&site));
    let (one, two) = tokio::join!(flow.run(), flow.run());
    assert!(one.result.is_ok() && two.result.is_ok());
    let lines = site.lines();
    let of = |line: &str| -> Vec<usize> {
        lines.iter().enumerate().filter(|(_, l)| *l == line).map(|(at, _)| at).collect()
    };
    let (logins, logouts) = (of("POST /login.do"), of("GET /logout.do"));
    assert!(logins[0] < logouts[0] && logouts[0] < logins[1], "{lines:?}");
    assert_eq!(state.open(), 0);
}

/// A code is used once: the second run waits for the next time-step, or says that it cannot.
#[tokio::test]
async fn a_one_time_code_is_not_sent_twice() {
    let site = Routes::new().on("POST", "/otp", |_| Reply::html("welcome")).serve().await;
    let yaml = format!(
        "base: {}\nsteps:\n  - {{ name: otp, post: /otp, form: {{ otp: '${{secret.otp | totp}}' \
         }}, expect: {{ body: {{ contains: welcome }} }} }}\n",
        site.url("")
    );
    fn fixed() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(30)
    }
    let accounts = AccountStore::default().with_clock(fixed);
    // The next code comes in 30 s, and the next run is due before.
    let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(10));
    let flow = Flow::every(interval, timeout, &yaml, accounts);
    flow.succeed().await;
    // RFC 6238, appendix B, cut to six digits: the same time-step as its second 59.
    assert_eq!(site.asked()[0].field("otp").as_deref(), Some("287082"));
    assert_eq!(flow.fail().await, ("otp".into(), Reason::NoTurn));
    assert_eq!(site.lines().len(), 1);

    let flow = Flow::new(&yaml);
    flow.surroundings.clock_skew_from(|| Some(-16.0));
    assert_eq!(flow.fail().await, ("otp".into(), Reason::ClockWrong));
    assert_eq!(site.lines().len(), 1);
}

/// A page that is shown between password and code proves nothing about the code.
#[tokio::test]
async fn an_unexplained_rejection_of_the_second_factor_slows_down_too() {
    let site = Routes::new()
        .on("POST", "/password", |_| Reply::html("<form id=otp></form>"))
        .on("POST", "/otp", |_| Reply::html("<form id=otp></form>"))
        .serve()
        .await;
    let flow = Flow::new(&format!(
        "base: {}\naccount: user\nsteps:\n  - {{ name: password, post: /password, form: {{ p: \
         '${{secret.pass}}' }}, expect: {{ css: {{ 'form#otp': exists }} }} }}\n  - {{ name: otp, \
         post: /otp, form: {{ o: '${{secret.otp | totp}}' }}, expect: {{ css: {{ '#main': exists \
         }} }} }}\n",
        site.url("")
    ));
    for _ in 0..3 {
        assert_eq!(flow.fail().await, ("otp".into(), Reason::NotLoggedIn));
    }
    assert_eq!((site.of("POST", "/password").len(), site.of("POST", "/otp").len()), (1, 1));
}

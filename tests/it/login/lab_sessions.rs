//! Nobody stays signed in at the lab's Saeol: after a thousand runs with timeouts and stops, and
//! after the end of the real daemon in the middle of a login.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bongsu::outcome::{Outcome, Reason};
use bongsu::stop::Stop;
use lab::estate::{EstateOptions as Options, SimulatedEstate as Estate};
use lab::faults::{Fault, FaultKind as Kind};
use lab::site::{PROBE_PASSWORD, PROBE_USER};
use lab::systems;
use tokio::time::Instant;

use super::flow::Flow;
use crate::support::daemon::{Setup, eventually};

const SITES: [&str; 3] = ["saeol-jongno", "saeol-haeundae", "saeol-yuseong"];
/// Of all sites together.
const RUNS: usize = 1_000;
/// One run in so many is stopped by the daemon's end.
const STOPPED_EVERY: usize = 20;
/// One run in so many runs out of time.
const LATE_EVERY: usize = 120;
/// Which is time enough for a login on a machine that stands still for some seconds: whose answer to
/// the login is lost has not got the cookie that a logout needs.
const LATE_AFTER: Duration = Duration::from_secs(12);
/// For what is to succeed.
const PATIENCE: Duration = Duration::from_secs(60);

fn system(name: &str) -> &'static lab::system::SimulatedSystem {
    systems::find(name).unwrap()
}

fn open(estate: &Estate) -> usize {
    let sites = SITES.iter().map(|name| estate.world().site(system(name)));
    sites.map(|site| site.sessions.signed_in().len()).sum()
}

/// The mapping under `login`, with `more` as a step behind the login.
fn yaml(estate: &Estate, site: &str, more: &str) -> String {
    format!(
        r#"base: {}
account: user
steps:
  - {{ name: login_page, get: /login.do }}
  - name: submit
    component: gpki
    submit: {{ form: 'form#loginForm', fields: {{ userId: '${{secret.user}}', userPw: '${{secret.pass}}' }} }}
    expect: {{ css: {{ 'a[href*=logout]': exists }} }}
{more}
finally:
  - {{ name: logout, if: submit.sent, get: /logout.do }}
"#,
        estate.base(system(site))
    )
}

fn flow(roots: &Path, timeout: Duration, yaml: &str) -> Flow {
    let yaml = format!("trust: {{ roots: {} }}\n{yaml}", roots.display());
    let flow = Flow::within(timeout, &yaml);
    flow.write("user", PROBE_USER);
    flow.write("pass", PROBE_PASSWORD);
    flow
}

/// A run that is asked to end at one of its steps forward: before its poll of that number, with
/// time enough. How many there were.
async fn stopped_at(flow: &Flow, number: usize) -> (Outcome, usize) {
    let stop = Stop::default();
    let mut run = pin!(flow.run_until(&stop));
    let mut polls = 0;
    let outcome = poll_fn(|context| {
        if polls == number {
            stop.ask(Instant::now() + PATIENCE);
        }
        polls += 1;
        run.as_mut().poll(context)
    });
    (outcome.await, polls)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_thousand_runs_with_timeouts_and_stops_saeol_has_no_open_session() {
    // A machine that stands still for some seconds is no outage of GPKI.
    let options = Options::default().patience(PATIENCE);
    let estate = Estate::start(options).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("root.pem");
    std::fs::write(&roots, estate.world().pki.root_pem()).unwrap();
    // Behind the login waits a page of another system that never comes.
    estate.faults().set(system("welfare"), Kind::Stall);
    let late = format!("  - {{ name: late, get: '{}/' }}", estate.base(system("welfare")));
    let at = |site: &str| {
        let good = flow(&roots, PATIENCE, &yaml(&estate, site, ""));
        let stuck = yaml(&estate, site, &late);
        let stuck = flow(&roots, LATE_AFTER, &stuck);
        // A task of its own, so that it is polled when it goes on and not when another site does.
        tokio::spawn(async move {
            let (mut stopped, mut polls) = (0, 0);
            let runs = RUNS.div_ceil(SITES.len());
            for run in 0..runs {
                match (run % LATE_EVERY, run % STOPPED_EVERY) {
                    (0, _) => {
                        let (step, reason) = stuck.fail().await;
                        assert_eq!(step, "late", "{reason:?}");
                        assert_ne!(reason, Reason::Internal);
                    }
                    (_, 1) => {
                        // From the first to the last poll of a run that nobody stops.
                        if polls == 0 {
                            polls = stopped_at(&good, usize::MAX).await.1;
                        }
                        let (outcome, _) = stopped_at(&good, polls * run / runs).await;
                        stopped += usize::from(outcome.result.is_err());
                    }
                    _ => drop(good.succeed().await),
                }
            }
            (stopped, polls)
        })
    };
    for site in SITES.map(at) {
        let (stopped, polls) = site.await.unwrap();
        assert!(stopped > 0, "no run was stopped, of {polls} polls each");
    }
    assert_eq!(open(&estate), 0);
}

/// SIGTERM while the page behind the login is awaited; how many sessions are open at the end.
async fn left_open(estate: &Estate, has_finally: bool) -> usize {
    let jongno = system(SITES[0]);
    // Long enough to be in the middle of it.
    let slow = Fault::latency(Duration::from_millis(700));
    estate.faults().set(jongno, slow);
    let login = yaml(estate, SITES[0], "  - { name: main, get: /main.do }");
    let login = match has_finally {
        true => login,
        false => login.split("finally:").next().unwrap().to_owned(),
    };
    let login: String = login.lines().map(|line| format!("          {line}\n")).collect();
    let setup = Setup::new(&format!(
        "secrets:\n  user: {{ file: user }}\n  pass: {{ file: pass }}\ndefaults: {{ trust: {{ \
         roots: root.pem }} }}\nservices:\n  - name: gpki\n  - name: saeol\n    probes:\n      - \
         name: login\n        interval: 11s\n        timeout: 10s\n        login:\n{login}"
    ))
    .flag("--shutdown.grace=20s");
    setup.write("user", PROBE_USER);
    setup.write("pass", PROBE_PASSWORD);
    setup.write("root.pem", estate.world().pki.root_pem());
    let mut daemon = setup.start();
    let sessions = &estate.world().site(jongno).sessions;
    // Where a login was let in, its answer has not been followed yet.
    eventually("a session", || (!sessions.signed_in().is_empty()).then_some(()));
    assert_eq!(daemon.stop().code(), Some(0), "{}", daemon.log());
    sessions.signed_in().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_the_middle_of_a_login_leaves_no_session_open() {
    let estate = Estate::start(Default::default()).await.unwrap();
    assert_eq!(left_open(&estate, true).await, 0);
    // It is `finally` that closed it.
    assert_eq!(left_open(&estate, false).await, 1);
}

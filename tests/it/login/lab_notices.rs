//! The lab's own probes where something stands around the login: a script that says where the form is
//! sent, a waiting room, notices.

use std::time::Duration;

use bongsu::outcome::{Reason, Verdict};
use lab::faults::{Fault, FaultKind as Kind};
use lab::systems;

use super::gpki::{GpkiLab, failure};

impl GpkiLab {
    fn suffer(&self, system: &str, fault: impl Into<Fault>) {
        let system = systems::find(system).unwrap();
        self.estate.faults().clear_all(system);
        self.estate.faults().set(system, fault);
    }

    fn recover(&self, system: &str) {
        self.estate.faults().clear_all(systems::find(system).unwrap());
    }

    /// Verdict and reasons of the warnings of a probe that goes well.
    async fn well(&self, id: &str) -> (Verdict, Vec<Reason>) {
        let outcome = self.run(id).await;
        assert!(outcome.result.is_ok(), "{id}: {:?}", outcome.result);
        let warnings = outcome.facts.warnings.iter().map(|warning| warning.reason).collect();
        (outcome.verdict(), warnings)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_says_where_the_form_of_resident_registration_is_sent() {
    let lab = GpkiLab::start().await;
    assert_eq!(lab.well("resident/login").await, (Verdict::Up, vec![]));
    // Where the page itself leads nobody is signed in.
    let action = "                action: /uat/uia/actionSecurityLogin.do\n";
    let (step, reason, _) = failure(lab.run_with("resident/login", action, "").await);
    assert_eq!((&*step, reason), ("submit", Reason::HttpStatus));
    lab.suffer("resident", Kind::WrongPassword);
    let outcome = lab.run("resident/login").await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert_eq!(failure(outcome).1, Reason::BadCredentials);
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_behind_the_login_of_document_exchange_are_passed_over_or_have_their_reasons() {
    let (lab, id) = (GpkiLab::start().await, "document-exchange/login");
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    lab.suffer("document-exchange", Kind::PasswordNotice);
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    // Who does not answer the notice is not let in.
    let later = "submit: { form: form#changeLater }";
    let (step, _, _) = failure(lab.run_with(id, later, "get: /login").await);
    assert_eq!(step, "inbox");
    // An earlier run was killed and left its session, or a colleague is signed in with the account.
    let site = lab.estate.world().site(systems::find("document-exchange").unwrap());
    lab.suffer("document-exchange", Kind::OneSession);
    assert_eq!(
        lab.well(id).await,
        (Verdict::Up, vec![]),
        "nobody is asked while nobody is signed in"
    );
    let elsewhere = site.sessions.open(Some(lab::site::PROBE_USER));
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    assert!(site.sessions.find(&elsewhere.id).is_none(), "the session elsewhere goes on");
    site.sessions.open(Some(lab::site::PROBE_USER));
    let end = "submit: { form: form#endOther }";
    let (step, _, _) = failure(lab.run_with(id, end, "get: /login").await);
    assert_eq!(step, "inbox");
    site.sessions.close_of(lab::site::PROBE_USER);
    for (kind, reason) in [
        (Kind::PasswordExpired, Reason::PasswordExpired),
        (Kind::DuplicateSession, Reason::DuplicateSession),
    ] {
        lab.suffer("document-exchange", kind);
        let outcome = lab.run(id).await;
        assert_eq!(outcome.verdict(), Verdict::Unknown, "{kind:?}");
        let (step, found, detail) = failure(outcome);
        assert_eq!((&*step, found), ("submit", reason), "{detail}");
    }
    lab.recover("document-exchange");
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    assert_eq!(lab.signed_in(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_room_of_the_disclosure_portal_degrades_and_is_down_where_the_file_says_so() {
    let (lab, id) = (GpkiLab::start().await, "disclosure/login");
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    let waited = (Verdict::Degraded, vec![Reason::WaitingRoom]);
    lab.suffer("disclosure", Fault::waiting_room(Duration::from_secs(1)));
    assert_eq!(lab.well(id).await, waited);
    // Who goes on without a turn meets the page that says so.
    let outcome = lab.run_with(id, "?netfunnel_key=${key}", "").await;
    assert_eq!(outcome.verdict(), Verdict::Degraded);
    let done: Vec<&str> = outcome.facts.steps.iter().map(|step| &*step.step.name).collect();
    assert!(done.contains(&"sign_in") && !done.contains(&"any_id"), "{done:?}");
    lab.suffer("disclosure", Fault::waiting_room(Duration::from_secs(3_600)));
    assert_eq!(lab.well(id).await, waited);
    let down = lab.run_with(id, "waiting_room: { degraded_for: 1m }", "waiting_room: down").await;
    assert_eq!(down.verdict(), Verdict::Down);
    let (step, reason, _) = failure(down);
    assert_eq!((&*step, reason), ("queue", Reason::WaitingRoom));
    lab.recover("disclosure");
    assert_eq!(lab.well(id).await, (Verdict::Up, vec![]));
    assert_eq!(lab.signed_in(), 0);
}

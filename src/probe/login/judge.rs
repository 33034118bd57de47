//! What an answer means behind a login: a miss there is `not_logged_in`, or `session_lost` when
//! the login had been proven.

use std::borrow::Cow;

use url::Url;

use crate::config::Rules;
use crate::config::login::{CaptureFrom, LoginStep, rules};
use crate::outcome::{Failure, Nature, Reason};
use crate::probe::expect;
use crate::probe::judge::{self, Missed};
use crate::probe::page::Page;
use crate::probe::unread::Body;

use super::lockout::admission::Attempt;
use super::lockout::ending::Named;
use super::page::form;
use super::run::StepFailure;

/// Between the hosts of a sign-on a browser sends such forms unseen.
const SUBMITS_ITSELF: &str = "; the page holds a form that its script sends at once: follow: { \
                              auto_submit: form } does the same";

/// What was done with credentials before an answer came.
pub(super) struct SessionState {
    has_sent: bool,
    is_proven: bool,
    typed_into: Option<Url>,
}

impl SessionState {
    pub(super) fn of(login: &Attempt<'_>) -> SessionState {
        SessionState {
            has_sent: login.has_sent(),
            is_proven: login.is_proven(),
            typed_into: login.typed_into().cloned(),
        }
    }
}

/// Judges the final response of a step; whether it shows that the login worked. `body_failure` says
/// why its body could not be had.
pub(super) fn judge(
    step: &LoginStep,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    session: &SessionState,
) -> Result<bool, StepFailure> {
    let rules = rules_here(step, page, body_failure, session);
    match judge::judge(&rules, page, body_failure, needs(step)) {
        Ok(()) => {}
        Err(Missed::Answer(miss)) if session.is_proven && is_shut_out(&miss.failure, page) => {
            let detail = format!("the session is not accepted any more: {}", miss.failure.detail);
            return Err(Failure::new(Reason::SessionLost, detail).into());
        }
        Err(Missed::ByRule(miss)) => {
            return Err(StepFailure { failure: miss.failure, named: Named::ByRule });
        }
        Err(Missed::Answer(miss)) => return Err(miss.failure.into()),
        Err(Missed::Expectation(miss)) => {
            let mut failure = behind_the_login(miss.failure, page, session);
            if step.self_submit.is_none() && form::submits_itself(page) {
                failure.detail.push_str(SUBMITS_ITSELF);
            }
            return Err(failure.into());
        }
    }
    Ok(session.has_sent && rules::has_marker(&step.rules.expect))
}

/// The rules of a step. What proves the login is stronger than a sentence about a refusal: a portal
/// lists past ones.
fn rules_here<'s>(
    step: &'s LoginStep,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    session: &SessionState,
) -> Cow<'s, Rules> {
    let expect = &step.rules.expect;
    let names_refusal = step.rules.fail_if.iter().any(|rule| rule.reason.is(Nature::Refusal));
    let proves = || {
        body_failure.is_none()
            && rules::has_proof(expect)
            && expect::status_miss(expect, page).is_none()
            && expect::first_miss(expect, page).is_none()
    };
    if !names_refusal || !session.has_sent || !(session.is_proven || proves()) {
        return Cow::Borrowed(&step.rules);
    }
    let mut rules = step.rules.clone();
    rules.fail_if.retain(|rule| !rule.reason.is(Nature::Refusal));
    Cow::Owned(rules)
}

/// Whether the status says that the session does not count.
fn is_shut_out(failure: &Failure, page: &Page<'_>) -> bool {
    failure.reason == Reason::HttpStatus && matches!(page.status, 401 | 403)
}

/// Later steps look at the body too, where this one takes something out of it.
fn needs(step: &LoginStep) -> Body {
    let of_body = |from: &CaptureFrom| {
        matches!(from, CaptureFrom::Css(..) | CaptureFrom::Json(_) | CaptureFrom::Regex(_))
    };
    let is_captured = step.captures.iter().any(|capture| of_body(&capture.from));
    if is_captured { Body::Needed } else { Body::NotNeeded }
}

/// Names a miss by what it says about the session.
fn behind_the_login(failure: Failure, page: &Page<'_>, session: &SessionState) -> Failure {
    if !failure.reason.is(Nature::MissedExpectation) || !session.has_sent {
        return failure;
    }
    if !session.is_proven {
        let detail = format!("no sign of a login: {}", failure.detail);
        return Failure { reason: Reason::NotLoggedIn, detail, ..failure };
    }
    let is_login_page = session
        .typed_into
        .as_ref()
        .is_some_and(|at| (at.host_str(), at.path()) == (page.url.host_str(), page.url.path()));
    if is_login_page || form::asks_for_password(page) {
        let detail = format!("the login page is back: {}", failure.detail);
        return Failure { reason: Reason::SessionLost, detail, ..failure };
    }
    failure
}

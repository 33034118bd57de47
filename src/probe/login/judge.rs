//! What an answer means behind a login: a miss there is `not_logged_in`, or `session_lost` when
//! the login had been proven.

use url::Url;

use crate::config::login::{CaptureFrom, LoginStep, rules};
use crate::outcome::{Failure, Reason};
use crate::probe::judge::{self, Missed};
use crate::probe::page::Page;
use crate::probe::unread::Body;

use super::lockout::admission::Attempt;
use super::lockout::ending::Named;
use super::page::form;
use super::run::StepFailure;

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
    match judge::judge(&step.rules, page, body_failure, needs(step)) {
        Ok(()) => {}
        Err(Missed::ByRule(miss)) => {
            return Err(StepFailure { failure: miss.failure, named: Named::ByRule });
        }
        Err(Missed::Answer(miss)) => return Err(miss.failure.into()),
        Err(Missed::Expectation(miss)) => {
            return Err(behind_the_login(miss.failure, page, session).into());
        }
    }
    Ok(session.has_sent && rules::has_marker(&step.rules.expect))
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
    let of_page = matches!(
        failure.reason,
        Reason::BodyMismatch | Reason::UrlMismatch | Reason::HeaderMismatch | Reason::JsonMismatch
    );
    if !of_page || !session.has_sent {
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

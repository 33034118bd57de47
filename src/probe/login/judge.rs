//! What an answer means: rules of `fail_if` first, then the status, then what is expected. A miss
//! behind the login is `not_logged_in`, or `session_lost` when the login had been proven.

use crate::config::login::{CaptureFrom, LoginStep, rules};
use crate::outcome::{Failure, Reason};
use crate::probe::expect::{self, HasBody};
use crate::probe::page::Page;
use crate::probe::unread::{self, Body};

use super::ending::Named;
use super::form;
use super::run::{Login, Stumble};

/// Judges the final response of a step. `body_failure` says why its body could not be had.
pub(super) fn judge(
    step: &LoginStep,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    login: &mut Login<'_>,
) -> Result<(), Stumble> {
    let has_body = if body_failure.is_none() { HasBody::Yes } else { HasBody::No };
    if let Some(miss) = expect::forbidden(&step.fail_if, page, has_body) {
        return Err(Stumble { failure: miss.failure, named: Named::ByRule });
    }
    if let Some(miss) = expect::status_miss(&step.expect, page) {
        return Err(miss.failure.into());
    }
    unread::settle(body_failure, page, needs(step))?;
    if let Some(miss) = expect::first_miss(&step.expect, page) {
        return Err(behind_the_login(miss.failure, page, login).into());
    }
    if !login.sent_to.is_empty() && rules::has_marker(&step.expect) {
        login.proven = true;
    }
    Ok(())
}

/// Later steps look at the body too, where this one takes something out of it.
fn needs(step: &LoginStep) -> Body {
    let mut rules = step.fail_if.iter().map(|rule| &rule.when).chain([&step.expect]);
    let of_body = |from: &CaptureFrom| {
        matches!(from, CaptureFrom::Css(..) | CaptureFrom::Json(_) | CaptureFrom::Regex(_))
    };
    let is_captured = step.captures.iter().any(|capture| of_body(&capture.from));
    if is_captured || rules.any(expect::needs_body) { Body::Needed } else { Body::NotNeeded }
}

/// Names a miss by what it says about the session.
fn behind_the_login(failure: Failure, page: &Page<'_>, login: &Login<'_>) -> Failure {
    let of_page = matches!(
        failure.reason,
        Reason::BodyMismatch | Reason::UrlMismatch | Reason::HeaderMismatch | Reason::JsonMismatch
    );
    if !of_page || login.sent_to.is_empty() {
        return failure;
    }
    if !login.proven {
        let detail = format!("no sign of a login: {}", failure.detail);
        return Failure { reason: Reason::NotLoggedIn, detail, ..failure };
    }
    let is_login_page = login
        .page
        .as_ref()
        .is_some_and(|at| (at.host_str(), at.path()) == (page.url.host_str(), page.url.path()));
    if is_login_page || form::asks_for_password(page.text()) {
        let detail = format!("the login page is back: {}", failure.detail);
        return Failure { reason: Reason::SessionLost, detail, ..failure };
    }
    failure
}

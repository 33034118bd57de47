//! What an answer means: rules of `fail_if` first, then the status, then what is expected.
//!
//! The order is that of blackbox_exporter's users' expectation: a rule of `fail_if` sees the page
//! also when the status is bad, because it names the better cause; "status 503" beats "no csrf
//! token in the body".

use crate::config::{Expect, Rules};
use crate::outcome::{Failure, Reason};
use crate::probe::expect::{self, HasBody, Miss};
use crate::probe::page::Page;
use crate::probe::unread::{self, Body};

/// Why an answer is not as it should be.
pub(super) enum Missed {
    /// A rule of `fail_if` named the reason.
    ByRule(Miss),
    /// The status, or a body that could not be had.
    Answer(Miss),
    /// Something that was expected of the page.
    Expectation(Miss),
}

/// Judges the final response. `body_failure` says why its body could not be had; `body` whether
/// more than the rules have to see it.
pub(super) fn judge(
    rules: &Rules,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    body: Body,
) -> Result<(), Missed> {
    let judged = by_rules(rules, page, body_failure, body);
    let unjudged = page.unjudged().map(|failure| Missed::Answer(Miss { failure, pattern: false }));
    match (&judged, unjudged) {
        // What is wrong anyhow stays wrong.
        (Err(missed), Some(_)) if missed.miss().failure.reason != Reason::JudgeTimeout => judged,
        (_, Some(unjudged)) => Err(unjudged),
        (_, None) => judged,
    }
}

impl Missed {
    pub(super) fn into_miss(self) -> Miss {
        let (Missed::ByRule(miss) | Missed::Answer(miss) | Missed::Expectation(miss)) = self;
        miss
    }

    fn miss(&self) -> &Miss {
        let (Missed::ByRule(miss) | Missed::Answer(miss) | Missed::Expectation(miss)) = self;
        miss
    }
}

fn by_rules(
    rules: &Rules,
    page: &Page<'_>,
    body_failure: Option<&Failure>,
    body: Body,
) -> Result<(), Missed> {
    let has_body = if body_failure.is_none() { HasBody::Yes } else { HasBody::No };
    if let Some(miss) = expect::forbidden(&rules.fail_if, page, has_body) {
        return Err(Missed::ByRule(miss));
    }
    if let Some(miss) = expect::status_miss(&rules.expect, page) {
        return Err(Missed::Answer(miss));
    }
    let looked_at = body == Body::Needed || rules.decisive().any(Expect::needs_body);
    let body = if looked_at { Body::Needed } else { Body::NotNeeded };
    unread::settle(body_failure, page, body)
        .map_err(|failure| Missed::Answer(Miss { failure, pattern: false }))?;
    match expect::first_miss(&rules.expect, page) {
        Some(miss) => Err(Missed::Expectation(miss)),
        None => Ok(()),
    }
}

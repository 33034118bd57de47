//! What a body that could not be read means. Where the server put it into a coding that nobody
//! asked for, the page is there for browsers that know the coding; only who must look into it
//! cannot say that it is right.

use super::coding::Codings;
use super::page::Page;
use crate::outcome::{Failure, Reason};

/// Whether some rule has to see the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Needed,
    NotNeeded,
}

/// Lets a run go on without its body, and has it degraded; or gives the failure back. A body that
/// is not what its coding promises is broken for everybody.
pub(super) fn settle(
    failure: Option<&Failure>,
    page: &Page<'_>,
    body: Body,
) -> Result<(), Failure> {
    let Some(failure) = failure else { return Ok(()) };
    let is_unreadable =
        failure.reason == Reason::BodyDecode && Codings::of(page.headers).is_unreadable();
    if !is_unreadable || body == Body::Needed {
        return Err(failure.clone());
    }
    page.go_without_body(failure.clone());
    Ok(())
}

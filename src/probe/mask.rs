//! The mask over everything that a run reports: a host can send back whatever it was ever sent.

use base::boundary;

use crate::outcome::{Facts, Failure};
use crate::redact::Redactor;

/// Bytes kept of a page that failed the run.
const EXCERPT_BYTES: usize = 2048;
/// Bytes of a page to be masked: more than is kept, so that a secret across the end is seen whole.
pub(super) const EXCERPT_TAKEN: usize = 4 * EXCERPT_BYTES;

/// Masks what was learned and what went wrong.
pub(super) fn mask(
    facts: &mut Facts,
    result: Result<(), Failure>,
    redactor: &Redactor,
) -> Result<(), Failure> {
    let hide = |failure: &mut Failure| failure.detail = redactor.mask(&failure.detail);
    facts.warnings.iter_mut().for_each(hide);
    facts.addresses.iter_mut().filter_map(|at| at.failure.as_mut()).for_each(hide);
    facts.excerpt = facts.excerpt.as_deref().map(|text| excerpt(text, redactor));
    facts.stderr.iter_mut().for_each(|said| said.text = excerpt(&said.text, redactor));
    if let Some(http) = &mut facts.http {
        http.hops.iter_mut().for_each(|hop| hop.url = redactor.mask(&hop.url));
    }
    result.map_err(|mut failure| {
        hide(&mut failure);
        failure
    })
}

fn excerpt(text: &str, redactor: &Redactor) -> String {
    let masked = redactor.mask(text);
    masked[..boundary(&masked, EXCERPT_BYTES)].to_owned()
}

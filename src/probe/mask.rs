//! The mask over everything that a run reports: a host can send back whatever it was ever sent.

use base::{boundary, visible};

use crate::outcome::{Facts, Failure};
use crate::redact::Redactor;

/// Bytes kept of a page that failed the run.
///
/// Limit: bytes of the excerpt of a page.
/// Share: of each run.
/// Full: it is cut.
/// Filled: an_excerpt_is_cut_behind_the_mask
const EXCERPT_BYTES: usize = 2048;
/// Bytes of a page to be masked: more than is kept, so that a secret across the end is seen whole.
///
/// Limit: bytes of a page, until its excerpt is masked.
/// Share: of each run.
/// Full: it is cut.
/// Filled: an_excerpt_is_cut_behind_the_mask
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
    let masked = visible(redactor.mask(text));
    masked[..boundary(&masked, EXCERPT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn an_excerpt_is_cut_behind_the_mask() {
        let secret = Secret::new("canary-canary".to_owned());
        // The secret lies across the end of what is kept.
        let page = format!("{}{}", "x".repeat(EXCERPT_BYTES - 6), "canary-canary ".repeat(200));
        let excerpt = Some(page[..EXCERPT_TAKEN.min(page.len())].to_owned());
        let mut facts = Facts { excerpt, ..Facts::default() };
        mask(&mut facts, Ok(()), &Redactor::new([&secret])).unwrap();
        let kept = facts.excerpt.unwrap();
        assert!(kept.len() <= EXCERPT_BYTES && kept.len() > EXCERPT_BYTES - 10, "{}", kept.len());
        assert!(!kept.contains("canar"), "{kept}");
    }
}

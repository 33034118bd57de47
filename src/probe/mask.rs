//! The mask over everything that a run reports: a host can send back whatever it was ever sent.

use crate::outcome::{Evidence, Facts, Failure};
use crate::redact::Redactor;

/// Masks what was learned and what went wrong.
pub(super) fn mask(
    facts: &mut Facts,
    result: Result<(), Failure>,
    redactor: &Redactor,
) -> Result<(), Failure> {
    let hide = |failure: &mut Failure| failure.detail = redactor.mask(&failure.detail);
    facts.warnings.iter_mut().for_each(hide);
    facts.addresses.iter_mut().filter_map(|at| at.failure.as_mut()).for_each(hide);
    facts.evidence.iter_mut().for_each(|evidence| mask_evidence(evidence, redactor));
    facts.stderr.iter_mut().for_each(|said| said.text = redactor.mask(&said.text));
    if let Some(http) = &mut facts.http {
        http.hops.iter_mut().for_each(|hop| hop.url = redactor.mask(&hop.url));
    }
    result.map_err(|mut failure| {
        hide(&mut failure);
        failure
    })
}

pub(super) fn mask_evidence(evidence: &mut Evidence, redactor: &Redactor) {
    let Evidence { url, status_line, headers, body, .. } = evidence;
    for text in [url].into_iter().chain(status_line).chain(headers).chain(body) {
        *text = redactor.mask(text);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::outcome::{EXCERPT_TAKEN_BYTES_MAX, Outcome};
    use crate::secret::Secret;

    #[test]
    fn an_excerpt_is_cut_behind_the_mask() {
        let secret = Secret::new("canary-canary".to_owned());
        // The secret lies across the end of what is kept.
        let kept_max = EXCERPT_TAKEN_BYTES_MAX / 4;
        let page = format!("{}{}", "x".repeat(kept_max - 6), "canary-canary ".repeat(2_000));
        let body = Some(page[..EXCERPT_TAKEN_BYTES_MAX].to_owned());
        let headers = vec!["x-echo: canary-canary".to_owned()];
        let evidence = vec![Evidence { body, headers, ..Evidence::default() }];
        let mut facts = Facts { evidence, ..Facts::default() };
        mask(&mut facts, Ok(()), &Redactor::new([&secret])).unwrap();
        let (started_at, elapsed) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
        let settled = Outcome { started_at, elapsed, result: Ok(()), facts }.settled();
        let kept = settled.facts.excerpt().unwrap();
        assert!(kept.len() <= kept_max && kept.len() > kept_max - 10, "{}", kept.len());
        assert!(!kept.contains("canar"), "{kept}");
        assert_eq!(settled.facts.evidence[0].headers, ["x-echo: [masked]"]);
    }
}

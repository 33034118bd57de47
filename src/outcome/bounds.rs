//! What of a run's texts is kept: servers, certificates and name servers write into them, and every
//! result is held, stored, logged and shown.
//!
//! There are two cuts. The first is made where something is learned and leaves more than is kept, so
//! that a secret across its end is seen whole by those who mask it. The second ends a run, and writes
//! out what nobody would see: behind the mask, which looks for secrets as they are.

use base::{boundary, cut, visible};

use super::{Evidence, Facts, Failure, Hop, Outcome};

/// What is taken of a detail before it is masked.
///
/// Limit: bytes of what is told of one failure or warning, until it is masked.
/// Share: of each failure and warning.
/// Full: it is cut.
/// Filled: texts_of_a_run_are_cut_when_it_ends
pub(super) const DETAIL_TAKEN_BYTES_MAX: usize = 8 << 10;

/// A detail is a sentence; one that quotes a page, a certificate or an error of a server may be long.
///
/// Limit: bytes of what is told of one failure or warning.
/// Share: of each failure and warning.
/// Full: it is cut.
/// Filled: redirects_with_long_paths_are_told_in_short
pub const DETAIL_BYTES_MAX: usize = 2 << 10;

/// What is taken of a URL before it is masked.
///
/// Limit: bytes of the URL of one response, until it is masked.
/// Share: of each response of a run.
/// Full: it is cut.
/// Filled: an_endless_path_is_shown_in_short
pub const URL_TAKEN_BYTES_MAX: usize = 4 << 10;

/// As much as a label value has.
///
/// Limit: bytes of the URL of one response.
/// Share: of each response of a run.
/// Full: it is cut.
/// Filled: redirects_with_long_paths_are_told_in_short
const URL_BYTES_MAX: usize = 1 << 10;

/// A login may follow hundreds of redirects. Their last ones tell where it ended.
///
/// Limit: responses of one run.
/// Share: of each run.
/// Full: the oldest are left out.
/// Filled: texts_of_a_run_are_cut_when_it_ends
const HOPS_MAX: usize = 50;

/// Of all URLs of one run.
///
/// Limit: bytes of the URLs of one run's responses.
/// Share: of each run.
/// Full: the oldest responses are left out.
/// Filled: redirects_with_long_paths_are_told_in_short
pub const HOPS_BYTES_MAX: usize = 16 << 10;

/// A run has one or two; each response can add some.
///
/// Limit: warnings of one run.
/// Share: of each run.
/// Full: further ones are left out.
/// Filled: texts_of_a_run_are_cut_when_it_ends
const WARNINGS_MAX: usize = 32;

/// Of all warnings of one run.
///
/// Limit: bytes of the details of one run's warnings.
/// Share: of each run.
/// Full: further ones are left out.
/// Filled: texts_of_a_run_are_cut_when_it_ends
const WARNINGS_BYTES_MAX: usize = 16 << 10;

/// Of a page that failed, and of what a program wrote: enough for a message of a server.
///
/// Limit: bytes of the beginning of a page, or of what a program writes to standard error.
/// Share: of each response that is kept, and of each program.
/// Full: it is cut.
/// Filled: an_excerpt_is_cut_behind_the_mask
const EXCERPT_BYTES_MAX: usize = 4 << 10;

/// More than is kept, so that a secret across the end is seen whole.
///
/// Limit: bytes of the beginning of a page, until it is masked.
/// Share: of each response that is kept.
/// Full: it is cut.
/// Filled: an_excerpt_is_cut_behind_the_mask
pub const EXCERPT_TAKEN_BYTES_MAX: usize = 4 * EXCERPT_BYTES_MAX;

/// Bytes of one line of a response's head.
///
/// Limit: bytes of one header line of a response.
/// Share: of each line.
/// Full: it is cut.
/// Filled: evidence_of_a_long_login_is_cut_when_the_run_ends
const HEADER_BYTES_MAX: usize = 1 << 10;

/// The head of a usual response has half of it.
///
/// Limit: bytes of the header lines of one response.
/// Share: of each response that is kept.
/// Full: further lines are left out.
/// Filled: evidence_of_a_long_login_is_cut_when_the_run_ends
const HEADERS_BYTES_MAX: usize = 4 << 10;

/// Some steps of a login in full.
///
/// Limit: bytes of what is kept of one run's responses.
/// Share: of each run.
/// Full: those of the first steps are left out.
/// Filled: evidence_of_a_long_login_is_cut_when_the_run_ends
const EVIDENCE_BYTES_MAX: usize = 32 << 10;

impl Outcome {
    /// Cuts what servers wrote to what is kept. To be called when everything is masked.
    #[must_use]
    pub fn settled(mut self) -> Outcome {
        if let Err(failure) = &mut self.result {
            settle(failure);
        }
        self.facts.settle();
        self
    }
}

impl Facts {
    fn settle(&mut self) {
        self.warnings.iter_mut().for_each(settle);
        let kept = fitting(&self.warnings, WARNINGS_MAX, WARNINGS_BYTES_MAX, |warning| {
            warning.detail.len()
        });
        self.warnings.truncate(kept);
        self.addresses.iter_mut().filter_map(|at| at.failure.as_mut()).for_each(settle);
        self.evidence.iter_mut().for_each(Evidence::settle);
        self.evidence.reverse();
        let kept = fitting(&self.evidence, usize::MAX, EVIDENCE_BYTES_MAX, Evidence::bytes);
        self.evidence.truncate(kept);
        self.evidence.reverse();
        self.evidence.shrink_to_fit();
        self.stderr.iter_mut().for_each(|said| excerpt(&mut said.text));
        let Some(http) = &mut self.http else { return };
        for hop in &mut http.hops {
            hop.url = cut(visible(std::mem::take(&mut hop.url)), URL_BYTES_MAX);
        }
        http.hops.reverse();
        let kept = fitting(&http.hops, HOPS_MAX, HOPS_BYTES_MAX, |hop: &Hop| hop.url.len());
        http.hops.truncate(kept);
        http.hops.reverse();
    }
}

impl Evidence {
    fn settle(&mut self) {
        let settled = |text: &mut String, max| *text = cut(visible(std::mem::take(text)), max);
        settled(&mut self.method, HEADER_BYTES_MAX);
        settled(&mut self.url, URL_BYTES_MAX);
        self.status_line.iter_mut().for_each(|line| settled(line, HEADER_BYTES_MAX));
        self.headers.iter_mut().for_each(|line| settled(line, HEADER_BYTES_MAX));
        let kept = fitting(&self.headers, usize::MAX, HEADERS_BYTES_MAX, String::len);
        self.headers.truncate(kept);
        self.headers.shrink_to_fit();
        self.body.iter_mut().for_each(excerpt);
    }
}

fn excerpt(text: &mut String) {
    let shown = visible(std::mem::take(text));
    // What was taken for the rest is given back.
    *text = shown[..boundary(&shown, EXCERPT_BYTES_MAX)].to_owned();
}

fn settle(failure: &mut Failure) {
    failure.detail = cut(visible(std::mem::take(&mut failure.detail)), DETAIL_BYTES_MAX);
}

/// How many, from the first on, are within both limits.
fn fitting<T>(items: &[T], count: usize, bytes: usize, size: impl Fn(&T) -> usize) -> usize {
    let mut sum = 0;
    let fits = items.iter().take(count).take_while(|item| {
        sum += size(item);
        sum <= bytes
    });
    fits.count()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::outcome::{AddressFacts, HttpFacts, Reason};

    fn long() -> Failure {
        Failure::new(Reason::ProtocolError, "봉".repeat(1 << 20))
    }

    fn hop(number: u16, bytes: usize) -> Hop {
        Hop { url: "x".repeat(bytes), status: number, elapsed: Duration::ZERO }
    }

    fn outcome(hops: Vec<Hop>) -> Outcome {
        let http = HttpFacts { hops, ..HttpFacts::default() };
        let address = std::net::IpAddr::from([192, 0, 2, 1]);
        let facts = Facts {
            http: Some(http),
            warnings: vec![long(); 1_000],
            addresses: vec![AddressFacts { address, failure: Some(long()) }],
            ..Facts::default()
        };
        let (started_at, elapsed) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
        Outcome { started_at, elapsed, result: Err(long()), facts }
    }

    #[test]
    fn texts_of_a_run_are_cut_when_it_ends() {
        let ellipsis = '…'.len_utf8();
        assert!(long().detail.len() <= DETAIL_TAKEN_BYTES_MAX + ellipsis);
        let hops = (0..1_000).map(|number| hop(number, 10)).collect();
        let Outcome { result, facts, .. } = outcome(hops).settled();
        let detail = result.unwrap_err().detail;
        assert!(detail.len() <= DETAIL_BYTES_MAX + ellipsis && detail.ends_with('…'));
        let of_address = facts.addresses[0].failure.as_ref().unwrap();
        assert!(of_address.detail.len() <= DETAIL_BYTES_MAX + ellipsis);
        let warned: usize = facts.warnings.iter().map(|warning| warning.detail.len()).sum();
        assert!(warned <= WARNINGS_BYTES_MAX && facts.warnings.len() <= WARNINGS_MAX);
        assert!(!facts.warnings.is_empty(), "the first is kept");
        let hops = facts.http.unwrap().hops;
        assert_eq!(hops.len(), HOPS_MAX);
        assert_eq!(hops.last().unwrap().status, 999, "the last ones are kept, in their order");
        assert_eq!(hops[0].status, 950);
    }

    #[test]
    fn urls_of_a_run_are_bounded_together() {
        let hops = (0..40).map(|number| hop(number, 60 << 10)).collect();
        let kept = outcome(hops).settled().facts.http.unwrap().hops;
        let bytes: usize = kept.iter().map(|hop| hop.url.len()).sum();
        assert!((HOPS_BYTES_MAX / 2..=HOPS_BYTES_MAX).contains(&bytes), "{bytes}");
        assert_eq!(kept.last().unwrap().status, 39);
    }

    #[test]
    fn evidence_of_a_long_login_is_cut_when_the_run_ends() {
        let step = |number: usize| Evidence {
            step: Some(format!("step {number}").into()),
            url: "x".repeat(10_000),
            headers: vec!["y".repeat(10_000); 10],
            body: Some("봉\u{202e}".repeat(10_000)),
            ..Evidence::default()
        };
        let mut run = outcome(Vec::new());
        run.facts.evidence = (0..20).map(step).collect();
        let kept = run.settled().facts.evidence;
        let bytes: usize = kept.iter().map(Evidence::bytes).sum();
        assert!(bytes <= EVIDENCE_BYTES_MAX && bytes > EVIDENCE_BYTES_MAX / 2, "{bytes}");
        assert_eq!(kept.last().unwrap().step.as_deref(), Some("step 19"), "the last ones stay");
        let ellipsis = '…'.len_utf8();
        for Evidence { headers, body, .. } in kept {
            assert!(headers.iter().all(|line| line.len() <= HEADER_BYTES_MAX + ellipsis));
            assert!(headers.iter().map(String::len).sum::<usize>() <= HEADERS_BYTES_MAX);
            let body = body.unwrap();
            assert!(body.len() <= EXCERPT_BYTES_MAX && !body.contains('\u{202e}'));
        }
    }
}

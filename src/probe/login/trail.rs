//! What each step of a run sent last and what came for it, until it is known whether the run fails.

use std::sync::Arc;

use encoding_rs::Encoding;

use crate::outcome::{EXCERPT_TAKEN_BYTES_MAX, Evidence};
use crate::probe::exchange::Answer;
use crate::probe::{excerpt, media};

/// In the order of the steps.
#[derive(Default)]
pub(super) struct Trail {
    exchanges: Vec<Traced>,
}

struct Traced {
    evidence: Evidence,
    /// Bytes of the page that may be kept.
    beginning: Vec<u8>,
    content_type: Option<String>,
}

impl Trail {
    /// Takes the place of what the same step sent before. `page` is an answer of which the beginning
    /// may be kept.
    pub(super) fn add(&mut self, step: &Arc<str>, evidence: Evidence, page: Option<&Answer>) {
        let body = page.and_then(|page| page.body.as_deref().ok()).unwrap_or_default();
        let traced = Traced {
            evidence: Evidence { step: Some(Arc::clone(step)), ..evidence },
            beginning: body.get(..EXCERPT_TAKEN_BYTES_MAX).unwrap_or(body).to_vec(),
            content_type: page
                .and_then(|page| media::content_type(&page.headers))
                .map(str::to_owned),
        };
        if self.exchanges.last().is_some_and(|last| last.evidence.step.as_ref() == Some(step)) {
            self.exchanges.pop();
        }
        self.exchanges.push(traced);
    }

    /// Still without the mask over secrets that were sent back.
    pub(super) fn into_evidence(self, charset: Option<&'static Encoding>) -> Vec<Evidence> {
        let told = |traced: Traced| {
            let Traced { evidence, beginning, content_type } = traced;
            let body = excerpt::beginning(&beginning, content_type.as_deref(), charset);
            Evidence { body, ..evidence }
        };
        self.exchanges.into_iter().map(told).collect()
    }
}

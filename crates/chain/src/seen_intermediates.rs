//! Intermediates that other servers sent: what one of them forgets, another one often shows.

use std::collections::VecDeque;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

/// A government's PKI has a dozen of them, and at one or two KiB each this is 128 KiB.
///
/// Limit: intermediates of accepted chains that are remembered.
/// Share: of each set of roots.
/// Full: the one that was first seen longest ago is forgotten.
/// Filled: of_many_intermediates_the_last_are_remembered
const SEEN_MAX: usize = 64;

/// Those of paths that were accepted with one set of roots, so that nobody fills it but the
/// authorities below these roots.
#[derive(Default)]
pub(crate) struct SeenIntermediates {
    kept: Mutex<VecDeque<CertificateDer<'static>>>,
}

impl SeenIntermediates {
    /// Adds the issuers of an accepted path.
    pub(crate) fn remember<'a>(&self, issuers: impl Iterator<Item = &'a CertificateDer<'a>>) {
        let mut kept = self.kept.lock();
        for issuer in issuers {
            if kept.iter().any(|known| known.as_ref() == issuer.as_ref()) {
                continue;
            }
            if kept.len() == SEEN_MAX {
                kept.pop_front();
            }
            kept.push_back(issuer.clone().into_owned());
        }
    }

    pub(crate) fn all(&self) -> Vec<CertificateDer<'static>> {
        self.kept.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_intermediates_the_last_are_remembered() {
        let certificate = |number: usize| CertificateDer::from(number.to_be_bytes().to_vec());
        let seen = SeenIntermediates::default();
        for number in 0..SEEN_MAX + 3 {
            for _ in 0..2 {
                seen.remember([&certificate(number)].into_iter());
            }
        }
        let kept = seen.all();
        assert_eq!(kept.len(), SEEN_MAX);
        assert_eq!((&kept[0], kept.last()), (&certificate(3), Some(&certificate(SEEN_MAX + 2))));
    }
}

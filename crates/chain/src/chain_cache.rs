//! Chains that were seen before. A prober meets the same bytes every few seconds, so decoding them
//! and verifying their signatures each time would be most of the work of an HTTPS run.
//!
//! Chains are known by the SHA-256 of their bytes. What is kept of one is what its bytes decide:
//! the decoded certificates and, for [`REMEMBERED_FOR`], each path that was verified for it with a
//! set of anchors. Dates, name and revocation are judged in every run.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{Certificate, Chain};
use crate::digest::{Sha256, sha256_of_all};
use crate::early_dates;
use crate::report::ChainReport;

/// Certificates of one message that are looked at. Real chains have at most six.
pub(crate) const MAX_CERTS: usize = 32;

/// Chains per generation. At most two generations are kept, so this is enough for every
/// public-sector system of the country (17,000) at about 3 KiB each.
const GENERATION: usize = 16_384;

/// Issuers of one name that are tried. A server may send a certificate and its cross-signs; a
/// hostile one may send many, and the paths through them multiply.
const MAX_SAME_SUBJECT: usize = 3;

/// Paths kept of one chain: one for each set of anchors it is verified with.
const MAX_PATHS: usize = 8;

/// How long, in seconds, the signatures of a path are not verified again. Bytes and keys cannot
/// change in this time; the bound is there so that no mistake of ours outlives it.
pub(crate) const REMEMBERED_FOR: u64 = 10 * 60;

#[derive(Default)]
pub(crate) struct ChainCache {
    generations: Mutex<Generations>,
}

/// When `young` is full it becomes `old`, and what was not asked for since then is dropped.
#[derive(Default)]
struct Generations {
    young: HashMap<Sha256, Arc<DecodedChain>>,
    old: HashMap<Sha256, Arc<DecodedChain>>,
}

/// A chain that was decoded.
pub(crate) struct DecodedChain {
    /// The certificates that could be decoded.
    pub(crate) chain: Arc<Chain>,
    /// Where these were in the message.
    pub(crate) places: Vec<usize>,
    /// Positions in the chain of the issuers that a path may be built from.
    pub(crate) issuers: Vec<usize>,
    /// Certificates with dates that webpki cannot read, by position, as it is given them.
    pub(crate) moved_dates: Vec<(usize, CertificateDer<'static>)>,
    verified: Mutex<Vec<VerifiedReport>>,
}

/// A path whose signatures and constraints were verified, always for the purpose of a TLS server.
struct VerifiedReport {
    /// The set of anchors.
    anchors: u64,
    /// When it was verified, unix seconds.
    at: u64,
    /// Every certificate of the path is valid from the first to the second, unix seconds.
    valid: (i64, i64),
    report: Arc<ChainReport>,
}

impl ChainCache {
    /// Decodes a chain, or finds it.
    pub(crate) fn decode<'a>(
        &self,
        message: impl Iterator<Item = &'a CertificateDer<'a>> + Clone,
    ) -> Arc<DecodedChain> {
        let key = sha256_of_all(message.clone().map(AsRef::as_ref));
        if let Some(known) = self.generations.lock().find(&key) {
            return known;
        }
        let decoded = Arc::new(DecodedChain::decode(message));
        self.generations.lock().add(key, Arc::clone(&decoded));
        decoded
    }
}

impl Generations {
    fn find(&mut self, key: &Sha256) -> Option<Arc<DecodedChain>> {
        if let Some(known) = self.young.get(key) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(key)?;
        self.add(*key, Arc::clone(&known));
        Some(known)
    }

    fn add(&mut self, key: Sha256, decoded: Arc<DecodedChain>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, decoded);
    }
}

impl DecodedChain {
    fn decode<'a>(message: impl Iterator<Item = &'a CertificateDer<'a>>) -> DecodedChain {
        let mut certs = Vec::new();
        let mut places = Vec::new();
        let mut issuers = Vec::new();
        let mut moved_dates = Vec::new();
        let mut subjects: Vec<&[u8]> = Vec::new();
        for (place, der) in message.take(MAX_CERTS).enumerate() {
            let Ok((_, x509)) = X509Certificate::from_der(der) else { continue };
            let position = certs.len();
            certs.push(Certificate::from_x509(der, &x509));
            places.push(place);
            moved_dates.extend(early_dates::moved(der, &x509).map(|moved| (position, moved)));
            let subject = x509.tbs_certificate.subject.as_raw();
            if place > 0 && subjects.iter().filter(|s| **s == subject).count() < MAX_SAME_SUBJECT {
                issuers.push(position);
                subjects.push(subject);
            }
        }
        let verified = Mutex::default();
        DecodedChain { chain: Arc::new(Chain { certs }), places, issuers, moved_dates, verified }
    }

    /// What was found of this chain along a path that was verified lately with these anchors, if
    /// every certificate of that path is valid now (unix seconds).
    pub(crate) fn recall(&self, anchors: u64, now: u64) -> Option<Arc<ChainReport>> {
        let verified = self.verified.lock();
        let found = verified.iter().find(|verified| verified.anchors == anchors)?;
        let date = i64::try_from(now).ok()?;
        // A clock that was set back gives no age, so the path is verified again.
        let is_recent = now.checked_sub(found.at).is_some_and(|age| age < REMEMBERED_FOR);
        let is_valid = (found.valid.0..=found.valid.1).contains(&date);
        (is_recent && is_valid).then(|| Arc::clone(&found.report))
    }

    /// Keeps what was found of a chain that has just been accepted.
    pub(crate) fn remember(&self, anchors: u64, now: u64, report: &Arc<ChainReport>) {
        let (Some(from), Some(mut until)) = (report.path_not_before, report.path_not_after) else {
            return;
        };
        // With the end of its root a chain may have another path, so it is looked for then. After
        // that end no other path was found.
        if let Some(root) = &report.root
            && i64::try_from(now).is_ok_and(|now| now <= root.not_after)
        {
            until = until.min(root.not_after);
        }
        let mut verified = self.verified.lock();
        verified.retain(|old| old.anchors != anchors);
        if verified.len() >= MAX_PATHS {
            verified.remove(0);
        }
        let report = Arc::clone(report);
        verified.push(VerifiedReport { anchors, at: now, valid: (from, until), report });
    }
}

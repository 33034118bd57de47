//! Chains that were seen before. A prober meets the same bytes every few seconds, so decoding them
//! and verifying their signatures each time would be most of the work of an HTTPS run.
//!
//! Chains are known by the SHA-256 of their bytes. What is kept of one is what its bytes decide:
//! the decoded certificates and, for [`REMEMBERED_FOR`], each path that was verified for it with a
//! set of anchors. Dates, name and revocation are judged in every run.
//!
//! Each target remembers its own chains, up to a share: a server that shows ever new ones pushes
//! out nobody's but its own. Targets that are shown the same bytes have them once between them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{Certificate, Chain, MAX_NAMES_BYTES};
use crate::digest::{Sha256, sha256_of_all};
use crate::early_dates;
use crate::report::ChainReport;

/// Certificates of one message that are looked at. Real chains have at most six.
///
/// Limit: certificates of one chain.
/// Share: of each chain.
/// Full: further ones are not looked at.
/// Filled: a_chain_of_a_hundred_is_judged_by_its_first_certificates
pub(crate) const MAX_CERTS: usize = 32;

/// Of the chains that one target remembers, or else one chain. An ordinary one takes some 8 KiB, so
/// that the servers behind one name can have a certificate each.
///
/// Limit: bytes of the chains that are remembered, or else one chain.
/// Share: of each target.
/// Full: the one that was shown longest ago is forgotten.
/// Filled: chains_that_change_with_every_handshake_take_a_bounded_share
const SHARE_BYTES: usize = 128 << 10;

/// Chains that nobody remembers any more and whose places are not yet given back, beyond as many as
/// there are chains. A place takes less than 300 bytes.
///
/// Limit: places of forgotten chains, beyond as many as there are chains.
/// Share: of all.
/// Full: they are given back.
/// Filled: ever_new_chains_fill_the_share_of_their_target_alone
const FORGOTTEN_MAX: usize = 1024;

/// Issuers of one name that are tried. A server may send a certificate and its cross-signs; a
/// hostile one may send many, and the paths through them multiply.
///
/// Limit: issuers of one name that are tried.
/// Share: of each chain.
/// Full: further ones are not looked at.
/// Filled: many_issuers_of_one_name_do_not_cost_more_than_the_run
const MAX_SAME_SUBJECT: usize = 3;

/// Paths kept of one chain: one for each set of anchors it is verified with.
///
/// No row: sets of anchors are the configuration's.
const MAX_PATHS: usize = 8;

/// How long, in seconds, the signatures of a path are not verified again. Bytes and keys cannot
/// change in this time; the bound is there so that no mistake of ours outlives it.
pub(crate) const REMEMBERED_FOR: u64 = 10 * 60;

/// What one target remembers of the chains that it was shown, and whose share it is when something
/// is fetched for them.
#[derive(Debug)]
pub struct ChainMemory {
    /// Unique in this process.
    pub(crate) owner: u64,
    /// The one that was shown last comes last.
    kept: Mutex<Vec<(Sha256, Arc<DecodedChain>)>>,
}

impl Default for ChainMemory {
    fn default() -> ChainMemory {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ChainMemory { owner: NEXT.fetch_add(1, Ordering::Relaxed), kept: Mutex::default() }
    }
}

/// Every chain that some target remembers.
#[derive(Debug, Default)]
pub(crate) struct ChainIndex {
    chains: Mutex<IndexedChains>,
}

#[derive(Debug, Default)]
struct IndexedChains {
    by_digest: HashMap<Sha256, Weak<DecodedChain>>,
    /// How many there were when forgotten ones were last left out.
    live: usize,
}

/// A chain that was decoded.
#[derive(Debug)]
pub(crate) struct DecodedChain {
    /// About what it takes in memory, with a path that was verified.
    bytes: usize,
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
#[derive(Debug)]
struct VerifiedReport {
    /// The set of anchors.
    anchors: u64,
    /// When it was verified, unix seconds.
    at: u64,
    /// Every certificate of the path is valid from the first to the second, unix seconds.
    valid: (i64, i64),
    report: Arc<ChainReport>,
}

impl ChainIndex {
    /// Decodes a chain, or finds it, and lets the target remember it.
    pub(crate) fn decode<'a>(
        &self,
        memory: &ChainMemory,
        message: impl Iterator<Item = &'a CertificateDer<'a>> + Clone,
    ) -> Arc<DecodedChain> {
        let key = sha256_of_all(message.clone().map(AsRef::as_ref));
        if let Some(known) = memory.find(&key) {
            return known;
        }
        let known = self.chains.lock().by_digest.get(&key).and_then(Weak::upgrade);
        let decoded = known.unwrap_or_else(|| {
            let decoded = Arc::new(DecodedChain::decode(message));
            self.chains.lock().add(key, &decoded);
            decoded
        });
        memory.keep(key, &decoded);
        decoded
    }
}

impl IndexedChains {
    fn add(&mut self, key: Sha256, decoded: &Arc<DecodedChain>) {
        if self.by_digest.len() >= 2 * self.live + FORGOTTEN_MAX {
            self.by_digest.retain(|_, chain| chain.strong_count() > 0);
            self.live = self.by_digest.len();
        }
        self.by_digest.insert(key, Arc::downgrade(decoded));
    }
}

impl ChainMemory {
    fn find(&self, key: &Sha256) -> Option<Arc<DecodedChain>> {
        let mut kept = self.kept.lock();
        let at = kept.iter().rposition(|(known, _)| known == key)?;
        let found = kept.remove(at);
        let chain = Arc::clone(&found.1);
        kept.push(found);
        Some(chain)
    }

    fn keep(&self, key: Sha256, decoded: &Arc<DecodedChain>) {
        let mut kept = self.kept.lock();
        let mut bytes = decoded.bytes;
        let fits = kept.iter().rev().take_while(|(_, chain)| {
            bytes += chain.bytes;
            bytes <= SHARE_BYTES
        });
        let too_many = kept.len() - fits.count();
        kept.drain(..too_many);
        kept.push((key, Arc::clone(decoded)));
    }
}

impl DecodedChain {
    fn decode<'a>(message: impl Iterator<Item = &'a CertificateDer<'a>>) -> DecodedChain {
        let mut certs = Vec::new();
        let mut places = Vec::new();
        let mut issuers = Vec::new();
        let mut moved_dates = Vec::new();
        let mut subjects: Vec<&[u8]> = Vec::new();
        let mut names_left = MAX_NAMES_BYTES;
        // What is kept of a verified path repeats names and keys.
        let mut bytes = size_of::<DecodedChain>();
        for (place, der) in message.take(MAX_CERTS).enumerate() {
            let Ok((_, x509)) = X509Certificate::from_der(der) else { continue };
            let position = certs.len();
            let mut cert = Certificate::from_x509(der, &x509);
            cert.keep_names(&mut names_left);
            bytes += cert.bytes() + der.len();
            certs.push(cert);
            places.push(place);
            moved_dates.extend(early_dates::moved(der, &x509).map(|moved| (position, moved)));
            let subject = x509.tbs_certificate.subject.as_raw();
            if place > 0 && subjects.iter().filter(|s| **s == subject).count() < MAX_SAME_SUBJECT {
                issuers.push(position);
                subjects.push(subject);
            }
        }
        let verified = Mutex::default();
        let chain = Arc::new(Chain { certs });
        DecodedChain { bytes, chain, places, issuers, moved_dates, verified }
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    /// A chain of this many certificates with so many names each.
    fn message(certs: usize, names: usize) -> Vec<CertificateDer<'static>> {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = (0..names).map(|n| format!("name-{n}.a-long-name.test")).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Hostile");
        let one = params.self_signed(&key).unwrap().der().clone();
        vec![one; certs]
    }

    /// The same chain, with another last byte.
    fn altered(message: &[CertificateDer<'static>], turn: u32) -> Vec<CertificateDer<'static>> {
        let mut message = message.to_vec();
        let mut last = message.pop().unwrap().to_vec();
        let end = last.len() - 4;
        last[end..].copy_from_slice(&turn.to_be_bytes());
        message.push(last.into());
        message
    }

    fn remembered(memory: &ChainMemory) -> usize {
        memory.kept.lock().iter().map(|(_, chain)| chain.bytes).sum()
    }

    #[test]
    fn ever_new_chains_fill_the_share_of_their_target_alone() {
        let (index, stranger, neighbour) =
            (ChainIndex::default(), ChainMemory::default(), ChainMemory::default());
        let honest = message(1, 3);
        let known = index.decode(&neighbour, honest.iter());
        let hostile = message(8, 64);
        for turn in 0..3_000 {
            let shown = altered(&hostile, turn);
            let decoded = index.decode(&stranger, shown.iter());
            assert!(remembered(&stranger) <= SHARE_BYTES.max(decoded.bytes));
        }
        assert!(remembered(&stranger) > SHARE_BYTES / 2, "a share is used");
        assert!(index.chains.lock().by_digest.len() <= 2 * FORGOTTEN_MAX);
        assert!(Arc::ptr_eq(&known, &index.decode(&neighbour, honest.iter())), "not pushed out");
    }

    #[test]
    fn a_chain_is_kept_even_where_it_is_larger_than_a_share() {
        let (index, memory) = (ChainIndex::default(), ChainMemory::default());
        let large = message(MAX_CERTS, 100);
        let decoded = index.decode(&memory, large.iter());
        assert!(decoded.bytes > SHARE_BYTES, "{}", decoded.bytes);
        assert!(Arc::ptr_eq(&decoded, &index.decode(&memory, large.iter())));
        index.decode(&memory, message(1, 1).iter());
        assert!(remembered(&memory) <= SHARE_BYTES);
    }

    #[test]
    fn targets_that_see_the_same_bytes_share_them() {
        let (index, one, two) =
            (ChainIndex::default(), ChainMemory::default(), ChainMemory::default());
        let shown = message(2, 3);
        let decoded = index.decode(&one, shown.iter());
        assert!(Arc::ptr_eq(&decoded, &index.decode(&two, shown.iter())));
    }

    #[test]
    fn names_of_a_whole_chain_are_bounded() {
        let shown = message(MAX_CERTS, 300);
        let decoded = ChainIndex::default().decode(&ChainMemory::default(), shown.iter());
        let of_cert = |cert: &Certificate| cert.dns_names.len();
        let names: Vec<usize> = decoded.chain.certs.iter().map(of_cert).collect();
        assert_eq!(names[0], 256, "an ordinary leaf has all of its names");
        assert!(names.iter().sum::<usize>() < 600, "{names:?}");
    }
}

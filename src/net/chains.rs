//! Chains that were seen before. A prober meets the same bytes every few seconds, so decoding
//! them and describing their path each time would be most of the work of an HTTPS run.
//!
//! Chains are known by the SHA-256 of their bytes. What is kept is what bytes alone decide: the
//! decoded certificates, and of a path that was accepted its description. Whether there is such a
//! path, now and for this name, is verified in every run, signatures included.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::verdict::Judgement;
use crate::cert::{Certificate, Chain};

/// Certificates of one message that are looked at. Real chains have at most six.
pub(crate) const MAX_CERTS: usize = 32;

/// Chains per generation. At most two generations are kept, so this is enough for every
/// public-sector system of the country (17,000) at about 3 KiB each.
const GENERATION: usize = 16_384;

/// Issuers of one name that are tried. A server may send a certificate and its cross-signs; a
/// hostile one may send many, and the paths through them multiply.
pub(crate) const MAX_SAME_SUBJECT: usize = 3;

/// Paths kept of one chain: one for each set of anchors it is verified with.
const MAX_PATHS: usize = 8;

/// The chains seen lately.
#[derive(Default)]
pub(crate) struct Chains {
    generations: Mutex<Generations>,
}

/// When `young` is full it becomes `old`, and what was not asked for since then is dropped.
#[derive(Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<Known>>,
    old: HashMap<[u8; 32], Arc<Known>>,
}

/// A chain that was decoded.
pub(crate) struct Known {
    /// The certificates that could be decoded.
    pub(crate) chain: Arc<Chain>,
    /// Where these were in the message.
    pub(crate) places: Vec<usize>,
    /// Where the issuers are that a path may be built from.
    pub(crate) issuers: Vec<usize>,
    described: Mutex<Vec<Described>>,
}

/// A way through a chain that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The set of anchors.
    pub(crate) trust: u64,
    /// Positions of its certificates, leaf first.
    pub(crate) steps: Vec<usize>,
    /// Where it ends among the anchors.
    pub(crate) anchor: Option<usize>,
}

struct Described {
    path: Path,
    judgement: Arc<Judgement>,
}

impl Chains {
    /// Decodes a chain, or finds it.
    pub(crate) fn know(&self, message: &[CertificateDer<'_>]) -> Arc<Known> {
        let key = digest(message);
        if let Some(known) = lock(&self.generations).find(&key) {
            return known;
        }
        let known = Arc::new(Known::decode(message));
        lock(&self.generations).add(key, Arc::clone(&known));
        known
    }
}

impl Generations {
    fn find(&mut self, key: &[u8; 32]) -> Option<Arc<Known>> {
        if let Some(known) = self.young.get(key) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(key)?;
        self.add(*key, Arc::clone(&known));
        Some(known)
    }

    fn add(&mut self, key: [u8; 32], known: Arc<Known>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, known);
    }
}

impl Known {
    fn decode(message: &[CertificateDer<'_>]) -> Known {
        let mut certs = Vec::with_capacity(message.len().min(MAX_CERTS));
        let mut places = Vec::with_capacity(certs.capacity());
        let mut issuers = Vec::new();
        let mut subjects: Vec<&[u8]> = Vec::new();
        for (place, der) in message.iter().take(MAX_CERTS).enumerate() {
            let Ok((_, x509)) = X509Certificate::from_der(der) else { continue };
            certs.push(Certificate::from_x509(der, &x509));
            places.push(place);
            let subject = x509.tbs_certificate.subject.as_raw();
            if place > 0 && subjects.iter().filter(|s| **s == subject).count() < MAX_SAME_SUBJECT {
                issuers.push(place);
            }
            subjects.push(subject);
        }
        let described = Mutex::default();
        Known { chain: Arc::new(Chain { certs }), places, issuers, described }
    }

    /// What was found of a chain without faults that has just been verified along this path.
    pub(crate) fn recall(&self, path: &Path) -> Option<Arc<Judgement>> {
        let described = lock(&self.described);
        let found = described.iter().find(|described| described.path == *path)?;
        Some(Arc::clone(&found.judgement))
    }

    /// Keeps what was found.
    pub(crate) fn remember(&self, path: Path, judgement: &Arc<Judgement>) {
        let mut described = lock(&self.described);
        if described.len() >= MAX_PATHS {
            described.remove(0);
        }
        described.push(Described { path, judgement: Arc::clone(judgement) });
    }
}

fn digest(message: &[CertificateDer<'_>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for der in message {
        hash.update((der.len() as u64).to_be_bytes());
        hash.update(der);
    }
    hash.finalize().into()
}

/// Nothing here can be left half done, so a poisoned lock is as good as a whole one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

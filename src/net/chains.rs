//! Chains that were seen before. A prober meets the same bytes every few seconds, so decoding
//! them and checking their signatures each time would be most of the work of an HTTPS run.
//!
//! Chains are known by the SHA-256 of their bytes. A verdict is kept for one set of anchors and
//! one name, until the first moment at which time could change it and at most for
//! [`VERDICT_FOR`]; the handshake's own signature is checked in every run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::verdict::Judgement;
use crate::cert::{Certificate, Chain};

/// Certificates of one message that are looked at. Real chains have at most six.
pub(crate) const MAX_CERTS: usize = 32;

/// Chains per generation. At most two generations are kept, so this is enough for every
/// public-sector system of the country (17,000) at about 3 KiB each.
const GENERATION: usize = 16_384;

/// Longest time a verdict is believed, in seconds.
const VERDICT_FOR: u64 = 60;

/// Verdicts kept of one chain: probes of one server under a few names and anchors.
const MAX_VERDICTS: usize = 8;

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
    verdicts: Mutex<Vec<Remembered>>,
}

struct Remembered {
    trust: u64,
    name: String,
    from: u64,
    until: u64,
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
        for (place, der) in message.iter().take(MAX_CERTS).enumerate() {
            if let Ok((_, x509)) = X509Certificate::from_der(der) {
                certs.push(Certificate::from_x509(der, &x509));
                places.push(place);
            }
        }
        Known { chain: Arc::new(Chain { certs }), places, verdicts: Mutex::default() }
    }

    /// A verdict that still holds.
    pub(crate) fn recall(&self, trust: u64, name: &str, now: UnixTime) -> Option<Arc<Judgement>> {
        let now = now.as_secs();
        let verdicts = lock(&self.verdicts);
        let same = |r: &&Remembered| r.trust == trust && r.name == name;
        let found = verdicts.iter().find(same)?;
        (found.from <= now && now < found.until).then(|| Arc::clone(&found.judgement))
    }

    /// Keeps a verdict until time can change it.
    pub(crate) fn remember(
        &self,
        (trust, name): (u64, &str),
        now: UnixTime,
        judgement: &Arc<Judgement>,
    ) {
        let from = now.as_secs();
        let mut until = from + VERDICT_FOR;
        for cert in &self.chain.certs {
            // A certificate is still valid in the second of its `notAfter`.
            for moment in [cert.not_before, cert.not_after.saturating_add(1)] {
                match u64::try_from(moment) {
                    Ok(moment) if moment > from => until = until.min(moment),
                    _ => {}
                }
            }
        }
        let mut verdicts = lock(&self.verdicts);
        verdicts.retain(|r| until_is_ahead(r, from) && !(r.trust == trust && r.name == name));
        if verdicts.len() >= MAX_VERDICTS {
            verdicts.remove(0);
        }
        let judgement = Arc::clone(judgement);
        verdicts.push(Remembered { trust, name: name.to_owned(), from, until, judgement });
    }
}

fn until_is_ahead(remembered: &Remembered, now: u64) -> bool {
    now < remembered.until
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

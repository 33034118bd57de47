//! Issuers that a server forgot to send, fetched from where its certificate says they are
//! (RFC 5280 section 4.2.2.1). Browsers do this and API clients do not, which is why such a
//! server "works for me": a chain that verifies only with a fetched issuer is `chain_incomplete`.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::Instant;

use crate::der;
use crate::fetch::{self, Fetch, FetchReach};
use crate::fetch_cache::{CacheBounds, FetchCache, FetchedValue};

/// Largest answer. A certificate has one or two KiB, a bundle a few more.
///
/// Limit: bytes of one answer with an issuer's certificate.
/// Share: of each fetch.
/// Full: the fetch fails.
/// Filled: an_issuer_that_cannot_be_fetched_leaves_it_unknown_in_time
const MAX_BYTES: usize = 64 * 1024;

/// Certificates taken from one answer.
///
/// Limit: certificates of one answer.
/// Share: of each fetch.
/// Full: further ones are left out.
/// Filled: an_answer_with_many_certificates_gives_the_first
const MAX_CERTS: usize = 8;

/// Addresses remembered. There are a few hundred intermediates in the world's use.
///
/// Limit: addresses of issuers that are remembered.
/// Share: of all.
/// Full: the target with most loses its oldest.
/// Filled: who_has_most_gives_way
const MAX_ADDRESSES: usize = 512;

/// Of all issuers that are remembered, at one or two KiB each.
///
/// Limit: bytes of issuers that are remembered.
/// Share: of all.
/// Full: the target with most loses its oldest.
/// Filled: bytes_are_bounded_for_each_target_and_for_all
const MAX_KEPT_BYTES: usize = 4 << 20;

/// Addresses of one target: a chain has one or two that are asked for.
///
/// Limit: addresses of issuers that are remembered.
/// Share: of each target.
/// Full: its oldest is forgotten.
/// Filled: ever_new_addresses_push_out_those_of_their_own_target
const SHARE_ADDRESSES: usize = 8;

/// Of the issuers of one target: a large answer, or many ordinary ones.
///
/// Limit: bytes of issuers that are remembered.
/// Share: of each target.
/// Full: its oldest is forgotten.
/// Filled: bytes_are_bounded_for_each_target_and_for_all
const SHARE_BYTES: usize = 128 << 10;

/// Fetches for one target that wait or go on. A run asks for one after the other.
///
/// Limit: fetches of issuers that wait or go on.
/// Share: of each target.
/// Full: further ones are refused and counted.
/// Filled: slow_issuers_hold_up_nobody_elses_lists
const SHARE_PENDING: usize = 4;

/// Fetches that go on at a time. Each holds a connection and [`MAX_BYTES`] at most.
///
/// Limit: fetches of issuers at a time.
/// Share: of all.
/// Full: the next one waits.
/// Filled: a_slow_host_leaves_places_to_others
const MAX_FETCHES: usize = 32;

/// An issuer's certificate does not change; its address may be given another one.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// The issuers fetched so far.
pub(crate) struct IssuerCertificates {
    cache: Arc<FetchCache<Vec<CertificateDer<'static>>>>,
    fetch: Arc<dyn Fetch>,
}

impl IssuerCertificates {
    pub(crate) fn new(fetch: &Arc<dyn Fetch>) -> IssuerCertificates {
        let cache = FetchCache::new(CacheBounds {
            entries: MAX_ADDRESSES,
            bytes: MAX_KEPT_BYTES,
            share_entries: SHARE_ADDRESSES,
            share_bytes: SHARE_BYTES,
            share_pending: SHARE_PENDING,
            places: MAX_FETCHES,
        });
        IssuerCertificates { cache, fetch: Arc::clone(fetch) }
    }

    /// Fetches that were refused, because their target had too many.
    pub(crate) fn refused(&self) -> u64 {
        self.cache.refused()
    }

    /// What the first address that answers has, on the owner's share.
    pub(crate) async fn fetch(
        &self,
        owner: u64,
        urls: &[String],
        reach: FetchReach,
        deadline: Instant,
    ) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        for url in urls {
            let (source, address) = (Arc::clone(&self.fetch), url.clone());
            let fetch = || async move {
                let body = source.get(address.clone(), MAX_BYTES, reach).await?;
                let value = certificates(&body);
                if value.is_empty() {
                    return Err(format!("{address}: no certificate"));
                }
                let bytes = value.iter().map(|cert| cert.len()).sum();
                Ok(FetchedValue { value, bytes, usable: KEPT_FOR, fresh: KEPT_FOR })
            };
            match self.cache.get(owner, &fetch::cache_key(url, reach), deadline, fetch).await {
                Ok(issuers) => return Some(issuers),
                Err(why) => tracing::debug!(event = "issuer.unavailable", %why),
            }
        }
        None
    }
}

/// DER, PEM or a `certs-only` PKCS#7 message (RFC 8551 section 3.8), all of which CAs serve.
fn certificates(body: &[u8]) -> Vec<CertificateDer<'static>> {
    if body.starts_with(b"-----") || !body.starts_with(&[der::SEQUENCE]) {
        let pem = CertificateDer::pem_slice_iter(body);
        return pem.map_while(Result::ok).take(MAX_CERTS).collect();
    }
    match pkcs7(body) {
        Some(certs) => certs,
        None => vec![CertificateDer::from(body.to_vec())],
    }
}

/// `ContentInfo { OID signedData, [0] SignedData { version, digests, content, [0] certificates } }`.
fn pkcs7(body: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    const OID: u8 = 0x06;
    const CONTEXT_0: u8 = 0xa0;
    let (outer, _) = der::expect(body, der::SEQUENCE)?;
    let (_, rest) = der::expect(outer.content, OID)?;
    let (explicit, _) = der::expect(rest, CONTEXT_0)?;
    let (signed, _) = der::expect(explicit.content, der::SEQUENCE)?;
    let (_version, rest) = der::element(signed.content)?;
    let (_digests, rest) = der::element(rest)?;
    let (_content, rest) = der::element(rest)?;
    let (set, _) = der::expect(rest, CONTEXT_0)?;
    let mut rest = set.content;
    let mut certs = Vec::new();
    while let Some((cert, after)) = der::expect(rest, der::SEQUENCE) {
        certs.push(CertificateDer::from(cert.whole.to_vec()));
        rest = after;
        if certs.len() == MAX_CERTS {
            break;
        }
    }
    Some(certs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_many_certificates_gives_the_first() {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        assert_eq!(certificates(cert.pem().repeat(3).as_bytes()).len(), 3);
        assert_eq!(certificates(cert.pem().repeat(50).as_bytes()).len(), MAX_CERTS);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_parser_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
            proptest::prop_assert!(certificates(&bytes).len() <= MAX_CERTS);
            let mut der = vec![0x30, 0x20];
            der.extend(bytes);
            proptest::prop_assert!(certificates(&der).len() <= MAX_CERTS);
        }
    }
}

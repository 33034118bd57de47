//! Issuers that a server forgot to send, fetched from where its certificate says they are
//! (RFC 5280 section 4.2.2.1). Browsers do this and API clients do not, which is why such a
//! server "works for me": a chain that verifies only with a fetched issuer is `chain_incomplete`.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::Instant;

use crate::der;
use crate::fetch::Fetch;
use crate::fetch_cache::{CacheBounds, FetchCache, FetchedValue};

/// Largest answer. A certificate has one or two KiB, a bundle a few more.
const MAX_BYTES: usize = 64 * 1024;

/// Certificates taken from one answer.
const MAX_CERTS: usize = 8;

/// Addresses remembered. There are a few hundred intermediates in the world's use.
const MAX_ADDRESSES: usize = 512;

/// Of all issuers that are remembered, at one or two KiB each.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// Addresses of one target: a chain has one or two that are asked for.
const SHARE_ADDRESSES: usize = 8;

/// Of the issuers of one target: a large answer, or many ordinary ones.
const SHARE_BYTES: usize = 128 << 10;

/// Fetches for one target that wait or go on. A run asks for one after the other.
const SHARE_PENDING: usize = 4;

/// Fetches that go on at a time. Each holds a connection and [`MAX_BYTES`] at most.
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
        deadline: Instant,
    ) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        for url in urls {
            let (source, address) = (Arc::clone(&self.fetch), url.clone());
            let fetch = || async move {
                let body = source.get(address.clone(), MAX_BYTES).await?;
                let value = certificates(&body);
                if value.is_empty() {
                    return Err(format!("{address}: no certificate"));
                }
                let bytes = value.iter().map(|cert| cert.len()).sum();
                Ok(FetchedValue { value, bytes, usable: KEPT_FOR, fresh: KEPT_FOR })
            };
            match self.cache.get(owner, url, deadline, fetch).await {
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

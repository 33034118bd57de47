//! A chain as webpki is given it.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::chain_cache::DecodedChain;
use crate::early_dates::{MovedBytes, OverSentBytes};

/// The certificates that a path may be built from.
pub(crate) struct WebpkiInput<'a> {
    leaf: CertificateDer<'a>,
    issuers: Vec<CertificateDer<'a>>,
    /// Position in the chain of each of the first issuers; those after them were added.
    positions: &'a [usize],
    moved: Vec<MovedBytes<'a>>,
}

/// A path that webpki accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WebpkiPath {
    /// Positions in the chain, leaf first.
    pub(crate) positions: Vec<usize>,
    /// Position among the anchors that were given.
    pub(crate) anchor: Option<usize>,
}

impl<'a> WebpkiInput<'a> {
    /// From the first `usable` certificates of a chain. `None` when the leaf was not decoded.
    pub(crate) fn new(
        message: &'a [CertificateDer<'a>],
        decoded: &'a DecodedChain,
        usable: usize,
    ) -> Option<WebpkiInput<'a>> {
        let sent = |position: usize| {
            decoded.places.get(position).and_then(|&place| message.get(place)).map(AsRef::as_ref)
        };
        let given = |position: usize| {
            let moved = decoded.moved_dates.iter().find(|(moved, _)| *moved == position);
            let der: &'a [u8] = match moved {
                Some((_, der)) => der.as_ref(),
                None => sent(position)?,
            };
            Some(CertificateDer::from(der))
        };
        let moved = decoded.moved_dates.iter();
        // Positions are in ascending order.
        let usable = decoded.issuers.partition_point(|&position| position < usable);
        let positions = &decoded.issuers[..usable];
        Some(WebpkiInput {
            leaf: given(0)?,
            issuers: positions.iter().map_while(|&position| given(position)).collect(),
            positions,
            moved: moved
                .filter_map(|(position, moved)| MovedBytes::of(moved, sent(*position)?))
                .collect(),
        })
    }

    /// Issuers that the server did not send.
    pub(crate) fn add(&mut self, issuers: impl Iterator<Item = &'a CertificateDer<'static>>) {
        self.issuers.extend(issuers.map(|der| CertificateDer::from(der.as_ref())));
    }

    /// Looks for a path of a TLS server to one of the anchors.
    pub(crate) fn verify(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        anchors: &[TrustAnchor<'_>],
        now: UnixTime,
    ) -> Result<WebpkiPath, webpki::Error> {
        if self.moved.is_empty() {
            return self.verify_with(algorithms, anchors, now);
        }
        let over_sent = |algorithm| OverSentBytes { algorithm, moved: &self.moved };
        let over_sent: Vec<_> = algorithms.iter().map(|algorithm| over_sent(*algorithm)).collect();
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
            over_sent.iter().map(|algorithm| algorithm as _).collect();
        self.verify_with(&algorithms, anchors, now)
    }

    fn verify_with(
        &self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        anchors: &[TrustAnchor<'_>],
        now: UnixTime,
    ) -> Result<WebpkiPath, webpki::Error> {
        let end_entity = EndEntityCert::try_from(&self.leaf)?;
        let path = end_entity.verify_for_usage(
            algorithms,
            anchors,
            &self.issuers,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let above = path.intermediate_certificates().filter_map(|on_path| {
            let der = on_path.der();
            let issuer = self.issuers.iter().position(|issuer| *issuer == der)?;
            self.positions.get(issuer).copied()
        });
        Ok(WebpkiPath {
            positions: std::iter::once(0).chain(above).collect(),
            anchor: anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor())),
        })
    }
}

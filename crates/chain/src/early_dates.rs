//! Certificates with dates before 1970, which webpki cannot read: its clock begins there.
//!
//! Such a date is legal (RFC 5280 section 4.1.2.5: two-digit years from 50 are of the 20th
//! century), and a server of such a certificate is reached by everything else. So webpki is given
//! the certificate with that date moved up to 1970-01-01, which changes no verdict about any later
//! moment, and the signature is checked over the bytes as they were sent.

use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};
use x509_parser::prelude::X509Certificate;

use crate::der::{self, Signed, element, expect};

/// The certificate with every date before 1970 moved up to it; `None` when there is no such date.
pub(crate) fn moved(der: &[u8], x509: &X509Certificate<'_>) -> Option<CertificateDer<'static>> {
    let validity = x509.validity();
    if validity.not_before.timestamp() >= 0 && validity.not_after.timestamp() >= 0 {
        return None;
    }
    let (not_before, rest) = element(validity_content(der)?)?;
    let (not_after, _) = element(rest)?;
    let mut moved = der.to_vec();
    let dates = [
        (not_before, validity.not_before.timestamp()),
        (not_after, validity.not_after.timestamp()),
    ];
    for (date, timestamp) in dates {
        if timestamp < 0 {
            let epoch: &[u8] = match date.content.len() {
                13 => b"700101000000Z",
                15 => b"19700101000000Z",
                _ => return None,
            };
            let at = date.content.as_ptr().addr() - der.as_ptr().addr();
            moved[at..at + epoch.len()].copy_from_slice(epoch);
        }
    }
    Some(moved.into())
}

/// What the `Validity` of a certificate holds (RFC 5280 section 4.1).
fn validity_content(certificate: &[u8]) -> Option<&[u8]> {
    const VERSION: u8 = 0xa0;
    const INTEGER: u8 = 0x02;
    let (outer, _) = expect(certificate, der::SEQUENCE)?;
    let (tbs, _) = expect(outer.content, der::SEQUENCE)?;
    let rest = match expect(tbs.content, VERSION) {
        Some((_version, rest)) => rest,
        None => tbs.content,
    };
    let (_serial, rest) = expect(rest, INTEGER)?;
    let (_algorithm, rest) = expect(rest, der::SEQUENCE)?;
    let (_issuer, rest) = expect(rest, der::SEQUENCE)?;
    let (validity, _) = expect(rest, der::SEQUENCE)?;
    Some(validity.content)
}

/// The signed bytes of a certificate that was moved, and those that were sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MovedBytes<'a> {
    moved: &'a [u8],
    sent: &'a [u8],
}

impl<'a> MovedBytes<'a> {
    pub(crate) fn of(moved: &'a [u8], sent: &'a [u8]) -> Option<MovedBytes<'a>> {
        Some(MovedBytes { moved: Signed::parse(moved)?.tbs, sent: Signed::parse(sent)?.tbs })
    }
}

/// A signature algorithm that is applied to the bytes that were sent.
#[derive(Debug)]
pub(crate) struct OverSentBytes<'a> {
    pub(crate) algorithm: &'a dyn SignatureVerificationAlgorithm,
    pub(crate) moved: &'a [MovedBytes<'a>],
}

impl SignatureVerificationAlgorithm for OverSentBytes<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let sent = self.moved.iter().find(|bytes| bytes.moved == message);
        let message = sent.map_or(message, |bytes| bytes.sent);
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use x509_parser::prelude::FromDer;

    use super::*;

    fn certificate(not_before: i32, not_after: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(not_before, 12, 31);
        params.not_after = date_time_ymd(not_after, 12, 31);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn moved_dates(der: &[u8]) -> Option<(i64, i64)> {
        let (_, x509) = X509Certificate::from_der(der).unwrap();
        let moved = moved(der, &x509)?;
        assert_eq!(moved.len(), der.len());
        let (_, x509) = X509Certificate::from_der(&moved).unwrap();
        Some((x509.validity().not_before.timestamp(), x509.validity().not_after.timestamp()))
    }

    #[test]
    fn only_dates_before_1970_are_moved() {
        let later = 1_924_905_600; // 2030-12-31
        assert_eq!(moved_dates(&certificate(1970, 2030)), None);
        assert_eq!(moved_dates(&certificate(1969, 2030)), Some((0, later)));
        assert_eq!(moved_dates(&certificate(1950, 2030)), Some((0, later)));
        // A year before 1950 has four digits, as GeneralizedTime.
        assert_eq!(moved_dates(&certificate(1949, 2030)), Some((0, later)));
        assert_eq!(moved_dates(&certificate(1948, 1969)), Some((0, 0)));
    }
}

//! Certificates as plain data: what a chain says of itself.
//!
//! Everything here comes from bytes a stranger sent, so parsing gives `None` where it cannot give
//! a truth, and never panics. Who trusts a chain is no question of this module.

pub(crate) mod describe;
pub(crate) mod name;

use base::{cut, hex, visible};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::digest::sha256;

/// A presented chain, leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// In the order the server sent them, at most 32. Certificates that cannot be decoded are left
    /// out.
    pub certs: Vec<Certificate>,
}

/// What operators and metrics want to know of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// RFC 2253-like, most specific first, as Go's `pkix.Name.String` writes it.
    pub subject: String,
    /// As `subject`.
    pub issuer: String,
    /// Lowercase hex, leading zeros kept.
    pub serial: String,
    /// DNS names of the subject alternative name, in order.
    pub dns_names: Vec<String>,
    /// Lowercase hex SHA-256 of the DER.
    pub fingerprint_sha256: String,
    /// Lowercase hex SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section 2.4).
    pub public_key_sha256: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// For people, such as `RSA 2048` or `ECDSA P-256`.
    pub key: String,
    /// Length of the modulus or of the curve's field; `None` for a key that is not known.
    pub key_bits: Option<usize>,
    /// For people, such as `sha256WithRSAEncryption`.
    pub signature: String,
}

/// DNS names kept of one certificate. Real ones have at most a few hundred; a hostile one could
/// fill 64 KiB with names that would all become one label value.
///
/// Limit: DNS names of one certificate.
/// Share: of each certificate.
/// Full: further ones are left out.
/// Filled: names_of_a_whole_chain_are_bounded
const MAX_DNS_NAMES: usize = 256;

/// Of what the DNS names of one chain take in memory, the leaf's first. A real leaf with 250 names
/// takes 20 KiB; 32 hostile certificates of 256 names would take half a megabyte.
///
/// Limit: bytes of the DNS names of one chain, the leaf's first.
/// Share: of each chain.
/// Full: further ones are left out.
/// Filled: names_of_a_whole_chain_are_bounded
pub(crate) const MAX_NAMES_BYTES: usize = 32 << 10;

/// A name in memory beside its characters: the string itself and what the allocator adds.
const NAME_OVERHEAD: usize = size_of::<String>() + 16;

/// Of one DNS name (RFC 1035 section 2.3.4); what is longer is none.
///
/// Limit: bytes of one DNS name.
/// Share: of each name.
/// Full: it is left out.
/// Filled: long_texts_of_a_certificate_are_cut
const MAX_NAME_BYTES: usize = 255;

/// Of a serial number, or of an object identifier in words. RFC 5280 section 4.1.2.2 allows a serial
/// number of 40 hex digits.
///
/// Limit: bytes of a serial number or the name of an algorithm.
/// Share: of each certificate.
/// Full: it is cut.
/// Filled: long_texts_of_a_certificate_are_cut
const MAX_NUMBER_BYTES: usize = 128;

impl Certificate {
    /// Reads one DER certificate; `None` when it is not one.
    pub fn parse(der: &[u8]) -> Option<Certificate> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(Certificate::from_x509(der, &x509))
    }

    /// As [`Certificate::parse`], for a caller that has decoded it already.
    pub(crate) fn from_x509(der: &[u8], x509: &X509Certificate<'_>) -> Certificate {
        Certificate {
            subject: name::text(x509.subject()),
            issuer: name::text(x509.issuer()),
            serial: serial(x509.raw_serial()),
            dns_names: dns_names(x509),
            fingerprint_sha256: hex::encode(&sha256(der)),
            public_key_sha256: hex::encode(&sha256(x509.public_key().raw)),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            key: cut(describe::key(x509.public_key()), MAX_NUMBER_BYTES),
            key_bits: describe::bits(x509.public_key()),
            signature: cut(describe::signature(&x509.signature_algorithm), MAX_NUMBER_BYTES),
        }
    }
}

impl Certificate {
    /// Forgets the DNS names that pass what is left for those of its chain.
    pub(crate) fn keep_names(&mut self, left: &mut usize) {
        let before = self.dns_names.len();
        let mut kept = 0;
        while let Some(name) = self.dns_names.get(kept)
            && let Some(rest) = left.checked_sub(name.len() + NAME_OVERHEAD)
        {
            *left = rest;
            kept += 1;
        }
        self.dns_names.truncate(kept);
        if kept < before {
            self.dns_names.shrink_to_fit();
        }
    }

    /// About what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.subject, &self.issuer, &self.serial, &self.key, &self.signature];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        let names: usize = self.dns_names.iter().map(|name| name.len() + NAME_OVERHEAD).sum();
        size_of::<Certificate>() + texts + names + self.fingerprint_sha256.len()
    }

    /// Whether a moment, in unix seconds, is within its validity (RFC 5280 section 4.1.2.5).
    pub fn is_valid_at(&self, moment: i64) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }
}

fn dns_names(x509: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = x509.subject_alternative_name() else { return Vec::new() };
    let dns = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) if name.len() <= MAX_NAME_BYTES => {
            Some(visible((*name).to_owned()))
        }
        _ => None,
    });
    dns.take(MAX_DNS_NAMES).collect()
}

/// The magnitude of the number in whole bytes, as Go's `%x` of `big.Int.Bytes` writes it: the
/// sign byte is dropped, a leading zero digit is kept.
pub(crate) fn serial(raw: &[u8]) -> String {
    let start = raw.iter().position(|&byte| byte != 0).unwrap_or(raw.len().saturating_sub(1));
    cut(hex::encode(&raw[start..]), MAX_NUMBER_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_keeps_leading_zero_digits_but_not_the_sign_byte() {
        assert_eq!(serial(&[0x00, 0x9f, 0x01]), "9f01");
        assert_eq!(serial(&[0x0a, 0x00]), "0a00");
        assert_eq!(serial(&[0x00]), "00");
        assert_eq!(serial(&[]), "");
    }

    #[test]
    fn long_texts_of_a_certificate_are_cut() {
        let long = format!("{}.test", "a".repeat(MAX_NAME_BYTES));
        let mut params = rcgen::CertificateParams::new(vec![long, "b.test".to_owned()]).unwrap();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x55; 5_000]));
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(cert.dns_names, ["b.test"]);
        assert_eq!(cert.serial, format!("{}…", "5".repeat(MAX_NUMBER_BYTES)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
            let _ = Certificate::parse(&bytes);
        }

        #[test]
        fn no_broken_certificate_makes_the_parser_panic(at in 0usize..400, byte in 0u8..) {
            let params = rcgen::CertificateParams::new(vec!["probe.example".to_owned()]).unwrap();
            let key = rcgen::KeyPair::generate().unwrap();
            let mut der = params.self_signed(&key).unwrap().der().to_vec();
            let at = at % der.len();
            der[at] = byte;
            let _ = Certificate::parse(&der);
        }
    }
}

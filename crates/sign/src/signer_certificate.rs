//! The certificate of a signer, and what everybody may know of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

use crate::error::SignError;

/// Of a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;

/// A certificate that can be embedded in a message as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerCertificate {
    der: Vec<u8>,
    pub(crate) parsed: Certificate,
}

impl SignerCertificate {
    /// The certificates of a file in PEM, or the one in DER. Never empty.
    pub fn read_all(file: &[u8]) -> Result<Vec<SignerCertificate>, SignError> {
        if !file.windows(11).any(|bytes| bytes == b"-----BEGIN ") {
            return Ok(vec![SignerCertificate::of_der(file)?]);
        }
        let blocks = pem::parse_many(file).map_err(|_| SignError::NoCertificate)?;
        let certificates = blocks.iter().filter(|block| block.tag() == "CERTIFICATE");
        let read: Result<Vec<_>, _> =
            certificates.map(|block| SignerCertificate::of_der(block.contents())).collect();
        read.ok().filter(|read| !read.is_empty()).ok_or(SignError::NoCertificate)
    }

    pub fn of_der(der: &[u8]) -> Result<SignerCertificate, SignError> {
        let parsed = Certificate::from_der(der).map_err(|_| SignError::NoCertificate)?;
        // A message repeats the issuer's name and the certificate; neither may change on the way.
        let same = parsed.to_der().is_ok_and(|again| again == der);
        if !same {
            return Err(SignError::NoCertificate);
        }
        Ok(SignerCertificate { der: der.to_vec(), parsed })
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// DER in base64 between the lines that name it, with a final newline.
    pub fn pem(&self) -> String {
        let base64 = self.der_base64();
        let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in base64.as_bytes().chunks(PEM_LINE) {
            text.extend(line.iter().map(|&byte| char::from(byte)));
            text.push('\n');
        }
        text + "-----END CERTIFICATE-----\n"
    }

    /// DER in base64 without line breaks.
    pub fn der_base64(&self) -> String {
        BASE64.encode(&self.der)
    }

    /// The serial number without a sign, lowercase, two digits a byte.
    pub fn serial_hex(&self) -> String {
        base::hex::encode(self.serial())
    }

    /// The serial number in decimal digits.
    pub fn serial_dec(&self) -> String {
        let mut digits = vec![0_u8];
        for &byte in self.serial() {
            let mut carry = u32::from(byte);
            for digit in digits.iter_mut() {
                carry += u32::from(*digit) * 256;
                *digit = (carry % 10) as u8;
                carry /= 10;
            }
            while carry > 0 {
                digits.push((carry % 10) as u8);
                carry /= 10;
            }
        }
        digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
    }

    fn serial(&self) -> &[u8] {
        let bytes = self.parsed.tbs_certificate.serial_number.as_bytes();
        match bytes {
            [0, rest @ ..] if !rest.is_empty() => rest,
            bytes => bytes,
        }
    }

    /// Seconds since 1970.
    pub fn not_before(&self) -> i64 {
        seconds(self.parsed.tbs_certificate.validity.not_before)
    }

    /// Seconds since 1970.
    pub fn not_after(&self) -> i64 {
        seconds(self.parsed.tbs_certificate.validity.not_after)
    }

    /// Whether key usage allows signatures on messages (RFC 5280 section 4.2.1.3).
    pub fn may_sign(&self) -> bool {
        match self.parsed.tbs_certificate.get::<KeyUsage>() {
            Ok(Some((_, KeyUsage(usages)))) => {
                usages.contains(KeyUsages::DigitalSignature)
                    || usages.contains(KeyUsages::NonRepudiation)
            }
            _ => true,
        }
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        self.parsed.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes()
    }
}

fn seconds(time: x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_serial(serial: &[u8]) -> SignerCertificate {
        let mut params = rcgen::CertificateParams::default();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(serial));
        let key = rcgen::KeyPair::generate().unwrap();
        SignerCertificate::of_der(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_serial_number_is_told_in_hex_and_decimal() {
        for (serial, hex, decimal) in [
            (&[0x0a, 0xff][..], "0aff", "2815"),
            (&[0x80][..], "80", "128"),
            (&[0x07][..], "07", "7"),
            (
                &[0x01; 16][..],
                "01010101010101010101010101010101",
                "1334440654591915542993625911497130241",
            ),
        ] {
            let certificate = with_serial(serial);
            assert_eq!(certificate.serial_hex(), hex);
            assert_eq!(certificate.serial_dec(), decimal);
        }
    }

    #[test]
    fn pem_and_der_are_read_back() {
        let certificate = with_serial(&[1]);
        let read = SignerCertificate::read_all(certificate.pem().as_bytes()).unwrap();
        assert!(read == std::slice::from_ref(&certificate));
        assert_eq!(SignerCertificate::read_all(certificate.der()).unwrap().len(), 1);
        let two = certificate.pem() + &certificate.pem();
        assert_eq!(SignerCertificate::read_all(two.as_bytes()).unwrap().len(), 2);
        for wrong in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(SignerCertificate::read_all(wrong), Err(SignError::NoCertificate));
        }
    }
}

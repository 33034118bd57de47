//! What a server stapled to its handshake: an OCSP response for its certificate (RFC 6066 section 8,
//! RFC 6960), read, and believed only when the issuer or a responder of the issuer signed it.

use std::time::Duration;

use aws_lc_rs::digest;
use der::Decode;
use der::asn1::ObjectIdentifier;
use rustls::pki_types::UnixTime;
use x509_ocsp::{
    CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, ResponseData,
    SingleResponse,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::der::{PublicKey, SEQUENCE, Signed, element, expect};
use crate::pointers::RevocationSubject;
use crate::signature::{self, SignatureStrength};

/// Longest response that is read. One with the responder's certificate has 2 KiB.
///
/// Limit: bytes of one stapled OCSP response.
/// Share: of each handshake.
/// Full: it is not read, and said to be too long.
/// Filled: a_staple_that_is_too_long_is_not_read
const MAX_STAPLE_BYTES: usize = 16 * 1024;

/// Certificates of a response that are looked at for one that may sign it. Responders send one.
///
/// Limit: certificates in a stapled OCSP response that are tried.
/// Share: of each handshake.
/// Full: further ones are not tried.
/// Filled: certificates_of_a_response_that_are_tried_are_few
const MAX_RESPONDERS: usize = 3;

/// How far a responder's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(300);

/// id-pkix-ocsp-basic, RFC 6960 section 4.2.1.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// A stapled OCSP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspStaple {
    /// What it says of the server's certificate. `None` when it says nothing of it.
    pub answer: Option<OcspAnswer>,
    /// Why it proves nothing, as the rest of a sentence that begins with the response. `None` when it
    /// was verified.
    pub flaw: Option<&'static str>,
}

/// What an OCSP response says of one certificate. All times are unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OcspAnswer {
    pub status: OcspStatus,
    /// When the responder signed it.
    pub produced_at: i64,
    pub this_update: i64,
    /// From then on newer information is to be had. Absent where that is always so.
    pub next_update: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcspStatus {
    Good,
    Revoked,
    /// The responder does not know the certificate.
    Unknown,
}

impl OcspStatus {
    /// `good`, `revoked` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            OcspStatus::Good => "good",
            OcspStatus::Revoked => "revoked",
            OcspStatus::Unknown => "unknown",
        }
    }
}

impl OcspStaple {
    /// Reads a response. `subject` is the server's certificate on an accepted path; without one
    /// nothing can be verified.
    pub(crate) fn read(
        response: &[u8],
        subject: Option<&RevocationSubject>,
        now: UnixTime,
    ) -> OcspStaple {
        let (answer, flaw) = match read(response, subject) {
            Err(flaw) => (None, Some(flaw)),
            Ok((answer, Err(flaw))) => (Some(answer), Some(flaw)),
            Ok((answer, Ok(()))) => (Some(answer), answer.out_of_time(now)),
        };
        OcspStaple { answer, flaw }
    }

    /// What it proves.
    pub fn proven(&self) -> Option<OcspStatus> {
        self.answer.filter(|_| self.flaw.is_none()).map(|answer| answer.status)
    }
}

impl OcspAnswer {
    fn new(data: &ResponseData, about: &SingleResponse) -> OcspAnswer {
        OcspAnswer {
            status: match about.cert_status {
                CertStatus::Good(_) => OcspStatus::Good,
                CertStatus::Revoked(_) => OcspStatus::Revoked,
                CertStatus::Unknown(_) => OcspStatus::Unknown,
            },
            produced_at: unix(data.produced_at),
            this_update: unix(about.this_update),
            next_update: about.next_update.map(unix),
        }
    }

    fn out_of_time(&self, now: UnixTime) -> Option<&'static str> {
        let seconds = |since: u64| i64::try_from(since).unwrap_or(i64::MAX);
        let now = seconds(now.as_secs());
        if self.next_update.is_some_and(|next| next < now) {
            return Some("is out of date");
        }
        let ahead = self.this_update.saturating_sub(now);
        (ahead > seconds(SKEW.as_secs())).then_some("is of a time that is still to come")
    }
}

type Answered = (OcspAnswer, Result<(), &'static str>);

/// The answer, and whether it is signed by somebody who may.
fn read(response: &[u8], subject: Option<&RevocationSubject>) -> Result<Answered, &'static str> {
    const STRANGE: &str = "is no OCSP response";
    if response.len() > MAX_STAPLE_BYTES {
        return Err("is too long to be read");
    }
    let outer = OcspResponse::from_der(response).map_err(|_| STRANGE)?;
    if outer.response_status != OcspResponseStatus::Successful {
        return Err("is a responder's excuse and no answer");
    }
    let inner = outer.response_bytes.filter(|inner| inner.response_type == BASIC).ok_or(STRANGE)?;
    let basic = inner.response.as_bytes();
    let signed = Signed::parse(basic).ok_or(STRANGE)?;
    let data = ResponseData::from_der(signed.tbs).map_err(|_| STRANGE)?;
    let Some(subject) = subject else {
        // Whose it is cannot be told, so it is taken at its word, and proves nothing.
        let about = data.responses.first().ok_or(STRANGE)?;
        let flaw = "cannot be verified, because the chain was not accepted";
        return Ok((OcspAnswer::new(&data, about), Err(flaw)));
    };
    let issuer = PublicKey::parse(&subject.issuer_key).ok_or("has an issuer with a strange key")?;
    let about = data.responses.iter().find(|about| speaks_of(&about.cert_id, subject, &issuer));
    let about = about.ok_or("speaks of another certificate")?;
    let answer = OcspAnswer::new(&data, about);
    let is_signed = signature::check(&signed, &issuer) == SignatureStrength::Strong
        || responders(basic).iter().any(|der| has_signed(der, &signed, &data, subject, &issuer));
    let verified = is_signed.then_some(()).ok_or("is not signed by the issuer or its responder");
    Ok((answer, verified))
}

fn speaks_of(id: &CertId, subject: &RevocationSubject, issuer: &PublicKey<'_>) -> bool {
    let algorithm = match id.hash_algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "2.16.840.1.101.3.4.2.1" => &digest::SHA256,
        "2.16.840.1.101.3.4.2.2" => &digest::SHA384,
        "2.16.840.1.101.3.4.2.3" => &digest::SHA512,
        _ => return false,
    };
    let is_of = |hash: &[u8], of: &[u8]| digest::digest(algorithm, of).as_ref() == hash;
    unsigned(id.serial_number.as_bytes()) == unsigned(&subject.serial)
        && is_of(id.issuer_name_hash.as_bytes(), &subject.issuer)
        && is_of(id.issuer_key_hash.as_bytes(), issuer.key)
}

/// The octets of a positive number without zeros before it.
fn unsigned(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|&byte| byte != 0).unwrap_or(number.len());
    &number[start..]
}

/// The certificates that came with a BasicOCSPResponse, DER.
fn responders(basic: &[u8]) -> Vec<&[u8]> {
    const CERTS: u8 = 0xa0;
    let found = || {
        let (outer, _) = expect(basic, SEQUENCE)?;
        let (_data, rest) = element(outer.content)?;
        let (_algorithm, rest) = element(rest)?;
        let (_signature, rest) = element(rest)?;
        let (certs, _) = expect(rest, CERTS)?;
        Some(expect(certs.content, SEQUENCE)?.0.content)
    };
    let mut rest = found().unwrap_or_default();
    let mut all = Vec::new();
    while let Some((certificate, after)) = element(rest)
        && all.len() < MAX_RESPONDERS
    {
        all.push(certificate.whole);
        rest = after;
    }
    all
}

/// Whether a certificate is one that the issuer lets answer for it (RFC 6960 section 4.2.2.2), and
/// its key has signed.
fn has_signed(
    der: &[u8],
    signed: &Signed<'_>,
    data: &ResponseData,
    subject: &RevocationSubject,
    issuer: &PublicKey<'_>,
) -> bool {
    let Ok((_, x509)) = X509Certificate::from_der(der) else { return false };
    let key = element(x509.tbs_certificate.subject_pki.raw);
    let Some(key) = key.and_then(|(spki, _)| PublicKey::parse(spki.content)) else { return false };
    let Some(itself) = Signed::parse(der) else { return false };
    let usage = x509.extended_key_usage();
    let may_answer = matches!(usage, Ok(Some(usage)) if usage.value.ocsp_signing);
    let (from, to) =
        (x509.validity().not_before.timestamp(), x509.validity().not_after.timestamp());
    may_answer
        && (from..=to).contains(&unix(data.produced_at))
        && x509.issuer().as_raw() == subject.issuer
        && signature::check(&itself, issuer) == SignatureStrength::Strong
        && signature::check(signed, &key) == SignatureStrength::Strong
}

fn unix(time: OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(response: &[u8]) -> Option<&'static str> {
        OcspStaple::read(response, None, UnixTime::now()).flaw
    }

    #[test]
    fn a_staple_that_is_too_long_is_not_read() {
        assert_eq!(flaw(&[0x30; MAX_STAPLE_BYTES + 1]), Some("is too long to be read"));
        assert_eq!(flaw(&[0x30; MAX_STAPLE_BYTES]), Some("is no OCSP response"));
    }

    #[test]
    fn an_excuse_is_no_answer() {
        // OCSPResponse { tryLater (3) }
        assert_eq!(flaw(&[0x30, 3, 0x0a, 1, 3]), Some("is a responder's excuse and no answer"));
    }

    #[test]
    fn certificates_of_a_response_that_are_tried_are_few() {
        const EMPTY: [u8; 2] = [0x30, 0];
        let certs = [EMPTY; MAX_RESPONDERS + 4].concat();
        let wrapped = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let certs = wrapped(0xa0, &wrapped(SEQUENCE, &certs));
        let basic = wrapped(SEQUENCE, &[&EMPTY[..], &EMPTY, &[0x03, 1, 0], &certs].concat());
        assert_eq!(responders(&basic), [&EMPTY; MAX_RESPONDERS]);
    }

    #[test]
    fn an_answer_has_its_time() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let answer = OcspAnswer {
            status: OcspStatus::Good,
            produced_at: 1_000_000,
            this_update: 1_000_000,
            next_update: Some(1_086_400),
        };
        assert_eq!(answer.out_of_time(at(1_086_400)), None);
        assert_eq!(answer.out_of_time(at(1_086_401)), Some("is out of date"));
        assert_eq!(answer.out_of_time(at(1_000_000 - 300)), None);
        assert_eq!(
            answer.out_of_time(at(1_000_000 - 301)),
            Some("is of a time that is still to come")
        );
        let endless = OcspAnswer { next_update: None, ..answer };
        assert_eq!(endless.out_of_time(at(2_000_000_000)), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_stapled_is_read_or_refused(bytes in proptest::collection::vec(0u8.., 0..64)) {
            proptest::prop_assert!(flaw(&bytes).is_some());
            proptest::prop_assert!(responders(&bytes).len() <= MAX_RESPONDERS);
        }
    }
}

//! Signed messages (RFC 5652) as GPKI's verification server looks at them: structure, signature,
//! chain, validity, revocation, in this order.

use std::time::{SystemTime, UNIX_EPOCH};

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode, Encode, Tag};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierOwned;
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, aws_lc_rs as algorithms,
};
use x509_cert::Certificate;

use super::officers::{EstateSigner, SignerPki};

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// What was signed, and by whom.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedMessage {
    pub content: Vec<u8>,
    /// The signer's name (RFC 4514).
    pub signer: String,
}

/// Why a message is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    WrongSignature,
    UnknownIssuer,
    Expired,
    NotYetValid,
    Revoked,
}

impl Refusal {
    /// As a page says it.
    pub fn korean(self) -> &'static str {
        match self {
            Refusal::Malformed => "전자서명 형식 오류",
            Refusal::WrongSignature => "전자서명이 올바르지 않습니다",
            Refusal::UnknownIssuer => "신뢰할 수 없는 인증서",
            Refusal::Expired => "유효기간이 지난 인증서",
            Refusal::NotYetValid => "유효기간이 시작되지 않은 인증서",
            Refusal::Revoked => "폐지된 인증서",
        }
    }
}

/// Judges a message in DER. `list` is the authority's revocation list.
pub fn verify(message: &[u8], pki: &SignerPki, list: &[u8]) -> Result<VerifiedMessage, Refusal> {
    let malformed = |_| Refusal::Malformed;
    let info = ContentInfo::from_der(message).map_err(malformed)?;
    if info.content_type != ID_SIGNED_DATA {
        return Err(Refusal::Malformed);
    }
    let signed: SignedData = info.content.decode_as().map_err(malformed)?;
    let [signer] = signed.signer_infos.0.as_slice() else { return Err(Refusal::Malformed) };
    let content = signed.encap_content_info.econtent.as_ref().ok_or(Refusal::Malformed)?;
    let content: OctetString = content.decode_as().map_err(malformed)?;
    let embedded = embedded(&signed)?;
    let own = embedded.iter().find(|one| is_of(one, &signer.sid)).ok_or(Refusal::Malformed)?;
    let leaf = CertificateDer::from(own.to_der().map_err(malformed)?);
    let leaf = EndEntityCert::try_from(&leaf).map_err(|_| Refusal::Malformed)?;

    let bytes = signed_bytes(signer, content.as_bytes())?;
    let algorithm = algorithm(signer).ok_or(Refusal::WrongSignature)?;
    leaf.verify_signature(algorithm, &bytes, signer.signature.as_bytes())
        .map_err(|_| Refusal::WrongSignature)?;
    judge_chain(&leaf, pki, list)?;
    let signer = own.tbs_certificate.subject.to_string();
    Ok(VerifiedMessage { content: content.into_bytes(), signer })
}

fn embedded(signed: &SignedData) -> Result<Vec<&Certificate>, Refusal> {
    let set = signed.certificates.as_ref().ok_or(Refusal::Malformed)?;
    let certificates = set.0.iter().filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    Ok(certificates.collect())
}

fn is_of(certificate: &Certificate, sid: &SignerIdentifier) -> bool {
    let of = &certificate.tbs_certificate;
    matches!(sid, SignerIdentifier::IssuerAndSerialNumber(named)
        if named.issuer == of.issuer && named.serial_number == of.serial_number)
}

/// What the signature is over: the content, or attributes that hold its digest (section 5.4).
fn signed_bytes(signer: &SignerInfo, content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let Some(attributes) = &signer.signed_attrs else { return Ok(content.to_vec()) };
    let digest = match signer.digest_alg.oid {
        SHA256 => Sha256::digest(content).to_vec(),
        SHA384 => Sha384::digest(content).to_vec(),
        SHA512 => Sha512::digest(content).to_vec(),
        _ => return Err(Refusal::WrongSignature),
    };
    let told = attributes.iter().find(|attribute| attribute.oid == MESSAGE_DIGEST);
    let told = told.and_then(|attribute| attribute.values.iter().next());
    let told = told.and_then(|told| told.decode_as::<OctetString>().ok());
    if told.is_none_or(|told| told.as_bytes() != digest) {
        return Err(Refusal::WrongSignature);
    }
    attributes.to_der().map_err(|_| Refusal::Malformed)
}

/// By the names of signature algorithms, and by that of RSA keys beside a digest's, as older
/// programs write it.
fn algorithm(signer: &SignerInfo) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    let (sha256, sha384, sha512) = (
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
    );
    Some(match signer.signature_algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.11" => sha256,
        "1.2.840.113549.1.1.12" => sha384,
        "1.2.840.113549.1.1.13" => sha512,
        "1.2.840.113549.1.1.1" => match signer.digest_alg.oid {
            SHA256 => sha256,
            SHA384 => sha384,
            SHA512 => sha512,
            _ => return None,
        },
        _ => return None,
    })
}

fn judge_chain(leaf: &EndEntityCert<'_>, pki: &SignerPki, list: &[u8]) -> Result<(), Refusal> {
    let (root, authority) = (pki.root_der(), pki.authority_der());
    let anchor = webpki::anchor_from_trusted_cert(&root).map_err(|_| Refusal::UnknownIssuer)?;
    let list = BorrowedCertRevocationList::from_der(list).map_err(|_| Refusal::Malformed)?;
    let list = CertRevocationList::from(list);
    let lists = [&list];
    let revocation = RevocationOptionsBuilder::new(&lists).map_err(|_| Refusal::Malformed)?;
    let revocation = revocation.with_depth(RevocationCheckDepth::EndEntity).build();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &[authority],
        UnixTime::since_unix_epoch(now),
        KeyUsage::client_auth(),
        Some(revocation),
        None,
    )
    .map(drop)
    .map_err(|error| match error {
        webpki::Error::CertExpired { .. } => Refusal::Expired,
        webpki::Error::CertNotValidYet { .. } => Refusal::NotYetValid,
        webpki::Error::CertRevoked => Refusal::Revoked,
        _ => Refusal::UnknownIssuer,
    })
}

/// A message of a server of the estate that tests the verification itself, without attributes.
pub fn signed(content: &[u8], signer: &EstateSigner) -> Option<Vec<u8>> {
    let own = Certificate::from_der(&signer.certificate).ok()?;
    let digest_alg = AlgorithmIdentifierOwned { oid: SHA256, parameters: None };
    let info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: own.tbs_certificate.issuer.clone(),
            serial_number: own.tbs_certificate.serial_number.clone(),
        }),
        digest_alg: digest_alg.clone(),
        signed_attrs: None,
        signature_algorithm: AlgorithmIdentifierOwned {
            oid: SHA256_WITH_RSA,
            parameters: Some(Any::null()),
        },
        signature: OctetString::new(signer.sign(content).ok()?).ok()?,
        unsigned_attrs: None,
    };
    let certificates = SetOfVec::try_from(vec![CertificateChoices::Certificate(own)]).ok()?;
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![digest_alg]).ok()?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: ID_DATA,
            econtent: Some(Any::new(Tag::OctetString, content).ok()?),
        },
        certificates: Some(CertificateSet(certificates)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![info]).ok()?),
    };
    let content = Any::encode_from(&signed).ok()?;
    ContentInfo { content_type: ID_SIGNED_DATA, content }.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_signs_what_is_accepted_until_a_byte_changes() {
        let pki = SignerPki::new().unwrap();
        let list = pki.revocation_list(false).unwrap();
        let message = signed(b"nonce", &pki.server).unwrap();
        let verified = verify(&message, &pki, &list).unwrap();
        assert_eq!(verified.content, b"nonce");
        for at in [message.len() - 1, message.len() - 200] {
            let mut tampered = message.clone();
            tampered[at] ^= 1;
            assert_eq!(verify(&tampered, &pki, &list), Err(Refusal::WrongSignature));
        }
        let at = message.windows(5).position(|bytes| bytes == b"nonce").unwrap();
        let mut tampered = message.clone();
        tampered[at] ^= 1;
        assert_eq!(verify(&tampered, &pki, &list), Err(Refusal::WrongSignature));
        assert_eq!(verify(&message[..90], &pki, &list), Err(Refusal::Malformed));
    }

    #[test]
    fn a_certificate_that_is_not_the_signers_is_refused() {
        let mut pki = SignerPki::new().unwrap();
        pki.officer.certificate = pki.server.certificate.clone();
        let list = pki.revocation_list(false).unwrap();
        let message = signed(b"nonce", &pki.officer).unwrap();
        assert_eq!(verify(&message, &pki, &list), Err(Refusal::WrongSignature));
    }

    #[test]
    fn an_expired_certificate_is_refused_by_name() {
        let mut pki = SignerPki::new().unwrap();
        pki.officer.certificate = pki.expired_officer().unwrap();
        let list = pki.revocation_list(false).unwrap();
        let message = signed(b"nonce", &pki.officer).unwrap();
        assert_eq!(verify(&message, &pki, &list), Err(Refusal::Expired));
    }

    #[test]
    fn another_authority_and_revocation_are_refused_by_name() {
        let (pki, other) = (SignerPki::new().unwrap(), SignerPki::new().unwrap());
        let message = signed(b"nonce", &pki.officer).unwrap();
        let revoked = pki.revocation_list(true).unwrap();
        assert_eq!(verify(&message, &pki, &revoked), Err(Refusal::Revoked));
        let list = other.revocation_list(false).unwrap();
        assert_eq!(verify(&message, &other, &list), Err(Refusal::UnknownIssuer));
        let list = pki.revocation_list(false).unwrap();
        assert_eq!(verify(&message, &pki, &list).unwrap().signer, super::super::officers::OFFICER);
    }
}

//! CMS SignedData (RFC 5652 section 5) of one signer.
//!
//! Korean messages often have no signed attributes, which the `cms` crate's builder always adds; so
//! the signer's part is put together here from the crate's types.

use std::time::Duration;

use aws_lc_rs::digest;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use der::{Encode, EncodeValue, Tag, Tagged};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::time::Time;

use crate::error::SignError;
use crate::private_key::SignatureDigest;
use crate::signing_identity::SigningIdentity;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");

/// What a message holds beside the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageForm {
    pub content: ContentPlace,
    pub digest: SignatureDigest,
    /// Signs content type, time and digest instead of the content itself; the time since 1970.
    pub signed_at: Option<Duration>,
    pub certificates: Embedded,
}

/// Whether a message carries what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentPlace {
    Attached,
    Detached,
}

/// Which certificates a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    Own,
    /// All that the identity has.
    Chain,
}

/// Signs `content` and writes the message in DER.
pub fn signed_data(
    identity: &SigningIdentity,
    content: &[u8],
    form: MessageForm,
) -> Result<Vec<u8>, SignError> {
    let attributes = match form.signed_at {
        None => None,
        Some(at) => Some(attributes(content, form.digest, at).map_err(failed)?),
    };
    let signature = match &attributes {
        // Signed as a SET, whatever tag it has in the message (section 5.4).
        Some(attributes) => {
            identity.key().sign(&attributes.to_der().map_err(failed)?, form.digest)?
        }
        None => identity.key().sign(content, form.digest)?,
    };
    message(identity, content, form, attributes, signature).map_err(failed)
}

fn failed(_: der::Error) -> SignError {
    SignError::Failed("its structure cannot be written")
}

fn message(
    identity: &SigningIdentity,
    content: &[u8],
    form: MessageForm,
    signed_attrs: Option<Attributes>,
    signature: Vec<u8>,
) -> der::Result<Vec<u8>> {
    // Without parameters (RFC 5754 section 2).
    let digest_alg = AlgorithmIdentifierOwned { oid: form.digest.oid(), parameters: None };
    let (oid, parameters) = identity.key().signature_algorithm(form.digest);
    let own = &identity.certificate().parsed.tbs_certificate;
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: own.issuer.clone(),
            serial_number: own.serial_number.clone(),
        }),
        digest_alg: digest_alg.clone(),
        signed_attrs,
        signature_algorithm: AlgorithmIdentifierOwned {
            oid,
            parameters: parameters.map(Any::from),
        },
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let embedded = match form.certificates {
        Embedded::Own => &identity.chain()[..1],
        Embedded::Chain => identity.chain(),
    };
    let embedded = embedded.iter().map(|one| CertificateChoices::Certificate(one.parsed.clone()));
    let econtent = match form.content {
        ContentPlace::Attached => Some(Any::new(Tag::OctetString, content)?),
        ContentPlace::Detached => None,
    };
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![digest_alg])?,
        encap_content_info: EncapsulatedContentInfo { econtent_type: ID_DATA, econtent },
        certificates: Some(CertificateSet(SetOfVec::try_from(embedded.collect::<Vec<_>>())?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
    };
    ContentInfo { content_type: ID_SIGNED_DATA, content: Any::encode_from(&signed)? }.to_der()
}

/// Content type, time and digest (section 11).
fn attributes(content: &[u8], digest: SignatureDigest, at: Duration) -> der::Result<Attributes> {
    let algorithm = match digest {
        SignatureDigest::Sha256 => &digest::SHA256,
        SignatureDigest::Sha384 => &digest::SHA384,
        SignatureDigest::Sha512 => &digest::SHA512,
    };
    let digest = digest::digest(algorithm, content);
    let time = Time::UtcTime(UtcTime::from_unix_duration(at)?);
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, &ID_DATA)?,
        attribute(SIGNING_TIME, &time)?,
        attribute(MESSAGE_DIGEST, &OctetString::new(digest.as_ref())?)?,
    ])
}

fn attribute<T: EncodeValue + Tagged>(oid: ObjectIdentifier, value: &T) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![Any::encode_from(value)?])? })
}

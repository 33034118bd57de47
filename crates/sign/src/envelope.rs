//! CMS EnvelopedData (RFC 5652 section 6): a message that only the holder of a certificate's key can
//! read.

use aws_lc_rs::rand;
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use cms::cert::IssuerAndSerialNumber;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::enveloped_data::{
    EncryptedContentInfo, EnvelopedData, KeyTransRecipientInfo, RecipientIdentifier, RecipientInfo,
    RecipientInfos,
};
use der::Encode;
use der::asn1::{Any, AnyRef, ObjectIdentifier, OctetString, SetOfVec};
use spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use crate::algorithms::{AES_128_CBC, AES_256_CBC, RSA_ENCRYPTION, SEED_CBC};
use crate::block_cipher::CbcCipher;
use crate::error::SignError;
use crate::signer_certificate::SignerCertificate;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_ENVELOPED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");

/// What the content is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EnvelopeCipher {
    /// RFC 4269, as Korean services ask for.
    #[default]
    SeedCbc,
    Aes128Cbc,
    Aes256Cbc,
}

/// Whether an envelope can be addressed to the holder of a certificate.
pub fn check(recipient: &SignerCertificate) -> Result<(), SignError> {
    public_key(recipient).map(drop)
}

/// Encrypts `content` to the holder of `recipient` and writes the message in DER. The key of the
/// content is new and random.
pub fn enveloped_data(
    recipient: &SignerCertificate,
    content: &[u8],
    cipher: EnvelopeCipher,
) -> Result<Vec<u8>, SignError> {
    let (cbc, oid) = match cipher {
        EnvelopeCipher::SeedCbc => (CbcCipher::Seed, SEED_CBC),
        EnvelopeCipher::Aes128Cbc => (CbcCipher::Aes128, AES_128_CBC),
        EnvelopeCipher::Aes256Cbc => (CbcCipher::Aes256, AES_256_CBC),
    };
    let failed = SignError::Failed("the envelope cannot be encrypted");
    let mut key = Zeroizing::new(vec![0; cbc.key_bytes()]);
    let mut iv = vec![0; cbc.iv_bytes()];
    rand::fill(&mut key).and_then(|()| rand::fill(&mut iv)).map_err(|_| failed.clone())?;
    let encrypted = cbc.encrypt(&key, &iv, content).ok_or(failed.clone())?;
    let public = public_key(recipient)?;
    let mut enc_key = vec![0; public.ciphertext_size()];
    public.encrypt(&key, &mut enc_key).map_err(|_| failed)?;
    message(recipient, enc_key, AlgorithmOfContent { oid, iv }, encrypted)
        .map_err(|_| SignError::Failed("the envelope's structure cannot be written"))
}

struct AlgorithmOfContent {
    oid: ObjectIdentifier,
    iv: Vec<u8>,
}

fn public_key(recipient: &SignerCertificate) -> Result<Pkcs1PublicEncryptingKey, SignError> {
    let info = &recipient.parsed.tbs_certificate.subject_public_key_info;
    if info.algorithm.oid != RSA_ENCRYPTION {
        return Err(SignError::unsupported(info.algorithm.oid));
    }
    let info = info.to_der().map_err(|_| SignError::NoCertificate)?;
    let key = PublicEncryptingKey::from_der(&info).map_err(|_| SignError::UnusableKey)?;
    Pkcs1PublicEncryptingKey::new(key).map_err(|_| SignError::UnusableKey)
}

fn message(
    recipient: &SignerCertificate,
    enc_key: Vec<u8>,
    algorithm: AlgorithmOfContent,
    encrypted: Vec<u8>,
) -> der::Result<Vec<u8>> {
    let of = &recipient.parsed.tbs_certificate;
    let to = KeyTransRecipientInfo {
        version: CmsVersion::V0,
        rid: RecipientIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: of.issuer.clone(),
            serial_number: of.serial_number.clone(),
        }),
        key_enc_alg: AlgorithmIdentifierOwned {
            oid: RSA_ENCRYPTION,
            parameters: Some(Any::from(AnyRef::NULL)),
        },
        enc_key: OctetString::new(enc_key)?,
    };
    let enveloped = EnvelopedData {
        version: CmsVersion::V0,
        originator_info: None,
        recip_infos: RecipientInfos(SetOfVec::try_from(vec![RecipientInfo::Ktri(to)])?),
        encrypted_content: EncryptedContentInfo {
            content_type: ID_DATA,
            content_enc_alg: AlgorithmIdentifierOwned {
                oid: algorithm.oid,
                parameters: Some(Any::encode_from(&OctetString::new(algorithm.iv)?)?),
            },
            encrypted_content: Some(OctetString::new(encrypted)?),
        },
        unprotected_attrs: None,
    };
    ContentInfo { content_type: ID_ENVELOPED_DATA, content: Any::encode_from(&enveloped)? }.to_der()
}

//! Certificates and key of a PKCS#12 file (RFC 7292).

use aws_lc_rs::hmac;
use cms::content_info::ContentInfo;
use cms::encrypted_data::EncryptedData;
use der::Decode;
use der::asn1::{ContextSpecific, OctetString};
use pkcs12::cert_type::CertBag;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::mac_data::MacData;
use pkcs12::pfx::Pfx;
use pkcs12::safe_bag::{SafeBag, SafeContents};

use crate::algorithms::{SHA1, SHA256, SHA384, SHA512};
use crate::encrypted_key;
use crate::error::SignError;
use crate::private_key::PrivateKey;
use crate::signer_certificate::SignerCertificate;

/// `id-data` and `id-encryptedData` (RFC 5652).
const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";

/// Bags of a file; real ones have a handful.
const BAGS_MAX: usize = 100;

/// As with keys: a larger number would only keep the processor busy.
const MAC_ROUNDS_MAX: i32 = 10_000_000;

/// What a file holds, certificates in its own order.
#[derive(Default)]
pub(crate) struct Pkcs12Contents {
    pub(crate) certificates: Vec<SignerCertificate>,
    pub(crate) keys: Vec<PrivateKey>,
}

pub(crate) fn read(file: &[u8], password: Option<&str>) -> Result<Pkcs12Contents, SignError> {
    let damaged = |_| SignError::NoPkcs12;
    let pfx = Pfx::from_der(file).map_err(damaged)?;
    // A file without a password has the empty one.
    let given = password.unwrap_or_default();
    let safe = data(&pfx.auth_safe)?;
    if let Some(mac) = &pfx.mac_data
        && !verifies(mac, safe.as_bytes(), given)?
    {
        return Err(match password {
            None => SignError::PasswordMissing,
            Some(_) => SignError::WrongPassword,
        });
    }
    let parts: Vec<ContentInfo> = Vec::from_der(safe.as_bytes()).map_err(damaged)?;
    let mut contents = Pkcs12Contents::default();
    let mut bags = 0;
    for part in &parts {
        let bytes = match part.content_type.to_string().as_str() {
            DATA => zeroize::Zeroizing::new(data(part)?.into_bytes()),
            ENCRYPTED_DATA => {
                let encrypted: EncryptedData = part.content.decode_as().map_err(damaged)?;
                let info = encrypted.enc_content_info;
                let content = info.encrypted_content.ok_or(SignError::NoPkcs12)?;
                let is_safe = |bytes: &[u8]| SafeContents::from_der(bytes).is_ok();
                let scheme = &info.content_enc_alg;
                encrypted_key::decrypt_owned(scheme, content.as_bytes(), given, is_safe)?
            }
            _ => return Err(SignError::unsupported(part.content_type)),
        };
        let safe = SafeContents::from_der(&bytes).map_err(damaged)?;
        bags += safe.len();
        if bags > BAGS_MAX {
            return Err(SignError::NoPkcs12);
        }
        for bag in &safe {
            contents.take(bag, password)?;
        }
    }
    Ok(contents)
}

impl Pkcs12Contents {
    fn take(&mut self, bag: &SafeBag, password: Option<&str>) -> Result<(), SignError> {
        let damaged = |_| SignError::NoPkcs12;
        match bag.bag_id {
            pkcs12::PKCS_12_CERT_BAG_OID => {
                let bag = ContextSpecific::<CertBag>::from_der(&bag.bag_value).map_err(damaged)?;
                if bag.value.cert_id == pkcs12::PKCS_12_X509_CERT_OID {
                    let der = bag.value.cert_value.as_bytes();
                    self.certificates.push(SignerCertificate::of_der(der)?);
                }
            }
            pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => {
                let given = Some(password.unwrap_or_default());
                self.keys.push(PrivateKey::of_encrypted(inside(&bag.bag_value)?, given)?);
            }
            pkcs12::PKCS_12_KEY_BAG_OID => {
                self.keys.push(PrivateKey::of_pkcs8(inside(&bag.bag_value)?)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The value in the `[0]` of a bag.
fn inside(bag: &[u8]) -> Result<&[u8], SignError> {
    let damaged = |_| SignError::NoPkcs12;
    let tagged = der::asn1::AnyRef::from_der(bag).map_err(damaged)?;
    Ok(tagged.value())
}

fn data(part: &ContentInfo) -> Result<OctetString, SignError> {
    if part.content_type.to_string() != DATA {
        return Err(SignError::unsupported(part.content_type));
    }
    part.content.decode_as().map_err(|_| SignError::NoPkcs12)
}

/// RFC 7292 appendix A and B.
fn verifies(mac: &MacData, bytes: &[u8], password: &str) -> Result<bool, SignError> {
    let salt = mac.mac_salt.as_bytes();
    let rounds = mac.iterations;
    if salt.is_empty() || !(1..=MAC_ROUNDS_MAX).contains(&rounds) {
        return Err(SignError::NoPkcs12);
    }
    let kind = Pkcs12KeyType::Mac;
    let (algorithm, key) = match mac.mac.algorithm.oid {
        SHA1 => (
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            derive_key_utf8::<sha1::Sha1>(password, salt, kind, rounds, 20),
        ),
        SHA256 => {
            let key = derive_key_utf8::<sha2::Sha256>(password, salt, kind, rounds, 32);
            (hmac::HMAC_SHA256, key)
        }
        SHA384 => {
            let key = derive_key_utf8::<sha2::Sha384>(password, salt, kind, rounds, 48);
            (hmac::HMAC_SHA384, key)
        }
        SHA512 => {
            let key = derive_key_utf8::<sha2::Sha512>(password, salt, kind, rounds, 64);
            (hmac::HMAC_SHA512, key)
        }
        oid => return Err(SignError::unsupported(oid)),
    };
    let key = key.map(zeroize::Zeroizing::new).map_err(|_| SignError::WrongPassword)?;
    let key = hmac::Key::new(algorithm, &key);
    Ok(hmac::verify(&key, bytes, mac.mac.digest.as_bytes()).is_ok())
}

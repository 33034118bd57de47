//! A private key, from whatever form it is kept in.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, SetOfVec};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierRef;
use x509_cert::attr::Attribute;
use zeroize::Zeroizing;

use crate::algorithms::{EC_PUBLIC_KEY, RSA_ENCRYPTION, SHA256, SHA384, SHA512, VID_RANDOM};
use crate::encrypted_key::{self, EncryptedKeyFile};
use crate::error::SignError;

/// The digest of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureDigest {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

/// A key that can sign. It has neither `Debug` nor `Display`.
pub struct PrivateKey {
    kind: KeyKind,
    /// PKCS#8 without attributes.
    pkcs8: Zeroizing<Vec<u8>>,
    vid_random: Option<Zeroizing<Vec<u8>>>,
}

enum KeyKind {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Curve, EcdsaKeyPair),
}

/// A curve of FIPS 186 and what its keys sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

/// `PrivateKeyInfo` (RFC 5208), `OneAsymmetricKey` (RFC 5958). Korean keys keep the random number
/// of their owner's identification among the attributes.
#[derive(Sequence)]
struct KeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    private_key: OctetStringRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<SetOfVec<Attribute>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    public_key: Option<der::asn1::BitStringRef<'a>>,
}

impl PrivateKey {
    /// Reads PEM or DER; PKCS#8, plain or encrypted, PKCS#1 or SEC 1.
    pub fn read(file: &[u8], password: Option<&str>) -> Result<PrivateKey, SignError> {
        let Some(block) = key_block(file)? else { return PrivateKey::of_der(file, password) };
        match block.tag() {
            "PRIVATE KEY" => PrivateKey::of_pkcs8(block.contents()),
            "ENCRYPTED PRIVATE KEY" => PrivateKey::of_encrypted(block.contents(), password),
            "RSA PRIVATE KEY" => PrivateKey::of_rsa(block.contents(), None),
            _ => PrivateKey::of_sec1(block.contents(), None),
        }
    }

    fn of_der(der: &[u8], password: Option<&str>) -> Result<PrivateKey, SignError> {
        if EncryptedKeyFile::from_der(der).is_ok() {
            return PrivateKey::of_encrypted(der, password);
        }
        if KeyInfo::from_der(der).is_ok() {
            return PrivateKey::of_pkcs8(der);
        }
        let unknown = |_| SignError::NoPrivateKey;
        PrivateKey::of_rsa(der, None).or_else(|_| PrivateKey::of_sec1(der, None)).map_err(unknown)
    }

    pub(crate) fn of_encrypted(
        der: &[u8],
        password: Option<&str>,
    ) -> Result<PrivateKey, SignError> {
        let file = EncryptedKeyFile::from_der(der).map_err(|_| SignError::NoPrivateKey)?;
        let password = password.ok_or(SignError::PasswordMissing)?;
        let is_key = |bytes: &[u8]| KeyInfo::from_der(bytes).is_ok();
        let encrypted = file.encrypted.as_bytes();
        let opened = encrypted_key::decrypt(file.scheme, encrypted, password, is_key)?;
        PrivateKey::of_pkcs8(&opened)
    }

    pub(crate) fn of_pkcs8(der: &[u8]) -> Result<PrivateKey, SignError> {
        let info = KeyInfo::from_der(der).map_err(|_| SignError::NoPrivateKey)?;
        let vid_random = info.attributes.as_ref().and_then(vid_random);
        match info.algorithm.oid {
            RSA_ENCRYPTION => PrivateKey::of_rsa(info.private_key.as_bytes(), vid_random),
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(|_| SignError::UnusableKey)?;
                PrivateKey::of_ec(info.private_key.as_bytes(), curve, vid_random)
            }
            oid => Err(SignError::unsupported(oid)),
        }
    }

    fn of_rsa(
        pkcs1: &[u8],
        vid_random: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<PrivateKey, SignError> {
        let pair = RsaKeyPair::from_der(pkcs1).map_err(|_| SignError::UnusableKey)?;
        let pkcs8 = plain_pkcs8(RSA_ENCRYPTION, AnyRef::NULL, pkcs1)?;
        Ok(PrivateKey { kind: KeyKind::Rsa(Box::new(pair)), pkcs8, vid_random })
    }

    fn of_sec1(
        der: &[u8],
        vid_random: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<PrivateKey, SignError> {
        let curve = sec1_curve(der).ok_or(SignError::NoPrivateKey)?;
        PrivateKey::of_ec(der, curve, vid_random)
    }

    fn of_ec(
        sec1: &[u8],
        oid: ObjectIdentifier,
        vid_random: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<PrivateKey, SignError> {
        let curve = Curve::of(oid).ok_or(SignError::unsupported(oid))?;
        let pkcs8 = plain_pkcs8(EC_PUBLIC_KEY, AnyRef::from(&oid), sec1)?;
        let algorithm = curve.signing(curve.usual_digest())?;
        let pair =
            EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).map_err(|_| SignError::UnusableKey)?;
        Ok(PrivateKey { kind: KeyKind::Ecdsa(curve, pair), pkcs8, vid_random })
    }

    /// PKCS#8 in DER, without encryption and attributes: for a TLS library.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The random number of the owner's identification (KCAC.TS.SIVID), where the key has one.
    pub fn vid_random(&self) -> Option<&[u8]> {
        self.vid_random.as_ref().map(|bytes| bytes.as_slice())
    }

    /// As the `BIT STRING` of a certificate holds it.
    pub(crate) fn public_key(&self) -> &[u8] {
        match &self.kind {
            KeyKind::Rsa(pair) => pair.public_key().as_ref(),
            KeyKind::Ecdsa(_, pair) => pair.public_key().as_ref(),
        }
    }

    /// RSA PKCS#1 v1.5, or ECDSA in DER.
    pub fn sign(&self, bytes: &[u8], digest: SignatureDigest) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::Failed("the private key does not sign");
        match &self.kind {
            KeyKind::Rsa(pair) => {
                let encoding = match digest {
                    SignatureDigest::Sha256 => &signature::RSA_PKCS1_SHA256,
                    SignatureDigest::Sha384 => &signature::RSA_PKCS1_SHA384,
                    SignatureDigest::Sha512 => &signature::RSA_PKCS1_SHA512,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), bytes, &mut signed).map_err(failed)?;
                Ok(signed)
            }
            KeyKind::Ecdsa(curve, pair) if curve.usual_digest() == digest => {
                let signed = pair.sign(&SystemRandom::new(), bytes).map_err(failed)?;
                Ok(signed.as_ref().to_vec())
            }
            KeyKind::Ecdsa(curve, _) => {
                let algorithm = curve.signing(digest)?;
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8)
                    .map_err(|_| SignError::UnusableKey)?;
                let signed = pair.sign(&SystemRandom::new(), bytes).map_err(failed)?;
                Ok(signed.as_ref().to_vec())
            }
        }
    }

    /// Whether [`PrivateKey::sign`] can use this digest.
    pub fn check(&self, digest: SignatureDigest) -> Result<(), SignError> {
        match &self.kind {
            KeyKind::Rsa(_) => Ok(()),
            KeyKind::Ecdsa(curve, _) => curve.signing(digest).map(drop),
        }
    }

    /// The identifier of the signature algorithm, and whether it has a `NULL` parameter (RFC 4055
    /// section 5, RFC 5758 section 3.2).
    pub(crate) fn signature_algorithm(
        &self,
        digest: SignatureDigest,
    ) -> (ObjectIdentifier, Option<AnyRef<'static>>) {
        let (arc, null) = match &self.kind {
            KeyKind::Rsa(_) => (
                match digest {
                    SignatureDigest::Sha256 => "1.2.840.113549.1.1.11",
                    SignatureDigest::Sha384 => "1.2.840.113549.1.1.12",
                    SignatureDigest::Sha512 => "1.2.840.113549.1.1.13",
                },
                Some(AnyRef::NULL),
            ),
            KeyKind::Ecdsa(..) => (
                match digest {
                    SignatureDigest::Sha256 => "1.2.840.10045.4.3.2",
                    SignatureDigest::Sha384 => "1.2.840.10045.4.3.3",
                    SignatureDigest::Sha512 => "1.2.840.10045.4.3.4",
                },
                None,
            ),
        };
        (ObjectIdentifier::new_unwrap(arc), null)
    }
}

impl SignatureDigest {
    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            SignatureDigest::Sha256 => SHA256,
            SignatureDigest::Sha384 => SHA384,
            SignatureDigest::Sha512 => SHA512,
        }
    }
}

impl Curve {
    fn of(oid: ObjectIdentifier) -> Option<Curve> {
        Some(match oid.to_string().as_str() {
            "1.2.840.10045.3.1.7" => Curve::P256,
            "1.3.132.0.34" => Curve::P384,
            "1.3.132.0.35" => Curve::P521,
            _ => return None,
        })
    }

    fn usual_digest(self) -> SignatureDigest {
        match self {
            Curve::P256 => SignatureDigest::Sha256,
            Curve::P384 => SignatureDigest::Sha384,
            Curve::P521 => SignatureDigest::Sha512,
        }
    }

    fn signing(self, digest: SignatureDigest) -> Result<&'static EcdsaSigningAlgorithm, SignError> {
        let of_one = |curve, digests| Err(SignError::DigestOfCurve { curve, digests });
        Ok(match (self, digest) {
            (Curve::P256, SignatureDigest::Sha256) => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            (Curve::P384, SignatureDigest::Sha384) => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            (Curve::P521, SignatureDigest::Sha256) => &signature::ECDSA_P521_SHA256_ASN1_SIGNING,
            (Curve::P521, SignatureDigest::Sha384) => &signature::ECDSA_P521_SHA384_ASN1_SIGNING,
            (Curve::P521, SignatureDigest::Sha512) => &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
            (Curve::P256, _) => return of_one("P-256", "sha256"),
            (Curve::P384, _) => return of_one("P-384", "sha384"),
        })
    }
}

/// The first block that is a key; `None` for a file that is no PEM.
fn key_block(file: &[u8]) -> Result<Option<pem::Pem>, SignError> {
    if !file.windows(11).any(|bytes| bytes == b"-----BEGIN ") {
        return Ok(None);
    }
    let blocks = pem::parse_many(file).map_err(|_| SignError::NoPrivateKey)?;
    let block = blocks
        .into_iter()
        .find(|block| block.tag().ends_with("PRIVATE KEY"))
        .ok_or(SignError::NoPrivateKey)?;
    if block.headers().get("Proc-Type").is_some() {
        let what = "OpenSSL's old PEM encryption; convert the file with openssl pkcs8 -topk8";
        return Err(SignError::Unsupported(what.to_owned()));
    }
    let known = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
    if !known.contains(&block.tag()) {
        return Err(SignError::Unsupported("a key form other than PKCS#8, PKCS#1, SEC 1".into()));
    }
    Ok(Some(block))
}

fn plain_pkcs8(
    oid: ObjectIdentifier,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let unusable = |_| SignError::UnusableKey;
    let info = KeyInfo {
        version: 0,
        algorithm: AlgorithmIdentifierRef { oid, parameters: Some(parameters) },
        private_key: OctetStringRef::new(key).map_err(unusable)?,
        attributes: None,
        public_key: None,
    };
    info.to_der().map(Zeroizing::new).map_err(unusable)
}

/// The named curve of an `ECPrivateKey` (RFC 5915 section 3).
fn sec1_curve(der: &[u8]) -> Option<ObjectIdentifier> {
    #[derive(Sequence)]
    struct EcKey<'a> {
        version: u8,
        private_key: OctetStringRef<'a>,
        #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
        parameters: Option<ObjectIdentifier>,
        #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
        public_key: Option<der::asn1::BitStringRef<'a>>,
    }
    EcKey::from_der(der).ok()?.parameters
}

fn vid_random(attributes: &SetOfVec<Attribute>) -> Option<Zeroizing<Vec<u8>>> {
    let found = attributes.iter().find(|attribute| attribute.oid == VID_RANDOM)?;
    let value = found.values.iter().next()?;
    let bits = value.decode_as::<der::asn1::BitString>().ok()?;
    Some(Zeroizing::new(bits.raw_bytes().to_vec()))
}

//! Keys and signatures in the words people use for them.

use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// `RSA 2048`, `ECDSA P-256`, `Ed25519`, or the algorithm's object identifier.
pub(crate) fn key(spki: &SubjectPublicKeyInfo<'_>) -> String {
    if let Some(bits) = rsa_bits(spki) {
        return format!("RSA {bits}");
    }
    let algorithm = spki.algorithm.algorithm.to_id_string();
    match algorithm.as_str() {
        "1.2.840.10045.2.1" => format!("ECDSA {}", curve(&spki.algorithm)),
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        "1.2.840.10040.4.1" => "DSA".to_owned(),
        _ => algorithm,
    }
}

/// The size of a key as people compare it: of an RSA modulus, else of the curve's field.
pub(crate) fn bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    if let Some(bits) = rsa_bits(spki) {
        return Some(bits);
    }
    match key(spki).as_str() {
        "ECDSA P-224" => Some(224),
        "ECDSA P-256" | "ECDSA secp256k1" | "Ed25519" => Some(256),
        "ECDSA P-384" => Some(384),
        "ECDSA P-521" => Some(521),
        "Ed448" => Some(448),
        _ => None,
    }
}

/// The length of an RSA modulus; `None` for other keys.
pub(crate) fn rsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    let Ok(PublicKey::RSA(rsa)) = spki.parsed() else { return None };
    let start = rsa.modulus.iter().position(|&byte| byte != 0).unwrap_or(rsa.modulus.len());
    let modulus = &rsa.modulus[start..];
    let unused = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    Some(8 * modulus.len() - unused)
}

fn curve(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let oid = oid.map(|oid| oid.to_id_string()).unwrap_or_default();
    match oid.as_str() {
        "1.2.840.10045.3.1.7" => "P-256",
        "1.3.132.0.34" => "P-384",
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.33" => "P-224",
        "1.3.132.0.10" => "secp256k1",
        _ => return oid,
    }
    .to_owned()
}

/// The signature algorithm as OpenSSL names it, or its object identifier.
pub(crate) fn signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10040.4.3" => "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.2" => "dsaWithSHA256",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        _ => return oid,
    }
    .to_owned()
}

/// Whether a signature is made with a hash for which collisions can be bought.
pub(crate) fn weak_hash(algorithm: &AlgorithmIdentifier<'_>) -> bool {
    let name = signature(algorithm);
    ["md2", "md5", "sha1With", "ecdsa-with-SHA1", "dsaWithSHA1"]
        .iter()
        .any(|weak| name.starts_with(weak))
}

//! Who signed what: single signatures of certificates and revocation lists.
//!
//! Paths are accepted by webpki alone. The checks here *explain* a refusal, so they also know
//! signatures that webpki does not look at: SHA-1 and short RSA keys make a fault of their own
//! instead of an "unknown issuer".

use aws_lc_rs::signature as rsa;
use rustls::pki_types::alg_id;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use crate::der::{PublicKey, Signed};

/// What a signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureStrength {
    /// Made by the key, with an algorithm that is accepted.
    Strong,
    /// Made by the key, with an algorithm or key that is not accepted any more.
    Weak,
    /// With an algorithm that cannot be checked here.
    Unchecked,
    /// Not made by the key.
    Forged,
}

/// Algorithms that are accepted.
pub(crate) static STRONG: &[&dyn SignatureVerificationAlgorithm] = webpki::ALL_VERIFICATION_ALGS;

/// Accepted ones and [`WEAK`] ones, to look for further faults behind a weak signature.
pub(crate) fn any_algorithm() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let weak = WEAK.iter().map(|weak| weak as &dyn SignatureVerificationAlgorithm);
    STRONG.iter().copied().chain(weak).collect()
}

/// RSA with PKCS#1 padding as it was used before 2014.
#[derive(Debug)]
struct WeakRsa {
    id: AlgorithmIdentifier,
    parameters: &'static rsa::RsaParameters,
}

/// sha1WithRSAEncryption, RFC 3279 section 2.2.1.
const SHA1_WITH_RSA: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
]);

static WEAK: [WeakRsa; 3] = [
    WeakRsa { id: SHA1_WITH_RSA, parameters: &rsa::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY },
    WeakRsa {
        id: alg_id::RSA_PKCS1_SHA256,
        parameters: &rsa::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    },
    WeakRsa {
        id: alg_id::RSA_PKCS1_SHA512,
        parameters: &rsa::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    },
];

impl SignatureVerificationAlgorithm for WeakRsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        rsa::UnparsedPublicKey::new(self.parameters, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.id
    }
}

pub(crate) fn check(signed: &Signed<'_>, by: &PublicKey<'_>) -> SignatureStrength {
    let fits = |algorithm: &dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == by.algorithm
            && algorithm.signature_alg_id().as_ref() == signed.algorithm
    };
    let made = |algorithm: &dyn SignatureVerificationAlgorithm| {
        algorithm.verify_signature(by.key, signed.tbs, signed.signature).is_ok()
    };
    let mut fitting = STRONG.iter().filter(|algorithm| fits(**algorithm)).peekable();
    let known = fitting.peek().is_some();
    if fitting.any(|algorithm| made(*algorithm)) {
        return SignatureStrength::Strong;
    }
    let mut fitting = WEAK.iter().filter(|weak| fits(*weak)).peekable();
    let known_weak = fitting.peek().is_some();
    if fitting.any(|weak| made(weak)) {
        return SignatureStrength::Weak;
    }
    // An RSA key shorter than the shortest one known here fails every algorithm that fits it.
    if (known || known_weak) && !shorter_than_checked(by) {
        SignatureStrength::Forged
    } else {
        SignatureStrength::Unchecked
    }
}

/// Whether this is an RSA key of less than 1024 bits: its DER is then shorter than 128 bytes.
fn shorter_than_checked(by: &PublicKey<'_>) -> bool {
    const SHORTEST_CHECKED_MODULUS: usize = 128;
    by.algorithm == alg_id::RSA_ENCRYPTION.as_ref() && by.key.len() < SHORTEST_CHECKED_MODULUS
}

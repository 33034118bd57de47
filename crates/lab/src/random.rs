//! What nobody can guess: names of sessions, tokens, challenges.

use base::hex;

/// 128 random bits in hex. Without randomness the text is all zeros and the lab's logins collide,
/// which a simulation may do.
pub fn random_token() -> String {
    hex::encode(&random_bytes::<16>())
}

/// Bytes that cannot be guessed.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes);
    bytes
}

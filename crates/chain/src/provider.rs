//! What clients offer in the handshake.

use std::sync::{Arc, OnceLock};

use rustls::CipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};

/// The crypto of a client. Without `post_quantum` only classical key exchange groups are offered:
/// rustls itself would list X25519MLKEM768 last, and a server that prefers it would then ask for a
/// second ClientHello.
///
/// Cipher suites are offered in the order of browsers: AES with 128 bits first, whose hash is also
/// the one that processors have instructions for.
pub fn crypto_provider(post_quantum: bool) -> Arc<CryptoProvider> {
    static PROVIDERS: OnceLock<[Arc<CryptoProvider>; 2]> = OnceLock::new();
    let providers = PROVIDERS.get_or_init(|| [false, true].map(|pq| Arc::new(provider(pq))));
    Arc::clone(&providers[usize::from(post_quantum)])
}

fn provider(post_quantum: bool) -> CryptoProvider {
    let mut provider = default_provider();
    provider.cipher_suites.sort_by_key(|suite| match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 0,
        _ => 1,
    });
    provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    if post_quantum {
        provider.kx_groups.insert(0, kx_group::X25519MLKEM768);
    }
    provider
}

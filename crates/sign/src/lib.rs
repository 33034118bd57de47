//! What a certificate login needs of a certificate and its key: files as Korean and international
//! tools write them are read, and challenges are signed, raw or as CMS (RFC 5652).
//!
//! The crate knows bytes and keys and nothing of the daemon. It makes no claim of validated
//! cryptography (KCMVP); operations with private keys are those of aws-lc-rs, and SEED and the old
//! ciphers of key files are used only to open such files and to encrypt what a service wants encrypted.
//!
//! Modules in reading order.

mod algorithms;
pub mod block_cipher;
pub mod error;

mod encrypted_key;
pub mod private_key;
pub mod signer_certificate;

mod pkcs12_file;

pub mod signing_identity;

pub mod envelope;
pub mod signed_data;

//! Certificate chains as a prober sees them: who is trusted, everything that is wrong with a chain
//! that was refused, and what only the network can tell (revocation, missing issuers, servers that
//! speak nothing modern).
//!
//! [`TlsClients`] makes the rustls configuration of one run and, with it, a [`RecordingVerifier`]
//! that verifies the server and keeps what it saw as [`TlsFacts`]. When the handshake is over,
//! [`TlsClients::confirm`] or [`TlsClients::explain`] asks what the handshake could not tell.
//!
//! Nothing here opens a connection or resolves a name. Revocation lists and issuers come through
//! [`Fetch`], and the second look at a server through the stream of a [`Peer`]: both are given by
//! the caller, who decides how they reach the network.
//!
//! A refused chain is an ordinary result: a [`TlsFailure`] is a value and not an `Error`.

mod after_handshake;
mod alert;
mod certificate;
mod certification_path;
mod chain_cache;
mod client_identity;
mod clients;
mod der;
mod digest;
mod early_dates;
mod facts;
mod failure;
mod fault;
mod fault_texts;
mod fetch;
mod fetch_cache;
mod fetch_turns;
mod issuers;
mod legacy;
mod options;
mod pem_file;
mod pointers;
mod provider;
mod recording_verifier;
mod refusal;
mod report;
mod revocation;
mod revocation_list;
mod seen_intermediates;
mod signature;
mod staple;
mod trust_anchors;
mod verification;
mod watched_files;
mod webpki_input;

pub use after_handshake::{BrokenHandshake, ByteStream, Peer};
pub use certificate::{Certificate, Chain};
pub use chain_cache::ChainMemory;
pub use clients::{RefusedFetches, TlsClients};
pub use facts::TlsFacts;
pub use failure::{IoCause, TlsFailure, TlsFailureKind};
pub use fault::{ChainFault, ChainFaultKind};
pub use fetch::{Fetch, FetchReach};
pub use options::{
    ClientCert, Judgement, Revocation, Roots, TlsClientOptions, TlsVersions, TrustOptions,
};
pub use pointers::is_ldap;
pub use provider::crypto_provider;
pub use recording_verifier::RecordingVerifier;
pub use staple::{OcspAnswer, OcspStaple, OcspStatus};
pub use trust_anchors::roots_out_of_date;

//! The client's side of TLS, as an operator chooses it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom a client trusts, what it shows and what it offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsClientOptions {
    /// The name that is verified, when not the one that the connection is made for.
    pub server_name: Option<String>,
    pub trust: Arc<TrustOptions>,
    pub client_cert: Option<ClientCert>,
    pub revocation: Revocation,
    /// Offers X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem), before the classical groups. Its key
    /// share of 1,216 bytes makes the ClientHello larger than one segment, which some middleboxes
    /// drop.
    pub post_quantum: bool,
    pub judgement: Judgement,
    pub versions: TlsVersions,
}

impl TrustOptions {
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let roots = match &self.roots {
            Roots::Webpki => None,
            Roots::File(path) | Roots::Both(path) => Some(path.as_path()),
        };
        roots.into_iter().chain(self.intermediates.as_deref())
    }
}

/// What becomes of a chain that is found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Judgement {
    /// The handshake fails.
    #[default]
    Binding,
    /// What is wrong is only noted, and the handshake goes on: whoever is at the other end is spoken
    /// to. That it holds the key of the certificate it showed is still made sure of.
    Noted,
}

/// Which versions of TLS are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Any,
    Only12,
    Only13,
}

/// Who is trusted to vouch for a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TrustOptions {
    pub roots: Roots,
    /// PEM bundle of intermediates that servers forget to send; a chain that needs one is still
    /// [`ChainFaultKind::ChainIncomplete`](crate::ChainFaultKind::ChainIncomplete).
    pub intermediates: Option<PathBuf>,
}

/// Where trust anchors come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Roots {
    /// Mozilla's, compiled in.
    #[default]
    Webpki,
    /// A PEM bundle. A server's own certificate may be listed to be accepted as it is.
    File(PathBuf),
    /// Mozilla's and those of a PEM bundle.
    Both(PathBuf),
}

/// The certificate that a client shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientCert {
    /// PEM, leaf first.
    pub cert: PathBuf,
    /// PEM, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Whether revocation is checked: by lists (RFC 5280 section 5) and by what a server staples (RFC 6960).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocation {
    Off,
    /// An unreachable list is a warning.
    #[default]
    Soft,
    /// An unreachable list is a failure.
    Hard,
}

//! Why an estate cannot start.

use std::io;

use crate::peers::PeersError;

#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    #[error("cannot listen on port {port}: {error}")]
    Bind {
        /// The last one tried.
        port: u16,
        error: io::Error,
    },
    #[error("cannot start the lab's name server: {0}")]
    NameServer(io::Error),
    #[error("cannot make the lab's certificates: {0}")]
    Pki(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Peers(#[from] PeersError),
}

impl EstateError {
    pub(super) fn bind(port: u16) -> impl Fn(io::Error) -> EstateError {
        move |error| EstateError::Bind { port, error }
    }
}

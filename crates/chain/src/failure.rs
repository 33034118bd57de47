//! Why a handshake failed, or what was found after it.

use std::io;

use crate::fault::{ChainFault, ChainFaultKind};

/// A failed handshake or a warning about one that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    pub kind: TlsFailureKind,
    /// One sentence for a person.
    pub detail: String,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFailureKind {
    Chain(ChainFaultKind),
    /// The server and rustls found no way to speak.
    Handshake,
    /// The server offers only versions or cipher suites that rustls has dropped.
    Legacy,
    /// The server wants a client certificate, or refused the one that was shown.
    ClientCert,
    /// Whether a certificate is revoked could not be found out.
    RevocationUnavailable,
    Io(IoCause),
    /// A file that names roots, intermediates or the client's certificate cannot be used.
    Internal,
}

/// An `io::Error` without what it wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoCause {
    pub kind: io::ErrorKind,
    /// `errno`, where the error came from the operating system.
    pub os_code: Option<i32>,
}

impl TlsFailure {
    pub(crate) fn new(kind: TlsFailureKind, detail: impl Into<String>) -> TlsFailure {
        TlsFailure { kind, detail: detail.into() }
    }
}

impl From<&ChainFault> for TlsFailure {
    fn from(fault: &ChainFault) -> TlsFailure {
        TlsFailure::new(TlsFailureKind::Chain(fault.kind), fault.detail.clone())
    }
}

impl From<&io::Error> for IoCause {
    fn from(error: &io::Error) -> IoCause {
        IoCause { kind: error.kind(), os_code: error.raw_os_error() }
    }
}

impl From<IoCause> for io::Error {
    fn from(cause: IoCause) -> io::Error {
        cause.os_code.map_or_else(|| cause.kind.into(), io::Error::from_raw_os_error)
    }
}

impl IoCause {
    /// Whether the peer, or something on the way, closed the connection.
    pub(crate) fn is_closed(self) -> bool {
        use io::ErrorKind::*;
        matches!(
            self.kind,
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected
        )
    }
}

//! From what went wrong underneath to a [`Reason`].
//!
//! Libraries report errors as chains; what matters is somewhere in the chain, and *when* it
//! happened decides what it means.

use std::error::Error;
use std::io::{self, ErrorKind};

use base::error_chain::{self, deepest, find};
use chain::{RecordingVerifier, TlsFailureKind};

use super::limited::Endless;
use super::phase::Phase;
use super::resolve::out_of_descriptors;
use crate::outcome::{Failure, Reason};

/// The server did not choose HTTP/2, and nothing else may be spoken.
pub fn no_http2() -> Failure {
    Failure::new(Reason::HttpVersion, "the server did not choose HTTP/2")
}

/// The failure of a handshake that ended because no offered protocol suits the server.
pub fn refused_version(error: &(dyn Error + 'static)) -> Option<Failure> {
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
    (find::<rustls::Error>(error) == Some(&alert)).then(no_http2)
}

/// Names the failure of an exchange over an open connection. The verifier is that of the
/// connection.
pub fn exchanging(
    error: &(dyn Error + 'static),
    phase: Phase,
    verifier: Option<&RecordingVerifier>,
) -> Failure {
    let when = match phase {
        Phase::Transfer => "before the body was complete",
        _ => "before it sent a complete response head",
    };
    if let Some(io) = innermost_io(error)
        && out_of_descriptors(io)
    {
        return Failure::new(Reason::Internal, format!("no socket for a connection: {io}"));
    }
    // TLS 1.3 servers refuse a client certificate only after the client has finished.
    if let (Some(verifier), Some(tls)) = (verifier, find::<rustls::Error>(error))
        && let failure = verifier.failure(tls)
        && failure.kind == TlsFailureKind::ClientCert
    {
        return failure.into();
    }
    if find::<Endless>(error).is_some() {
        return endless(phase);
    }
    let reset = || {
        Failure::new(Reason::ConnectionReset, format!("the server closed the connection {when}"))
    };
    if innermost_io(error).is_some_and(closed) {
        return reset();
    }
    if let Some(hyper) = find::<hyper::Error>(error) {
        if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
            return reset();
        }
        return Failure::new(
            Reason::ProtocolError,
            format!("the server broke the protocol: {}", deepest(error)),
        );
    }
    Failure::new(Reason::ProtocolError, format!("the exchange failed: {}", deepest(error)))
}

/// What an HTTP/2 server says of a request that it did not answer (RFC 9113 sections 7 and 8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2Refusal {
    /// It wants HTTP/1.1 for this request.
    WantsHttp1,
    /// Nothing of the request was processed.
    Unprocessed,
}

/// Whether the server refused a request in a way that allows to ask again.
pub fn http2_refusal(error: &(dyn Error + 'static)) -> Option<Http2Refusal> {
    let error = find::<h2::Error>(error)?;
    match error.reason()? {
        h2::Reason::HTTP_1_1_REQUIRED => Some(Http2Refusal::WantsHttp1),
        h2::Reason::REFUSED_STREAM => Some(Http2Refusal::Unprocessed),
        // The server is going away and names the last stream that it will answer.
        h2::Reason::NO_ERROR if error.is_go_away() && error.is_remote() => {
            Some(Http2Refusal::Unprocessed)
        }
        _ => None,
    }
}

/// Whether an HTTP/2 server ended the connection and said why.
pub fn is_goodbye(error: &(dyn Error + 'static)) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_go_away() && error.is_remote())
}

/// Names the failure of what the deadline ended in `phase`.
pub fn expired(phase: Phase) -> Failure {
    let (reason, detail) = match phase {
        Phase::Resolve => (Reason::DnsTimeout, "the name server did not answer in time"),
        Phase::Connect => {
            (Reason::ConnectTimeout, "the host did not accept the connection in time")
        }
        Phase::Tls => (Reason::TlsTimeout, "the TLS handshake did not end in time"),
        Phase::Processing => (Reason::ResponseTimeout, "no complete response head came in time"),
        Phase::Transfer => (Reason::BodyTimeout, "the response body did not end in time"),
    };
    Failure::new(reason, detail)
}

/// The failure of an exchange that was left because the server sent without end.
pub fn endless(phase: Phase) -> Failure {
    let detail = match phase {
        Phase::Transfer => {
            "the server sent far more than the body itself: chunk extensions, trailers or control \
             frames without end"
        }
        _ => {
            "the server sent more than 1 MiB before a final response: interim responses, empty \
             lines or control frames without end"
        }
    };
    Failure::new(Reason::ProtocolError, detail)
}

fn closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}

fn innermost_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    error_chain::chain(error).filter_map(|error| error.downcast_ref()).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_io_error_has_the_kind() {
        let reset = io::Error::from_raw_os_error(libc::ECONNRESET);
        let wrapped = io::Error::other(io::Error::other(reset));
        let failure = exchanging(&wrapped, Phase::Processing, None);
        assert_eq!(failure.reason, Reason::ConnectionReset);
    }

    #[test]
    fn no_descriptors_is_our_own_fault_in_any_phase() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        for phase in [Phase::Processing, Phase::Transfer] {
            assert_eq!(exchanging(&error, phase, None).reason, Reason::Internal);
        }
    }
}

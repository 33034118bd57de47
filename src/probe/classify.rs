//! From what went wrong underneath to a [`Reason`].
//!
//! Libraries report errors as chains; what matters is somewhere in the chain, and *when* it
//! happened decides what it means: the same ECONNRESET is a dead connection in the middle of a
//! body and a refused proxy before the handshake.

use std::error::Error;
use std::io::{self, ErrorKind};

use chain::{RecordingVerifier, TlsFailureKind};

use crate::net::dial;
use crate::net::paced::Endless;
use crate::net::resolve::out_of_descriptors;
use crate::outcome::{Failure, Reason};
use crate::probe::clock::{NoHttp2, Phase};

/// How the connection was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Straight to the server.
    Direct,
    /// By a proxy: until the server's own handshake begins, a fault may be the proxy's.
    Proxied,
}

/// Names the failure of an exchange that ended with `error` in `phase`. The verifier is that of the
/// connection; a failed handshake is explained by [`TlsClients::explain`](chain::TlsClients::explain)
/// and does not come here.
pub fn failed(
    error: &(dyn Error + 'static),
    phase: Phase,
    route: Route,
    verifier: Option<&RecordingVerifier>,
) -> Failure {
    if let Some(io) = innermost_io(error)
        && out_of_descriptors(io)
    {
        return Failure::new(Reason::Internal, format!("no socket for a connection: {io}"));
    }
    if let Some(failure) = refused_version(error) {
        return failure;
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
    match (phase, route) {
        (Phase::Connect | Phase::Resolve, Route::Proxied) => by_proxy(error),
        (Phase::Connect | Phase::Resolve, Route::Direct) => connecting(error),
        (Phase::Tls, _) => Failure::new(Reason::TlsHandshake, "the TLS handshake failed"),
        (Phase::Processing, _) => exchanging(error, "before it sent a complete response head"),
        (Phase::Transfer, _) => exchanging(error, "before the body was complete"),
    }
}

/// The failure of a handshake that ended without HTTP/2 where nothing else may be spoken.
pub fn refused_version(error: &(dyn Error + 'static)) -> Option<Failure> {
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
    let refused = find::<NoHttp2>(error).is_some() || find::<rustls::Error>(error) == Some(&alert);
    refused.then(|| Failure::new(Reason::HttpVersion, "the server did not choose HTTP/2"))
}

/// Names the failure of an exchange that the deadline ended in `phase`.
pub fn expired(phase: Phase, route: Route) -> Failure {
    let (reason, detail) = match phase {
        Phase::Resolve => (Reason::DnsTimeout, "the name server did not answer in time"),
        Phase::Connect if route == Route::Proxied => {
            (Reason::ProxyFailed, "the proxy did not make the connection in time")
        }
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

fn connecting(error: &(dyn Error + 'static)) -> Failure {
    match innermost_io(error) {
        Some(io) => dial::failure(io, "the host"),
        None => Failure::new(Reason::Internal, "the connection could not be made"),
    }
}

/// A proxy that works but cannot reach the server speaks of the server; anything else is the
/// proxy's own fault and says nothing about the service.
fn by_proxy(error: &(dyn Error + 'static)) -> Failure {
    let said = deepest(error);
    let (reason, detail) = match said.as_str() {
        "tunnel error: unsuccessful" => {
            (Reason::ConnectUnreachable, "the proxy could not open a tunnel to the host".to_owned())
        }
        "SOCKS error: connection refused" => {
            (Reason::ConnectRefused, "the host refused the connection, says the proxy".to_owned())
        }
        "SOCKS error: host unreachable" | "SOCKS error: network unreachable" => {
            (Reason::ConnectUnreachable, "the proxy has no way to the host".to_owned())
        }
        "SOCKS error: ttl expired" => {
            (Reason::ConnectTimeout, "the proxy got no answer from the host in time".to_owned())
        }
        _ => (Reason::ProxyFailed, format!("the proxy did not make the connection: {said}")),
    };
    Failure::new(reason, detail)
}

fn exchanging(error: &(dyn Error + 'static), when: &str) -> Failure {
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

/// Finds an error of a type in a chain. `io::Error` hides the error it wraps from `source`, so it
/// is opened by hand.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            let inner: &(dyn Error + 'static) = inner;
            if let Some(found) = find(inner) {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}

/// The part of a chain that a handshake is to be judged by: libraries wrap an `io::Error` in
/// another one, and only the inner one has the kind.
pub fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match (find::<rustls::Error>(error), innermost_io(error)) {
        (Some(tls), _) => tls,
        (None, Some(io)) => io,
        (None, None) => error,
    }
}

fn innermost_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut found = find::<io::Error>(error)?;
    while let Some(inner) = found.get_ref() {
        let inner: &(dyn Error + 'static) = inner;
        match find::<io::Error>(inner) {
            Some(deeper) => found = deeper,
            None => break,
        }
    }
    Some(found)
}

/// The last error of a chain: the one nearest to the cause. Those before it may name URLs.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(next) = error.source() {
        error = next;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let inner = io::Error::new(ErrorKind::InvalidData, rustls::Error::DecryptError);
        let outer = io::Error::other(inner);
        assert_eq!(find::<rustls::Error>(&outer), Some(&rustls::Error::DecryptError));
        assert!(find::<NoHttp2>(&outer).is_none());
    }

    #[test]
    fn the_innermost_io_error_has_the_kind() {
        let reset = io::Error::from_raw_os_error(libc::ECONNRESET);
        let wrapped = io::Error::other(io::Error::other(reset));
        let failure = failed(&wrapped, Phase::Processing, Route::Direct, None);
        assert_eq!(failure.reason, Reason::ConnectionReset);
        assert!(root(&wrapped).to_string().contains("os error 104"));
    }

    #[test]
    fn no_descriptors_is_our_own_fault_in_any_phase() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        for phase in [Phase::Connect, Phase::Tls, Phase::Processing] {
            assert_eq!(failed(&error, phase, Route::Direct, None).reason, Reason::Internal);
        }
    }
}

//! Where the time of an exchange goes.
//!
//! reqwest hides its connection, but lets three hooks in: a layer around the connector (called
//! when a connection is wanted, and when it is ready, which it then hands over to the carrier), a
//! session store of rustls (asked for a key exchange hint when the ClientHello is made, so TCP is
//! done) and the resolver. Each of them switches one shared [`Clock`], which is always in at most
//! one phase: so the phases account for the run, and when time runs out the clock knows where.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use chain::RecordingVerifier;
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls_pki_types::ServerName;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::net::tcp_info;
use crate::outcome::{Phases, TcpFacts};
use crate::probe::carrier::{Handover, Hearer, Opened, Protocol, Stream};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One part of a run's time, in the order of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name resolution.
    Resolve,
    /// TCP, and what it takes to get through a proxy.
    Connect,
    /// The handshake with the server itself.
    Tls,
    /// Request written, head of the response awaited.
    Processing,
    /// Body.
    Transfer,
}

/// What the hooks saw.
#[derive(Default)]
pub struct Clock {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phases: Phases,
    current: Option<(Phase, Instant)>,
    endpoints: Option<Endpoints>,
    opened_with: Option<TcpFacts>,
}

/// The two ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// Ours.
    pub local: SocketAddr,
    /// The server's, or the proxy's.
    pub remote: SocketAddr,
}

impl Clock {
    /// Ends the current phase and begins another.
    pub fn enter(&self, phase: Phase) {
        let now = Instant::now();
        let mut state = self.state();
        state.close(now);
        state.current = Some((phase, now));
        // Begun, so no longer absent, even if it takes no time.
        state.phase(phase).get_or_insert(Duration::ZERO);
    }

    /// Ends the current phase.
    pub fn stop(&self) {
        self.state().close(Instant::now());
    }

    /// The current phase, or the last one when the clock is stopped.
    pub fn current(&self) -> Option<Phase> {
        self.state().current.map(|(phase, _)| phase)
    }

    /// What has been spent so far, the current phase included.
    pub fn phases(&self) -> Phases {
        let mut state = self.state();
        let current = state.current;
        state.close(Instant::now());
        state.current = current.map(|(phase, _)| (phase, Instant::now()));
        state.phases
    }

    /// Forgets the connection of the request before.
    pub fn forget_endpoints(&self) {
        self.state().endpoints = None;
    }

    /// The ends of the connection, once it is open.
    pub fn endpoints(&self) -> Option<Endpoints> {
        self.state().endpoints
    }

    /// The kernel's counters when the connection was opened: what is left of a connection that the
    /// server closed before it could be looked at again.
    pub fn opened_with(&self) -> Option<TcpFacts> {
        self.state().opened_with
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, now: Instant) {
        if let Some((phase, since)) = self.current.take() {
            *self.phase(phase).get_or_insert(Duration::ZERO) += now - since;
        }
    }

    fn phase(&mut self, phase: Phase) -> &mut Option<Duration> {
        match phase {
            Phase::Resolve => &mut self.phases.resolve,
            Phase::Connect => &mut self.phases.connect,
            Phase::Tls => &mut self.phases.tls,
            Phase::Processing => &mut self.phases.processing,
            Phase::Transfer => &mut self.phases.transfer,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("current", &self.current()).finish_non_exhaustive()
    }
}

/// A session store that stores nothing: it switches resumption off, so that every run pays for a
/// full handshake, and tells the clock when a ClientHello is made.
#[derive(Debug)]
pub struct HelloHook {
    /// Told of every ClientHello but the proxy's.
    pub clock: Arc<Clock>,
    /// Begins anew with every handshake.
    pub verifier: Arc<RecordingVerifier>,
    /// The host of an `https` proxy: the handshake with it is part of connecting.
    pub proxy: Option<Box<str>>,
}

impl ClientSessionStore for HelloHook {
    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.verifier.restart();
        if self.proxy.as_deref() != Some(&*server_name.to_str()) {
            self.clock.enter(Phase::Tls);
        }
        None
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// What the connection must have negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// Anything will do.
    Any,
    /// HTTP/2 or nothing.
    Http2,
}

/// The server did not choose HTTP/2, and nothing else may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server did not choose HTTP/2")]
pub struct NoHttp2;

/// Whether the kernel's counters of a connection are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counters {
    /// They are not, which saves a system call.
    Unwanted,
    /// They are read when a connection opens.
    Wanted,
}

/// The layer around the connector.
#[derive(Clone)]
pub struct ConnectHook {
    /// Told when a connection is wanted and when it is ready.
    pub clock: Arc<Clock>,
    /// Checked when it is ready.
    pub alpn: Alpn,
    /// Read when it is ready.
    pub counters: Counters,
    /// What is spoken where TLS has not settled it.
    pub unless_negotiated: Protocol,
    /// Where a ready connection goes.
    pub handover: Arc<Handover>,
}

impl<S> Layer<S> for ConnectHook {
    type Service = Hooked<S>;

    fn layer(&self, inner: S) -> Hooked<S> {
        Hooked { inner, hook: self.clone() }
    }
}

/// A connector with the hook around it.
#[derive(Clone)]
pub struct Hooked<S> {
    inner: S,
    hook: ConnectHook,
}

impl<S, R> Service<R> for Hooked<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Connection + Stream + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let ConnectHook { clock, alpn, counters, unless_negotiated, handover } = self.hook.clone();
        clock.enter(Phase::Connect);
        let connecting = self.inner.call(request);
        Box::pin(async move {
            // A failure leaves the clock where it was: that is the phase that failed.
            let connection = connecting.await?;
            let connected = connection.connected();
            if alpn == Alpn::Http2 && !connected.is_negotiated_h2() {
                return Err(NoHttp2.into());
            }
            let mut extras = http::Extensions::new();
            connected.get_extras(&mut extras);
            let endpoints = extras
                .get::<HttpInfo>()
                .map(|info| Endpoints { local: info.local_addr(), remote: info.remote_addr() });
            let opened_with = endpoints
                .filter(|_| counters == Counters::Wanted)
                .and_then(|ends| tcp_info::lookup(ends.local, ends.remote));
            {
                let mut state = clock.state();
                state.endpoints = endpoints;
                state.opened_with = opened_with;
            }
            clock.enter(Phase::Processing);
            let protocol = match connected.is_negotiated_h2() {
                true => Protocol::Http2,
                false => unless_negotiated,
            };
            let hearer = if connected.is_proxied() { Hearer::Proxy } else { Hearer::Server };
            let opened = Opened { stream: Box::new(connection), protocol, hearer };
            Err(handover.leave(opened).into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_add_up_and_a_cut_off_phase_counts() {
        let clock = Clock::default();
        assert_eq!(clock.phases(), Phases::default());
        let start = Instant::now();
        for (phase, millis) in [
            (Phase::Resolve, 10),
            (Phase::Connect, 20),
            (Phase::Processing, 30),
            (Phase::Connect, 5),
            (Phase::Processing, 7),
        ] {
            clock.enter(phase);
            tokio::time::advance(Duration::from_millis(millis)).await;
        }
        let phases = clock.phases();
        assert_eq!(phases.connect, Some(Duration::from_millis(25)));
        assert_eq!(phases.processing, Some(Duration::from_millis(37)));
        assert_eq!(phases.tls, None);
        let sum: Duration = phases.named().iter().filter_map(|(_, time)| *time).sum();
        assert_eq!(sum, start.elapsed());
        clock.stop();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.phases(), phases);
    }
}

//! The port of one system: listens, refuses, stalls, speaks TLS and hands requests to the pages.
//!
//! A refusing system keeps its port: with a socket that is bound and does not listen, the kernel
//! answers with a reset and gives the number to no outgoing connection. So does one that moves, at the
//! address that it left and before that at the one to which it goes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::faults::{FaultKind, FaultSet};
use crate::lossy_stream::LossyStream;

/// Connections of one system at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 2_048;
/// Length of the kernel's queue of connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// A connection is closed if its handshake or a request head takes longer.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);
/// A connection that was accepted and is never answered is kept this long, beyond any probe's
/// timeout.
const STALL_LASTS: Duration = Duration::from_secs(180);
/// Pause after an accept error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a system that listens on 127.0.0.1 moves to, with the same port.
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A bound port. Connections wait in the kernel until [`SystemPort::serve`] accepts them.
pub struct SystemPort {
    first: PortAddress,
    /// Where the system moves to. Only one on 127.0.0.1 has it: nobody knows which other addresses are
    /// free.
    elsewhere: Option<PortAddress>,
}

struct PortAddress {
    address: SocketAddr,
    socket: PortSocket,
}

enum PortSocket {
    Listening(TcpListener),
    Refusing(TcpSocket),
    /// The port could not be bound again; the next change of faults tries once more.
    Lost,
}

impl SystemPort {
    pub fn bind(address: SocketAddr) -> io::Result<SystemPort> {
        let listener = bound(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let elsewhere = match address.ip() {
            IpAddr::V4(Ipv4Addr::LOCALHOST) => {
                let address = SocketAddr::new(ELSEWHERE.into(), address.port());
                Some(PortAddress { address, socket: PortSocket::Refusing(bound(address)?) })
            }
            _ => None,
        };
        let first = PortAddress { address, socket: PortSocket::Listening(listener) };
        Ok(SystemPort { first, elsewhere })
    }

    /// Its first address, with the real port when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.first.address
    }

    /// Serves until told to stop.
    pub async fn serve(
        mut self,
        tls: TlsAcceptor,
        app: Router,
        mut faults: watch::Receiver<FaultSet>,
        stop: CancellationToken,
    ) {
        let mut connections = JoinSet::new();
        let served = faults.clone();
        loop {
            let set = faults.borrow_and_update().clone();
            let now = Instant::now();
            let refuse = set.active(FaultKind::Refuse, now).is_some();
            if refuse {
                connections.abort_all();
            }
            self.switch(refuse, set.active(FaultKind::Relocated, now).is_some());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = faults.changed() => if changed.is_err() { return },
                () = until(set.next_change(now)) => {}
                Some(_) = connections.join_next() => {}
                stream = self.accept(), if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(connection(stream, tls.clone(), app.clone(), served.clone()));
                }
            }
        }
    }

    /// Without another address it stays where it is.
    fn switch(&mut self, refuse: bool, relocated: bool) {
        let relocated = relocated && self.elsewhere.is_some();
        let sides = [(Some(&mut self.first), relocated), (self.elsewhere.as_mut(), !relocated)];
        for (side, is_left) in sides {
            let Some(side) = side else { continue };
            if let Err(error) = side.switch(refuse || is_left) {
                tracing::warn!(address = %side.address, %error, "lab port lost");
            }
        }
    }

    async fn accept(&self) -> TcpStream {
        let elsewhere = async {
            match &self.elsewhere {
                Some(side) => side.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stream = self.first.accept() => stream,
            stream = elsewhere => stream,
        }
    }
}

impl PortAddress {
    fn switch(&mut self, refuse: bool) -> io::Result<()> {
        self.socket = match (std::mem::replace(&mut self.socket, PortSocket::Lost), refuse) {
            (PortSocket::Listening(listener), true) => {
                drop(listener);
                PortSocket::Refusing(bound(self.address)?)
            }
            (PortSocket::Refusing(socket), false) => PortSocket::Listening(socket.listen(BACKLOG)?),
            (PortSocket::Lost, false) => {
                PortSocket::Listening(bound(self.address)?.listen(BACKLOG)?)
            }
            (PortSocket::Lost, true) => PortSocket::Refusing(bound(self.address)?),
            (kept, _) => kept,
        };
        Ok(())
    }

    async fn accept(&self) -> TcpStream {
        let PortSocket::Listening(listener) = &self.socket else {
            return std::future::pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// One client's connection, from the handshake to its end. Errors are not reported: the client sees
/// them.
async fn connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    app: Router,
    mut faults: watch::Receiver<FaultSet>,
) {
    let _ = stream.set_nodelay(true);
    let answered = faults.wait_for(|set| !set.bites(FaultKind::Stall));
    if tokio::time::timeout(STALL_LASTS, answered).await.is_err() {
        return;
    }
    let Ok(Ok(stream)) = tokio::time::timeout(CLIENT_PATIENCE, tls.accept(stream)).await else {
        return;
    };
    let stream = TokioIo::new(LossyStream::new(stream, faults));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CLIENT_PATIENCE)
        .half_close(false)
        .serve_connection(stream, TowerToHyperService::new(app))
        .await;
}

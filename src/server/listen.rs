//! Accepts connections and serves them, each in a task of its own with limits on everything: how
//! many there are (`connections.rs`), how long a handshake or a request head may take and how large the
//! head may be, and how long a connection may live. A slow or hostile client takes one place, never
//! the loop.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{ClientAddress, ClientConnection, OpenConnections};
use super::tls;
use super::web::{Loaded, Web};
use crate::calendar;
use crate::cli::ListenAddress;

/// Waiting for `accept` in the kernel.
const BACKLOG: i32 = 128;
/// A client across the country needs one second.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Also how long an idle connection is kept. Longer than common scrape intervals would keep
/// places for nobody.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Cookies of other tools on the same host come along.
///
/// Limit: bytes of the head of a request.
/// Share: of each connection.
/// Full: 431.
/// Filled: a_head_of_ten_megabytes_is_refused
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// The longest a connection lives, so that one that reads a byte a minute goes away too.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// For the answer that is being written when a connection's time is up.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// After `accept` failed, usually for want of descriptors: retrying at once would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Binds the listen address. Without a host, IPv6 and IPv4 on one socket where the system can.
pub async fn bind(address: &ListenAddress) -> io::Result<TcpListener> {
    let port = address.port;
    let Some(host) = &address.host else {
        return bind_one((Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| bind_one((Ipv4Addr::UNSPECIFIED, port).into()));
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in tokio::net::lookup_host((host.as_str(), port)).await? {
        match bind_one(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the old connections to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `stop`, then lets the requests that are being answered finish.
pub async fn serve(listener: TcpListener, web: Arc<Web>, router: Router, stop: CancellationToken) {
    let connections = Arc::new(OpenConnections::default());
    let (draining, drain) = watch::channel(());
    let tasks = TaskTracker::new();
    let mut is_dated = true;
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let was_dated = std::mem::replace(&mut is_dated, calendar::has_now());
        if !is_dated {
            if was_dated {
                tracing::error!(
                    "the clock of this machine is before 1970 or beyond 9999: nobody is answered until it is set"
                );
            }
            continue;
        }
        let Some(place) = connections.enter(ClientAddress::of(peer.ip())) else {
            tracing::debug!(%peer, "client refused: every place is taken by requests under way");
            continue;
        };
        let (web, router, drain) = (web.current(), router.clone(), drain.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = connection(stream, &web, router, place.connection(), drain) => {}
                () = place.lost() => tracing::debug!(%peer, "client gave its place to others"),
            }
        });
    }
    drop(listener);
    drop(draining);
    tasks.close();
    tasks.wait().await;
}

async fn connection(
    stream: TcpStream,
    web: &Loaded,
    router: Router,
    client: &Arc<ClientConnection>,
    drain: watch::Receiver<()>,
) {
    // Answers are written whole; waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let Some(config) = &web.tls else {
        return exchange(stream, router, client, drain).await;
    };
    let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => {
            let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            if tls::is_allowed(leaf, &web.allowed_sans) {
                exchange(stream, router, client, drain).await;
            } else {
                tracing::debug!("client refused: its certificate has no allowed name");
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "handshake of a client failed"),
        Err(_) => tracing::debug!("handshake of a client timed out"),
    }
}

async fn exchange<S>(
    stream: S,
    router: Router,
    client: &Arc<ClientConnection>,
    mut drain: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let answering = service_fn(move |mut request: Request<Incoming>| {
        let under_way = client.begin();
        request.extensions_mut().insert(Arc::clone(client));
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), answering);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        result = while_dated(connection.as_mut()) => return ended(result),
        _ = drain.changed() => {}
        () = sleep(CONNECTION_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    match timeout(LAST_ANSWER, while_dated(connection)).await {
        Ok(result) => ended(result),
        Err(_) => tracing::debug!("connection of a client cut off"),
    }
}

/// Serves a connection, and ends it when our clock has no date: hyper writes the date down before it looks at a
/// connection, and panics where there is none.
async fn while_dated(
    mut connection: Pin<&mut impl Future<Output = hyper::Result<()>>>,
) -> hyper::Result<()> {
    poll_fn(|context| match calendar::has_now() {
        true => connection.as_mut().poll(context),
        false => Poll::Ready(Ok(())),
    })
    .await
}

fn ended(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection of a client ended badly");
    }
}

//! Opening a TCP connection: one address after the other, each with its share of the time.
//!
//! Sequential and not raced, because a prober should find out that the first address of a name is
//! dead instead of hiding it; but one dead address must not eat the whole run either.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::outcome::{Failure, Reason};
use crate::probe::Deadline;

/// No connection, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconnected {
    /// Of the address that said most: one that refused tells more than one without a route.
    pub failure: Failure,
    /// That address.
    pub address: Option<IpAddr>,
}

/// Connects to the first address that accepts. Each address gets an equal share of what is left
/// until the deadline, so the last one may use up what the earlier ones did not.
pub async fn connect(
    addresses: &[IpAddr],
    port: u16,
    deadline: &Deadline,
) -> Result<(TcpStream, IpAddr), Unconnected> {
    let mut best: Option<Unconnected> = None;
    for (tried, &ip) in addresses.iter().enumerate() {
        let left = (addresses.len() - tried) as u32;
        let share = Instant::now() + deadline.remaining() / left;
        let address = SocketAddr::new(ip, port);
        let failure = match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A probe writes little and wants it sent at once.
                let _ = stream.set_nodelay(true);
                return Ok((stream, ip));
            }
            Ok(Err(error)) => Failure::new(reason(&error), format!("{address}: {error}")),
            Err(_) => Failure::new(
                Reason::ConnectTimeout,
                format!("{address} did not answer the connection attempt"),
            ),
        };
        let better = best
            .as_ref()
            .is_none_or(|best| informs(failure.reason) >= informs(best.failure.reason));
        if better {
            best = Some(Unconnected { failure, address: Some(ip) });
        }
    }
    Err(best.unwrap_or_else(|| Unconnected {
        failure: Failure::new(Reason::DnsNoAddress, "there is no address to connect to"),
        address: None,
    }))
}

/// How much a failure says of the target: an answer most, a missing route of this machine (no
/// IPv6 here, say) least.
pub(crate) fn informs(reason: Reason) -> u8 {
    match reason {
        Reason::ConnectRefused | Reason::ConnectionReset => 3,
        Reason::ConnectTimeout => 2,
        Reason::ConnectUnreachable => 1,
        _ => 0,
    }
}

/// The cause behind an error of `connect(2)`, `read(2)` or `write(2)` on a TCP socket.
pub fn reason(error: &io::Error) -> Reason {
    use io::ErrorKind::*;
    match error.raw_os_error() {
        // Descriptors, ports or memory of this machine are used up: our fault, not the target's.
        Some(
            libc::EMFILE
            | libc::ENFILE
            | libc::ENOBUFS
            | libc::ENOMEM
            | libc::EADDRNOTAVAIL
            | libc::EAFNOSUPPORT,
        ) => return Reason::Internal,
        // A router or firewall that says "administratively prohibited" arrives as one of these.
        Some(libc::EACCES | libc::EPERM | libc::EHOSTDOWN | libc::ENONET) => {
            return Reason::ConnectUnreachable;
        }
        _ => {}
    }
    match error.kind() {
        ConnectionRefused => Reason::ConnectRefused,
        TimedOut => Reason::ConnectTimeout,
        HostUnreachable | NetworkUnreachable | NetworkDown => Reason::ConnectUnreachable,
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => {
            Reason::ConnectionReset
        }
        _ => Reason::Internal,
    }
}

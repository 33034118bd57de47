//! Opening a TCP connection: one address after the other, each with its share of the time.
//!
//! Sequential and not raced, because a prober should find out that the first address of a name is
//! dead instead of hiding it; but one dead address must not eat the whole run either.

use std::io;
use std::net::{IpAddr, SocketAddr};

use chain::{ByteStream, Peer};
use futures_util::FutureExt;
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
            Ok(Err(error)) => failure(&error, &address.to_string()),
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

/// The server at an address, for a second look at it when its handshake has failed.
pub fn peer(address: SocketAddr, name: &str) -> Peer<'_> {
    let connect = async move {
        let stream = TcpStream::connect(address).await?;
        Ok(Box::new(stream) as Box<dyn ByteStream>)
    };
    Peer { name, connect: connect.boxed() }
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

/// Why there is no connection to `whom`, in words that need no knowledge of system calls.
pub fn failure(error: &io::Error, whom: &str) -> Failure {
    let reason = reason(error);
    let detail = match reason {
        Reason::ConnectRefused => format!("{whom} refused the connection"),
        Reason::ConnectTimeout => format!("{whom} did not answer the connection attempt"),
        Reason::ConnectUnreachable => format!("there is no way to {whom}: {error}"),
        Reason::ConnectionReset => format!("{whom} closed the connection as it was being made"),
        _ => format!("no connection to {whom} could be made: {error}"),
    };
    Failure::new(reason, detail)
}

/// The cause behind an error of `connect(2)`, `read(2)` or `write(2)` on a TCP socket.
pub fn reason(error: &io::Error) -> Reason {
    Reason::of_socket(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(10))
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses = ["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let (_, address) = connect(&addresses, port, &soon()).await.unwrap();
        assert_eq!(address, addresses[1]);
    }

    #[tokio::test]
    async fn a_refusal_tells_more_than_a_missing_route() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let addresses = ["127.0.0.1".parse().unwrap(), "255.255.255.255".parse().unwrap()];
        let unconnected = connect(&addresses, free.port(), &soon()).await.unwrap_err();
        assert_eq!(unconnected.failure.reason, Reason::ConnectRefused);
        assert_eq!(unconnected.address, Some(addresses[0]));
    }

    #[tokio::test]
    async fn no_address_is_no_connection() {
        let unconnected = connect(&[], 443, &soon()).await.unwrap_err();
        assert_eq!(unconnected.failure.reason, Reason::DnsNoAddress);
    }

    #[test]
    fn running_out_of_descriptors_is_our_fault() {
        for code in [libc::EMFILE, libc::ENFILE] {
            assert_eq!(reason(&io::Error::from_raw_os_error(code)), Reason::Internal);
        }
        let unreachable = io::Error::from_raw_os_error(libc::EHOSTUNREACH);
        assert_eq!(reason(&unreachable), Reason::ConnectUnreachable);
        let reset = io::Error::from_raw_os_error(libc::ECONNRESET);
        assert_eq!(reason(&reset), Reason::ConnectionReset);
    }
}

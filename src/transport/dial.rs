//! The one dialer: a name's addresses one after the other, each with its share of the time.
//!
//! Sequential and not raced, because a prober should find out that the first address of a name is
//! dead instead of hiding it; but one dead address must not eat the whole run either. Of several
//! failures the most telling one is kept.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use chain::FetchReach;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::own_address;
use super::resolve::Resolvers;
use crate::config::{DialOptions, IpChoice};
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason};

/// How long the last address of the preferred family may be silent before the other family is
/// asked for: long enough for one lost SYN's first repetition.
const OTHER_FAMILY_AFTER: Duration = Duration::from_millis(1_200);

/// No connection, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconnected {
    /// Of the address that said most: one that refused tells more than one without a route.
    pub failure: Failure,
    pub address: Option<IpAddr>,
}

/// Where the addresses of a dialed name come from.
#[derive(Clone, Copy)]
pub struct Dialer<'a> {
    /// Asked for the other address family when the preferred one does not answer.
    pub resolvers: &'a Resolvers,
    /// Name servers and families.
    pub options: &'a DialOptions,
    /// Whether this machine itself may be connected to.
    pub reach: FetchReach,
}

impl Dialer<'_> {
    /// Connects to the first of a name's addresses that accepts. Each address gets an equal share
    /// of what is left until the deadline, so the last one may use up what the earlier ones did
    /// not. When the preferred family does not answer, the addresses of the other one follow.
    pub async fn connect(
        self,
        host: &str,
        addresses: Vec<IpAddr>,
        port: u16,
        deadline: &Deadline,
    ) -> Result<(TcpStream, SocketAddr), Unconnected> {
        let mut queue = Queue { addresses, tried: 0, other_family: OtherFamily::of(self.options) };
        let mut best: Option<Unconnected> = None;
        while let Some(ip) = queue.next() {
            let address = SocketAddr::new(ip, port);
            let failure = match self.attempt(address, host, &mut queue, deadline).await {
                Ok(stream) => {
                    // A probe writes little and wants it sent at once.
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, address));
                }
                Err(failure) => failure,
            };
            let more = best.as_ref().is_none_or(|best| !says_more(&best.failure, &failure));
            if more {
                best = Some(Unconnected { failure, address: Some(ip) });
            }
            if queue.is_empty() && queue.other_family == OtherFamily::Unasked {
                let more =
                    deadline.within(self.resolvers.other_family(host, self.options).boxed()).await;
                queue.extend(more.unwrap_or_default());
            }
            if deadline.remaining().is_zero() {
                break;
            }
        }
        Err(best.unwrap_or_else(|| Unconnected {
            failure: Failure::new(Reason::DnsNoAddress, "there is no address to connect to"),
            address: None,
        }))
    }

    async fn attempt(
        self,
        address: SocketAddr,
        host: &str,
        queue: &mut Queue,
        deadline: &Deadline,
    ) -> Result<TcpStream, Failure> {
        if self.reach == FetchReach::Elsewhere && own_address::is_of_this_machine(address.ip()) {
            return Err(own_address::shunned(address.ip()));
        }
        let silent = || {
            Failure::new(Reason::ConnectTimeout, "the host did not accept the connection in time")
        };
        let made = |made: io::Result<TcpStream>| made.map_err(|error| failure(&error, "the host"));
        let mut connecting = pin!(TcpStream::connect(address));
        if queue.is_empty() && queue.other_family == OtherFamily::Unasked {
            let first = deadline.at().min(Instant::now() + OTHER_FAMILY_AFTER);
            match timeout_at(first, &mut connecting).await {
                Ok(connected) => return made(connected),
                Err(_) if first >= deadline.at() => return Err(silent()),
                Err(_) => {}
            }
            // The connection attempt goes on while the other family is asked for.
            let more = self.resolvers.other_family(host, self.options).boxed();
            match select(&mut connecting, pin!(timeout_at(deadline.at(), more))).await {
                Either::Left((connected, _)) => return made(connected),
                Either::Right((more, _)) => queue.extend(more.unwrap_or_default()),
            }
        }
        match timeout_at(queue.share(deadline), connecting).await {
            Ok(connected) => made(connected),
            Err(_) => Err(silent()),
        }
    }
}

/// Connects to one address only, from one of ours where that is asked for. The caller minds the time.
pub async fn connect_from(source: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(to).await?;
    // A probe writes little and wants it sent at once.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// The addresses of one dial.
struct Queue {
    addresses: Vec<IpAddr>,
    tried: usize,
    other_family: OtherFamily,
}

/// The address family that was left out at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherFamily {
    Unasked,
    Asked,
}

impl OtherFamily {
    fn of(options: &DialOptions) -> OtherFamily {
        match options.ip {
            IpChoice::PreferV4 | IpChoice::PreferV6 => OtherFamily::Unasked,
            IpChoice::OnlyV4 | IpChoice::OnlyV6 | IpChoice::Both => OtherFamily::Asked,
        }
    }
}

impl Queue {
    fn next(&mut self) -> Option<IpAddr> {
        let next = self.addresses.get(self.tried).copied();
        self.tried += 1;
        next
    }

    fn is_empty(&self) -> bool {
        self.tried >= self.addresses.len()
    }

    fn extend(&mut self, more: Vec<IpAddr>) {
        self.other_family = OtherFamily::Asked;
        let new = more.into_iter().filter(|ip| !self.addresses.contains(ip)).collect::<Vec<_>>();
        self.addresses.extend(new);
    }

    /// Until when the present address may take: its equal share of what is left.
    fn share(&self, deadline: &Deadline) -> Instant {
        let left = (self.addresses.len() + 1).saturating_sub(self.tried) as u32;
        Instant::now() + deadline.remaining() / left.max(1)
    }
}

/// Whether a failure to connect says more about the target than another one.
pub(super) fn says_more(failure: &Failure, than: &Failure) -> bool {
    informs(failure.reason) > informs(than.reason)
}

/// How much a failure says of the target: an answer most, a missing route of this machine (no
/// IPv6 here, say) least.
fn informs(reason: Reason) -> u8 {
    match reason {
        Reason::ConnectRefused | Reason::ConnectionReset => 3,
        Reason::ConnectTimeout => 2,
        Reason::ConnectUnreachable => 1,
        _ => 0,
    }
}

/// Why there is no connection to `whom`, in words that need no knowledge of system calls.
fn failure(error: &io::Error, whom: &str) -> Failure {
    let reason = Reason::of_socket(error);
    let detail = match reason {
        Reason::ConnectRefused => format!("{whom} refused the connection"),
        Reason::ConnectTimeout => format!("{whom} did not accept the connection in time"),
        Reason::ConnectUnreachable => format!("there is no way to {whom}: {error}"),
        Reason::ConnectionReset => format!("{whom} closed the connection as it was being made"),
        _ => format!("no connection to {whom} could be made: {error}"),
    };
    Failure::new(reason, detail)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn connect(
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<(TcpStream, SocketAddr), Unconnected> {
        let (resolvers, options) = (Resolvers::new(), DialOptions::default());
        let dialer =
            Dialer { resolvers: &resolvers, options: &options, reach: FetchReach::Anywhere };
        let deadline = Deadline::after(Duration::from_secs(10));
        // An address literal has no other family to ask for.
        dialer.connect("127.0.0.1", addresses.to_vec(), port, &deadline).await
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses = ["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let (_, address) = connect(&addresses, port).await.unwrap();
        assert_eq!(address.ip(), addresses[1]);
    }

    #[tokio::test]
    async fn a_refusal_tells_more_than_a_missing_route() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let addresses = ["127.0.0.1".parse().unwrap(), "255.255.255.255".parse().unwrap()];
        let unconnected = connect(&addresses, free.port()).await.unwrap_err();
        assert_eq!(unconnected.failure.reason, Reason::ConnectRefused);
        assert_eq!(unconnected.address, Some(addresses[0]));
    }

    #[tokio::test]
    async fn no_address_is_no_connection() {
        let unconnected = connect(&[], 443).await.unwrap_err();
        assert_eq!(unconnected.failure.reason, Reason::DnsNoAddress);
    }
}

//! The connections of clients, which of them have a place, and which one goes when there is none left.
//!
//! A connection that has not sent a whole request costs its client nothing, so it has no right to its
//! place: when one is needed, the oldest such connection goes, first of the address that has most. Where all
//! of them wait for answers, the newest of the address that has most goes for one that has fewer: for
//! how long an answer of `/probe` is waited for, its client decides.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Prometheus servers, dashboards and people: dozens. Each costs tens of kilobytes.
///
/// Limit: connections.
/// Share: of all.
/// Full: the oldest without a whole request goes, of the address that has most, or else its newest.
/// Filled: slow_sockets_give_way_to_a_scrape
const CONNECTIONS_MAX: usize = 256;
/// Half, so that no two gateways fill it; one with many people behind it stays far below.
///
/// Limit: connections.
/// Share: of each address (IPv6: of each /64).
/// Full: its oldest without a whole request goes.
/// Filled: an_address_fills_its_own_share_alone
const ADDRESS_MAX: usize = 128;
/// For health checks and whoever looks after this machine.
///
/// Limit: connections that only the machine itself may have.
/// Share: of loopback addresses.
/// Full: those of all are used.
/// Filled: the_machine_itself_always_finds_a_place
const LOOPBACK_KEPT_MAX: usize = 16;

/// What counts as one client: an address, of IPv6 the network of one customer (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    pub(super) fn of(address: IpAddr) -> ClientAddress {
        match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                ClientAddress(Ipv6Addr::from_bits(network).into())
            }
            address => ClientAddress(address),
        }
    }
}

/// All that are open.
#[derive(Default)]
pub(super) struct OpenConnections {
    /// In the order of arrival.
    open: Mutex<Vec<Arc<ClientConnection>>>,
}

/// One of them, as handlers see it who asked.
pub(super) struct ClientConnection {
    from: ClientAddress,
    opened: Instant,
    work: Mutex<ConnectionWork>,
    gone: CancellationToken,
}

/// Whether anything is done for it.
struct ConnectionWork {
    requests: usize,
    /// Since when there is none.
    idle_since: Instant,
}

/// A connection's place, until it is dropped.
pub(super) struct ConnectionPlace {
    connections: Arc<OpenConnections>,
    connection: Arc<ClientConnection>,
}

/// A request that is being answered; its connection keeps its place for so long.
pub(super) struct RequestUnderWay(Arc<ClientConnection>);

impl OpenConnections {
    /// A place for one more, or none when all that there are have work to do and nobody has more of them.
    pub(super) fn enter(self: &Arc<Self>, from: ClientAddress) -> Option<ConnectionPlace> {
        let mut open = self.open.lock();
        if let Some(crowd) = crowd(&open, from) {
            let leaving = leaving(&open, crowd, from)?;
            open.remove(leaving).gone.cancel();
        }
        let opened = Instant::now();
        let work = Mutex::new(ConnectionWork { requests: 0, idle_since: opened });
        let gone = CancellationToken::new();
        let connection = Arc::new(ClientConnection { from, opened, work, gone });
        open.push(Arc::clone(&connection));
        drop(open);
        Some(ConnectionPlace { connections: Arc::clone(self), connection })
    }
}

/// Those who may have to make a place.
#[derive(Clone, Copy)]
enum Crowd {
    One(ClientAddress),
    Strangers,
    All,
}

impl Crowd {
    fn has(self, connection: &ClientConnection) -> bool {
        match self {
            Crowd::One(address) => connection.from == address,
            Crowd::Strangers => !connection.from.0.is_loopback(),
            Crowd::All => true,
        }
    }
}

/// Who is too many, when another connection comes from here.
fn crowd(open: &[Arc<ClientConnection>], from: ClientAddress) -> Option<Crowd> {
    let count = |crowd: Crowd| open.iter().filter(|connection| crowd.has(connection)).count();
    if count(Crowd::One(from)) >= ADDRESS_MAX {
        return Some(Crowd::One(from));
    }
    let of_strangers = CONNECTIONS_MAX - LOOPBACK_KEPT_MAX;
    if !from.0.is_loopback() && count(Crowd::Strangers) >= of_strangers {
        return Some(Crowd::Strangers);
    }
    (open.len() >= CONNECTIONS_MAX).then_some(Crowd::All)
}

/// Which of them goes: of the address that has most of them, the one that is idle for longest, or else the one
/// that came last.
fn leaving(open: &[Arc<ClientConnection>], crowd: Crowd, newcomer: ClientAddress) -> Option<usize> {
    let mut counts: HashMap<ClientAddress, usize> = HashMap::new();
    open.iter().for_each(|connection| *counts.entry(connection.from).or_default() += 1);
    let crowd = || open.iter().enumerate().filter(move |(_, connection)| crowd.has(connection));
    let idle = crowd().filter_map(|(position, connection)| {
        Some((std::cmp::Reverse(counts[&connection.from]), connection.idle_since()?, position))
    });
    if let Some((_, _, position)) = idle.min() {
        return Some(position);
    }
    let busy = crowd().map(|(position, connection)| (counts[&connection.from], position));
    let (most, newest) = busy.max()?;
    let own = counts.get(&newcomer).copied().unwrap_or_default();
    (most > own + 1).then_some(newest)
}

impl ClientConnection {
    pub(super) fn from(&self) -> ClientAddress {
        self.from
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn begin(self: &Arc<Self>) -> RequestUnderWay {
        self.work.lock().requests += 1;
        RequestUnderWay(Arc::clone(self))
    }

    pub(super) fn break_off(&self) {
        self.gone.cancel();
    }

    fn idle_since(&self) -> Option<Instant> {
        let work = self.work.lock();
        (work.requests == 0).then_some(work.idle_since)
    }
}

impl ConnectionPlace {
    pub(super) fn connection(&self) -> &Arc<ClientConnection> {
        &self.connection
    }

    /// Ends when the place was given to somebody else.
    pub(super) async fn lost(&self) {
        self.connection.gone.cancelled().await;
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.open.lock().retain(|other| !Arc::ptr_eq(other, &self.connection));
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let mut work = self.0.work.lock();
        work.requests -= 1;
        work.idle_since = Instant::now();
    }
}

#[cfg(test)]
impl ClientConnection {
    /// One that is nowhere counted.
    pub(super) fn alone(from: ClientAddress) -> Arc<ClientConnection> {
        let place = Arc::new(OpenConnections::default()).enter(from).expect("a place");
        Arc::clone(place.connection())
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.gone.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> ClientAddress {
        ClientAddress::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    fn loopback() -> ClientAddress {
        ClientAddress::of(Ipv6Addr::LOCALHOST.into())
    }

    fn enter(
        connections: &Arc<OpenConnections>,
        from: ClientAddress,
        many: usize,
    ) -> Vec<ConnectionPlace> {
        (0..many).map(|_| connections.enter(from).expect("a place")).collect()
    }

    fn lost(connections: &[ConnectionPlace]) -> Vec<usize> {
        let lost =
            connections.iter().enumerate().filter(|(_, open)| open.connection.gone.is_cancelled());
        lost.map(|(position, _)| position).collect()
    }

    #[test]
    fn the_oldest_without_a_request_goes_of_the_address_with_most() {
        let connections = Arc::new(OpenConnections::default());
        let few = enter(&connections, client(1), 1);
        let many = enter(&connections, client(2), ADDRESS_MAX);
        let rest = enter(&connections, client(3), 240 - 1 - ADDRESS_MAX);
        let busy = many[0].connection().begin();
        let newcomer = enter(&connections, client(4), 1);
        assert_eq!((lost(&few), lost(&many), lost(&rest)), (vec![], vec![1_usize], vec![]));
        drop(busy);
        drop((few, many, rest, newcomer));
        assert_eq!(connections.open.lock().len(), 0);
    }

    #[test]
    fn an_address_fills_its_own_share_alone() {
        let connections = Arc::new(OpenConnections::default());
        let other = enter(&connections, client(1), 1);
        let own = enter(&connections, client(2), ADDRESS_MAX + 3);
        assert_eq!((lost(&other), lost(&own)), (vec![], vec![0, 1, 2]));
        let busy: Vec<_> = own.iter().map(|open| open.connection().begin()).collect();
        assert!(connections.enter(client(2)).is_none(), "all of its own are at work");
        assert!(connections.enter(client(3)).is_some());
        drop(busy);
    }

    #[test]
    fn the_machine_itself_always_finds_a_place() {
        let connections = Arc::new(OpenConnections::default());
        let own = enter(&connections, loopback(), 1);
        let strangers: Vec<_> =
            (0..300).map(|number| connections.enter(client(number)).unwrap()).collect();
        assert!(lost(&own).is_empty(), "strangers take nothing from it");
        assert_eq!(lost(&strangers).len(), 300 - (CONNECTIONS_MAX - LOOPBACK_KEPT_MAX));
        let busy: Vec<_> = strangers.iter().map(|open| open.connection().begin()).collect();
        assert!(connections.enter(client(999)).is_none());
        let own = enter(&connections, loopback(), LOOPBACK_KEPT_MAX - 1);
        assert!(lost(&own).is_empty());
        drop(busy);
    }

    #[test]
    fn addresses_that_wait_for_many_answers_give_way_to_one_that_waits_for_none() {
        let connections = Arc::new(OpenConnections::default());
        let many: Vec<_> = [1, 2]
            .into_iter()
            .flat_map(|number| enter(&connections, client(number), 120))
            .collect();
        let busy: Vec<_> = many.iter().map(|open| open.connection().begin()).collect();
        assert!(connections.enter(client(1)).is_none(), "it has half of all");
        let newcomer = enter(&connections, client(3), 1);
        assert_eq!((lost(&many), lost(&newcomer)), (vec![239], vec![]));
        drop(busy);
    }

    #[test]
    fn one_customers_network_is_one_client() {
        let of = |text: &str| ClientAddress::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::4"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert!(of("::ffff:127.0.0.1").0.is_loopback() && of("::1").0.is_loopback());
    }
}

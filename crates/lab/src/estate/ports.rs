//! Binding the documented ports, or the next free ones.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::EstateError;
use super::options::PortChoice;

/// How many ports after a taken one are tried.
const PORTS_TRIED: u16 = 200;

pub(super) struct PortFinder {
    pub(super) listen: IpAddr,
    pub(super) ports: PortChoice,
}

impl PortFinder {
    /// Binds the preferred port or the next free one.
    pub(super) fn find<T>(
        &self,
        preferred: u16,
        bind: impl Fn(SocketAddr) -> io::Result<T>,
    ) -> Result<T, EstateError> {
        if self.ports == PortChoice::Any {
            return bind((self.listen, 0).into()).map_err(EstateError::bind(0));
        }
        let mut port = preferred;
        loop {
            match bind((self.listen, port).into()) {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && port - preferred < PORTS_TRIED =>
                {
                    port += 1;
                }
                bound => return bound.map_err(EstateError::bind(port)),
            }
        }
    }
}

/// Where a socket can be reached from this machine.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

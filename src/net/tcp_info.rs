//! The kernel's view of a connection: round-trip time, retransmits, segment size.
//!
//! In 2023 a router lost nine of ten full-size packets while small ones passed. Such a run may
//! still succeed; the retransmits of its connection tell.
//!
//! A connection of ours is asked by `getsockopt(TCP_INFO)`; one that an HTTP client keeps to
//! itself is looked up by its addresses through `sock_diag(7)`, which needs no privilege for the
//! own network namespace. The only file with `unsafe` code.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::outcome::TcpFacts;

/// Bytes asked for. Linux 6.x fills 250; older kernels fill less and say how much.
const TCP_INFO_BYTES: usize = 256;

/// Offsets in `struct tcp_info` (include/uapi/linux/tcp.h), which only ever grows at its end.
mod offset {
    /// `tcpi_snd_mss`
    pub(super) const SND_MSS: usize = 16;
    /// `tcpi_rtt`, microseconds
    pub(super) const RTT: usize = 68;
    /// `tcpi_total_retrans`
    pub(super) const TOTAL_RETRANS: usize = 100;
    /// `tcpi_rcv_ooopack`, since Linux 5.4
    pub(super) const RCV_OOOPACK: usize = 224;
}

/// Asks about a TCP socket of ours. `None` when the kernel does not say.
pub fn of(socket: &impl AsFd) -> Option<TcpFacts> {
    let mut info = [0u8; TCP_INFO_BYTES];
    let mut length = TCP_INFO_BYTES as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the kernel writes at
    // most `length` bytes into `info`, which has exactly that many, and updates `length`.
    #[allow(unsafe_code)]
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return None;
    }
    parse(info.get(..length as usize)?)
}

/// Asks about the TCP connection between two addresses in this network namespace. `None` when
/// there is none, or the kernel does not say.
pub fn lookup(local: SocketAddr, remote: SocketAddr) -> Option<TcpFacts> {
    ask(local, remote).ok().flatten()
}

fn parse(info: &[u8]) -> Option<TcpFacts> {
    let u32_at = |at: usize| {
        let bytes = info.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    Some(TcpFacts {
        rtt: Duration::from_micros(u64::from(u32_at(offset::RTT)?)),
        retransmits: u32_at(offset::TOTAL_RETRANS)?,
        rcv_out_of_order: u32_at(offset::RCV_OOOPACK).unwrap_or(0),
        snd_mss: u32_at(offset::SND_MSS)?,
    })
}

/// `nlmsghdr`
const HEADER_BYTES: usize = 16;
/// `inet_diag_req_v2`
const REQUEST_BYTES: usize = 56;
/// `inet_diag_msg`
const ANSWER_BYTES: usize = 72;
/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
/// `INET_DIAG_INFO`
const DIAG_INFO: u16 = 2;
/// How long the kernel may take; it answers within the call.
const PATIENCE: Duration = Duration::from_millis(100);

fn ask(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<TcpFacts>> {
    let protocol = Protocol::from(libc::NETLINK_SOCK_DIAG);
    let mut socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM, Some(protocol))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(&request(local, remote))?;
    // One answer with every attribute of one socket is below 1 KiB.
    let mut answer = [0u8; 4096];
    let length = socket.read(&mut answer)?;
    Ok(info_of(&answer[..length]).and_then(parse))
}

/// An exact question: no dump flag, so the kernel looks up one socket in its hash table.
fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut message = Vec::with_capacity(HEADER_BYTES + REQUEST_BYTES);
    // nlmsghdr: length, type, flags (NLM_F_REQUEST), sequence, port.
    message.extend(((HEADER_BYTES + REQUEST_BYTES) as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    message.extend([0; 8]);
    // inet_diag_req_v2: family, protocol, extensions wanted, padding, states (any).
    message.extend([family as u8, libc::IPPROTO_TCP as u8, 1 << (DIAG_INFO - 1), 0]);
    message.extend(u32::MAX.to_ne_bytes());
    // inet_diag_sockid: ports and addresses in network order, interface (any), cookie (none).
    message.extend(local.port().to_be_bytes());
    message.extend(remote.port().to_be_bytes());
    message.extend(octets(local.ip()));
    message.extend(octets(remote.ip()));
    message.extend([0; 4]);
    message.extend([0xff; 8]);
    message
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut octets = Ipv6Addr::UNSPECIFIED.octets();
            octets[..4].copy_from_slice(&ip.octets());
            octets
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The `INET_DIAG_INFO` attribute of an answer.
fn info_of(answer: &[u8]) -> Option<&[u8]> {
    let u16_at = |at: usize| {
        Some(u16::from_ne_bytes(answer.get(at..at + mem::size_of::<u16>())?.try_into().ok()?))
    };
    if u16_at(4)? != BY_FAMILY {
        return None;
    }
    let mut at = HEADER_BYTES + ANSWER_BYTES;
    loop {
        let (length, kind) = (usize::from(u16_at(at)?), u16_at(at + 2)?);
        if length < 4 {
            return None;
        }
        if kind == DIAG_INFO {
            return answer.get(at + 4..at + length);
        }
        at += length.next_multiple_of(4);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn connected(address: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_socket_of_ours_tells_its_segment_size_and_round_trip_time() {
        let (client, _server) = connected("127.0.0.1:0");
        let facts = of(&client).unwrap();
        assert!(facts.snd_mss > 1_000, "{facts:?}");
        assert!(facts.rtt > Duration::ZERO, "{facts:?}");
        assert_eq!(facts.retransmits, 0);
    }

    #[test]
    fn a_connection_is_found_by_its_addresses_in_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (client, _server) = connected(address);
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let found = lookup(local, remote).unwrap();
            assert_eq!(found.snd_mss, of(&client).unwrap().snd_mss);
            drop(client);
        }
    }

    #[test]
    fn an_unknown_connection_and_a_socket_without_tcp_have_no_facts() {
        let nowhere = "127.0.0.1:1".parse().unwrap();
        assert_eq!(lookup(nowhere, "127.0.0.1:2".parse().unwrap()), None);
        assert_eq!(of(&std::net::UdpSocket::bind("127.0.0.1:0").unwrap()), None);
    }

    #[test]
    fn an_older_kernels_shorter_answer_is_enough() {
        let mut info = [0u8; 104];
        info[68..72].copy_from_slice(&1_500u32.to_ne_bytes());
        info[100..104].copy_from_slice(&3u32.to_ne_bytes());
        let facts = parse(&info).unwrap();
        assert_eq!((facts.rtt, facts.retransmits), (Duration::from_micros(1_500), 3));
        assert_eq!(parse(&info[..90]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_parser_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = info_of(&bytes).and_then(parse);
        }
    }
}

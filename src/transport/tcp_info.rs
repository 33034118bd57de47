//! The kernel's view of a connection: round-trip time, retransmits, segment size.
//!
//! In 2023 a router lost nine of ten full-size packets while small ones passed. Such a run may
//! still succeed; the retransmits of its connection tell.
//!
//! The only file with `unsafe` code.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::outcome::TcpFacts;

/// A second handle of a socket, to ask for its counters while a protocol owns the stream. The
/// connection stays open until both are dropped.
#[derive(Debug)]
pub struct Counters(OwnedFd);

impl Counters {
    /// `None` when no descriptor is left.
    pub fn of(stream: &TcpStream) -> Option<Counters> {
        stream.as_fd().try_clone_to_owned().ok().map(Counters)
    }

    /// `None` when the kernel does not say.
    pub fn read(&self) -> Option<TcpFacts> {
        of(&self.0)
    }
}

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

/// `None` when the kernel does not say.
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
    fn a_socket_without_tcp_has_no_facts() {
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
        fn no_answer_makes_the_parser_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
            let _ = parse(&bytes);
        }
    }
}

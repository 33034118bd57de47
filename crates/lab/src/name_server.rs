//! The name server of the lab: it knows the names that are under [`DOMAIN`], and where each leads now.
//!
//! Names below `localhost`, by which people reach the systems, lead to this machine by definition (RFC
//! 6761 section 6.3), so they cannot lead elsewhere.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::faults::{FaultKind, FaultSet};
use crate::port::ELSEWHERE;

/// Reserved for tests: no other name server knows it (RFC 6761 section 6.2).
const DOMAIN: &str = "test";
/// How long an answer is good for, in seconds: a name that moves is seen to move.
const TTL_SECONDS: u32 = 1;
/// Longest message over UDP without extensions (RFC 1035 section 4.2.1).
const MESSAGE_BYTES: usize = 512;

/// The name of a system by which it can move: `document-exchange.test`.
pub fn movable_name(system: &str) -> String {
    format!("{system}.{DOMAIN}")
}

/// The names that a name server knows, each with what says whether its system has moved.
pub type MovableNames = BTreeMap<String, watch::Receiver<FaultSet>>;

/// A bound name server. It answers once it is served.
pub struct NameServer {
    socket: UdpSocket,
    address: SocketAddr,
}

impl NameServer {
    pub async fn bind() -> io::Result<NameServer> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        Ok(NameServer { socket, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers one question after the other until told to stop. What is no question gets no answer.
    pub async fn serve(self, names: MovableNames, stop: CancellationToken) {
        let mut buffer = [0; MESSAGE_BYTES];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            let Ok((length, client)) = received else { continue };
            let answer = answer(buffer.get(..length).unwrap_or_default(), &names);
            if let Some(answer) = answer {
                let _ = self.socket.send_to(&answer, client).await;
            }
        }
    }
}

/// The answer to a question by the wire format of RFC 1035, section 4. Of several questions, which nobody sends,
/// none is answered.
fn answer(question: &[u8], names: &MovableNames) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 12;
    const RESPONSE_AUTHORITATIVE: u8 = 0x84;
    const RECURSION_DESIRED: u8 = 0x01;
    const NAME_ERROR: u8 = 3;
    const A_IN: [u8; 4] = [0, 1, 0, 1];
    /// A pointer to the name of the question.
    const SAME_NAME: [u8; 2] = [0xc0, HEADER_BYTES as u8];
    let (header, rest) = question.split_at_checked(HEADER_BYTES)?;
    if header[4..6] != [0, 1] || header[2] & 0x80 != 0 {
        return None;
    }
    let mut labels = Vec::new();
    let mut after = rest;
    loop {
        let (length, next) = after.split_first()?;
        let (label, next) = next.split_at_checked((*length).into())?;
        after = next;
        if label.is_empty() {
            break;
        }
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
    }
    let asked = after.get(..4)?;
    let found = names.get(&labels.join("."));
    let address = found.filter(|_| asked == A_IN).map(|faults| {
        if faults.borrow().bites(FaultKind::Relocated) { ELSEWHERE } else { Ipv4Addr::LOCALHOST }
    });
    let code = if found.is_some() { 0 } else { NAME_ERROR };
    let mut answer = header[..2].to_vec();
    answer.extend([RESPONSE_AUTHORITATIVE | header[2] & RECURSION_DESIRED, code]);
    // One question, at most one answer, nothing else. To other types of a name there is no answer, which is no error
    // (RFC 2308 section 2.2).
    answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(&rest[..rest.len() - after.len() + asked.len()]);
    if let Some(address) = address {
        answer.extend(SAME_NAME);
        answer.extend(A_IN);
        answer.extend(TTL_SECONDS.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

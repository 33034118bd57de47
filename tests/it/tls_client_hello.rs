//! What clients offer in their first message, as a server reads it.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::tls::Look;
use crate::support::visit::Visit;

/// X25519MLKEM768.
const POST_QUANTUM: u16 = 0x11ec;
const X25519: u16 = 0x001d;

/// Takes one connection, reads its ClientHello and hangs up.
async fn hello_to(listener: TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).await.unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut record).await.unwrap();
    record
}

/// Takes bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

fn number(bytes: &mut &[u8], octets: usize) -> usize {
    take(bytes, octets).iter().fold(0, |sum, &octet| (sum << 8) | usize::from(octet))
}

/// The content of `supported_groups` (RFC 8446 section 4.2.7).
fn supported_groups(hello: &[u8]) -> Vec<u16> {
    const SUPPORTED_GROUPS: usize = 10;
    // Type, length, version and random.
    let mut rest = &hello[4 + 2 + 32..];
    for octets in [1, 2, 1] {
        let length = number(&mut rest, octets);
        take(&mut rest, length);
    }
    let length = number(&mut rest, 2);
    let mut extensions = take(&mut rest, length);
    while !extensions.is_empty() {
        let kind = number(&mut extensions, 2);
        let length = number(&mut extensions, 2);
        let content = take(&mut extensions, length);
        if kind == SUPPORTED_GROUPS {
            let groups = content[2..].chunks_exact(2);
            return groups.map(|group| u16::from_be_bytes([group[0], group[1]])).collect();
        }
    }
    panic!("no supported_groups in {hello:02x?}");
}

async fn groups_of_tls(change: impl FnOnce(Look) -> Look) -> Vec<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let look = change(Look::at(listener.local_addr().unwrap().port()));
    let (hello, _) = tokio::join!(hello_to(listener), look.run());
    supported_groups(&hello)
}

async fn groups_of_http(post_quantum: bool) -> Vec<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let visit = Visit::to(url).with(|options| options.tls.post_quantum = post_quantum);
    let (hello, _) = tokio::join!(hello_to(listener), visit.run());
    supported_groups(&hello)
}

#[tokio::test]
async fn post_quantum_groups_are_offered_only_where_the_file_asks_for_them() {
    for groups in [groups_of_tls(|look| look).await, groups_of_http(false).await] {
        assert!(!groups.contains(&POST_QUANTUM), "{groups:04x?}");
        assert_eq!(groups.first(), Some(&X25519));
    }
    for groups in [groups_of_tls(Look::post_quantum).await, groups_of_http(true).await] {
        assert_eq!(groups[..2], [POST_QUANTUM, X25519], "{groups:04x?}");
    }
}

//! Handshakes that do not end as they should, and connections that never begin.

use std::time::Duration;

use bongsu::outcome::{Reason, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::SHORT;
use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::tls::{Look, reason};

/// A server that does this with each connection.
async fn server<F>(act: fn(TcpStream) -> F) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream));
        }
    });
    port
}

async fn hello(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    let _ = stream.read(&mut bytes).await;
}

#[tokio::test]
async fn a_server_that_never_answers_the_hello() {
    let port = server(|mut stream| async move {
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {}
    })
    .await;

    let outcome = Look::at(port).within(SHORT).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsTimeout));
    assert!(outcome.facts.tcp.is_some(), "the kernel's counters of a stalled handshake are kept");
    let phases = outcome.facts.phases;
    assert!(phases.tls.unwrap() > SHORT * 8 / 10, "{phases:?}");
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_of_a_message() {
    let port = server(|mut stream| async move {
        hello(&mut stream).await;
        let _ = stream.write_all(&[22, 3, 3, 0x10, 0, 2, 0, 0x0f, 0xfc]).await;
        std::future::pending().await
    })
    .await;

    let outcome = Look::at(port).within(SHORT).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsTimeout));
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    let port = server(|mut stream| async move { hello(&mut stream).await }).await;
    let closed = Look::at(port).run().await;
    assert_eq!(reason(&closed), Some(Reason::ConnectionReset));

    let port = server(|mut stream| async move {
        hello(&mut stream).await;
        let _ = stream.shutdown().await;
        std::future::pending().await
    })
    .await;
    let half_closed = Look::at(port).run().await;
    assert_eq!(reason(&half_closed), Some(Reason::ConnectionReset));

    let port = server(|mut stream| async move {
        hello(&mut stream).await;
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    })
    .await;
    let reset = Look::at(port).run().await;
    assert_eq!(reason(&reset), Some(Reason::ConnectionReset));
}

#[tokio::test]
async fn a_server_that_speaks_something_else() {
    let port = server(|mut stream| async move {
        hello(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending().await
    })
    .await;

    let outcome = Look::at(port).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsHandshake));
    let detail = outcome.result.unwrap_err().detail;
    assert!(detail.starts_with("the server's answer is not TLS"), "{detail}");
}

#[tokio::test]
async fn a_server_that_sends_ten_megabytes_of_handshake() {
    let port = server(|mut stream| async move {
        hello(&mut stream).await;
        // A ServerHello of 10 MB in records of 16 KiB.
        let mut record = vec![22, 3, 3, 0x40, 0];
        record.extend([0x2a; 0x4000]);
        record[5..9].copy_from_slice(&[2, 0x98, 0x96, 0x80]);
        for _ in 0..640 {
            if stream.write_all(&record).await.is_err() {
                return;
            }
            record[5..9].copy_from_slice(&[0x2a; 4]);
        }
        std::future::pending().await
    })
    .await;

    let outcome = Look::at(port).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsHandshake), "{:?}", outcome.result);
}

#[tokio::test]
async fn a_server_that_refuses_the_name() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let names = ["-servername", "known.test", "-servername_fatal", "-cert2", cert, "-key2", key];
    let server = Server::start(&[&["-cert", cert, "-key", key][..], &names].concat());

    let outcome = Look::at(server.port()).run().await;

    assert_eq!(reason(&outcome), Some(Reason::TlsHandshake));
    let detail = outcome.result.unwrap_err().detail;
    assert_eq!(detail, "the server ended the handshake with alert unrecognised_name");
}

#[tokio::test]
async fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let outcome = Look::at(free.port()).run().await;

    assert_eq!(reason(&outcome), Some(Reason::ConnectRefused));
    assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
    assert!(outcome.facts.phases.connect.is_some());
    assert_eq!(outcome.facts.phases.tls, None);
    assert!(outcome.facts.tls.is_none());
}

#[tokio::test]
async fn nobody_accepts() {
    // A full backlog drops further SYNs, as a black hole does.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await
    {
        filling.push(stream);
    }

    let outcome = Look::at(address.port()).within(SHORT).run().await;

    assert_eq!(reason(&outcome), Some(Reason::ConnectTimeout));
}

#[tokio::test]
async fn a_network_without_a_route() {
    // TEST-NET-1 has no host; 240.0.0.0/4 has no route at all (RFC 1112 section 4).
    let outcome = Look::at(443).host("255.255.255.255").run().await;

    assert_eq!(reason(&outcome), Some(Reason::ConnectUnreachable), "{:?}", outcome.result);
}

#[tokio::test]
async fn limits_of_time_fail_or_warn() {
    let files = Files::new();
    let root = Authority::root("Test Root");
    let leaf = root.issue(Leaf::named("probe.test"));
    let (cert, key) = (files.write(&leaf.pem), files.write(&leaf.key_pem));
    let server = Server::start(&["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()]);
    let look = || Look::at(server.port()).trusting(files.write(&root.cert.pem));
    let nothing = Duration::from_nanos(1);

    let failed = look().expecting_less_than(nothing).run().await;
    assert_eq!(reason(&failed), Some(Reason::TooSlow));
    assert!(failed.facts.tls.is_some());
    let warned = look().warning_from(nothing).run().await;
    assert_eq!(warned.verdict(), Verdict::Degraded);
    assert_eq!(warned.facts.warnings[0].reason, Reason::TooSlow);
    let generous = Duration::from_secs(19);
    let fine = look().expecting_less_than(generous).warning_from(generous).run().await;
    assert_eq!(fine.verdict(), Verdict::Up, "{:?}", fine.result);
}

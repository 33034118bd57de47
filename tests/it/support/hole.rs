//! Addresses that do not answer.
//!
//! A Linux listener whose queue of connections is full drops further SYNs: a black hole without a
//! firewall, without privileges, and only for its own port.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A port that drops connection attempts as long as this lives.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    pub(crate) fn new() -> BlackHole {
        BlackHole::at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn at(address: SocketAddr) -> BlackHole {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        if address.is_ipv6() {
            listener.set_only_v6(true).unwrap();
        }
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        // The queue holds one more than its length; a SYN that gets no answer shows that it is full.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
            queued.push(stream);
            assert!(queued.len() < 16, "the listener's queue does not fill up");
        }
        BlackHole { address, _listener: listener, _queued: queued }
    }
}

/// A site on a chosen address.
pub(crate) async fn site_on(address: &str, response: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(response.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

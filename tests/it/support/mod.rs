//! What several tests need.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod estate;
pub(crate) mod hole;
pub(crate) mod http;
pub(crate) mod nginx;
pub(crate) mod openssl;
pub(crate) mod output;
pub(crate) mod pki;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod results;
pub(crate) mod scripted;
pub(crate) mod secure;
pub(crate) mod slapd;
pub(crate) mod tls;
pub(crate) mod visit;
pub(crate) mod written;

use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

/// Time for a run that is to run out of it, but not before the phase that hangs.
pub(crate) const SHORT: Duration = Duration::from_secs(3);

/// How long another's server may take to listen on a loaded machine.
const START_TIME: Duration = Duration::from_secs(30);

/// Returns when a server listens on a loopback port. It may say so nowhere, so it is asked again and
/// again; one that has ended fails at once, with its log.
pub(crate) fn until_listening(server: &mut Child, port: u16, log: impl Fn() -> String) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.try_wait().unwrap().is_none(), "the server ended: {}", log());
        assert!(start.elapsed() < START_TIME, "the server does not listen: {}", log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

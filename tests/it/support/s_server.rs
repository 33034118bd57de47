//! `openssl s_server` with the certificates of an [`Nginx`]'s directory.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::nginx::Nginx;

/// Ends when dropped.
pub(crate) struct SServer {
    process: Child,
    port: u16,
}

impl SServer {
    pub(crate) fn on(files: &Nginx, arguments: &[&str]) -> SServer {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
            .arg(files.path("server.pem"))
            .arg("-key")
            .arg(files.path("server.key"))
            .arg("-CAfile")
            .arg(files.path("ca.pem"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl must be installed: apt install openssl");
        let server = SServer { process, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.port)
    }
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

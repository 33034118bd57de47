//! The `openssl` command: servers that rustls would not be, certificates that rcgen does not make.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::nginx::Nginx;

/// How long `openssl s_server` may take to listen.
const START_TIME: Duration = Duration::from_secs(20);

/// Runs `openssl` in a directory and gives what it prints.
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let output = command().current_dir(directory).args(arguments).output();
    let output = output.unwrap_or_else(|error| missing(&error));
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running `openssl s_server` on a port of its own. Ends with the test.
pub(crate) struct Server {
    process: Child,
    /// It ends when its input does.
    _input: ChildStdin,
    address: SocketAddr,
}

impl Server {
    /// Starts one with these arguments besides `-accept`.
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let mut process = command()
            .arg("s_server")
            .args(["-accept", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| missing(&error));
        let output = process.stdout.take().unwrap();
        let mut errors = process.stderr.take().unwrap();
        let input = process.stdin.take().unwrap();
        let (found, listening) = mpsc::sync_channel(1);
        // The rest of the output is read away, so that the server never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(address) = line.strip_prefix("ACCEPT ") {
                    let _ = found.try_send(address.trim().parse().unwrap());
                }
            }
        });
        let Ok(address) = listening.recv_timeout(START_TIME) else {
            let _ = process.kill();
            let mut told = String::new();
            let _ = errors.read_to_string(&mut told);
            panic!("openssl s_server {arguments:?} did not start to listen: {told}");
        };
        // What it says of refused handshakes is what the tests provoke.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Server { process, _input: input, address }
    }

    /// Starts one with the certificates of an nginx's directory.
    pub(crate) fn beside(nginx: &Nginx, arguments: &[&str]) -> Server {
        let path = |name| nginx.path(name).to_str().unwrap().to_owned();
        let (cert, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
        Server::start(&[&["-cert", &cert, "-key", &key, "-CAfile", &ca], arguments].concat())
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new("openssl");
    // Debian's configuration must not decide what these servers offer.
    command.env("OPENSSL_CONF", "/dev/null");
    command
}

fn missing(error: &std::io::Error) -> ! {
    panic!("the openssl command cannot be run ({error}); install it: apt-get install openssl")
}

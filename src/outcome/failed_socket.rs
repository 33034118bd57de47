//! From errors of sockets to a [`Reason`].

use std::io;

use super::Reason;

impl Reason {
    /// The cause behind an error of `connect(2)`, `read(2)` or `write(2)` on a TCP socket.
    pub fn of_socket(error: &io::Error) -> Reason {
        use io::ErrorKind::*;
        match error.raw_os_error() {
            // Descriptors, ports or memory of this machine are used up: our fault, not the target's.
            Some(
                libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                | libc::EAFNOSUPPORT,
            ) => return Reason::Internal,
            // A router or firewall that says "administratively prohibited" arrives as one of these.
            Some(libc::EACCES | libc::EPERM | libc::EHOSTDOWN | libc::ENONET) => {
                return Reason::ConnectUnreachable;
            }
            _ => {}
        }
        match error.kind() {
            ConnectionRefused => Reason::ConnectRefused,
            TimedOut => Reason::ConnectTimeout,
            HostUnreachable | NetworkUnreachable | NetworkDown => Reason::ConnectUnreachable,
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => {
                Reason::ConnectionReset
            }
            _ => Reason::Internal,
        }
    }
}

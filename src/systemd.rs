//! What systemd wants to know of a service (`sd_notify(3)`): that it is ready, that it lives, that
//! it stops. One datagram each to the socket that it names, and nothing where it names none.
//!
//! Nothing here decides whether the daemon lives; who feeds the watchdog has to know.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::warn;

/// More often is a mistake in the unit, and would only heat the machine.
const FEEDING_MIN: Duration = Duration::from_millis(10);

/// What systemd said to this process in its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    pub notify_socket: Option<String>,
    /// `WATCHDOG_USEC`: microseconds after which silence is death.
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`: whom the watchdog watches; a child inherits the variables.
    pub watchdog_pid: Option<String>,
}

pub struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    name: String,
    every: Option<Duration>,
    has_failed: AtomicBool,
}

impl Systemd {
    /// By what it said. A socket that cannot be is told to the log, and is no reason to stop.
    pub fn new(said: &Said) -> Systemd {
        let name = said.notify_socket.clone().unwrap_or_default();
        let systemd = |socket| Systemd {
            every: feeding(said, std::process::id()).filter(|_| !name.is_empty()),
            socket,
            name: name.clone(),
            has_failed: AtomicBool::new(false),
        };
        if name.is_empty() {
            return systemd(None);
        }
        match open(&name) {
            Ok(socket) => systemd(Some(socket)),
            Err(error) => {
                let systemd = systemd(None);
                systemd.failed(&error);
                systemd
            }
        }
    }

    /// How often [`Systemd::alive`] is to be said; `None` where nobody listens.
    pub fn every(&self) -> Option<Duration> {
        self.every
    }

    /// The daemon listens and has scheduled so many probes.
    pub fn ready(&self, probes: usize) {
        self.tell(&format!("READY=1\nSTATUS={probes} probes scheduled"));
    }

    /// Feeds the watchdog.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The daemon is on its way out.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, text: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            self.failed(&error);
        }
    }

    /// Once: the watchdog is fed twice a minute.
    fn failed(&self, error: &io::Error) {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            warn!(socket = self.name, %error, "systemd cannot be told");
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None if name.starts_with('/') => SocketAddr::from_pathname(name)?,
        None => return Err(io::Error::other("neither a path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    // A full queue must not hold the daemon up.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// Twice in the time after which silence is death, as `sd_watchdog_enabled(3)` recommends.
fn feeding(said: &Said, own_pid: u32) -> Option<Duration> {
    let pid = said.watchdog_pid.as_deref().unwrap_or_default();
    if !pid.is_empty() && pid != own_pid.to_string() {
        return None;
    }
    let micros: u64 = said.watchdog_usec.as_deref()?.parse().ok()?;
    Some(Duration::from_micros(micros) / 2).filter(|every| *every >= FEEDING_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(usec: &str, pid: Option<&str>) -> Option<Duration> {
        let said = Said {
            notify_socket: None,
            watchdog_usec: Some(usec.to_owned()),
            watchdog_pid: pid.map(str::to_owned),
        };
        feeding(&said, 7)
    }

    #[test]
    fn the_watchdog_is_fed_twice_in_its_time_and_only_by_whom_it_watches() {
        assert_eq!(watchdog("60000000", None), Some(Duration::from_secs(30)));
        assert_eq!(watchdog("60000000", Some("7")), Some(Duration::from_secs(30)));
        assert_eq!(watchdog("60000000", Some("8")), None);
        for nonsense in ["", "0", "1", "-5", "soon"] {
            assert_eq!(watchdog(nonsense, None), None, "{nonsense:?}");
        }
    }
}

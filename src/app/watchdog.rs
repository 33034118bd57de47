//! Feeds systemd's watchdog while runs begin and end, from the select loop: a loop that hangs does
//! not feed it either.

use std::future::pending;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::error;

use super::liveness::Liveness;
use crate::systemd::Systemd;

/// What proves that the daemon lives, and who wants to know.
pub(super) struct Watchdog<'a> {
    systemd: &'a Systemd,
    liveness: &'a Liveness,
    /// None: nobody wants to know.
    times: Option<Interval>,
    was_silent: bool,
}

impl<'a> Watchdog<'a> {
    pub(super) fn new(systemd: &'a Systemd, liveness: &'a Liveness) -> Watchdog<'a> {
        let times = systemd.every().map(|every| {
            let mut times = interval(every);
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            times
        });
        Watchdog { systemd, liveness, times, was_silent: false }
    }

    /// Waits until it is time, and says that the daemon lives if it does.
    pub(super) async fn feed(&mut self) {
        match &mut self.times {
            Some(times) => times.tick().await,
            None => pending().await,
        };
        let silence = self.liveness.silence();
        match silence {
            None => self.systemd.alive(),
            Some(silence) if !self.was_silent => {
                error!(?silence, "no probe began or ended a run; systemd is not told to wait on");
            }
            Some(_) => {}
        }
        self.was_silent = silence.is_some();
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::config;
    use crate::scheduler::Observer;
    use crate::systemd::Said;

    fn targets() -> Vec<Arc<config::Target>> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bongsu.yml");
        let text = "services:\n  - name: a\n    probes:\n      - { name: slow, interval: 5m, timeout: \
                    10s, tls: { address: 'a.go.kr:443' } }\n      - { name: quick, interval: 20s, \
                    timeout: 10s, tls: { address: 'a.go.kr:443' } }\n";
        std::fs::write(&file, text).unwrap();
        config::load(&file).unwrap().targets
    }

    fn heard(socket: &UnixDatagram) -> usize {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_only_while_runs_begin_and_end() {
        let name = format!("bongsu-watchdog-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let said = Said {
            notify_socket: Some(format!("@{name}")),
            watchdog_usec: Some("60000000".to_owned()),
            watchdog_pid: None,
        };
        let (systemd, liveness, targets) = (Systemd::new(&said), Liveness::new(), targets());
        let mut watchdog = Watchdog::new(&systemd, &liveness);
        // Nothing is scheduled: nothing is missed.
        advance(Duration::from_secs(3600)).await;
        watchdog.feed().await;
        assert_eq!(heard(&socket), 1);

        // 20 s and 10 s: 70 s of silence are too long.
        liveness.expect(targets.iter());
        watchdog.feed().await;
        watchdog.feed().await;
        assert_eq!(heard(&socket), 2, "after a minute");
        watchdog.feed().await;
        assert_eq!(heard(&socket), 0, "after a minute and a half");
        // Runs that could not start are none.
        liveness.skipped(&targets[1], crate::scheduler::Cadence::Scheduled, 1);
        watchdog.feed().await;
        assert_eq!(heard(&socket), 0);
        liveness.started(&targets[1]);
        watchdog.feed().await;
        assert_eq!(heard(&socket), 1);
    }
}

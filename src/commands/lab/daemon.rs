//! The real daemon, probing the estate from the same process.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use lab::world::LabWorld;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::LabError;
use crate::app::{self, App, BuildError, Lifecycle};
use crate::cli::{DEFAULT_PORT, Exit, ListenAddress};
use crate::config::{self, ExecSteps};
use crate::limits::raise_descriptors;
use crate::scheduler::permits::Limits;
use crate::scheduler::shard::Shard;
use crate::server::AnyTarget;
use crate::server::external::External;
use crate::server::times::LocalTime;
use crate::signals::{Signal, Signals};
use crate::systemd::Said;

/// Ports tried after the daemon's own: the control page and the systems have those between.
const PORTS_ABOVE: Range<u16> = 10_940..11_140;
/// Probes that run at the end get this long, so that Ctrl-C ends everything within a second.
const PROBE_GRACE: Duration = Duration::from_millis(300);

/// The daemon in a task of its own.
pub(super) struct LabDaemon {
    signals: mpsc::Sender<Signal>,
    running: JoinHandle<Exit>,
}

impl LabDaemon {
    /// Builds the daemon from the written configuration and tells the estate its address. Without
    /// `listen` it takes its documented port on loopback, or the next free one.
    pub(super) async fn start(
        file: &Path,
        listen: Option<ListenAddress>,
        world: &LabWorld,
    ) -> Result<LabDaemon, LabError> {
        let config = config::load(file)?;
        let options = |listen| app::Options {
            config_file: file.to_owned(),
            exec_steps: ExecSteps::Refused,
            listen,
            external: External::default(),
            web_config_file: None,
            lifecycle: Lifecycle::Enabled,
            any_target: AnyTarget::Refused,
            blackbox: None,
            state_dir: None,
            maintenance_file: None,
            local_time: LocalTime::named(None),
            systemd: Said::default(),
            vantage: Some("lab".to_owned()),
            prometheus: None,
            grace: PROBE_GRACE,
            shard: Shard::WHOLE,
            limits: Limits { permits: None, descriptors: raise_descriptors().now },
        };
        let app = match listen {
            Some(listen) => App::build(config, options(listen)).await?,
            None => {
                let mut ports = std::iter::once(DEFAULT_PORT).chain(PORTS_ABOVE);
                loop {
                    let port = ports.next().unwrap_or_default();
                    let listen = ListenAddress { host: Some("127.0.0.1".to_owned()), port };
                    match App::build(config.clone(), options(listen)).await {
                        Err(BuildError::Listen { source, .. })
                            if source.kind() == io::ErrorKind::AddrInUse && port != 0 => {}
                        built => break built?,
                    }
                }
            }
        };
        if let Ok(address) = app.address() {
            let _ = world.daemon_url.set(format!("http://localhost:{}/", address.port()));
        }
        let (sender, signals) = Signals::scripted();
        Ok(LabDaemon { signals: sender, running: tokio::spawn(app.run(signals)) })
    }

    pub(super) async fn pass_on(&self, signal: Signal) {
        // If the daemon has ended, `ended` reports it.
        let _ = self.signals.send(signal).await;
    }

    /// Resolves when the daemon ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> Exit {
        (&mut self.running).await.unwrap_or(Exit::Failed)
    }

    pub(super) async fn stop(self) {
        self.pass_on(Signal::Terminate).await;
        let _ = self.running.await;
    }
}

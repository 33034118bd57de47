//! What the daemon is told at its start, and why it cannot be built.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use read::ReadError;
use url::Url;

use crate::blackbox::Blackbox;
use crate::cli::ListenAddress;
use crate::config::ExecSteps;
use crate::controls::wire::WireError;
use crate::report::ask::AskError;
use crate::scheduler::permits::Limits;
use crate::scheduler::shard::Shard;
use crate::server::AnyTarget;
use crate::server::external::External;
use crate::server::times::LocalTime;
use crate::systemd::Said;

/// What the flags say about the daemon.
#[derive(Debug, Clone)]
pub struct Options {
    /// Read again at each reload.
    pub config_file: PathBuf,
    /// Whether its logins may run programs.
    pub exec_steps: ExecSteps,
    pub listen: ListenAddress,
    /// Where people reach us.
    pub external: External,
    pub web_config_file: Option<PathBuf>,
    /// Whether a reload may be asked for over HTTP.
    pub lifecycle: Lifecycle,
    /// What `/probe` does with targets that are not configured.
    pub any_target: AnyTarget,
    /// What `/probe` runs instead, and whose file is read again at each reload.
    pub blackbox: Option<Arc<Blackbox>>,
    /// The zone of the times on pages.
    pub local_time: LocalTime,
    /// What systemd wants to be told.
    pub systemd: Said,
    /// The place's name, for pages and logs.
    pub vantage: Option<String>,
    /// Who knows how available services were.
    pub prometheus: Option<Url>,
    /// Where held accounts, used one-time codes and the last failures are kept.
    pub state_dir: Option<PathBuf>,
    /// How long running probes may take to finish.
    pub grace: Duration,
    /// Where windows of maintenance are written by hand.
    pub maintenance_file: Option<PathBuf>,
    /// Which services are this process's.
    pub shard: Shard,
    pub limits: Limits,
}

/// Whether a reload may be asked for over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// `POST /-/reload` reloads.
    Enabled,
    /// It answers 403.
    Disabled,
}

/// Why the daemon could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The web configuration is wrong.
    #[error("{0}")]
    Web(#[from] ReadError),
    /// The listen address cannot be used.
    #[error("cannot listen on {address}: {source}{}", hint(source))]
    Listen { address: ListenAddress, source: io::Error },
    /// The controls cannot be asked.
    #[error("controls: {0}")]
    Controls(#[from] WireError),
    /// The state directory is another process's.
    #[error(
        "--state.dir {}: another bongsu that runs keeps its state there; give each process a \
         directory of its own",
        directory.display()
    )]
    Claimed { directory: PathBuf },
    /// The state directory cannot be read.
    #[error(
        "--state.dir {}: {source}; without it nobody knows which accounts are held, and a login \
         could lock them. It must be a directory that exists and that the user who runs bongsu can \
         read and write; without --state.dir nothing is kept",
        directory.display()
    )]
    State { directory: PathBuf, source: io::Error },
    /// The Prometheus cannot be asked.
    #[error("--prometheus.url: {0}")]
    Prometheus(#[from] AskError),
    /// Two metrics have one name: a bug of this program.
    #[error("metrics cannot be registered: {0}")]
    Metrics(String),
}

/// What to do about an address that cannot be listened at.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there, perhaps a bongsu that runs already: end it, or choose \
             another port by --web.listen-address"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: write one of `ip address`, or :PORT for all of them"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for root, choose another one",
        _ => "",
    }
}

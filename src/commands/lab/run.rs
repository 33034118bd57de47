//! The lab from its start to its end: the estate, the daemon that probes it, and a drill if one was
//! asked for.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lab::drill::Drill;
use lab::estate::{CONTROL_PORT, EstateOptions, SimulatedEstate};
use lab::files;
use lab::replay::{self, ReplayReport};
use lab::world::LabWorld;

use super::announcement::{announcement, event_line, say};
use super::daemon::LabDaemon;
use super::error::LabError;
use crate::cli::{Exit, ListenAddress};
use crate::signals::{Signal, Signals};

/// Time for everything to stop; what still runs then ends with the process.
const END_GRACE: Duration = Duration::from_millis(800);

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) participants: Participants,
    /// The drill to play, and its speed: seconds of the drill in one real second.
    pub(super) drill: Option<(Drill, f64)>,
    /// Directory of the written files; by default `bongsu-lab` below the current directory.
    pub(super) out: Option<PathBuf>,
    /// How long one system waits for another; the estate's own time unless given.
    pub(super) patience: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Participants {
    /// The estate and the daemon, on loopback.
    WithDaemon {
        /// Where the daemon listens; `None` is its documented port on loopback, or the next free.
        listen: Option<ListenAddress>,
    },
    /// The estate alone, for other hosts.
    TargetsOnly {
        listen: IpAddr,
        /// The name other hosts know it by.
        hostname: Option<String>,
    },
}

/// Runs until told to stop.
pub(super) async fn run(plan: Plan, mut signals: Signals) -> Result<Exit, LabError> {
    let options = match &plan.participants {
        Participants::WithDaemon { .. } => EstateOptions::default(),
        Participants::TargetsOnly { listen, hostname: Some(name) } => {
            EstateOptions::default().listen(*listen).hostname(name)
        }
        Participants::TargetsOnly { listen, hostname: None } => {
            EstateOptions::default().listen(*listen)
        }
    };
    let options = match plan.patience {
        Some(patience) => options.patience(patience),
        None => options,
    };
    let estate = SimulatedEstate::start(options.preferred_ports()).await?;
    let world = Arc::clone(estate.world());
    let out = plan.out.unwrap_or_else(|| default_out(estate.control_address()));
    let files = files::write(&world, &out)?;
    let mut daemon = match plan.participants {
        Participants::WithDaemon { listen } => {
            Some(LabDaemon::start(&files.config, listen, &world).await?)
        }
        Participants::TargetsOnly { .. } => None,
    };
    say(&announcement(&world, &files));
    let mut playing = tokio::spawn(play(plan.drill, Arc::clone(&world)));
    let exit = loop {
        tokio::select! {
            signal = signals.next() => match (signal, &daemon) {
                (Signal::Terminate, _) => break Exit::Ok,
                (signal, Some(daemon)) => daemon.pass_on(signal).await,
                (Signal::Reload, None) => {}
            },
            exit = ended(&mut daemon) => break exit,
        }
    };
    playing.abort();
    let _ = (&mut playing).await;
    let end = async {
        let daemon = async {
            if let Some(daemon) = daemon {
                daemon.stop().await;
            }
        };
        tokio::join!(daemon, estate.stop());
    };
    let _ = tokio::time::timeout(END_GRACE, end).await;
    Ok(exit)
}

/// `bongsu-lab`, or with the control page's port behind it when another lab has the usual one: two
/// labs must not overwrite each other's root.
fn default_out(control: SocketAddr) -> PathBuf {
    match control.port() {
        CONTROL_PORT => PathBuf::from("bongsu-lab"),
        port => PathBuf::from(format!("bongsu-lab-{port}")),
    }
}

/// Resolves when the daemon ends by itself; never without one.
async fn ended(daemon: &mut Option<LabDaemon>) -> Exit {
    match daemon {
        Some(daemon) => daemon.ended().await,
        None => std::future::pending().await,
    }
}

async fn play(drill: Option<(Drill, f64)>, world: Arc<LabWorld>) {
    let Some((drill, speed)) = drill else { return };
    let drill = Arc::new(drill);
    say(&format!("{} · {} (x{speed})\n", drill.title.ko, drill.title.en));
    let terminal = io::stdout().is_terminal();
    let tell = |told: ReplayReport<'_>| match told {
        ReplayReport::Event(event) => say(&event_line(&drill, event, terminal)),
        // The cursor goes back to the start, so that a log line does not hang behind the clock.
        ReplayReport::Clock(now) if terminal => say(&format!("\x1b[K{}\r", drill.clock(now))),
        ReplayReport::Clock(_) => {}
    };
    replay::play(Arc::clone(&drill), speed, &world, tell).await;
    say("\n훈련이 끝났습니다 · the drill is over; the estate stays as it is\n");
}

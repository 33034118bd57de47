//! `bongsu lab` from its start to its end: the estate, the daemon that probes it, a drill if one
//! was asked for, and what a newcomer is told.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::config::{self, Files, WriteError};
use super::drill::{Drill, Event};
use super::estate::{CONTROL_PORT, Estate, EstateError, Options, World};
use super::replay::{self, Told};
use crate::app::{self, App, BuildError, Lifecycle};
use crate::cli::{Exit, ListenAddress};
use crate::config::{self as settings, ConfigError};
use crate::limits::raise_descriptors;
use crate::scheduler::permits::Limits;
use crate::scheduler::shard::Shard;
use crate::server::AnyTarget;
use crate::server::external::External;
use crate::server::times::LocalTime;
use crate::signals::{Signal, Signals};
use crate::systemd::Said;

/// The daemon's documented port.
const DAEMON_PORT: u16 = 10_915;
/// Ports tried after the daemon's own: the control page and the systems have those between.
const DAEMON_PORTS_ABOVE: std::ops::Range<u16> = 10_940..11_140;
/// Probes that run when Ctrl-C comes get this long: everything ends within a second.
const PROBE_GRACE: Duration = Duration::from_millis(300);
/// The whole end; whatever still runs then goes with the process.
const END_GRACE: Duration = Duration::from_millis(800);

/// What was asked for.
#[derive(Debug)]
pub struct Plan {
    /// With the daemon, or for somebody else's.
    pub cast: Cast,
    /// The drill to play, and how fast.
    pub drill: Option<(Drill, f64)>,
    /// Where files go; by default `bongsu-lab` below the current directory.
    pub out: Option<PathBuf>,
    /// How long one system waits for another; the estate's own time unless given.
    pub patience: Option<Duration>,
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cast {
    /// The estate and the daemon, on loopback.
    WithDaemon {
        /// Where the daemon listens; `None` is its documented port on loopback, or the next free.
        listen: Option<ListenAddress>,
    },
    /// The estate alone, for other hosts.
    TargetsOnly {
        /// Where it listens.
        listen: IpAddr,
        /// The name other hosts know it by.
        hostname: Option<String>,
    },
}

/// The lab cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No estate.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// No files.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The lab's own configuration is refused: a bug of this program.
    #[error("the lab's configuration: {0}")]
    Config(#[from] ConfigError),
    /// No daemon.
    #[error(transparent)]
    Daemon(#[from] BuildError),
}

/// Runs until told to stop.
pub async fn run(plan: Plan, mut signals: Signals) -> Result<Exit, LabError> {
    let options = match &plan.cast {
        Cast::WithDaemon { .. } => Options::default(),
        Cast::TargetsOnly { listen, hostname: Some(name) } => {
            Options::default().listen(*listen).hostname(name)
        }
        Cast::TargetsOnly { listen, hostname: None } => Options::default().listen(*listen),
    };
    let options = match plan.patience {
        Some(patience) => options.patience(patience),
        None => options,
    };
    let estate = Estate::start(options.preferred_ports()).await?;
    let world = Arc::clone(estate.world());
    let out = plan.out.unwrap_or_else(|| default_out(estate.control_address()));
    let files = config::write(&world, &out)?;
    let mut daemon = match plan.cast {
        Cast::WithDaemon { listen } => Some(Daemon::start(&files.config, listen, &world).await?),
        Cast::TargetsOnly { .. } => None,
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

/// The real daemon, in a task of its own.
struct Daemon {
    signals: mpsc::Sender<Signal>,
    running: JoinHandle<Exit>,
}

impl Daemon {
    async fn start(
        file: &Path,
        listen: Option<ListenAddress>,
        world: &World,
    ) -> Result<Daemon, LabError> {
        let config = settings::load(file)?;
        let options = |listen| app::Options {
            config_file: file.to_owned(),
            listen,
            external: External::default(),
            web_config_file: None,
            lifecycle: Lifecycle::Enabled,
            any_target: AnyTarget::Refused,
            state_dir: None,
            local_time: LocalTime::named(None),
            systemd: Said::default(),
            vantage: Some("lab".to_owned()),
            grace: PROBE_GRACE,
            shard: Shard::WHOLE,
            limits: Limits { permits: None, descriptors: raise_descriptors().now },
        };
        let app = match listen {
            Some(listen) => App::build(config, options(listen)).await?,
            None => {
                let mut ports = std::iter::once(DAEMON_PORT).chain(DAEMON_PORTS_ABOVE);
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
        Ok(Daemon { signals: sender, running: tokio::spawn(app.run(signals)) })
    }

    async fn pass_on(&self, signal: Signal) {
        // A daemon that is gone is noticed by its task's end.
        let _ = self.signals.send(signal).await;
    }

    async fn stop(self) {
        self.pass_on(Signal::Terminate).await;
        let _ = self.running.await;
    }
}

/// Resolves when the daemon ends by itself, which it should not.
async fn ended(daemon: &mut Option<Daemon>) -> Exit {
    match daemon {
        Some(daemon) => (&mut daemon.running).await.unwrap_or(Exit::Failed),
        None => std::future::pending().await,
    }
}

async fn play(drill: Option<(Drill, f64)>, world: Arc<World>) {
    let Some((drill, speed)) = drill else { return };
    let drill = Arc::new(drill);
    say(&format!("{} · {} (x{speed})\n", drill.title.ko, drill.title.en));
    let terminal = io::stdout().is_terminal();
    let tell = |told: Told<'_>| match told {
        Told::Event(event) => say(&event_line(&drill, event, terminal)),
        // The cursor goes back to the start, so that a log line does not hang behind the clock.
        Told::Clock(now) if terminal => say(&format!("\x1b[K{}\r", drill.clock(now))),
        Told::Clock(_) => {}
    };
    replay::play(Arc::clone(&drill), speed, &world, tell).await;
    say("\n연습이 끝났습니다 · the drill is over; the estate stays as it is\n");
}

fn event_line(drill: &Drill, event: &Event, terminal: bool) -> String {
    let clear = if terminal { "\x1b[K" } else { "" };
    let mut line = format!("{clear}{}  {}\n", drill.clock(event.at), event.note.ko);
    line.push_str(&format!("{:25}{}\n", "", event.note.en));
    for change in &event.changes {
        line.push_str(&format!("{:25}{change}\n", ""));
    }
    line
}

/// What a newcomer opens and types first.
fn announcement(world: &World, files: &Files) -> String {
    let control = &world.control_url;
    let mut text = String::from("\n봉수 연습장 · Bongsu lab\n\n");
    let mut row = |title: &str, value: &str| text.push_str(&format!("  {title}\n      {value}\n"));
    if let Some(url) = world.daemon_url.get() {
        row("상태 화면 · status page", url);
        row("지표 · metrics", &format!("{url}metrics"));
    }
    row("고장 내기 · break things", control);
    row("설정 · configuration", &files.config.display().to_string());
    for file in &files.certificates {
        row("인증서 · certificate", &file.display().to_string());
    }
    for file in &files.secrets {
        row("비밀 · secret", &file.display().to_string());
    }
    text.push_str(&format!(
        "\n  고장 · break:  curl -d '{{\"system\":\"gpki\",\"fault\":\"stall_large\"}}' {control}api/faults\n"
    ));
    if let Some(url) = world.daemon_url.get() {
        text.push_str(&format!(
            "  확인 · see:    curl -s {url}metrics | grep bongsu_probe_failure_info\n"
        ));
    }
    text.push_str(&format!(
        "  복구 · mend:   curl -X DELETE '{control}api/faults?system=gpki'\n\n  Ctrl-C: 종료 · stop\n\n"
    ));
    text
}

/// Standard output; a closed one is the reader's own wish.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

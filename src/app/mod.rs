//! The daemon as a whole. [`App::build`] binds and wires, and nothing runs until [`App::run`],
//! which is one select loop: shutdown, reload, a task died.

mod fanout;
mod liveness;
mod past;
mod reloading;
mod watchdog;
mod work_file;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join;
use read::ReadError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use self::fanout::Fanout;
use self::liveness::Pulse;
use self::past::PastAsker;
pub use self::reloading::read_config;
use self::reloading::{ReadFiles, Reloading};
use self::watchdog::Watchdog;
use self::work_file::{InForce, ReadWork, ToldProblem, WorkFile};
use crate::blackbox::Blackbox;
use crate::calendar;
use crate::cli::{Exit, ListenAddress};
use crate::config::{Config, ExecSteps};
use crate::controls::wire::{self, WireError};
use crate::controls::{Contact, Controls};
use crate::event_log::EventLog;
use crate::failures::StoredFailures;
use crate::log_queue;
use crate::metrics::Daemon;
use crate::own_time::OwnTime;
use crate::probe;
use crate::probe::login::lockout::store::AccountStore;
use crate::probe::surroundings::Surroundings;
use crate::report::ask::AskError;
use crate::results::LatestResults;
use crate::scheduler::permits::Limits;
use crate::scheduler::phase::WallClock;
use crate::scheduler::shard::Shard;
use crate::scheduler::{Changes, Scheduler, Stopped, Work};
use crate::server::external::External;
use crate::server::metrics::Sources;
use crate::server::ready::Readiness;
use crate::server::reload::Refused;
use crate::server::times::LocalTime;
use crate::server::web::Web;
use crate::server::{self, AnyTarget, Parts, listen, reload};
use crate::signals::{Signal, Signals};
use crate::state_dir::Claim;
use crate::systemd::{Said, Systemd};

/// For answers that are being written when everything else has stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// For the state directory when everything has stopped: a disk that hangs must not keep us.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Beyond the grace and the last waits, before the process is ended from a thread beside it.
const SPARE: Duration = Duration::from_secs(2);

/// For each look at the state directory before the start: a disk that hangs must be told of.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// AccountStore that could not be written are tried again this often, beside each change.
const REWRITE_EVERY: Duration = Duration::from_secs(5);

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
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for root, choose another one",
        _ => "",
    }
}

/// Everything bound and wired, nothing running.
pub struct App {
    options: Options,
    listener: TcpListener,
    web: Arc<Web>,
    scheduler: Scheduler,
    board: Arc<LatestResults>,
    evidence: Option<StoredFailures>,
    /// Of the state directory.
    claim: Option<Claim>,
    world: World,
    contact: Asking,
    /// Who asks how available services were.
    past: Option<PastAsker>,
}

/// How the controls are asked; none when there are none.
type Asking = Option<Arc<dyn Contact>>;

/// What a configuration takes effect on.
struct World {
    shard: Shard,
    surroundings: Arc<Surroundings>,
    controls: Arc<Controls>,
    daemon: Arc<Daemon>,
    pulse: Arc<Pulse>,
    blackbox: Option<Arc<Blackbox>>,
    config: watch::Sender<Arc<Config>>,
    /// What was refused since.
    refused: watch::Sender<Option<Refused>>,
    work_problem: ToldProblem,
}

impl App {
    /// Reads the web configuration, binds the listen address and wires the parts.
    pub async fn build(config: Config, options: Options) -> Result<App, BuildError> {
        let web = Arc::new(Web::load(options.web_config_file.clone())?);
        let listener = listen::bind(&options.listen)
            .await
            .map_err(|source| BuildError::Listen { address: options.listen.clone(), source })?;
        let own_time = Arc::new(OwnTime::unwatched());
        let surroundings = Surroundings::new(&config).timed_by(Arc::clone(&own_time));
        let resolvers = Arc::clone(&surroundings.resolvers);
        let controls = Arc::new(Controls::timed_by(own_time).resolving_by(resolvers));
        let daemon = Daemon::new(controls.clone())
            .map_err(|error| BuildError::Metrics(error.to_string()))?;
        if options.blackbox.is_some() {
            daemon.with_modules().map_err(|error| BuildError::Metrics(error.to_string()))?;
        }
        let daemon = Arc::new(daemon);
        let board = Arc::new(LatestResults::new());
        let journal = Arc::new(EventLog::new(options.vantage.clone()));
        let pulse = Arc::new(Pulse::new());
        let observers = Fanout(vec![board.clone(), daemon.clone(), journal, pulse.clone()]);
        let scheduler = Scheduler::new(options.limits, controls.clone(), Arc::new(observers))
            .on(WallClock::read());
        let claim = claim(&options).await?;
        let surroundings = Arc::new(surroundings.with_accounts(accounts(&options).await?));
        surroundings.clock_skew_from({
            let controls = Arc::clone(&controls);
            move || controls.reading().skew
        });
        daemon.accounts_from({
            let surroundings = Arc::clone(&surroundings);
            move || surroundings.accounts.holds()
        });
        daemon.identities_from({
            let surroundings = Arc::clone(&surroundings);
            move || surroundings.identities.validities()
        });
        daemon.refused_fetches_from({
            let surroundings = Arc::clone(&surroundings);
            move || surroundings.tls_clients.refused_fetches()
        });
        let evidence = evidence(&options, &board).await?;
        let contact = contact(&config, &surroundings)?;
        let past = options.prometheus.as_ref().map(PastAsker::new).transpose()?;
        let config = watch::Sender::new(Arc::new(config));
        let refused = watch::Sender::new(None);
        let (shard, blackbox) = (options.shard, options.blackbox.clone());
        let world = World {
            shard,
            surroundings,
            controls,
            daemon,
            pulse,
            blackbox,
            config,
            refused,
            work_problem: ToldProblem::default(),
        };
        Ok(App { options, listener, web, scheduler, board, evidence, claim, world, contact, past })
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Probes and answers until told to stop, or until a part dies.
    pub async fn run(self, mut signals: Signals) -> Exit {
        if let Ok(address) = self.address() {
            info!(%address, "listening");
        }
        let (readiness, latch) = Readiness::new();
        let (asks, mut asked) = reload::queue();
        let parts = self.parts(readiness.clone(), asks);
        let App { options, listener, web, mut scheduler, board, past, .. } = self;
        let (evidence, claim, world, contact) =
            (self.evidence, self.claim, self.world, self.contact);
        if let Err(error) = world.surroundings.own_time.watch() {
            error!(%error, "this prober will not know when it stands still");
        }
        let draining = CancellationToken::new();
        let router = server::router(parts, Arc::clone(&web));
        let mut serving = tokio::spawn(listen::serve(listener, web, router, draining.clone()));
        let mut watching = tokio::spawn({
            let controls = Arc::clone(&world.controls);
            async move { controls.watch().await }
        });
        // Ends with this function.
        let mut asking = JoinSet::new();
        if let Some(past) = past {
            asking.spawn(past.keep());
        }
        let first = Arc::clone(&world.config.borrow());
        let changes = world.take_effect(&first, contact, &mut scheduler);
        board.settle();
        info!(probes = changes.started, hash = first.hash, "scheduled");
        let ended = CancellationToken::new();
        let mut keeping = tokio::spawn({
            let (ended, surroundings) = (ended.clone(), Arc::clone(&world.surroundings));
            async move {
                match evidence {
                    Some(evidence) => {
                        join(evidence.keep(ended.clone()), rewrite(&surroundings, ended)).await;
                    }
                    None => ended.cancelled().await,
                }
            }
        });
        drop(latch);
        let systemd = Systemd::new(&options.systemd);
        systemd.ready(changes.started);
        let mut watchdog = Watchdog::new(&systemd, &world.pulse);
        let mut reloading =
            Reloading::new(options.config_file, options.exec_steps, options.blackbox);
        let mut work_file = WorkFile::new(options.maintenance_file);
        let exit = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Terminate => break Exit::Ok,
                    Signal::Reload => reloading.ask(),
                },
                Some(asker) = asked.recv(), if reloading.is_idle() => reloading.ask_for(asker),
                read = reloading.finished() => {
                    let result = read.and_then(|read| world.replace(read, &mut scheduler));
                    if let Err(problems) = &result {
                        world.refuse(problems);
                    }
                    reloading.answer(result);
                }
                read = work_file.next() => world.work(read),
                () = watchdog.feed() => {}
                failure = scheduler.failed() => {
                    error!(%failure, "a part of the daemon died");
                    break Exit::Failed;
                }
                _ = &mut serving => {
                    error!("the server died");
                    break Exit::Failed;
                }
                _ = &mut keeping => {
                    error!("the keeper of the evidence died");
                    break Exit::Failed;
                }
                _ = &mut watching => {
                    error!("the watch over the controls died");
                    break Exit::Failed;
                }
            }
        };
        readiness.stop();
        systemd.stopping();
        drop(asked);
        info!(grace = ?options.grace, "stopping");
        end_by(options.grace + LAST_WRITE + LAST_ANSWERS + SPARE);
        let stopping = async {
            if let Stopped::CutOff(runs) = scheduler.stop(options.grace).await {
                warn!(runs, "runs were cut off");
            }
            ended.cancel();
            if !keeping.is_finished() && timeout(LAST_WRITE, &mut keeping).await.is_err() {
                warn!("the evidence of failures was not written in time");
            }
            draining.cancel();
            if !serving.is_finished() && timeout(LAST_ANSWERS, &mut serving).await.is_err() {
                warn!("connections were cut off");
            }
        };
        let exit = tokio::select! {
            () = stopping => {
                info!("stopped");
                exit
            }
            () = terminated(&mut signals) => {
                warn!("told to stop a second time, stopped at once");
                Exit::Failed
            }
        };
        drop(claim);
        exit
    }

    fn parts(&self, readiness: Readiness, asks: reload::Asks) -> Parts {
        Parts {
            sources: Sources {
                board: Arc::clone(&self.board),
                daemon: Arc::clone(&self.world.daemon),
                config: self.world.config.subscribe(),
            },
            readiness,
            reloads: (self.options.lifecycle == Lifecycle::Enabled).then_some(asks),
            surroundings: Arc::clone(&self.world.surroundings),
            local_time: self.options.local_time.clone(),
            vantage: self.options.vantage.clone(),
            external: self.options.external.clone(),
            controls: Arc::clone(&self.world.controls),
            refused: self.world.refused.subscribe(),
            past: self.past.as_ref().map(PastAsker::answers),
            any_target: self.options.any_target,
            blackbox: self.world.blackbox.clone(),
        }
    }
}

impl World {
    /// Makes a validated configuration the one in force. Nothing has changed when it cannot be.
    fn replace(&self, read: ReadFiles, scheduler: &mut Scheduler) -> Result<(), String> {
        let ReadFiles { config, modules } = read;
        let contact = contact(&config, &self.surroundings).map_err(|error| error.to_string())?;
        let recorded = self.config.borrow().recorded.clone();
        let config = Arc::new(Config { recorded, ..config });
        self.surroundings.reconfigure(&config);
        if let (Some(blackbox), Some(modules)) = (&self.blackbox, modules) {
            blackbox.replace(modules);
        }
        self.config.send_replace(Arc::clone(&config));
        self.refused.send_replace(None);
        let changes = self.take_effect(&config, contact, scheduler);
        let Changes { started, stopped, kept, replaced } = changes;
        info!(started, stopped, kept, replaced, hash = config.hash, "configuration reloaded");
        Ok(())
    }

    /// Makes the windows that were opened by hand those that are in force.
    fn work(&self, read: ReadWork) {
        let config = Arc::clone(&self.config.borrow());
        let known = |service: &str| config.services.iter().any(|known| *known.name == *service);
        let InForce { windows, problem } = read.in_force(known, calendar::now());
        self.daemon.maintenance_file_read(problem.is_none());
        self.work_problem.tell(problem);
        if windows == config.recorded {
            return;
        }
        info!(windows = windows.len(), "windows of maintenance were opened or ended by hand");
        let config = Arc::new(Config { recorded: windows, ..Config::clone(&config) });
        self.daemon.windows_changed(&config);
        self.config.send_replace(config);
    }

    /// Says so wherever somebody looks. The old configuration stays.
    fn refuse(&self, problems: &str) {
        self.daemon.config_refused();
        self.refused.send_modify(|refused| {
            *refused = Some(Refused::after(refused.as_ref(), problems));
        });
        error!(problems, "configuration refused");
    }

    /// Works through every target at once, for which seconds may pass in a large configuration: on
    /// the thread that waits for the whole daemon, which is none of those that run probes.
    fn take_effect(&self, config: &Config, contact: Asking, scheduler: &mut Scheduler) -> Changes {
        let targets = config.targets.iter().filter(|target| self.shard.owns(&target.id.service));
        let work: Vec<Work> = targets
            .map(|target| Work {
                target: Arc::clone(target),
                probe: probe::build(target, &self.surroundings),
            })
            .collect();
        self.daemon.config_loaded(config, work.len(), SystemTime::now());
        self.controls.replace(contact);
        self.pulse.expect(work.iter().map(|work| &work.target));
        scheduler.apply(work)
    }
}

async fn claim(options: &Options) -> Result<Option<Claim>, BuildError> {
    let Some(directory) = options.state_dir.clone() else { return Ok(None) };
    match opened(&directory, Claim::take).await? {
        Some(claim) => Ok(Some(claim)),
        None => Err(BuildError::Claimed { directory }),
    }
}

async fn accounts(options: &Options) -> Result<AccountStore, BuildError> {
    let Some(directory) = &options.state_dir else { return Ok(AccountStore::default()) };
    opened(directory, AccountStore::open).await
}

async fn evidence(
    options: &Options,
    board: &Arc<LatestResults>,
) -> Result<Option<StoredFailures>, BuildError> {
    let Some(directory) = &options.state_dir else { return Ok(None) };
    let board = Arc::clone(board);
    opened(directory, |directory| StoredFailures::open(directory, board)).await.map(Some)
}

/// What the state directory holds, unless it takes too long to say.
async fn opened<T: Send + 'static>(
    directory: &Path,
    open: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, BuildError> {
    let of_thread = directory.to_owned();
    let opening = spawn_blocking(move || open(&of_thread));
    let opened = match timeout(FIRST_LOOK, opening).await {
        Ok(ended) => ended.map_err(io::Error::other).and_then(|opened| opened),
        Err(_) => {
            let said = format!("its file system did not answer within {} s", FIRST_LOOK.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, said))
        }
    };
    opened.map_err(|source| BuildError::State { directory: directory.to_owned(), source })
}

fn contact(config: &Config, surroundings: &Arc<Surroundings>) -> Result<Asking, WireError> {
    let names = Arc::clone(surroundings) as Arc<dyn wire::Names>;
    wire::contact(&config.controls, &names, &wire::public_roots())
}

async fn rewrite(surroundings: &Arc<Surroundings>, ended: CancellationToken) {
    while ended.run_until_cancelled(sleep(REWRITE_EVERY)).await.is_some() {
        let of_thread = Arc::clone(surroundings);
        // Disks wait, and threads of the probes must not.
        let rewritten = spawn_blocking(move || of_thread.accounts.rewrite()).await;
        if rewritten.is_ok_and(|rewritten| rewritten) {
            info!("held accounts are written again");
        }
    }
    surroundings.accounts.settled().await;
}

/// Ends the process when the end takes longer than everything that is waited for: a part of it hangs
/// where no task can be dropped.
fn end_by(time: Duration) {
    let ending = std::thread::Builder::new().name("end".into()).spawn(move || {
        std::thread::sleep(time);
        error!("something hangs; ended without it");
        log_queue::flush(LAST_ANSWERS);
        #[expect(clippy::disallowed_methods, reason = "main does not get to return")]
        std::process::exit(1);
    });
    if let Err(error) = ending {
        warn!(%error, "nothing watches over the end");
    }
}

async fn terminated(signals: &mut Signals) {
    while signals.next().await != Signal::Terminate {}
}

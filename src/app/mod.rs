//! The daemon as a whole. [`App::build`] binds and wires, and nothing runs until [`App::run`],
//! which is one select loop: shutdown, reload, a task died.

mod configured;
mod ending;
mod fanout;
mod liveness;
mod options;
mod past;
mod reloading;
mod state;
mod watchdog;
mod work_file;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::configured::{Asking, Configured, contact};
use self::ending::{LAST_ANSWERS, end_by, terminated};
use self::fanout::Fanout;
use self::liveness::Liveness;
pub use self::options::{BuildError, Lifecycle, Options};
use self::past::PastAsker;
use self::reloading::Reloading;
pub use self::reloading::read_config;
use self::watchdog::Watchdog;
use self::work_file::{ToldProblem, WorkFile};
use crate::cli::Exit;
use crate::config::Config;
use crate::controls::Controls;
use crate::event_log::EventLog;
use crate::failures::StoredFailures;
use crate::metrics::Daemon;
use crate::own_time::OwnTime;
use crate::probe::surroundings::Surroundings;
use crate::results::LatestResults;
use crate::scheduler::phase::WallClock;
use crate::scheduler::{Scheduler, Stopped};
use crate::server::metrics::Sources;
use crate::server::ready::Readiness;
use crate::server::web::Web;
use crate::server::{self, Parts, listen, reload};
use crate::signals::{Signal, Signals};
use crate::state_dir::Claim;
use crate::systemd::Systemd;

/// For the state directory when everything has stopped: a disk that hangs must not keep us.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Beyond the grace and the last waits, before the process is ended from a thread beside it.
const SPARE: Duration = Duration::from_secs(2);

/// Everything bound and wired, nothing running.
pub struct App {
    options: Options,
    listener: TcpListener,
    web: Arc<Web>,
    scheduler: Scheduler,
    results: Arc<LatestResults>,
    failures: Option<StoredFailures>,
    /// Of the state directory.
    claim: Option<Claim>,
    configured: Configured,
    contact: Asking,
    /// Who asks how available services were.
    past: Option<PastAsker>,
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
        let results = Arc::new(LatestResults::new());
        let event_log = Arc::new(EventLog::new(options.vantage.clone()));
        let liveness = Arc::new(Liveness::new());
        let observers = Fanout(vec![results.clone(), daemon.clone(), event_log, liveness.clone()]);
        let scheduler = Scheduler::new(options.limits, controls.clone(), Arc::new(observers))
            .on(WallClock::read());
        let claim = state::claim(&options).await?;
        let surroundings = Arc::new(surroundings.with_accounts(state::accounts(&options).await?));
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
        let failures = state::stored_failures(&options, &results).await?;
        let contact = contact(&config, &surroundings)?;
        let past = options.prometheus.as_ref().map(PastAsker::new).transpose()?;
        let config = watch::Sender::new(Arc::new(config));
        let refused = watch::Sender::new(None);
        let (shard, blackbox) = (options.shard, options.blackbox.clone());
        let configured = Configured {
            shard,
            surroundings,
            controls,
            daemon,
            liveness,
            blackbox,
            config,
            refused,
            work_problem: ToldProblem::default(),
        };
        Ok(App {
            options,
            listener,
            web,
            scheduler,
            results,
            failures,
            claim,
            configured,
            contact,
            past,
        })
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
        let App { options, listener, web, mut scheduler, results, past, .. } = self;
        let (failures, claim, configured, contact) =
            (self.failures, self.claim, self.configured, self.contact);
        if let Err(error) = configured.surroundings.own_time.watch() {
            error!(%error, "this prober will not know when it stands still");
        }
        let draining = CancellationToken::new();
        let router = server::router(parts, Arc::clone(&web));
        let mut serving = tokio::spawn(listen::serve(listener, web, router, draining.clone()));
        let mut watching = tokio::spawn({
            let controls = Arc::clone(&configured.controls);
            async move { controls.watch().await }
        });
        // Ends with this function.
        let mut asking = JoinSet::new();
        if let Some(past) = past {
            asking.spawn(past.keep());
        }
        let first = Arc::clone(&configured.config.borrow());
        let changes = configured.take_effect(&first, contact, &mut scheduler);
        results.settle();
        info!(probes = changes.started, hash = first.hash, "scheduled");
        let ended = CancellationToken::new();
        let mut keeping = tokio::spawn({
            let (ended, surroundings) = (ended.clone(), Arc::clone(&configured.surroundings));
            async move {
                match failures {
                    Some(failures) => {
                        join(failures.keep(ended.clone()), state::rewrite(&surroundings, ended))
                            .await;
                    }
                    None => ended.cancelled().await,
                }
            }
        });
        drop(latch);
        let systemd = Systemd::new(&options.systemd);
        systemd.ready(changes.started);
        let mut watchdog = Watchdog::new(&systemd, &configured.liveness);
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
                    let result = read.and_then(|read| configured.replace(read, &mut scheduler));
                    if let Err(problems) = &result {
                        configured.refuse(problems);
                    }
                    reloading.answer(result);
                }
                read = work_file.next() => configured.work(read),
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
                results: Arc::clone(&self.results),
                daemon: Arc::clone(&self.configured.daemon),
                config: self.configured.config.subscribe(),
            },
            readiness,
            reloads: (self.options.lifecycle == Lifecycle::Enabled).then_some(asks),
            surroundings: Arc::clone(&self.configured.surroundings),
            local_time: self.options.local_time.clone(),
            vantage: self.options.vantage.clone(),
            external: self.options.external.clone(),
            controls: Arc::clone(&self.configured.controls),
            refused: self.configured.refused.subscribe(),
            past: self.past.as_ref().map(PastAsker::answers),
            any_target: self.options.any_target,
            blackbox: self.configured.blackbox.clone(),
        }
    }
}

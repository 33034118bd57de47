//! How a configuration takes effect, the first one and each that is read again.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use tracing::{error, info};

use super::liveness::Liveness;
use super::reloading::ReadFiles;
use super::work_file::{InForce, ReadWork, ToldProblem};
use crate::blackbox::Blackbox;
use crate::calendar;
use crate::config::Config;
use crate::controls::wire::{self, WireError};
use crate::controls::{Contact, Controls};
use crate::metrics::Daemon;
use crate::probe;
use crate::probe::surroundings::Surroundings;
use crate::scheduler::shard::Shard;
use crate::scheduler::{Changes, Scheduler, Work};
use crate::server::reload::Refused;

/// How the controls are asked; none when there are none.
pub(super) type Asking = Option<Arc<dyn Contact>>;

/// What a configuration takes effect on.
pub(super) struct Configured {
    pub(super) shard: Shard,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) controls: Arc<Controls>,
    pub(super) daemon: Arc<Daemon>,
    pub(super) liveness: Arc<Liveness>,
    pub(super) blackbox: Option<Arc<Blackbox>>,
    pub(super) config: watch::Sender<Arc<Config>>,
    /// What was refused since.
    pub(super) refused: watch::Sender<Option<Refused>>,
    pub(super) work_problem: ToldProblem,
}

impl Configured {
    /// Makes a validated configuration the one in force. Nothing has changed when it cannot be.
    pub(super) fn replace(&self, read: ReadFiles, scheduler: &mut Scheduler) -> Result<(), String> {
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
    pub(super) fn work(&self, read: ReadWork) {
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
    pub(super) fn refuse(&self, problems: &str) {
        self.daemon.config_refused();
        self.refused.send_modify(|refused| {
            *refused = Some(Refused::after(refused.as_ref(), problems));
        });
        error!(problems, "configuration refused");
    }

    /// Works through every target at once, for which seconds may pass in a large configuration: on
    /// the thread that waits for the whole daemon, which is none of those that run probes.
    pub(super) fn take_effect(
        &self,
        config: &Config,
        contact: Asking,
        scheduler: &mut Scheduler,
    ) -> Changes {
        let targets = config.targets.iter().filter(|target| self.shard.owns(&target.id.service));
        let work: Vec<Work> = targets
            .map(|target| Work {
                target: Arc::clone(target),
                probe: probe::build(target, &self.surroundings),
            })
            .collect();
        self.daemon.config_loaded(config, work.len(), SystemTime::now());
        self.controls.replace(contact);
        self.liveness.expect(work.iter().map(|work| &work.target));
        scheduler.apply(work)
    }
}

pub(super) fn contact(
    config: &Config,
    surroundings: &Arc<Surroundings>,
) -> Result<Asking, WireError> {
    let names = Arc::clone(surroundings) as Arc<dyn wire::Names>;
    wire::contact(&config.controls, &names, &wire::public_roots())
}

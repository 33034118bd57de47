//! The drop-in for blackbox_exporter: its module file, and `/probe` answered by a run of the named
//! module, with its rules and its metrics.
//!
//! What blackbox_exporter means by a module differs from what a probe of ours means (one address and
//! no second one, no verdict but yes and no, certificates that need not be verified), and the
//! difference stays in here. Connections, TLS, HTTP, cookies and codings are those of every probe.
//!
//! From a request to its answer: [`Blackbox::prepare`] finds the module and how long it may take
//! (`timeout.rs`), [`Blackbox::probe`] takes a place and runs it (`http.rs`, `tcp.rs`), what was found
//! is written by `findings.rs`, and what was done, where somebody asks, by `log.rs`.
//!
//! `translation/` says what a module means as a probe of ours, for whoever moves over for good.

mod address;
mod body;
mod credentials;
mod file;
mod findings;
mod go_regex;
mod go_values;
mod headers;
mod http;
mod http_module;
mod lines;
mod log;
mod oauth2;
mod proxies;
mod query;
mod request;
mod tcp;
mod timeout;
mod tls;
mod translation;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderMap;
use chain::{ChainMemory, TlsClientOptions};
use futures_util::FutureExt;
use parking_lot::Mutex;
use read::ReadError;
use tokio::time::Instant;

use self::address::TargetAddresses;
pub use self::file::{Module, ModuleFile};
use self::findings::Findings;
pub(crate) use self::go_regex::GoPattern;
use self::log::Log;
pub(crate) use self::request::percent_decoded;
pub use self::translation::{NewSecret, NewSecretSource, Translation};
use crate::deadline::Deadline;
use crate::offload::TargetShare;
use crate::probe::surroundings::Surroundings;

/// The module of a request that names none.
const DEFAULT_MODULE: &str = "http_2xx";

/// What the flags say of the drop-in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Read again at each reload.
    pub file: PathBuf,
    /// How much earlier a run ends than the scrape that asks for it.
    pub timeout_offset: Duration,
    pub private_targets: PrivateTargets,
    /// Runs at once. A further one is refused.
    pub runs_max: usize,
}

/// What becomes of targets in networks that the internet does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateTargets {
    Probed,
    Refused,
}

/// The modules in force.
#[derive(Debug)]
pub struct Blackbox {
    settings: Settings,
    modules: Mutex<Arc<ModuleFile>>,
}

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub target: String,
    /// None: the default one.
    pub module: Option<String>,
    /// `Host`, SNI and the name to verify.
    pub hostname: Option<String>,
    pub debug: bool,
}

/// A run that may begin.
#[derive(Debug)]
pub struct Prepared {
    name: String,
    target: String,
    module: Arc<Module>,
    timeout: Duration,
    debug: bool,
}

/// Why there is no run. The text is for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unprobed {
    /// What was asked for cannot be.
    BadRequest(String),
    /// No module has this name.
    UnknownModule(String),
    /// The scrape's timeout is no number.
    BadTimeout(String),
    /// All places are taken.
    Busy(String),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Prometheus text, or what `debug=true` shows.
    pub text: String,
    pub is_debug: bool,
}

/// What a run is given.
pub(crate) struct ModuleRun<'a> {
    surroundings: &'a Surroundings,
    deadline: &'a Deadline,
    addresses: TargetAddresses<'a>,
    share: Arc<TargetShare>,
    memory: Arc<ChainMemory>,
}

impl ModuleRun<'_> {
    /// What was found last counts where the file system hangs. Prometheus waits no longer for that: the
    /// deadline stays.
    async fn look_at_certificates(&self, options: &TlsClientOptions) {
        let look = self.surroundings.look_at_certificates(options).boxed();
        let _ = self.deadline.within(look).await;
    }
}

impl Blackbox {
    pub fn load(settings: Settings) -> Result<Blackbox, ReadError> {
        let modules = ModuleFile::load(&settings.file)?;
        Ok(Blackbox { settings, modules: Mutex::new(Arc::new(modules)) })
    }

    /// Reads the file again; nothing changes yet.
    pub fn read(&self) -> Result<ModuleFile, ReadError> {
        ModuleFile::load(&self.settings.file)
    }

    /// Makes what was read the modules in force.
    pub fn replace(&self, modules: ModuleFile) {
        *self.modules.lock() = Arc::new(modules);
    }

    /// The modules in force.
    pub fn modules(&self) -> Arc<ModuleFile> {
        Arc::clone(&self.modules.lock())
    }

    /// Finds out what is to be done.
    pub fn prepare(&self, asked: Asked, headers: &HeaderMap) -> Result<Prepared, Unprobed> {
        let name = asked.module.unwrap_or_else(|| DEFAULT_MODULE.to_owned());
        let modules = self.modules();
        let Some(module) = modules.get(&name) else {
            return Err(Unprobed::UnknownModule(format!("Unknown module {name:?}")));
        };
        if let Some(why) = module.kept_elsewhere() {
            return Err(Unprobed::BadRequest(format!(
                "module {name:?} is not probed here: {why}; keep it on blackbox_exporter"
            )));
        }
        let timeout = timeout::timeout(headers, module.timeout(), self.settings.timeout_offset)
            .map_err(Unprobed::BadTimeout)?;
        if asked.target.is_empty() {
            return Err(Unprobed::BadRequest("Target parameter is missing".to_owned()));
        }
        let module = match asked.hostname.filter(|hostname| !hostname.is_empty()) {
            Some(hostname) => {
                Arc::new(module.with_hostname(&hostname).map_err(Unprobed::BadRequest)?)
            }
            None => Arc::clone(module),
        };
        Ok(Prepared { name, target: asked.target, module, timeout, debug: asked.debug })
    }

    /// How many runs there may be at once; whose turn it is, is for those who ask to settle.
    pub fn runs_max(&self) -> usize {
        self.settings.runs_max
    }

    /// What is answered when there is no place for a run.
    pub fn busy(&self) -> Unprobed {
        Unprobed::Busy(format!(
            "{} probes are running already; --blackbox.max-concurrent-probes allows no more",
            self.settings.runs_max
        ))
    }

    pub async fn probe(&self, prepared: Prepared, surroundings: &Surroundings) -> Answered {
        let Prepared { name, target, module, timeout, debug } = prepared;
        let start = Instant::now();
        let deadline = Deadline::after(timeout);
        let _ = deadline.within(surroundings.resolvers.look_again()).await;
        let run = ModuleRun {
            surroundings,
            deadline: &deadline,
            addresses: TargetAddresses {
                resolvers: &surroundings.resolvers,
                private_targets: self.settings.private_targets,
            },
            share: Arc::default(),
            memory: Arc::default(),
        };
        let mut log = if debug { Log::kept(&name, &target) } else { Log::unwanted() };
        let mut findings = Findings::new(timeout);
        let prober = module.prober();
        log.debug(
            "Beginning probe",
            &[("probe", &prober), ("timeout_seconds", &timeout.as_secs_f64())],
        );
        let success = module.run(&run, &target, &mut findings, &mut log).boxed().await;
        let duration = start.elapsed();
        findings.end(success, duration);
        let seconds = duration.as_secs_f64();
        if success {
            log.debug("Probe succeeded", &[("duration_seconds", &seconds)]);
        } else {
            log.error("Probe failed", &[("duration_seconds", &seconds)]);
        }
        let metrics = findings.text();
        let text = if debug { log.shown(&metrics, &module.shown()) } else { metrics };
        Answered { text, is_debug: debug }
    }
}

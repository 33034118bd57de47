//! What the daemon tells of itself: the process, the scheduler, the configuration, the vantage,
//! and the services of the file. Fixed series are in a `prometheus` registry that is handed in;
//! series that come and go with the configuration are written from plain data.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use chain::RefusedFetches;
use parking_lot::Mutex;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::time::Instant;

use super::probe::flag;
use super::service::{Services, write_maintenance};
use super::text::{Family, Samples, Text};
use crate::build_info;
use crate::calendar;
use crate::config::{Config, Target, TargetId, Window};
use crate::controls::Controls;
use crate::identities::IdentityValidity;
use crate::log_queue;
use crate::maintenance;
use crate::results::{Bounds, Histogram, Snapshot};
use crate::scheduler::{Cadence, Observer, Run};

/// How late runs start. The budget is a tenth of a second at the 99th percentile.
const LAG_BOUNDS: Bounds<9> = [
    ("0.001", Duration::from_millis(1)),
    ("0.005", Duration::from_millis(5)),
    ("0.01", Duration::from_millis(10)),
    ("0.025", Duration::from_millis(25)),
    ("0.05", Duration::from_millis(50)),
    ("0.1", Duration::from_millis(100)),
    ("0.25", Duration::from_millis(250)),
    ("1.0", Duration::from_secs(1)),
    ("5.0", Duration::from_secs(5)),
];

static RUN_DURATION: Family =
    Family::histogram("bongsu_run_duration_seconds", "How long runs took, rechecks included.");
static LAG: Family =
    Family::histogram("bongsu_scheduler_lag_seconds", "How long after its due time a run started.");
static ONLINE: Family = Family::gauge(
    "bongsu_vantage_online",
    "Whether this vantage is online. When no control answers it has no vote.",
);
static SKEW: Family = Family::gauge(
    "bongsu_clock_skew_seconds",
    "How far our clock is ahead of those of the controls.",
);

static STALLED: Family = Family::counter(
    "bongsu_prober_stall_seconds_total",
    "Seconds in which this process did not get to run: stopped, throttled, crowded out or busy.",
);
static LAST_STALL: Family = Family::gauge(
    "bongsu_prober_last_stall_timestamp_seconds",
    "When this process last did not get to run, in unix time.",
);

static REFUSED: Family = Family::counter(
    "bongsu_fetches_refused_total",
    "Fetches of what certificates name that were refused, because their target had too many.",
);

static MAINTENANCE_FILE: Family = Family::gauge(
    "bongsu_maintenance_file_valid",
    "Whether the windows that bongsu maintenance wrote are in force as the file has them.",
);

static HELD: Family = Family::gauge(
    "bongsu_account_held",
    "Whether the guard holds an account that logins use, by the host that receives it.",
);

static IDENTITY_END: Family = Family::gauge(
    "bongsu_identity_not_after_timestamp_seconds",
    "End of the certificate that logins sign with or show, in unix time.",
);
static IDENTITY_START: Family = Family::gauge(
    "bongsu_identity_not_before_timestamp_seconds",
    "Start of the certificate that logins sign with or show, in unix time.",
);

/// Account, host, and whether it is held.
type Holds = Vec<(String, String, bool)>;

/// Series of the daemon as a whole. As an [`Observer`] it follows the scheduler; the rest is set by
/// whoever knows.
pub struct Daemon {
    registry: Registry,
    controls: Arc<Controls>,
    in_flight: IntGauge,
    skipped: IntCounter,
    shed: IntCounter,
    log_dropped: IntCounter,
    configured: IntGauge,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    config_info: IntGaugeVec,
    holds: OnceLock<Box<dyn Fn() -> Holds + Send + Sync>>,
    identities: OnceLock<Box<dyn Fn() -> Vec<IdentityValidity> + Send + Sync>>,
    refused: OnceLock<Box<dyn Fn() -> RefusedFetches + Send + Sync>>,
    /// Where blackbox_exporter's modules are run.
    modules: OnceLock<ModuleMetrics>,
    state: Mutex<State>,
}

/// What blackbox_exporter says of itself, for rules that ask for it.
struct ModuleMetrics {
    unknown: IntCounter,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
}

struct State {
    /// By id and not as a number: a run whose target is removed may never report its end.
    running: HashSet<TargetId>,
    lag: Histogram<9>,
    services: Arc<Services>,
    windows: Arc<[Window]>,
    /// Whether the last reading of `--maintenance.file` was good; none without one.
    maintenance_file: Option<bool>,
}

impl Daemon {
    /// With a registry of its own.
    pub fn new(controls: Arc<Controls>) -> prometheus::Result<Daemon> {
        Daemon::register(&Registry::new(), controls)
    }

    /// Registers its families; `controls` are asked for their last reading at each scrape. Fails
    /// only when `registry` has one of these names already.
    pub fn register(registry: &Registry, controls: Arc<Controls>) -> prometheus::Result<Daemon> {
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            registered(registry, IntGauge::new(name, help)?)
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            registered(registry, IntCounter::new(name, help)?)
        };
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = IntGaugeVec::new(
            Opts::new("bongsu_build_info", "What this program was built from, as labels."),
            &["version", "revision", "rustversion"],
        )?;
        build
            .with_label_values(&[
                build_info::VERSION,
                build_info::REVISION,
                build_info::RUST_VERSION,
            ])
            .set(1);
        registered(registry, build)?;
        Ok(Daemon {
            registry: registry.clone(),
            controls,
            in_flight: gauge("bongsu_probes_in_flight", "Runs that are going on now.")?,
            skipped: counter(
                "bongsu_scheduler_skipped_runs_total",
                "Scheduled runs that could not start in time.",
            )?,
            shed: counter(
                "bongsu_scheduler_shed_rechecks_total",
                "Rechecks that were left out because there was no room for them.",
            )?,
            log_dropped: counter(
                "bongsu_log_lines_dropped_total",
                "Log lines that were left out because nobody read standard error in time.",
            )?,
            configured: gauge("bongsu_probes_configured", "Probes that this process runs.")?,
            reload_successful: gauge(
                "bongsu_config_last_reload_successful",
                "Whether the last attempt to load the configuration succeeded.",
            )?,
            reload_success_at: registered(
                registry,
                Gauge::new(
                    "bongsu_config_last_reload_success_timestamp_seconds",
                    "When the configuration was last loaded, in unix time.",
                )?,
            )?,
            config_info: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "bongsu_config_info",
                        "Hash of the configuration without secrets and paths, as a label.",
                    ),
                    &["hash"],
                )?,
            )?,
            holds: OnceLock::new(),
            identities: OnceLock::new(),
            refused: OnceLock::new(),
            modules: OnceLock::new(),
            state: Mutex::new(State {
                running: HashSet::new(),
                lag: Histogram::new(&LAG_BOUNDS),
                services: Arc::default(),
                windows: Arc::new([]),
                maintenance_file: None,
            }),
        })
    }

    /// From now on what blackbox_exporter says of its file is said, too.
    pub fn with_modules(&self) -> prometheus::Result<()> {
        let registry = &self.registry;
        let metrics = ModuleMetrics {
            unknown: registered(
                registry,
                IntCounter::new(
                    "blackbox_module_unknown_total",
                    "Requests to /probe for a module that the file does not have.",
                )?,
            )?,
            reload_successful: registered(
                registry,
                IntGauge::new(
                    "blackbox_exporter_config_last_reload_successful",
                    "Whether the last attempt to load the modules succeeded.",
                )?,
            )?,
            reload_success_at: registered(
                registry,
                Gauge::new(
                    "blackbox_exporter_config_last_reload_success_timestamp_seconds",
                    "When the modules were last loaded, in unix time.",
                )?,
            )?,
        };
        let _ = self.modules.set(metrics);
        Ok(())
    }

    /// Somebody asked for a module that the file does not have.
    pub fn unknown_module(&self) {
        if let Some(modules) = self.modules.get() {
            modules.unknown.inc();
        }
    }

    /// A configuration took effect. `probes` is how many of them this process runs.
    pub fn config_loaded(&self, config: &Config, probes: usize, at: SystemTime) {
        self.configured.set(i64::try_from(probes).unwrap_or(i64::MAX));
        self.config_info.reset();
        self.config_info.with_label_values(&[&config.hash]).set(1);
        self.reload_successful.set(1);
        let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.reload_success_at.set(since_epoch.as_secs_f64());
        if let Some(modules) = self.modules.get() {
            modules.reload_successful.set(1);
            modules.reload_success_at.set(since_epoch.as_secs_f64());
        }
        let services = Arc::new(Services::of(config));
        let windows = config.windows().cloned().collect();
        let mut state = self.state.lock();
        state.services = services;
        state.windows = windows;
    }

    /// Windows were opened or ended by hand.
    pub fn windows_changed(&self, config: &Config) {
        self.state.lock().windows = config.windows().cloned().collect();
    }

    /// Whether the file of such windows could be read as it is now.
    pub fn maintenance_file_read(&self, is_valid: bool) {
        self.state.lock().maintenance_file = Some(is_valid);
    }

    /// Says, once, who knows which accounts are held. It is asked at each scrape.
    pub fn accounts_from(&self, holds: impl Fn() -> Holds + Send + Sync + 'static) {
        let _ = self.holds.set(Box::new(holds));
    }

    /// Says, once, who knows the certificates of logins. It is asked at each scrape.
    pub fn identities_from(
        &self,
        validities: impl Fn() -> Vec<IdentityValidity> + Send + Sync + 'static,
    ) {
        let _ = self.identities.set(Box::new(validities));
    }

    /// Says, once, who knows which fetches were refused. It is asked at each scrape.
    pub fn refused_fetches_from(
        &self,
        refused: impl Fn() -> RefusedFetches + Send + Sync + 'static,
    ) {
        let _ = self.refused.set(Box::new(refused));
    }

    /// A configuration was refused; the old one stays.
    pub fn config_refused(&self) {
        self.reload_successful.set(0);
        if let Some(modules) = self.modules.get() {
            modules.reload_successful.set(0);
        }
    }

    /// Everything but the series of single targets.
    pub(super) fn write(&self, snapshot: &Snapshot, text: &mut Text<'_>) {
        let (lag, services, windows, maintenance_file) = {
            let state = self.state.lock();
            let (services, windows) = (Arc::clone(&state.services), Arc::clone(&state.windows));
            (state.lag.clone(), services, windows, state.maintenance_file)
        };
        self.log_dropped.inc_by(log_queue::dropped().saturating_sub(self.log_dropped.get()));
        write_run_durations(snapshot, text);
        services.write(text);
        write_maintenance(&maintenance::rows(&windows, calendar::now()), text);
        if let Some(is_valid) = maintenance_file {
            text.family(&MAINTENANCE_FILE).put("", &[], flag(is_valid));
        }
        let reading = self.controls.reading();
        text.family(&ONLINE).put("", &[], flag(reading.online));
        if let Some(skew) = reading.skew {
            text.family(&SKEW).put("", &[], skew);
        }
        let own_time = self.controls.own_time();
        text.family(&STALLED).put("", &[], own_time.total().as_secs_f64());
        if let Some(at) = own_time.last_at() {
            let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            text.family(&LAST_STALL).put("", &[], since_epoch.as_secs_f64());
        }
        if let Some(refused) = self.refused.get().map(|known| known()) {
            let mut samples = text.family(&REFUSED);
            samples.put("", &[("kind", "issuer")], refused.issuers as f64);
            samples.put("", &[("kind", "revocation_list")], refused.lists as f64);
        }
        let mut held = text.family(&HELD);
        for (account, host, is_held) in self.holds.get().map(|holds| holds()).unwrap_or_default() {
            held.put("", &[("account", &account), ("host", &host)], flag(is_held));
        }
        let identities = self.identities.get().map(|known| known()).unwrap_or_default();
        let mut end = text.family(&IDENTITY_END);
        for identity in &identities {
            end.put("", &[("identity", &identity.name)], identity.not_after as f64);
        }
        let mut start = text.family(&IDENTITY_START);
        for identity in &identities {
            start.put("", &[("identity", &identity.name)], identity.not_before as f64);
        }
        write_histogram(&mut text.family(&LAG), &[], &lag);
        match TextEncoder::new().encode_to_string(&self.registry.gather()) {
            Ok(fixed) => text.raw(&fixed),
            Err(error) => tracing::error!(%error, "own metrics cannot be encoded"),
        }
    }

    fn running(&self, change: impl FnOnce(&mut HashSet<TargetId>)) {
        let mut state = self.state.lock();
        change(&mut state.running);
        self.in_flight.set(i64::try_from(state.running.len()).unwrap_or(i64::MAX));
    }
}

impl Observer for Daemon {
    fn adopt(&self, target: &Arc<Target>, _now: Instant) {
        self.running(|running| {
            running.remove(&target.id);
        });
    }

    fn started(&self, target: &Arc<Target>) {
        self.running(|running| {
            running.insert(target.id.clone());
        });
    }

    fn observe(&self, target: &Arc<Target>, run: &Run) {
        self.running(|running| {
            running.remove(&target.id);
        });
        self.state.lock().lag.observe(run.lag);
    }

    fn skipped(&self, target: &Arc<Target>, cadence: Cadence, runs: u64) {
        // It may have begun, and found that it would have no turn.
        self.running(|running| {
            running.remove(&target.id);
        });
        match cadence {
            Cadence::Scheduled => self.skipped.inc_by(runs),
            Cadence::Recheck => self.shed.inc_by(runs),
        }
    }

    fn forget(&self, id: &TargetId) {
        self.running(|running| {
            running.remove(id);
        });
    }
}

fn registered<M>(registry: &Registry, metric: M) -> prometheus::Result<M>
where
    M: prometheus::core::Collector + Clone + 'static,
{
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn write_run_durations(snapshot: &Snapshot, text: &mut Text<'_>) {
    let mut samples = text.family(&RUN_DURATION);
    for ((service, kind), histogram) in &snapshot.durations {
        write_histogram(&mut samples, &[("service", service), ("kind", kind)], histogram);
    }
}

fn write_histogram<const N: usize>(
    samples: &mut Samples<'_, '_>,
    pairs: &[(&str, &str)],
    histogram: &Histogram<N>,
) {
    let mut with_le = pairs.to_vec();
    for (le, count) in histogram.cumulative() {
        with_le.truncate(pairs.len());
        with_le.push(("le", le));
        samples.put_as("_bucket", "", &with_le, count as f64);
    }
    samples.put_as("_sum", "", pairs, histogram.sum().as_secs_f64());
    samples.put_as("_count", "", pairs, histogram.count() as f64);
}

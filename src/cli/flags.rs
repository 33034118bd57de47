//! The flags, each with its variable.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};
use url::Url;

use super::environment::{SystemdVariables, TerminalVariables};
use super::external_url::{ExternalUrl, external_url};
use super::listen_address::ListenAddress;
use super::report::server_url;

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 10915;

/// Read unless told otherwise.
pub const DEFAULT_CONFIG_FILE: &str = "/etc/bongsu/bongsu.yml";

/// Enough for the transfer of a page and the logout of a login; an orchestrator usually kills
/// after 30 s.
const DEFAULT_GRACE: &str = "10s";

/// More than any orchestrator waits.
const GRACE_MAX: Duration = Duration::from_secs(3600);

/// More processes than anybody splits a configuration over; catches swapped numbers.
const SHARDS_MAX: u32 = 1024;

/// Runs of modules at once: as many as a scrape interval of 15 s has of targets that are down, at
/// 70 scrapes a second. Each has one connection and what a module keeps of a body.
const BLACKBOX_RUNS: u16 = 1_024;

/// The flags, the same for every subcommand.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// The configuration.
    #[arg(long = "config.file", env = "BONGSU_CONFIG_FILE", value_name = "FILE", global = true)]
    #[arg(default_value = DEFAULT_CONFIG_FILE)]
    pub config_file: PathBuf,

    /// Validate the configuration, print what would run, and exit.
    #[arg(long = "config.check", env = "BONGSU_CONFIG_CHECK", global = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub config_check: bool,

    /// Name of the place this prober looks from, for pages and logs. Metrics get it from the
    /// scrape job.
    #[arg(long = "vantage", env = "BONGSU_VANTAGE", value_name = "NAME", global = true)]
    pub vantage: Option<String>,

    /// Keeps held accounts and the evidence of failures over restarts. Optional.
    #[arg(long = "state.dir", env = "BONGSU_STATE_DIR", value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,

    /// Where bongsu maintenance writes windows, which the daemon watches. Optional.
    #[arg(long = "maintenance.file", env = "BONGSU_MAINTENANCE_FILE", global = true)]
    #[arg(value_name = "FILE")]
    pub maintenance_file: Option<PathBuf>,

    /// Where to listen; without a host, on every address.
    #[arg(long = "web.listen-address", env = "BONGSU_WEB_LISTEN_ADDRESS", global = true)]
    #[arg(value_name = "[HOST]:PORT", default_value = ":10915")]
    pub listen_address: ListenAddress,

    /// TLS and basic authentication, in the format of the Prometheus exporters.
    #[arg(long = "web.config.file", env = "BONGSU_WEB_CONFIG_FILE", global = true)]
    #[arg(value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,

    /// Where people reach this daemon, when behind a proxy. Links begin with its path, below which
    /// requests are answered as without it. Empty is the same as not given.
    #[arg(long = "web.external-url", env = "BONGSU_WEB_EXTERNAL_URL", global = true)]
    #[arg(value_name = "URL", value_parser = external_url)]
    #[arg(default_value = "", hide_default_value = true)]
    pub external_url: ExternalUrl,

    /// The Prometheus that scrapes this daemon and has its rules: pages then show how available services
    /// were in the last 24 hours, 7 and 30 days. It is asked in the background.
    #[arg(
        long = "prometheus.url",
        env = "BONGSU_PROMETHEUS_URL",
        value_name = "URL",
        global = true
    )]
    #[arg(value_parser = server_url)]
    pub prometheus_url: Option<Url>,

    /// Allow POST /-/reload.
    #[arg(long = "web.enable-lifecycle", env = "BONGSU_WEB_ENABLE_LIFECYCLE", global = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub enable_lifecycle: bool,

    /// Let /probe look at targets that are not configured: whoever may ask can then make this host
    /// connect to anything that it reaches.
    #[arg(long = "web.probe-any-target", env = "BONGSU_WEB_PROBE_ANY_TARGET", global = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub probe_any_target: bool,

    /// Modules in the format of blackbox_exporter: /probe then probes its target with the module that
    /// is named, as blackbox_exporter does.
    #[arg(long = "blackbox.config.file", env = "BONGSU_BLACKBOX_CONFIG_FILE", global = true)]
    #[arg(value_name = "FILE")]
    pub blackbox_config_file: Option<PathBuf>,

    /// How much earlier a module's run ends than the scrape that asks for it.
    #[arg(long = "blackbox.timeout-offset", env = "BONGSU_BLACKBOX_TIMEOUT_OFFSET", global = true)]
    #[arg(value_name = "SECONDS", default_value_t = 0.5, value_parser = offset)]
    pub blackbox_timeout_offset: f64,

    /// Refuse targets of modules whose address the internet does not reach, after name resolution and
    /// at each redirect: this machine, private networks, link-local (metadata services).
    #[arg(long = "blackbox.refuse-private-targets", global = true)]
    #[arg(env = "BONGSU_BLACKBOX_REFUSE_PRIVATE_TARGETS")]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub blackbox_refuse_private_targets: bool,

    /// How many runs of modules there may be at once; a further one is answered 503.
    #[arg(long = "blackbox.max-concurrent-probes", global = true)]
    #[arg(env = "BONGSU_BLACKBOX_MAX_CONCURRENT_PROBES")]
    #[arg(value_name = "N", default_value_t = BLACKBOX_RUNS)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub blackbox_max_concurrent_probes: u16,

    /// Let steps of logins run programs (exec): whoever may write the configuration can then run
    /// programs as the user of this process.
    #[arg(long = "login.allow-exec", env = "BONGSU_LOGIN_ALLOW_EXEC", global = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub allow_exec: bool,

    /// The zone of the times on pages.
    #[arg(long = "web.time-zone", env = "TZ", value_name = "ZONE", global = true)]
    #[arg(help = "The zone of the times on pages; Asia/Seoul unless given")]
    pub time_zone: Option<String>,

    /// What systemd said to this process: nobody gives these by hand.
    #[command(flatten)]
    pub systemd: SystemdVariables,

    /// What the terminal is like: nobody gives these by hand.
    #[command(flatten)]
    pub terminal: TerminalVariables,

    /// The least severe events to log.
    #[arg(long = "log.level", env = "BONGSU_LOG_LEVEL", value_name = "LEVEL", global = true)]
    #[arg(value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// The form of a log line.
    #[arg(long = "log.format", env = "BONGSU_LOG_FORMAT", value_name = "FORMAT", global = true)]
    #[arg(value_enum, default_value_t = LogFormat::Logfmt)]
    pub log_format: LogFormat,

    /// How long running probes may take to finish after SIGTERM.
    #[arg(long = "shutdown.grace", env = "BONGSU_SHUTDOWN_GRACE", global = true)]
    #[arg(value_name = "DURATION", default_value = DEFAULT_GRACE, value_parser = grace)]
    pub shutdown_grace: Duration,

    /// Which shard this process is, from 0.
    #[arg(long = "shard.index", env = "BONGSU_SHARD_INDEX", value_name = "N", global = true)]
    #[arg(default_value_t = 0)]
    pub shard_index: u32,

    /// How many processes share the services.
    #[arg(long = "shard.count", env = "BONGSU_SHARD_COUNT", value_name = "N", global = true)]
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=SHARDS_MAX as i64))]
    pub shard_count: u32,
}

/// `--log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Every step of every login, too.
    Trace,
    /// Every result of every probe.
    Debug,
    /// State changes.
    Info,
    /// Failing probes and refused files.
    Warn,
    /// What keeps the daemon from working.
    Error,
}

/// `--log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value`.
    Logfmt,
    /// One object a line.
    Json,
}

fn grace(text: &str) -> Result<Duration, String> {
    let grace = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if grace > GRACE_MAX {
        return Err(format!("longer than {}", humantime::format_duration(GRACE_MAX)));
    }
    Ok(grace)
}

fn offset(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is no number of seconds".to_owned())?;
    if !(0.0..=60.0).contains(&seconds) {
        return Err("it is not between 0 and 60 seconds".to_owned());
    }
    Ok(seconds)
}

//! The command line: flags in exporter style, each also in the environment, and the exit codes.
//!
//! This is the only place that reads `BONGSU_*` variables. A flag wins over its variable. What is
//! parsed here is final: nothing later looks at the arguments again.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::build_info::LONG;
use crate::import_args::ImportCommand;
use crate::language::Language;
use crate::maintenance_args::MaintenanceCommand;
use crate::report_args::{ReportCommand, server_url};

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 10915;

/// Read unless told otherwise.
pub const DEFAULT_CONFIG_FILE: &str = "/etc/bongsu/bongsu.yml";

/// Enough for the transfer of a page and the logout of a login; an orchestrator usually kills
/// after 30 s.
const DEFAULT_GRACE: &str = "10s";

/// More than any orchestrator waits.
const GRACE_MAX: Duration = Duration::from_secs(3600);

/// An hour of looks from a terminal; what looks for longer is the daemon.
const REPEAT_MAX: u32 = 3600;

/// More processes than anybody splits a configuration over; catches swapped numbers.
const SHARDS_MAX: u32 = 1024;

/// Runs of modules at once: as many as a scrape interval of 15 s has of targets that are down, at
/// 70 scrapes a second. Each has one connection and what a module keeps of a body.
const BLACKBOX_RUNS: u16 = 1_024;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Ok,
    /// The work failed: a port in use, a task that died, a probe that is not up.
    Failed,
    /// Wrong usage or a wrong configuration. Nothing was started.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
        })
    }
}

/// Synthetic availability prober for e-government services.
#[derive(Debug, Parser)]
#[command(name = "bongsu", version = LONG, about)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub flags: Flags,
}

/// The subcommands.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Command {
    /// Probe until told to stop. The default.
    Run,
    /// Validate the configuration and print what would run.
    Check(CheckArgs),
    /// Look once and print what was found; exits 1 when it is not up.
    Probe(ProbeArgs),
    /// Write a first configuration for these addresses, and a Prometheus that scrapes it.
    Init(InitArgs),
    /// Make a configuration of what there is: modules of blackbox_exporter and their targets, a table.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Ask the daemon at the listen address whether it is healthy.
    Healthcheck,
    /// What a contract wants to know of a month, asked of Prometheus.
    #[command(subcommand)]
    Report(Box<ReportCommand>),
    /// Windows of maintenance by hand, with who and why.
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// A simulated e-government estate with the daemon probing it: look, break something, rehearse.
    #[cfg(feature = "lab")]
    Lab(LabArgs),
}

/// What `check` takes beside the flags.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct CheckArgs {
    /// The file to check, - for standard input; takes precedence over --config.file.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// The plan, or the problems, as one JSON object.
    #[arg(long)]
    pub json: bool,

    /// Print the JSON Schema of a configuration, by which editors complete and complain.
    #[arg(long, conflicts_with_all = ["file", "json"])]
    pub print_schema: bool,
}

/// What `init` takes beside the flags.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct InitArgs {
    /// Front pages of services, such as `https://www.gov.kr`.
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,

    /// Where the files are written; here unless given. No file is replaced.
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub out: PathBuf,
}

/// What `probe` takes beside the flags.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(group = clap::ArgGroup::new("what").args(["id", "url"]).required(true))]
pub struct ProbeArgs {
    /// The probe's id.
    #[arg(value_name = "SERVICE/PROBE[@SITE]")]
    pub id: Option<String>,

    /// Look at an address instead, without any configuration.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// One site of a probe with for_each.
    #[arg(long, value_name = "SITE", requires = "id")]
    pub site: Option<String>,

    /// How often to look, a second apart.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=REPEAT_MAX as i64))]
    pub repeat: u32,

    /// One JSON object a run, the same as --output json.
    #[arg(long, conflicts_with = "output")]
    pub json: bool,

    /// In which form; curl sends nothing and prints the requests as lines for a shell, without
    /// secrets.
    #[arg(long, value_enum, default_value_t = ProbeOutput::Text, value_name = "FORM")]
    pub output: ProbeOutput,
}

/// `--output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProbeOutput {
    /// For people.
    #[default]
    Text,
    /// One object a run.
    Json,
    /// The requests, for a shell.
    Curl,
}

/// What `lab` takes beside the flags.
#[cfg(feature = "lab")]
#[derive(Debug, Clone, PartialEq, Args)]
pub struct LabArgs {
    /// Play a drill: a timeline of faults.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,

    /// Seconds of the drill in one real second; the drill's own unless given.
    #[arg(long, value_name = "N", requires = "replay")]
    pub speed: Option<f64>,

    /// Only the estate, for a daemon elsewhere.
    #[arg(long)]
    pub targets_only: bool,

    /// Where the estate listens; 127.0.0.1 unless given.
    #[arg(long, value_name = "ADDRESS", requires = "targets_only")]
    pub listen: Option<std::net::IpAddr>,

    /// The name other hosts know the estate by.
    #[arg(long, value_name = "NAME", requires = "targets_only")]
    pub hostname: Option<String>,

    /// How long one system of the estate waits for another; 3s unless given.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub patience: Option<Duration>,

    /// Where the configuration and the certificates are written; ./bongsu-lab unless given.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

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

/// `--web.external-url`. Whoever sets its variable for every host may leave it empty on some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl(pub Option<Url>);

/// Variables that systemd sets, see `sd_notify(3)`. Wrong ones are not worth refusing to start.
#[derive(Debug, Clone, Default, Args)]
pub struct SystemdVariables {
    /// `NOTIFY_SOCKET`.
    #[arg(long = "systemd.notify-socket", env = "NOTIFY_SOCKET", hide = true, global = true)]
    pub notify_socket: Option<String>,
    /// `WATCHDOG_USEC`.
    #[arg(long = "systemd.watchdog-usec", env = "WATCHDOG_USEC", hide = true, global = true)]
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`.
    #[arg(long = "systemd.watchdog-pid", env = "WATCHDOG_PID", hide = true, global = true)]
    pub watchdog_pid: Option<String>,
}

/// Variables of the terminal that bongsu was started in. They are no reason to refuse to start either.
#[derive(Debug, Clone, Default, Args)]
pub struct TerminalVariables {
    /// `LC_ALL`, over the other two.
    #[arg(long = "terminal.lc-all", env = "LC_ALL", hide = true, global = true)]
    pub lc_all: Option<OsString>,
    /// `LC_MESSAGES`.
    #[arg(long = "terminal.lc-messages", env = "LC_MESSAGES", hide = true, global = true)]
    pub lc_messages: Option<OsString>,
    /// `LANG`.
    #[arg(long = "terminal.lang", env = "LANG", hide = true, global = true)]
    pub lang: Option<OsString>,
    /// `NO_COLOR`; anything but empty means no colours (<https://no-color.org>).
    #[arg(long = "terminal.no-color", env = "NO_COLOR", hide = true, global = true)]
    pub no_color: Option<OsString>,
    /// `TERM`; a dumb one shows no colours.
    #[arg(long = "terminal.term", env = "TERM", hide = true, global = true)]
    pub term: Option<OsString>,
}

impl TerminalVariables {
    /// The language of its reader.
    pub fn language(&self) -> Language {
        let locales = [&self.lc_all, &self.lc_messages, &self.lang];
        Language::of_locale(locales.into_iter().flatten().filter_map(|locale| locale.to_str()))
    }

    /// Whether it only takes lines, one below the other.
    pub fn is_dumb(&self) -> bool {
        self.term.as_ref().is_none_or(|term| term == "dumb")
    }

    /// Whether it may show colours, if it is a terminal at all.
    pub fn takes_colours(&self) -> bool {
        !self.is_dumb() && self.no_color.as_ref().is_none_or(|value| value.is_empty())
    }
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

/// `--web.listen-address`: `:10915`, `127.0.0.1:10915`, `[::1]:10915`, `localhost:10915`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// Name or address without brackets; none means every address.
    pub host: Option<String>,
    /// 0 lets the system choose.
    pub port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        let (host, port) =
            text.rsplit_once(':').ok_or("there is no port; write :10915 or 127.0.0.1:10915")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(format!("an IPv6 address needs brackets; write [{host}]:{port}"));
        }
        let host = bracketed.unwrap_or(host);
        Ok(ListenAddress { host: (!host.is_empty()).then(|| host.to_owned()), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

/// The flags that mean something to a subcommand. It takes the others without a word, because whoever
/// has them in the environment or in a script has them there for `run`, and its help is silent on them.
fn means_something(subcommand: &str, flag: &str) -> bool {
    const CONFIGURATION: [&str; 2] = ["config.file", "login.allow-exec"];
    const LOG: [&str; 2] = ["log.level", "log.format"];
    const SHARDS: [&str; 2] = ["shard.index", "shard.count"];
    match subcommand {
        "check" => {
            CONFIGURATION.contains(&flag)
                || SHARDS.contains(&flag)
                || ["web.config.file", "web.time-zone"].contains(&flag)
        }
        "probe" => CONFIGURATION.contains(&flag) || LOG.contains(&flag) || flag == "state.dir",
        "healthcheck" => {
            ["web.listen-address", "web.config.file", "web.external-url"].contains(&flag)
        }
        "lab" => !["config.file", "config.check"].contains(&flag),
        "run" => true,
        _ => false,
    }
}

/// The command line, with the flags of [`means_something`] in the help of each subcommand.
pub fn command() -> clap::Command {
    let all = Flags::augment_args(clap::Command::new("flags"));
    Cli::command().mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        let foreign = all
            .get_arguments()
            .filter(|arg| arg.get_long().is_some_and(|flag| !means_something(&name, flag)));
        subcommand.args(foreign.map(|arg| arg.clone().hide(true)))
    })
}

/// Parses the process's arguments. `Err` has printed help, the version or the mistake, and says
/// how to end.
pub fn parse() -> Result<Cli, Exit> {
    let matches = command().try_get_matches();
    let parsed = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    let checked = parsed.and_then(|cli| match cli.flags.shard_index {
        index if index < cli.flags.shard_count => Ok(cli),
        index => Err(command().error(
            clap::error::ErrorKind::ValueValidation,
            format!(
                "--shard.index {index} does not exist among {} shards; they are counted from 0",
                cli.flags.shard_count
            ),
        )),
    });
    checked.map_err(|error| {
        // A closed standard output is not worth another message.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Ok }
    })
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

fn external_url(text: &str) -> Result<ExternalUrl, String> {
    if text.is_empty() {
        return Ok(ExternalUrl(None));
    }
    let url = Url::parse(text).map_err(
        |_| "it is no URL; write scheme, host and path: https://ops.example.go.kr/bongsu",
    )?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// is not http:// or https://", url.scheme()));
    }
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    // A link that began with two slashes would lead to another host.
    if !is_plain || url.path().starts_with("//") {
        return Err("write only scheme, host and path: https://ops.example.go.kr/bongsu".into());
    }
    Ok(ExternalUrl(Some(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        command().debug_assert();
    }

    #[test]
    fn listen_addresses_are_read_as_exporters_read_them() {
        for text in [":10915", "127.0.0.1:0", "[::1]:9", "localhost:10915"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in ["10915", "::1:10915", "host:70000", "host:"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_may_stand_on_either_side_of_the_subcommand() {
        for arguments in
            [["bongsu", "--shard.count", "3", "check"], ["bongsu", "check", "--shard.count", "3"]]
        {
            let matches = command().try_get_matches_from(arguments).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!(cli.flags.shard_count, 3);
            assert_eq!(cli.command, Some(Command::Check(CheckArgs::default())));
        }
    }

    #[test]
    fn a_flag_that_means_nothing_to_a_subcommand_is_taken_and_not_in_its_help() {
        for arguments in
            [["bongsu", "--state.dir", "/s", "check"], ["bongsu", "check", "--state.dir", "/s"]]
        {
            let matches = command().try_get_matches_from(arguments).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!(cli.flags.state_dir, Some(PathBuf::from("/s")));
        }
        let mut all = command();
        let help = all.find_subcommand_mut("check").unwrap().render_long_help().to_string();
        assert!(!help.contains("--state.dir"), "{help}");
    }
}

//! What subcommands take beside the flags. Those of reports, imports and maintenance stand beside this.

use std::path::PathBuf;
#[cfg(feature = "lab")]
use std::time::Duration;

use clap::{Args, ValueEnum};

/// An hour of looks from a terminal; what looks for longer is the daemon.
const REPEAT_MAX: u32 = 3600;

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
    #[arg(long, value_name = "SITE", requires = "id", conflicts_with = "url")]
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

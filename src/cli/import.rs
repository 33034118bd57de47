//! What `bongsu import` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What a configuration is made of.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum ImportCommand {
    /// Modules of blackbox_exporter, and the targets that Prometheus asks it about.
    Blackbox(BlackboxArgs),
    /// A table of services: addresses, and names, owners, telephones, grades where it has them.
    Csv(CsvArgs),
}

/// What `import blackbox` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct BlackboxArgs {
    /// The module file, often blackbox.yml.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A Prometheus configuration, or a file of targets (file_sd) in YAML or JSON; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    pub targets: Vec<PathBuf>,

    /// The module of targets in a file_sd file, which names none.
    #[arg(long, value_name = "NAME", default_value = "http_2xx")]
    pub module: String,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// What `import csv` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CsvArgs {
    /// The table: UTF-8, EUC-KR or UTF-16, with commas, semicolons or tabs.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where the result goes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct OutputArgs {
    /// Where the files are written; here unless given. No file is replaced.
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub out: PathBuf,
}

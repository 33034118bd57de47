//! What `bongsu report` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::{Date, DateTime};
use url::Url;

use super::local_time::local_time;
use crate::language::Language;

/// What is reported.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum ReportCommand {
    /// Fault minutes, availability and outages of a calendar month of Korea.
    Month(MonthArgs),
    /// The course of one incident, in the order in which it is reported to the authorities.
    Incident(IncidentArgs),
}

/// What `report month` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct MonthArgs {
    /// The month; one that is running is reported until now.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub month: Date,

    #[command(flatten)]
    pub server: ServerArgs,

    #[command(flatten)]
    pub alertmanager: AlertmanagerArgs,

    /// Corrections with reason and name, in YAML; keep the file in git.
    #[arg(long, value_name = "FILE")]
    pub corrections: Option<PathBuf>,

    /// Report what Prometheus still has, when it no longer keeps the beginning.
    #[arg(long)]
    pub incomplete: bool,

    #[command(flatten)]
    pub form: FormArgs,
}

/// What `report incident` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct IncidentArgs {
    /// The service.
    #[arg(long, value_name = "NAME")]
    pub service: String,

    /// A moment of the incident in Korea's time, an hour before its first failing run at the earliest.
    #[arg(long, value_name = "YYYY-MM-DDTHH:MM", value_parser = local_time)]
    pub at: DateTime,

    #[command(flatten)]
    pub server: ServerArgs,

    #[command(flatten)]
    pub alertmanager: AlertmanagerArgs,

    /// What is written to standard output.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = IncidentForm::Text)]
    pub format: IncidentForm,

    /// The language; that of LC_ALL, LC_MESSAGES or LANG unless given.
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    pub language: Option<ReportLanguage>,
}

/// `--format` of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IncidentForm {
    /// For a terminal or a mail.
    Text,
    /// To print on A4.
    Html,
}

/// Which Prometheus a report asks, and how.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ServerArgs {
    /// The Prometheus that scrapes Bongsu and has its rules, or what speaks its API.
    #[arg(long, value_name = "URL", value_parser = server_url)]
    pub prometheus: Url,

    /// Basic authentication: a file with user:password.
    #[arg(long, value_name = "FILE", conflicts_with = "bearer_file")]
    pub basic_file: Option<PathBuf>,

    /// A file with a bearer token.
    #[arg(long, value_name = "FILE")]
    pub bearer_file: Option<PathBuf>,

    /// Certificate authorities in PEM that vouch for the server, instead of the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// How long one answer may take.
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    #[arg(value_parser = humantime::parse_duration)]
    pub timeout: Duration,
}

/// Which Alertmanager a report asks, and how.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct AlertmanagerArgs {
    /// The Alertmanager whose silences tell who acknowledged the page.
    #[arg(long, value_name = "URL", value_parser = server_url)]
    pub alertmanager: Option<Url>,

    /// As --basic-file, for Alertmanager.
    #[arg(long, value_name = "FILE", requires = "alertmanager")]
    #[arg(conflicts_with = "alertmanager_bearer_file")]
    pub alertmanager_basic_file: Option<PathBuf>,

    /// As --bearer-file, for Alertmanager.
    #[arg(long, value_name = "FILE", requires = "alertmanager")]
    pub alertmanager_bearer_file: Option<PathBuf>,
}

/// What a report looks like.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct FormArgs {
    /// What is written to standard output.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = ReportForm::Text)]
    pub format: ReportForm,

    /// The language; that of LC_ALL, LC_MESSAGES or LANG unless given.
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    pub language: Option<ReportLanguage>,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// For a terminal or a mail.
    Text,
    /// For Excel.
    Csv,
    /// For programs.
    Json,
    /// To print on A4.
    Html,
}

/// `--lang`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportLanguage {
    /// Korean.
    Ko,
    /// English.
    En,
}

impl ReportLanguage {
    /// The language that is asked for, or that of the terminal.
    pub fn or(asked: Option<ReportLanguage>, terminal: Language) -> Language {
        match asked {
            Some(ReportLanguage::Ko) => Language::Korean,
            Some(ReportLanguage::En) => Language::English,
            None => terminal,
        }
    }
}

/// The first day of the month.
fn month(text: &str) -> Result<Date, String> {
    let is_month = text.len() == "2026-11".len();
    let date = format!("{text}-01").parse().ok().filter(|_| is_month);
    date.ok_or_else(|| "it is no month; write 2026-11".to_owned())
}

/// Where a server is. Everybody on this host sees what is on a command line.
pub(crate) fn server_url(text: &str) -> Result<Url, String> {
    let example = "http://prometheus.example.go.kr:9090";
    let url = Url::parse(text).map_err(|_| format!("it is no URL; write {example}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// is not http:// or https://; write {example}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password does not belong on a command line; use --basic-file".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("write only scheme, host and path: {example}"));
    }
    Ok(url)
}

//! The command line: flags in exporter style, each also in the environment, and the exit codes.
//!
//! This is the only place that reads `BONGSU_*` variables. A flag wins over its variable. What is
//! parsed here is final: nothing later looks at the arguments again.

mod args;
mod environment;
mod external_url;
mod flags;
pub mod import;
mod listen_address;
mod local_time;
pub mod maintenance;
mod meant;
pub mod report;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(feature = "lab")]
pub use self::args::LabArgs;
pub use self::args::{CheckArgs, InitArgs, ProbeArgs, ProbeOutput};
pub use self::environment::{SystemdVariables, TerminalVariables};
pub use self::external_url::ExternalUrl;
pub use self::flags::{DEFAULT_CONFIG_FILE, DEFAULT_PORT, Flags, LogFormat, LogLevel};
use self::import::ImportCommand;
pub use self::listen_address::ListenAddress;
use self::maintenance::MaintenanceCommand;
pub use self::meant::TypedWord;
use self::report::ReportCommand;
use crate::build_info::LONG;

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
            ErrorKind::ValueValidation,
            format!(
                "--shard.index {index} does not exist among {} shards; they are counted from 0",
                cli.flags.shard_count
            ),
        )),
    });
    checked.map_err(|error| {
        // A closed standard output is not worth another message.
        let _ = error.print();
        if let Some(instead) = instead(&error) {
            let _ = io::stderr().write_all(format!("\n{instead}").as_bytes());
        }
        if error.use_stderr() { Exit::Usage } else { Exit::Ok }
    })
}

/// What was meant by a word that is no subcommand, or that a subcommand does not take.
fn instead(error: &clap::Error) -> Option<String> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let ContextValue::String(word) = error.get(kind)? else { return None };
    let variables = TerminalVariables::augment_args(clap::Command::new("terminal"));
    let variables = variables.try_get_matches_from(["terminal"]).ok();
    let variables = variables.and_then(|found| TerminalVariables::from_arg_matches(&found).ok());
    let language = variables.unwrap_or_default().language();
    TypedWord::of(word).map(|typed| typed.instead(word, language))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        command().debug_assert();
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

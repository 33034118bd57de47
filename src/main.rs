//! The `bongsu` binary: parse, log, do what was asked, say how it went.

use std::process::ExitCode;

use bongsu::{cli, commands, log, panics};

fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    log::start(cli.flags.log_level, cli.flags.log_format);
    panics::install();
    commands::execute(cli).into()
}

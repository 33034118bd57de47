//! The `bongsu` binary: parse, log, do what was asked, say how it went.

use std::process::ExitCode;
use std::time::Duration;

use bongsu::{cli, commands, log, log_queue, panics};

/// For the last lines of the log, which nobody may be reading.
const LAST_LINES: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    log::start(cli.flags.log_level, cli.flags.log_format);
    panics::install();
    let exit = commands::execute(cli);
    log_queue::flush(LAST_LINES);
    exit.into()
}

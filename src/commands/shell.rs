//! What other programs are told of the command line: completions of shells and the manual page, both by
//! clap's own generators.

use std::io;

use clap_complete::Shell;
use tracing::error;

use super::tell;
use crate::cli::{Exit, command};

const NAME: &str = "bongsu";

pub(super) fn completions(shell: Shell) -> Exit {
    // clap panics where it cannot write; a closed pipe is the reader's own wish.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), NAME, &mut script);
    tell(&mut io::stdout(), &String::from_utf8_lossy(&script));
    Exit::Ok
}

/// `bongsu man`: all of it on one page.
pub(super) fn man() -> Exit {
    match clap_mangen::Man::new(command()).render(&mut io::stdout()) {
        Ok(()) => Exit::Ok,
        // A closed pipe is the reader's own wish.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            error!(%error, "the manual page cannot be written");
            Exit::Failed
        }
    }
}

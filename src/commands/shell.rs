//! What other programs are told of the command line: completions of shells and the manual page, both by
//! clap's own generators.

use clap_complete::Shell;

use super::print_as_is;
use crate::cli::{Exit, command};

const NAME: &str = "bongsu";

pub(super) fn completions(shell: Shell) -> Exit {
    // clap panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), NAME, &mut script);
    print_as_is(&String::from_utf8_lossy(&script))
}

/// `bongsu man`: all of it on one page.
pub(super) fn man() -> Exit {
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _ = clap_mangen::Man::new(command()).render(&mut page);
    print_as_is(&String::from_utf8_lossy(&page))
}

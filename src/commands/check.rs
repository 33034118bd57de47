//! `bongsu check`: validates, and prints what would run.

use std::io;

use super::{load, tell};
use crate::cli::{Exit, Flags};
use crate::config;
use crate::server::web::Web;

pub(super) fn check(flags: &Flags) -> Exit {
    let config = match load(flags) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if let Err(error) = Web::load(flags.web_config_file.clone()) {
        tell(&mut io::stderr(), &format!("{error}\n"));
        return Exit::Usage;
    }
    tell(&mut io::stdout(), &format!("{}", config::plan::describe(&config)));
    Exit::Ok
}

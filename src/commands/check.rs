//! `bongsu check`: validates, and prints what would run.

use std::io;

use super::{load, shard, tell};
use crate::cli::{Exit, Flags};
use crate::config;
use crate::scheduler::permits::{Capacity, Limits};
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
    let shard = shard(flags);
    let own = config.targets.iter().filter(|target| shard.owns(&target.id.service));
    let schedules = own.map(|target| &target.schedule);
    let permits = Capacity::of(schedules, &Limits::default()).wanted;
    tell(&mut io::stdout(), &config::plan::describe(&config, permits));
    Exit::Ok
}

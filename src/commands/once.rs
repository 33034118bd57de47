//! `bongsu probe`: one run of one probe, printed.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::waterfall::waterfall;
use super::{load, runtime, tell};
use crate::cli::{Exit, Flags};
use crate::config::Config;
use crate::limits::raise_descriptors;
use crate::net::Net;
use crate::outcome::Verdict;
use crate::probe;

/// Ids suggested when the wanted one does not exist.
const SUGGESTED_MAX: usize = 5;

pub(super) fn probe(flags: &Flags, id: &str) -> Exit {
    let config = match load(flags) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let Some(target) = config.targets.iter().find(|target| target.id.to_string() == id) else {
        tell(&mut io::stderr(), &unknown(&config, id));
        return Exit::Usage;
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    raise_descriptors();
    let outcome = runtime.block_on(async {
        let net = Arc::new(Net::new(&config));
        let probe = probe::build(target, &net);
        probe::run(&*probe, target.schedule.timeout(), &CancellationToken::new()).await
    });
    runtime.shutdown_background();
    tell(&mut io::stdout(), &waterfall(target, &outcome));
    match outcome.verdict() {
        Verdict::Up | Verdict::Degraded => Exit::Ok,
        Verdict::Down | Verdict::Unknown => Exit::Failed,
    }
}

fn unknown(config: &Config, id: &str) -> String {
    let mut ids: Vec<String> = config.targets.iter().map(|target| target.id.to_string()).collect();
    let distance = |other: &String| strsim::damerau_levenshtein(id, other);
    ids.sort_by_cached_key(|other| (distance(other), other.clone()));
    ids.truncate(SUGGESTED_MAX);
    match config.disabled.iter().any(|disabled| disabled.to_string() == id) {
        true => format!("{id} is switched off in the configuration\n"),
        false if ids.is_empty() => format!("no probe {id}: none is configured\n"),
        false => format!("no probe {id}; the nearest: {}\n", ids.join(", ")),
    }
}

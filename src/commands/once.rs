//! `bongsu probe`: one run of one probe, printed. It is judged as the daemon would: a vantage that
//! is offline has no vote, and an account that the daemon holds is left alone.

use std::io;
use std::sync::Arc;

use tracing::warn;

use super::waterfall::waterfall;
use super::{load, runtime, tell};
use crate::cli::{Exit, Flags};
use crate::config::{Config, Target};
use crate::controls::wire::{self, Names, WireError};
use crate::controls::{Controls, Reading};
use crate::limits::raise_descriptors;
use crate::outcome::{Outcome, Verdict};
use crate::probe;
use crate::probe::login::lockout::store::AccountStore;
use crate::probe::surroundings::Surroundings;
use crate::stop::Stop;

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
    let surroundings = match net(flags, &config) {
        Ok(surroundings) => Arc::new(surroundings),
        Err(problem) => {
            tell(&mut io::stderr(), &problem);
            return Exit::Failed;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    raise_descriptors();
    let ran = runtime.block_on(run(&config, target, &surroundings));
    runtime.shutdown_background();
    let (reading, outcome) = match ran {
        Ok(ran) => ran,
        Err(error) => {
            tell(&mut io::stderr(), &format!("controls: {error}\n"));
            return Exit::Failed;
        }
    };
    let mut text = waterfall(target, &outcome);
    if !reading.online {
        text.push_str("  vantage      offline: no control answers, so this run has no vote\n");
    }
    tell(&mut io::stdout(), &text);
    match outcome.verdict() {
        Verdict::Up | Verdict::Degraded => Exit::Ok,
        Verdict::Down | Verdict::Unknown => Exit::Failed,
    }
}

/// Reads the state directory, which is a running daemon's: what that keeps is not written to, and the
/// run takes turns with it.
fn net(flags: &Flags, config: &Config) -> Result<Surroundings, String> {
    let surroundings = Surroundings::new(config);
    let Some(directory) = &flags.state_dir else { return Ok(surroundings) };
    let accounts = AccountStore::borrow(directory)
        .map_err(|error| format!("--state.dir {}: {error}\n", directory.display()))?;
    Ok(surroundings.with_accounts(accounts))
}

async fn run(
    config: &Config,
    target: &Arc<Target>,
    surroundings: &Arc<Surroundings>,
) -> Result<(Reading, Outcome), WireError> {
    let own_time = &surroundings.own_time;
    if let Err(error) = own_time.watch() {
        warn!(%error, "this run will not know whether it stood still");
    }
    let controls = Arc::new(Controls::timed_by(Arc::clone(own_time)));
    let names = Arc::clone(surroundings) as Arc<dyn Names>;
    controls.replace(wire::contact(&config.controls, &names, &wire::public_roots())?);
    // Before the run, because one-time codes want to know how far our clock is off.
    controls.ask().await;
    surroundings.clock_skew_from({
        let controls = Arc::clone(&controls);
        move || controls.reading().skew
    });
    let probe = probe::build(target, surroundings);
    let mut outcome = probe::run(&*probe, target.schedule.timeout(), &Stop::default()).await;
    controls.judge(&mut outcome).await;
    Ok((controls.reading(), outcome))
}

fn unknown(config: &Config, id: &str) -> String {
    let mut ids: Vec<String> = config.targets.iter().map(|target| target.id.to_string()).collect();
    let distance = |other: &String| read::distance(id, other);
    ids.sort_by_cached_key(|other| (distance(other), other.clone()));
    ids.truncate(SUGGESTED_MAX);
    if config.disabled.iter().any(|disabled| disabled.to_string() == id) {
        format!("{id} is switched off in the configuration\n")
    } else if ids.is_empty() {
        format!("no probe {id}: none is configured\n")
    } else {
        format!("no probe {id}; the nearest: {}\n", ids.join(", "))
    }
}

//! `bongsu probe`: one run of one probe, printed. It is judged as the daemon would: a vantage that
//! is offline has no vote, and an account that the daemon holds is left alone.

mod choice;
mod expected;
mod json;
mod progress;
mod single_run;
mod waterfall;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use base::is_deceptive;
use tracing::warn;

use self::single_run::SingleRun;
use super::terminal::Terminal;
use super::{load, print, print_as_is, print_json, runtime, tell};
use crate::cli::{Exit, Flags, ProbeArgs, ProbeOutput};
use crate::config::{Config, Target};
use crate::controls::Controls;
use crate::controls::wire::{self, Names, WireError};
use crate::curl;
use crate::language::Language;
use crate::limits::raise_descriptors;
use crate::outcome::{Outcome, Verdict};
use crate::probe;
use crate::probe::login::lockout::store::AccountStore;
use crate::probe::surroundings::Surroundings;
use crate::stop::Stop;

/// From one look of `--repeat` to the next.
const APART: Duration = Duration::from_secs(1);

pub(super) fn probe(flags: &Flags, args: &ProbeArgs) -> Exit {
    let terminal = Terminal::of(&flags.terminal);
    let (config, target) = match chosen(flags, args, terminal.language) {
        Ok(chosen) => chosen,
        Err(exit) => return exit,
    };
    let output = if args.json { ProbeOutput::Json } else { args.output };
    if output == ProbeOutput::Curl {
        return print_as_is(&curl::curl(&target));
    }
    let surroundings = match surroundings(flags, &config) {
        Ok(surroundings) => Arc::new(surroundings),
        Err(problem) => {
            tell(&problem);
            return Exit::Failed;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    raise_descriptors();
    let printed = Cell::new(Exit::Ok);
    let show = |looked: &SingleRun<'_>| {
        let shown = match output {
            ProbeOutput::Json => print_json(&(json::json(looked, terminal.language) + "\n")),
            ProbeOutput::Text | ProbeOutput::Curl => {
                print_as_is(&waterfall::waterfall(looked, terminal))
            }
        };
        if shown != Exit::Ok {
            printed.set(shown);
        }
    };
    let looks =
        runtime.block_on(look(&config, &target, &surroundings, args.repeat, &show, terminal));
    runtime.shutdown_background();
    match looks {
        Ok(verdicts) => {
            if verdicts.len() > 1 && output == ProbeOutput::Text {
                print(&summary(&verdicts, terminal.language));
            }
            let good = |verdict: &Verdict| matches!(verdict, Verdict::Up | Verdict::Degraded);
            if verdicts.iter().all(good) { printed.get() } else { Exit::Failed }
        }
        Err(error) => {
            tell(&format!("controls: {error}\n"));
            Exit::Failed
        }
    }
}

fn chosen(
    flags: &Flags,
    args: &ProbeArgs,
    language: Language,
) -> Result<(Config, Arc<Target>), Exit> {
    let refused = |problem: String| {
        tell(&problem);
        Exit::Usage
    };
    if let Some(url) = &args.url {
        let config = choice::of_url(url, language).map_err(refused)?;
        let target = config.targets.first().map(Arc::clone);
        return target.map(|target| (config, target)).ok_or(Exit::Usage);
    }
    if let Some(hint) = args.id.as_deref().and_then(|id| choice::no_id(id, language)) {
        return Err(refused(hint));
    }
    let (config, _) = load(flags)?;
    let target = choice::of_config(&config, args, language).map_err(refused)?;
    Ok((config, target))
}

/// Reads the state directory, which is a running daemon's: what that keeps is not written to, and the
/// run takes turns with it.
fn surroundings(flags: &Flags, config: &Config) -> Result<Surroundings, String> {
    let surroundings = Surroundings::new(config);
    let Some(directory) = &flags.state_dir else { return Ok(surroundings) };
    let accounts = AccountStore::borrow(directory)
        .map_err(|error| format!("--state.dir {}: {error}\n", directory.display()))?;
    Ok(surroundings.with_accounts(accounts))
}

async fn look(
    config: &Config,
    target: &Arc<Target>,
    surroundings: &Arc<Surroundings>,
    times: u32,
    show: &dyn Fn(&SingleRun<'_>),
    terminal: Terminal,
) -> Result<Vec<Verdict>, WireError> {
    let own_time = &surroundings.own_time;
    if let Err(error) = own_time.watch() {
        warn!(%error, "this run will not know whether it stood still");
    }
    let controls = Arc::new(
        Controls::timed_by(Arc::clone(own_time)).resolving_by(Arc::clone(&surroundings.resolvers)),
    );
    let names = Arc::clone(surroundings) as Arc<dyn Names>;
    controls.replace(wire::contact(&config.controls, &names, &wire::public_roots())?);
    // Before the run, because one-time codes want to know how far our clock is off.
    controls.ask().await;
    surroundings.clock_skew_from({
        let controls = Arc::clone(&controls);
        move || controls.reading().skew
    });
    let probe = probe::build(target, surroundings);
    let mut verdicts = Vec::new();
    for time in 0..times {
        if time > 0 {
            tokio::time::sleep(APART).await;
        }
        let stop = Stop::default();
        let run = probe::run(&*probe, target.schedule.timeout(), &stop);
        let mut outcome: Outcome = progress::shown(target, terminal, run).await;
        controls.judge(&target.dial, &mut outcome).await;
        show(&SingleRun { target, outcome: &outcome, online: controls.reading().online });
        verdicts.push(outcome.verdict());
    }
    Ok(verdicts)
}

/// `5 runs: 4 up, 1 down`.
fn summary(verdicts: &[Verdict], language: Language) -> String {
    let counted = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = verdicts.iter().filter(|other| **other == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict.as_str()))
    });
    let counted = counted.collect::<Vec<_>>().join(", ");
    match language {
        Language::Korean => format!("{}회 실행: {counted}\n", verdicts.len()),
        Language::English => format!("{} runs: {counted}\n", verdicts.len()),
    }
}

/// A hostile server's text among our own colours must not move the cursor of whoever looks at it, nor turn
/// the line round.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

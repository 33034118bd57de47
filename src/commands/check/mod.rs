//! `bongsu check`: validates, and prints what would run.

mod accounts;
mod ends;
mod korean;
mod plan;
mod problems;
mod stdin;
mod text;

use std::io;
use std::path::Path;

use jiff::Timestamp;

use self::plan::CheckedPlan;
use self::stdin::WithStandardInput;
use super::terminal::Terminal;
use super::{blackbox, exec_steps, first_steps, shard, tell};
use crate::app;
use crate::blackbox::{Blackbox, ModuleFile};
use crate::calendar;
use crate::cli::{CheckArgs, Exit, Flags};
use crate::config::{self, Config, ReadError};
use crate::language::Language;
use crate::scheduler::shard::Shard;
use crate::server::times::LocalTime;
use crate::server::web::Web;

/// What `check -` reads.
const STANDARD_INPUT: &str = "-";

pub(super) fn check(flags: &Flags, args: &CheckArgs) -> Exit {
    if args.print_schema {
        tell(&mut io::stdout(), &config::schema::schema());
        return Exit::Ok;
    }
    let terminal = Terminal::of(&flags.terminal);
    let (config, blackbox) = match loaded(flags, args) {
        Ok(loaded) => loaded,
        Err(error) => {
            refuse(&error, flags, args);
            return Exit::Usage;
        }
    };
    if let Err(error) = Web::load(flags.web_config_file.clone()) {
        tell_problems(&error, flags, args);
        return Exit::Usage;
    }
    let plan = CheckedPlan::of(&config, &shard(flags), calendar::now());
    let times = LocalTime::named(flags.time_zone.as_deref());
    let text = if args.json { plan.json() } else { text::text(&plan, &times, terminal.language) };
    tell(&mut io::stdout(), &text);
    if let (Some(blackbox), false) = (blackbox, args.json) {
        tell(&mut io::stdout(), &described(&blackbox.modules()));
    }
    Exit::Ok
}

/// What `check` prints of a configuration, in English.
pub fn describe(config: &Config, now: Timestamp) -> String {
    let plan = CheckedPlan::of(config, &Shard::WHOLE, now);
    text::text(&plan, &LocalTime::named(None), Language::English)
}

fn loaded(flags: &Flags, args: &CheckArgs) -> Result<(Config, Option<Blackbox>), ReadError> {
    let blackbox = blackbox(flags)?;
    let file = args.file.as_deref().unwrap_or(&flags.config_file);
    if file != Path::new(STANDARD_INPUT) {
        let config = app::read_config(file, exec_steps(flags), blackbox.as_ref())?;
        return Ok((config, blackbox));
    }
    let (path, files) = WithStandardInput::read()?;
    Ok((config::load_through(path, exec_steps(flags), &files)?, blackbox))
}

/// What becomes of each module.
fn described(modules: &ModuleFile) -> String {
    let here: Vec<&str> = modules.run_here().collect();
    let mut text = format!("\n/probe runs {} modules: {}\n", here.len(), here.join(", "));
    for (name, why) in modules.kept_elsewhere() {
        text.push_str(&format!("  to keep on blackbox_exporter: {name} ({why})\n"));
    }
    text
}

fn tell_problems(error: &ReadError, flags: &Flags, args: &CheckArgs) {
    if args.json {
        tell(&mut io::stdout(), &problems::json(error));
        return;
    }
    let text = match flags.terminal.language() {
        Language::Korean => korean::report(error),
        Language::English => error.report("nothing was started"),
    };
    tell(&mut io::stderr(), &format!("{text}\n"));
}

fn refuse(error: &ReadError, flags: &Flags, args: &CheckArgs) {
    tell_problems(error, flags, args);
    if !args.json && args.file.is_none() && !flags.config_file.exists() {
        tell(&mut io::stderr(), first_steps(flags.terminal.language()));
    }
}

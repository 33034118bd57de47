//! `bongsu check`: validates, and prints what would run.

mod accounts;
mod ends;
mod korean;
mod plan;
mod problems;
mod stdin;
mod text;

use std::path::Path;

use jiff::Timestamp;

use self::plan::CheckedPlan;
use self::stdin::WithStandardInput;
use super::terminal::Terminal;
use super::{blackbox, exec_steps, first_steps, print, print_as_is, print_json, shard, tell};
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
        return print_as_is(&config::schema::schema());
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
    if args.json {
        return print_json(&plan.json());
    }
    let mut text = match &blackbox {
        // Only modules are run, and of those there is more to say.
        Some(_) if config.files.is_empty() => String::new(),
        _ => text::text(&plan, &times, terminal.language),
    };
    if let Some(blackbox) = blackbox {
        let between = if text.is_empty() { "" } else { "\n" };
        text.push_str(between);
        text.push_str(&described(&blackbox.modules(), terminal.language));
    }
    print(&text)
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
fn described(modules: &ModuleFile, language: Language) -> String {
    let here: Vec<&str> = modules.run_here().collect();
    let count = here.len();
    let title = match (language, count) {
        (Language::Korean, _) => format!("/probe로 실행하는 모듈 {count}개"),
        (Language::English, 1) => "/probe runs 1 module".to_owned(),
        (Language::English, _) => format!("/probe runs {count} modules"),
    };
    let names = if here.is_empty() { String::new() } else { format!(": {}", here.join(", ")) };
    let left = language.pick("blackbox_exporter에 남길 모듈", "to keep on blackbox_exporter");
    let left = modules.kept_elsewhere().map(|(name, why)| format!("  {left}: {name} ({why})\n"));
    format!("{title}{names}\n{}", left.collect::<String>())
}

fn tell_problems(error: &ReadError, flags: &Flags, args: &CheckArgs) {
    if args.json {
        print_json(&problems::json(error));
        return;
    }
    let text = match flags.terminal.language() {
        Language::Korean => korean::report(error),
        Language::English => error.report("nothing was started"),
    };
    tell(&format!("{text}\n"));
}

fn refuse(error: &ReadError, flags: &Flags, args: &CheckArgs) {
    tell_problems(error, flags, args);
    let has_modules = flags.blackbox_config_file.is_some();
    // Whoever names an address wants to look at it.
    let is_without_file = match &args.file {
        None => !has_modules && !flags.config_file.exists(),
        Some(file) => file.to_str().is_some_and(|file| file.contains("://")),
    };
    if !args.json && is_without_file {
        tell(first_steps(flags.terminal.language()));
    }
}

//! The subcommands. Each is a function from flags to an exit code; what a command was asked for
//! goes to standard output, everything else to the log.

pub mod check;
mod first_files;
mod healthcheck;
mod import;
mod init;
#[cfg(feature = "lab")]
mod lab;
mod maintenance;
mod names;
mod new_service;
mod probe;
mod report;
mod run;
mod shell;
mod terminal;

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use base::{is_deceptive, visible};
use jiff::Timestamp;
use read::ReadError;
use tokio::runtime::{Builder, Runtime};
use tracing::error;

use crate::app;
use crate::blackbox::{Blackbox, PrivateTargets, Settings};
use crate::cli::{CheckArgs, Cli, Command, Exit, Flags};
use crate::config::{Config, ExecSteps};
use crate::language::Language;
use crate::own_time::WORKER_NAME;
use crate::scheduler::shard::Shard;
use crate::signals::Signals;

/// The work of 17,000 probes is half a core. More threads only cost memory: each has an arena.
const WORKERS_MAX: usize = 4;

/// Each use has a bound of its own that is far below: pages (8), files (16), long answers (8), password
/// checks (2), the state directory (2), names of controls and a reload.
const BLOCKING_THREADS_MAX: usize = 64;

/// Does what the command line asks.
pub fn execute(cli: Cli) -> Exit {
    let flags = cli.flags;
    match cli.command.unwrap_or(Command::Run) {
        Command::Run if flags.config_check => check::check(&flags, &CheckArgs::default()),
        Command::Run => run::run(flags),
        Command::Check(args) => check::check(&flags, &args),
        Command::Probe(args) => probe::probe(&flags, &args),
        Command::Init(args) => init::init(&flags, &args),
        Command::Import(what) => import::import(&flags, &what),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man => shell::man(),
        Command::Healthcheck => healthcheck::healthcheck(&flags),
        Command::Report(what) => report::report(&flags, &what),
        Command::Maintenance(what) => maintenance::maintenance(&flags, &what),
        #[cfg(feature = "lab")]
        Command::Lab(args) => lab::lab(flags, args),
    }
}

/// The configuration and blackbox_exporter's modules, or their problems on standard error.
fn load(flags: &Flags) -> Result<(Config, Option<Blackbox>), Exit> {
    let refused = |error: ReadError| {
        tell(&format!("{}\n", error.report("nothing was started")));
        if !flags.config_file.exists() {
            tell(first_steps(flags.terminal.language()));
        }
        Exit::Usage
    };
    let blackbox = blackbox(flags).map_err(refused)?;
    let config = app::read_config(&flags.config_file, exec_steps(flags), blackbox.as_ref());
    Ok((config.map_err(refused)?, blackbox))
}

/// The modules of blackbox_exporter, where they are to be run.
fn blackbox(flags: &Flags) -> Result<Option<Blackbox>, ReadError> {
    let settings = flags.blackbox_config_file.clone().map(|file| Settings {
        file,
        timeout_offset: Duration::from_secs_f64(flags.blackbox_timeout_offset),
        private_targets: if flags.blackbox_refuse_private_targets {
            PrivateTargets::Refused
        } else {
            PrivateTargets::Probed
        },
        runs_max: flags.blackbox_max_concurrent_probes.into(),
    });
    settings.map(Blackbox::load).transpose()
}

/// What to type without a configuration.
fn first_steps(language: Language) -> &'static str {
    match language {
        Language::Korean => {
            "\n설정 파일이 아직 없다면:\n  \
             bongsu probe --url https://www.gov.kr   설정 없이 한 번 확인\n  \
             bongsu init https://www.gov.kr          첫 설정 파일 작성\n  \
             bongsu --config.file bongsu.yml         설정 파일로 감시 시작\n  \
             bongsu --help                           전체 사용법\n"
        }
        Language::English => {
            "\nwithout a configuration yet:\n  \
             bongsu probe --url https://www.gov.kr   looks once, without one\n  \
             bongsu init https://www.gov.kr          writes a first one\n  \
             bongsu --config.file bongsu.yml         probes by a file\n  \
             bongsu --help                           says everything else\n"
        }
    }
}

fn exec_steps(flags: &Flags) -> ExecSteps {
    if flags.allow_exec { ExecSteps::Allowed } else { ExecSteps::Refused }
}

/// `cli` has already checked that index < count.
fn shard(flags: &Flags) -> Shard {
    Shard::new(flags.shard_index, flags.shard_count).unwrap_or(Shard::WHOLE)
}

fn runtime() -> Result<Runtime, Exit> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.min(WORKERS_MAX))
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name(WORKER_NAME)
        .enable_all()
        .build()
        .map_err(|error| {
            error!(%error, "the runtime cannot start");
            Exit::Failed
        })
}

/// Runs what ends by itself or when a signal says so. Blocking tasks that are still running then are
/// abandoned.
fn until_signalled<F: Future<Output = Exit>>(run: impl FnOnce(Signals) -> F) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = runtime.block_on(async {
        match Signals::install() {
            Ok(signals) => run(signals).await,
            Err(error) => {
                error!(%error, "signals cannot be handled");
                Exit::Failed
            }
        }
    });
    runtime.shutdown_background();
    exit
}

/// Tells a person at standard error. What files and servers say in it moves no cursor and turns no line round.
fn tell(text: &str) {
    // There is nobody else to tell that it cannot be written.
    let _ = write_to(&mut io::stderr(), &visible(text.to_owned()));
}

/// Prints what a person asked for, as safe.
fn print(text: &str) -> Exit {
    print_as_is(&visible(text.to_owned()))
}

/// Prints JSON, in which those characters are escapes: a program reads what was said.
fn print_json(json: &str) -> Exit {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_deceptive(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    print_as_is(&text)
}

/// Prints what is for programs, or has colours of our own. A closed pipe is the reader's own wish; a full
/// disk is not.
fn print_as_is(text: &str) -> Exit {
    match write_to(&mut io::stdout(), text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell(&format!("standard output cannot be written: {error}\n"));
            Exit::Failed
        }
        _ => Exit::Ok,
    }
}

fn write_to(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Whole days until an end in unix seconds; negative once it has passed.
fn days_until(end: i64, now: Timestamp) -> i64 {
    const SECONDS_A_DAY: i64 = 86_400;
    end.saturating_sub(now.as_second()).div_euclid(SECONDS_A_DAY)
}

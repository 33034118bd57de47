//! One reload at a time, off the probes' threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use read::ReadError;
use tokio::task::JoinHandle;

use crate::blackbox::{Blackbox, ModuleFile};
use crate::cli::DEFAULT_CONFIG_FILE;
use crate::config::{self, Config, ExecSteps};
use crate::server::reload::Asker;

/// What became of a bad configuration.
const KEPT: &str = "the running configuration is kept";

/// What a reload has read: both files, or neither.
pub(super) struct ReadFiles {
    pub(super) config: Config,
    pub(super) modules: Option<ModuleFile>,
}

/// Reads the configuration. Where blackbox_exporter's modules are run, there need not be one: a
/// daemon that only answers `/probe` has nothing to say in it.
pub fn read_config(
    file: &Path,
    exec_steps: ExecSteps,
    blackbox: Option<&Blackbox>,
) -> Result<Config, ReadError> {
    if blackbox.is_some() && file == Path::new(DEFAULT_CONFIG_FILE) && !file.exists() {
        return Ok(config::empty());
    }
    config::load_with(file, exec_steps)
}

/// A reload that is under way, or none.
pub(super) struct Reloading {
    file: PathBuf,
    exec_steps: ExecSteps,
    blackbox: Option<Arc<Blackbox>>,
    under_way: Option<JoinHandle<Result<ReadFiles, String>>>,
    asker: Option<Asker>,
    /// Asked for by signal while one was under way: that one may have read the old file.
    again: bool,
}

impl Reloading {
    pub(super) fn new(
        file: PathBuf,
        exec_steps: ExecSteps,
        blackbox: Option<Arc<Blackbox>>,
    ) -> Reloading {
        Reloading { file, exec_steps, blackbox, under_way: None, asker: None, again: false }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Begins, or does it once more when the one under way has ended.
    pub(super) fn ask(&mut self) {
        if self.under_way.is_some() {
            self.again = true;
            return;
        }
        let (file, exec_steps) = (self.file.clone(), self.exec_steps);
        let blackbox = self.blackbox.clone();
        self.under_way = Some(tokio::task::spawn_blocking(move || {
            let config = read_config(&file, exec_steps, blackbox.as_deref());
            let modules = blackbox.map(|blackbox| blackbox.read()).transpose();
            match (config, modules) {
                (Ok(config), Ok(modules)) => Ok(ReadFiles { config, modules }),
                (Err(mut error), Err(other)) => {
                    error.files.extend(other.files);
                    Err(error.report(KEPT))
                }
                (Err(error), _) | (_, Err(error)) => Err(error.report(KEPT)),
            }
        }));
    }

    /// As [`Reloading::ask`], for someone who waits. Only when idle.
    pub(super) fn ask_for(&mut self, asker: Asker) {
        self.asker = Some(asker);
        self.ask();
    }

    /// The configuration that was read, or the text of what is wrong. Never resolves when idle;
    /// cancel safe.
    pub(super) async fn finished(&mut self) -> Result<ReadFiles, String> {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        let read = under_way.await;
        self.under_way = None;
        read.unwrap_or_else(|error| {
            Err(format!("reading the configuration failed: {error}; {KEPT}"))
        })
    }

    /// Tells who waits, and begins again if that was asked for meanwhile.
    pub(super) fn answer(&mut self, result: Result<(), String>) {
        if let Some(asker) = self.asker.take() {
            // Whoever went away does not need the answer.
            let _ = asker.send(result);
        }
        if std::mem::take(&mut self.again) {
            self.ask();
        }
    }
}

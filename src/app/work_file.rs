//! Watches the file in which `bongsu maintenance` writes windows. It is looked at again and again rather
//! than waited for: directories in containers and on networks tell nobody of changes.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::files::FileStamp;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{error, info};

use crate::config::Window;
use crate::maintenance::append;
use crate::maintenance::record::WorkRecords;

/// A window that is opened now is to be there before the first service goes down.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the file says, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadWork {
    /// As of the last reading that was good.
    records: Arc<WorkRecords>,
    problem: Option<String>,
}

/// What is made of it.
pub(super) struct InForce {
    pub(super) windows: Vec<Window>,
    pub(super) problem: Option<String>,
}

impl ReadWork {
    /// The windows over services that are known. One over nothing else is a mistake while it is
    /// open, and old history later.
    pub(super) fn in_force(self, known: impl Fn(&str) -> bool, now: Timestamp) -> InForce {
        let mut problem = self.problem;
        let mut windows = self.records.in_force(now);
        for window in &mut windows {
            let is_open = self.records.open(&window.name, now).is_some();
            window.targets.retain(|target| {
                let is_known = known(&target.service);
                if is_open && !is_known && problem.is_none() {
                    problem = Some(format!(
                        "window \"{}\": no service is named \"{}\"; end the window",
                        window.name, target.service
                    ));
                }
                is_known
            });
        }
        windows.retain(|window| !window.targets.is_empty());
        InForce { windows, problem }
    }
}

/// The file and its last reading.
pub(super) struct WorkFile {
    path: Option<Arc<Path>>,
    times: Interval,
    under_way: Option<JoinHandle<(Option<FileStamp>, ReadWork)>>,
    stamp: Option<FileStamp>,
    read: ReadWork,
}

impl WorkFile {
    pub(super) fn new(path: Option<PathBuf>) -> WorkFile {
        let mut times = interval(LOOK_EVERY);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let path = path.map(Arc::from);
        WorkFile { path, times, under_way: None, stamp: None, read: ReadWork::default() }
    }

    /// What the file says now, again and again. Never resolves without a file; cancel safe.
    pub(super) async fn next(&mut self) -> ReadWork {
        let Some(path) = self.path.clone() else { return pending().await };
        let under_way = match &mut self.under_way {
            Some(under_way) => under_way,
            None => {
                self.times.tick().await;
                let (before, known) = (self.stamp, self.read.clone());
                self.under_way.insert(spawn_blocking(move || look(&path, before, known)))
            }
        };
        let looked = under_way.await;
        self.under_way = None;
        match looked {
            Ok((stamp, read)) => (self.stamp, self.read) = (stamp, read),
            Err(error) => self.read.problem = Some(format!("it was not read: {error}")),
        }
        self.read.clone()
    }
}

/// Reads the file if it has changed, or if it could not be read the last time.
fn look(path: &Path, before: Option<FileStamp>, known: ReadWork) -> (Option<FileStamp>, ReadWork) {
    // Before it is read: what is written meanwhile has another stamp.
    let stamp = FileStamp::of(path).ok();
    if stamp.is_some() && stamp == before && known.problem.is_none() {
        return (stamp, known);
    }
    match append::read(path) {
        Ok(records) => (stamp, ReadWork { records: Arc::new(records), problem: None }),
        Err(error) => {
            let problem = Some(format!("{}: {error}", path.display()));
            (stamp, ReadWork { problem, ..known })
        }
    }
}

/// A problem that is told once, and once more when it is over.
#[derive(Debug, Default)]
pub(super) struct ToldProblem(Mutex<Option<String>>);

impl ToldProblem {
    pub(super) fn tell(&self, problem: Option<String>) {
        let mut told = self.0.lock();
        if *told == problem {
            return;
        }
        match &problem {
            Some(problem) => {
                error!(problem, "the windows in --maintenance.file are not all in force");
            }
            None => info!("the windows in --maintenance.file are in force as it has them"),
        }
        *told = problem;
    }
}

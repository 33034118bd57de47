//! A program of the operator, run once: it is told one document, says one, and ends in time with
//! everything that it started. It is its own process group, which is killed whatever ends the run.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::config::login::exec::ExecAction;
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;

/// Programs at once. A browser takes a core and 300 MB while it starts.
///
/// Limit: programs of the operator at a time.
/// Share: of all.
/// Full: the next one waits, which is our time.
/// Filled: few_programs_run_at_once_and_waiting_is_not_the_services_time
const AT_ONCE: usize = 4;
/// Of standard output: tokens and cookies of a session, and not a page.
///
/// Limit: bytes of what a program of the operator writes to its standard output.
/// Share: of each program.
/// Full: it is killed.
/// Filled: what_a_program_does_wrong_is_ours_and_has_its_own_words
const OUTPUT_MAX: usize = 64 << 10;
/// Of standard error; the rest is read and dropped.
const STDERR_KEPT: usize = 8 << 10;
/// How long the children of a program may outlive it: a browser closes in the time of a frame or two.
const CHILDREN_LEAVE: Duration = Duration::from_millis(300);
/// How long the pipes of a group that was killed may stay open.
const PIPES_CLOSE: Duration = Duration::from_millis(300);
/// Between two looks at a group.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How many programs may run.
pub struct ProgramPlaces(Arc<Semaphore>);

impl Default for ProgramPlaces {
    fn default() -> ProgramPlaces {
        ProgramPlaces(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl ProgramPlaces {
    /// Waits until fewer programs run than may.
    pub(super) async fn take(&self, leave: &Deadline) -> Result<OwnedSemaphorePermit, Failure> {
        let place = leave.within(Arc::clone(&self.0).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| {
            let detail = format!(
                "{AT_ONCE} programs of other logins ran all the time, and no more run at once"
            );
            Failure::new(Reason::NoTurn, detail)
        })
    }
}

/// What became of a program.
pub(super) struct Ran {
    /// What it wrote to standard output, if it ended well.
    pub(super) said: Result<Vec<u8>, Failure>,
    /// The beginning of what it wrote to standard error.
    pub(super) stderr: Vec<u8>,
}

/// Runs a program until it ends, or an instant. Whatever happens to this future, nothing of the
/// program's group is left.
pub(super) async fn run(action: &ExecAction, input: Secret, by: Instant) -> Ran {
    let mut running = match start(action).await {
        Ok(running) => running,
        Err(failure) => return Ran { said: Err(failure), stderr: Vec::new() },
    };
    let (mut output, mut stderr) = (Vec::new(), Vec::new());
    let ended = running.end(input, &mut output, &mut stderr, by).await;
    let said = ended.map_err(|failure| about(action, failure)).map(|()| output);
    Ran { said, stderr }
}

/// Waiting for the disk that it is on is not for a thread of the probes.
async fn start(action: &ExecAction) -> Result<Running, Failure> {
    let mut command = Command::new(&action.program);
    command
        .args(&action.arguments)
        .env_clear()
        .envs(&action.environment)
        // Nothing of the daemon's own place is named.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let spawned = spawn_blocking(move || command.spawn().map(Running::new)).await;
    let failed = |why: String| {
        Failure::new(Reason::ExecFailed, format!("{} could not be started: {why}", shown(action)))
    };
    spawned
        .map_err(|_| failed("the thread that starts it ended".into()))?
        .map_err(|error| failed(error.to_string()))
}

/// A program and everything that it started. Dropped, it is killed.
struct Running {
    // In this order: the group is killed before its first process is taken away.
    group: Group,
    child: Child,
}

impl Running {
    fn new(child: Child) -> Running {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Running { group: Group(id), child }
    }

    async fn end(
        &mut self,
        input: Secret,
        output: &mut Vec<u8>,
        stderr: &mut Vec<u8>,
        by: Instant,
    ) -> Result<(), Failure> {
        let Running { group, child } = self;
        let (stdin, stdout, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async move {
            let Some(mut stdin) = stdin else { return Ok(()) };
            // A program need not read what it is told.
            let _ = stdin.write_all(input.expose().as_bytes()).await;
            Ok(())
        };
        let talk =
            async { tokio::try_join!(write, all_of(stdout, output), some_of(errors, stderr)) };
        let mut talk = std::pin::pin!(talk.fuse());
        let status = tokio::select! {
            status = child.wait() => status.map_err(|error| failed(format!("was lost: {error}")))?,
            Err(failure) = &mut talk => {
                group.kill();
                return Err(failure);
            }
            () = sleep_until(by) => {
                group.kill();
                let detail = "ran out of time and was killed";
                return Err(Failure::new(Reason::ExecTimeout, detail));
            }
        };
        let left = group.outlives_its_program().await;
        group.kill();
        if !talk.is_terminated() {
            match timeout(PIPES_CLOSE, &mut talk).await {
                Ok(said) => drop(said?),
                Err(_) => return Err(failed("left a process that holds its output open")),
            }
        }
        well(status)?;
        match left {
            0 => Ok(()),
            left => {
                Err(failed(format!("ended and left {left} of its processes, which were killed")))
            }
        }
    }
}

/// A process group by the process that began it.
struct Group(Option<Pid>);

impl Group {
    /// The number of processes that are left when those had time to go that were about to.
    async fn outlives_its_program(&mut self) -> usize {
        let Some(id) = self.0 else { return 0 };
        let until = Instant::now() + CHILDREN_LEAVE;
        loop {
            if test_kill_process_group(id).is_err() {
                // The number may be another's from now on.
                self.0 = None;
                return 0;
            }
            // The dead that nobody has taken away are there, too.
            let living = spawn_blocking(move || living(id)).await.unwrap_or_default();
            if living == 0 || Instant::now() >= until {
                return living;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn kill(&mut self) {
        if let Some(id) = self.0.take() {
            // It fails where nobody is left.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Processes of a group that are not dead, see `proc_pid_stat(5)`.
fn living(group: Pid) -> usize {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let is_of_group = |process: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        // The name before it may hold blanks and brackets.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let is_dead = matches!(fields.next()?, "Z" | "X");
        let of: i32 = fields.nth(1)?.parse().ok()?;
        Some(of == group.as_raw_nonzero().get() && !is_dead)
    };
    processes.flatten().filter_map(is_of_group).filter(|is| *is).count()
}

/// Everything up to a limit, which must not be passed.
async fn all_of(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), Failure> {
    let Some(from) = from else { return Ok(()) };
    let read = from.take(OUTPUT_MAX as u64 + 1).read_to_end(into).await;
    read.map_err(|error| failed(format!("could not be read: {error}")))?;
    if into.len() > OUTPUT_MAX {
        return Err(failed(format!(
            "wrote more than {} KiB to its standard output and was killed",
            OUTPUT_MAX >> 10
        )));
    }
    Ok(())
}

/// The beginning; the rest is read as well, so that whoever writes it is not held up.
async fn some_of(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), Failure> {
    let Some(mut from) = from else { return Ok(()) };
    let mut buffer = [0; 4096];
    while let Ok(bytes) = from.read(&mut buffer).await {
        if bytes == 0 {
            break;
        }
        let room = STDERR_KEPT.saturating_sub(into.len()).min(bytes);
        into.extend_from_slice(&buffer[..room]);
    }
    Ok(())
}

fn well(status: ExitStatus) -> Result<(), Failure> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(failed(format!("ended with exit code {code}"))),
        (None, signal) => {
            Err(failed(format!("was ended by signal {}", signal.unwrap_or_default())))
        }
    }
}

fn failed(detail: impl Into<String>) -> Failure {
    Failure::new(Reason::ExecFailed, detail)
}

/// A failure with the program's name before it.
pub(super) fn about(action: &ExecAction, failure: Failure) -> Failure {
    let detail = format!("{} {}", shown(action), failure.detail);
    Failure { detail, ..failure }
}

fn shown(action: &ExecAction) -> std::path::Display<'_> {
    action.program.display()
}

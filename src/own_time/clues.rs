//! What the kernel says of this process's share of the processor: how long its threads waited for
//! one (`/proc/self/task/*/schedstat`, see proc(5)), how long its control group was throttled
//! (`cpu.stat`), and how long the machine slept (`CLOCK_BOOTTIME`). What cannot be read is zero.
//!
//! These are files of procfs and of the cgroup file system: no disk is behind them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::heartbeat::LATE;

/// Threads come with load and go again; a new one is noticed this soon. To list them opens files of each.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// The runtime has far fewer threads.
const THREADS_MAX: usize = 64;

/// Three numbers, or a dozen short lines.
const FILE_BYTES_MAX: usize = 1024;

/// What is new since the clues were last read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clue {
    /// The longest that any worker waited for a processor.
    pub(super) waited: Duration,
    /// How long the control group was throttled, summed over processors.
    pub(super) throttled: Duration,
    /// How long the machine slept.
    pub(super) slept: Duration,
}

pub(super) struct Clues {
    /// The name of the threads that are looked at.
    name: &'static str,
    threads: Vec<Thread>,
    listed_at: Option<Instant>,
    throttle: Option<(File, Duration)>,
    ahead: Duration,
}

struct Thread {
    id: u32,
    schedstat: File,
    waited: Duration,
}

impl Clues {
    /// Of the threads of this name.
    pub(super) fn of(name: &'static str) -> Clues {
        let throttle = throttle().and_then(|file| throttled(&file).map(|time| (file, time)));
        Clues { name, threads: Vec::new(), listed_at: None, throttle, ahead: boot_ahead() }
    }

    /// For a beat, and whether a heart was late. Throttling explains a wait; where nothing waited it is
    /// asked for only now and then, because the kernel sums it up anew for whoever asks.
    pub(super) fn read(&mut self, now: Instant, is_late: bool) -> Clue {
        let mut clue = Clue::default();
        self.threads.retain_mut(|thread| {
            let Some(waited) = waited(&thread.schedstat) else { return false };
            clue.waited = clue.waited.max(waited.saturating_sub(thread.waited));
            thread.waited = waited;
            true
        });
        let is_due = self.listed_at.is_none_or(|at| now - at >= LIST_EVERY);
        if is_due {
            self.list();
            self.listed_at = Some(now);
        }
        if (is_due || is_late || clue.waited >= LATE)
            && let Some((file, before)) = &mut self.throttle
            && let Some(time) = throttled(file)
        {
            clue.throttled = time.saturating_sub(*before);
            *before = time;
        }
        let ahead = boot_ahead();
        clue.slept = ahead.saturating_sub(self.ahead);
        self.ahead = ahead;
        clue
    }

    fn list(&mut self) {
        let Ok(tasks) = fs::read_dir("/proc/self/task") else { return };
        for task in tasks.flatten() {
            let Some(id) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if self.threads.len() >= THREADS_MAX || self.threads.iter().any(|t| t.id == id) {
                continue;
            }
            let is_ours = fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|comm| comm.trim_end() == self.name);
            if is_ours
                && let Ok(schedstat) = File::open(task.path().join("schedstat"))
                && let Some(waited) = waited(&schedstat)
            {
                self.threads.push(Thread { id, schedstat, waited });
            }
        }
    }
}

/// How much further the clock is that goes on while the machine sleeps. The two are read one after
/// the other, so it is only good to the time in between.
fn boot_ahead() -> Duration {
    let read = |clock| {
        let time = clock_gettime(clock);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    };
    let boot = read(ClockId::Boottime);
    boot.saturating_sub(read(ClockId::Monotonic))
}

fn text(file: &File, buffer: &mut [u8; FILE_BYTES_MAX]) -> Option<usize> {
    file.read_at(buffer, 0).ok()
}

/// The second number: nanoseconds that the thread was ready to run and did not.
fn waited(schedstat: &File) -> Option<Duration> {
    let mut buffer = [0; FILE_BYTES_MAX];
    let read = text(schedstat, &mut buffer)?;
    let text = std::str::from_utf8(&buffer[..read]).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// The `cpu.stat` of this process's control group, of version 2 or else 1.
fn throttle() -> Option<File> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = |controllers: &str, mounts: &[&str]| -> Vec<PathBuf> {
        let line = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (of, path) = rest.split_once(':')?;
            (of.split(',').any(|name| name == controllers)).then_some(path)
        });
        let Some(group) = line else { return Vec::new() };
        // In a container the own group is often what is mounted.
        let groups = [group.trim_start_matches('/'), ""];
        let places = mounts.iter().flat_map(|mount| groups.map(|group| (mount, group)));
        places.map(|(mount, group)| PathBuf::from(mount).join(group).join("cpu.stat")).collect()
    };
    let second = path("", &["/sys/fs/cgroup"]);
    let first = path("cpu", &["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu"]);
    let files = second.into_iter().chain(first).filter_map(|path| File::open(path).ok());
    files.into_iter().find(|file| throttled(file).is_some())
}

/// Microseconds in version 2, nanoseconds in version 1.
fn throttled(stat: &File) -> Option<Duration> {
    let mut buffer = [0; FILE_BYTES_MAX];
    let read = text(stat, &mut buffer)?;
    let text = std::str::from_utf8(&buffer[..read]).ok()?;
    text.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", number) => number.parse().ok().map(Duration::from_micros),
        ("throttled_time", number) => number.parse().ok().map(Duration::from_nanos),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_a_control_group_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = directory.path().join("cpu.stat");
            fs::write(&path, text).unwrap();
            throttled(&File::open(path).unwrap())
        };
        let second = "usage_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1500\n";
        assert_eq!(read(second), Some(Duration::from_micros(1500)));
        let first = "nr_periods 3\nnr_throttled 2\nthrottled_time 1500000\n";
        assert_eq!(read(first), Some(Duration::from_micros(1500)));
        assert_eq!(read("usage_usec 5\n"), None, "without the controller");
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_thread_says_how_long_it_waited() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("schedstat");
        fs::write(&path, "12345 2500000000 9\n").unwrap();
        assert_eq!(waited(&File::open(&path).unwrap()), Some(Duration::from_millis(2500)));
        fs::write(&path, "").unwrap();
        assert_eq!(waited(&File::open(&path).unwrap()), None);
    }

    #[test]
    fn a_machine_that_did_not_sleep_did_not_sleep() {
        let mut clues = Clues::of("no thread is called so");
        let clue = clues.read(Instant::now(), true);
        assert!(clue.slept < Duration::from_millis(100), "{clue:?}");
        assert_eq!(clue.waited, Duration::ZERO);
    }
}

//! What is seen of a process from outside, and what it says of its probes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;

use super::clients;

/// Open descriptors of a process.
fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// Sockets of a process. What else it has open are a file or two for each of its threads.
pub(super) fn sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// What they are, and how often.
pub(super) fn open_files(process: u32) -> String {
    let mut found = BTreeMap::<String, usize>::new();
    for file in fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten() {
        let target =
            fs::read_link(file.path()).map_or("gone".to_owned(), |to| to.display().to_string());
        *found.entry(target.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let connections = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    format!("{found:?}\n{connections}")
}

/// One look at a process.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Resident memory.
    kib: f64,
    descriptors: f64,
    threads: f64,
}

/// What is taken of a look.
type Column = fn(&Look) -> f64;

/// All looks, in order, and the last that was told of the probes.
#[derive(Default)]
pub(super) struct Course {
    looks: Vec<Look>,
    told: Told,
    reasons: BTreeMap<String, f64>,
}

/// Counts of `/metrics`: the highest ever seen, because what is told of a probe ends with it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told {
    pub(super) healthy_up: f64,
    pub(super) healthy_down: f64,
    pub(super) healthy_unknown: f64,
    pub(super) hostile: f64,
    pub(super) skipped: f64,
    pub(super) lines_dropped: f64,
    /// Seconds that the process did not get.
    pub(super) stalled: f64,
}

impl Course {
    pub(super) fn look(&mut self, process: u32) {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let field = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        self.looks.push(Look {
            kib: field("VmRSS:"),
            descriptors: descriptors(process) as f64,
            threads: field("Threads:"),
        });
    }

    /// Reads `/metrics`.
    pub(super) fn ask(&mut self, daemon: SocketAddr) {
        let text = clients::metrics(daemon);
        let runs = |service: &str, result: &str| {
            let labels = [format!("service=\"{service}"), format!("result=\"{result}")];
            sum(&text, "bongsu_probe_runs_total{", &labels)
                + sum(&text, "bongsu_probe_rechecks_total{", &labels)
        };
        let of = |name: &str| sum(&text, name, &[]);
        let highest = |seen: &mut f64, now: f64| *seen = seen.max(now);
        let told = &mut self.told;
        highest(&mut told.healthy_up, runs("healthy", "success"));
        highest(&mut told.healthy_down, runs("healthy", "failure"));
        highest(&mut told.healthy_unknown, runs("healthy", "unknown"));
        highest(&mut told.hostile, runs("hostile", ""));
        highest(&mut told.skipped, of("bongsu_scheduler_skipped_runs_total"));
        highest(&mut told.lines_dropped, of("bongsu_log_lines_dropped_total"));
        highest(&mut told.stalled, of("bongsu_prober_stall_seconds_total"));
        for line in text.lines().filter(|line| {
            line.starts_with("bongsu_probe_failures_total{") && line.contains("service=\"healthy")
        }) {
            let (series, count) = line.rsplit_once(' ').unwrap();
            self.reasons.insert(series.to_owned(), count.parse().unwrap());
        }
    }

    pub(super) fn told(&self) -> Told {
        self.told
    }

    /// Why healthy probes failed, a line each.
    pub(super) fn reasons(&self) -> String {
        let failed = self.reasons.iter().filter(|(_, count)| **count > 0.0);
        failed.take(20).map(|(series, count)| format!("{series} {count}\n")).collect()
    }

    /// Resident memory in KiB, the medians of the second quarter and of the last.
    pub(super) fn memory(&self) -> (f64, f64) {
        (self.median(1, |look| look.kib), self.median(3, |look| look.kib))
    }

    /// Resident memory in KiB.
    pub(super) fn most_memory(&self) -> f64 {
        self.looks.iter().map(|look| look.kib).fold(0.0, f64::max)
    }

    /// Of one quarter, counted from 0.
    fn median(&self, quarter: usize, of: impl Fn(&Look) -> f64) -> f64 {
        let length = self.looks.len() / 4;
        let mut values: Vec<f64> =
            self.looks[quarter * length..(quarter + 1) * length].iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: [(&str, Column); 3] = [
            ("resident, MB", |look| look.kib / 1000.0),
            ("descriptors", |look| look.descriptors),
            ("threads", |look| look.threads),
        ];
        writeln!(f, "  medians of quarters        1st      2nd      3rd      4th     most")?;
        for (name, of) in columns {
            write!(f, "  {name:20}")?;
            for quarter in 0..4 {
                write!(f, " {:8.1}", self.median(quarter, of))?;
            }
            writeln!(f, " {:8.1}", self.looks.iter().map(of).fold(0.0, f64::max))?;
        }
        let told = &self.told;
        writeln!(
            f,
            "  healthy runs            {:.0} up, {:.0} down, {:.0} unknown",
            told.healthy_up, told.healthy_down, told.healthy_unknown
        )?;
        writeln!(
            f,
            "  hostile runs            {:.0} (of one round, in which they begin anew)",
            told.hostile
        )?;
        writeln!(f, "  skipped runs            {:.0}", told.skipped)?;
        writeln!(f, "  log lines dropped       {:.0}", told.lines_dropped)?;
        writeln!(f, "  stood still             {:.1} s", told.stalled)
    }
}

/// Sum of the samples whose line starts so and has all of these labels.
fn sum(text: &str, start: &str, labels: &[String]) -> f64 {
    let lines = text.lines().filter(|line| {
        line.starts_with(start) && labels.iter().all(|label| line.contains(label.as_str()))
    });
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

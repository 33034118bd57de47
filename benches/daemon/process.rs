//! The real daemon as a child process, and what can be seen of a process from outside.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every probe has run, and the memory of the first runs has been given back.
pub(crate) const WARM_UP: Duration = Duration::from_secs(30);
/// As the shipped Prometheus does.
pub(crate) const SCRAPE_EVERY: Duration = Duration::from_secs(5);
/// Jiffies of `/proc/PID/stat` a second; 100 on every Linux of the last decades.
const TICKS: f64 = 100.0;

/// What was seen between warming up and the end.
pub(crate) struct Found {
    pub(crate) runs: f64,
    pub(crate) successes: f64,
    pub(crate) skipped: f64,
    pub(crate) cpu: f64,
    pub(crate) lag_p99: f64,
    pub(crate) rss_kib: u64,
    pub(crate) rss_max_kib: u64,
}

impl Found {
    pub(crate) fn print(&self) {
        println!("  runs                  {:.0}", self.runs);
        println!("  skipped runs          {:.0}", self.skipped);
        println!("  lag, 99th percentile  at most {:?} s", self.lag_p99);
        let each = self.cpu_per_run() * 1000.0;
        println!("  processor time        {:.2} s, {each:.2} ms a run, scrapes included", self.cpu);
        println!("  resident memory       {:.1} MB at the end", self.rss_kib as f64 / 1000.0);
        println!("  resident memory       {:.1} MB at most", self.rss_max_kib as f64 / 1000.0);
    }

    /// Seconds of processor time, scrapes included.
    pub(crate) fn cpu_per_run(&self) -> f64 {
        self.cpu / self.runs
    }

    /// Whether there were runs and all of them succeeded.
    pub(crate) fn all_succeeded(&self) -> bool {
        self.runs > 0.0 && self.successes == self.runs
    }
}

/// A child that dies with its owner.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Seconds of processor time, user and system.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let rest = stat.rsplit(") ").next().unwrap();
        let field = |at: usize| rest.split(' ').nth(at).unwrap().parse::<f64>().unwrap();
        (field(11) + field(12)) / TICKS
    }

    /// Resident memory.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The real binary.
pub(crate) struct Daemon {
    pub(crate) process: Process,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Daemon {
    /// The binary of this build, or the one that `BONGSU_BINARY` names.
    pub(crate) fn start(config: &str) -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bongsu.yml");
        fs::write(&file, config).unwrap();
        let built = env!("CARGO_BIN_EXE_bongsu").to_owned();
        let binary = std::env::var("BONGSU_BINARY").unwrap_or(built);
        let mut child = Command::new(binary)
            .arg(format!("--config.file={}", file.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--log.format=json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("the daemon ended").unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).expect(&line);
            if line["msg"] == "listening" {
                let address = line["address"].as_str().unwrap().to_owned();
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // Ten thousand failures are ten thousand lines; the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Daemon { process: Process(child), port, _directory: directory }
    }

    pub(crate) fn metrics(&self) -> String {
        self.ask("/metrics")
    }

    /// Whether it says that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let answer = self.ask("/-/ready");
        answer.lines().next().is_some_and(|status| status.contains(" 200 "))
    }

    fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Warms up, then looks for a while.
    pub(crate) fn observe(&self, span: Duration) -> Found {
        std::thread::sleep(WARM_UP);
        self.observe_warm(span)
    }

    /// Looks for a while, scraping meanwhile.
    pub(crate) fn observe_warm(&self, span: Duration) -> Found {
        let (before, cpu_before) = (self.metrics(), self.process.cpu());
        let end = Instant::now() + span;
        let mut rss_max_kib = 0;
        while Instant::now() < end {
            std::thread::sleep(SCRAPE_EVERY.min(end.saturating_duration_since(Instant::now())));
            self.metrics();
            rss_max_kib = rss_max_kib.max(self.process.rss_kib());
        }
        let (after, cpu_after) = (self.metrics(), self.process.cpu());
        let delta = |name: &str, part: &str| sum(&after, name, part) - sum(&before, name, part);
        Found {
            runs: delta("bongsu_run_duration_seconds_count{", ""),
            successes: delta("bongsu_probe_runs_total{", "result=\"success\"")
                + delta("bongsu_probe_rechecks_total{", "result=\"success\""),
            skipped: sum(&after, "bongsu_scheduler_skipped_runs_total", ""),
            cpu: cpu_after - cpu_before,
            lag_p99: lag_p99(&after),
            rss_kib: self.process.rss_kib(),
            rss_max_kib,
        }
    }
}

/// Sum of the samples whose line starts and contains so.
pub(crate) fn sum(text: &str, start: &str, part: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(start) && line.contains(part));
    // The sum of nothing would be a negative zero.
    0.0 + lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
}

/// The bound of the bucket that holds the 99th percentile, in seconds since the start.
fn lag_p99(text: &str) -> f64 {
    let count = sum(text, "bongsu_scheduler_lag_seconds_count", "");
    let mut buckets =
        text.lines().filter(|line| line.starts_with("bongsu_scheduler_lag_seconds_bucket"));
    let bucket = buckets
        .find(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 0.99 * count);
    let bound = bucket.and_then(|line| line.split('"').nth(1));
    bound.and_then(|bound| bound.parse().ok()).unwrap_or(f64::INFINITY)
}

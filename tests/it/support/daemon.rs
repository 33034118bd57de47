//! The real binary, started with a configuration and stopped at the end of the test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::client::{Answer, Request};

/// Long enough for a debug build on a busy machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until the condition gives something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory with a configuration, and how to start the binary there.
pub(crate) struct Setup {
    directory: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// A command and its arguments that runs the command behind it in a changed world.
    wrapper: Vec<String>,
}

impl Setup {
    pub(crate) fn new(config: &str) -> Setup {
        let directory = tempfile::tempdir().unwrap();
        let (arguments, environment) = (Vec::new(), Vec::new());
        let setup = Setup { directory, arguments, environment, wrapper: Vec::new() };
        setup.write("bongsu.yml", config);
        setup
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        // By rename, so that nobody reads half of it.
        let partial = self.directory.path().join(format!("{name}.partial"));
        fs::write(&partial, text).unwrap();
        fs::rename(partial, &path).unwrap();
        path
    }

    pub(crate) fn flag(mut self, flag: impl Into<String>) -> Setup {
        self.arguments.push(flag.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Files can be opened but take not a single byte, for which no disk has to be filled: the limit of
    /// a file's size, whose signal is ignored.
    pub(crate) fn on_a_full_disk(mut self) -> Setup {
        let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
        self.wrapper = ["sh", "-c", script].map(str::to_owned).to_vec();
        self
    }

    /// `/etc/hosts` is this. Needs root, or a system that gives everybody namespaces.
    pub(crate) fn seeing_hosts(self, hosts: &str) -> Setup {
        self.seeing("/etc/hosts", hosts)
    }

    /// A file of the system is this. Needs what [`Setup::seeing_hosts`] needs.
    pub(crate) fn seeing(mut self, path: &str, text: &str) -> Setup {
        let file = self.write("seen", text).display().to_string();
        let is_root =
            std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0;
        self.wrapper = vec!["unshare".to_owned(), "--mount".to_owned()];
        if !is_root {
            self.wrapper.push("--map-root-user".to_owned());
        }
        let script = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        self.wrapper.extend(["sh", "-c", script, &file, path].map(str::to_owned));
        self
    }

    /// Another program in the same world.
    pub(crate) fn neighbour(&self, program: &str) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command
    }

    /// The binary of this build, or the one that `BONGSU_BINARY` names, with only these arguments
    /// beside the configuration's place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let built = env!("CARGO_BIN_EXE_bongsu").to_owned();
        let binary = std::env::var("BONGSU_BINARY").unwrap_or(built);
        let mut command = self.neighbour(&binary);
        // Neither our own variables nor the language of whoever runs the tests.
        let spoken = ["LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"].map(str::to_owned);
        let own = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("BONGSU_"));
        own.chain(spoken).for_each(|name| {
            command.env_remove(name);
        });
        command
            .arg(format!("--config.file={}", self.path().join("bongsu.yml").display()))
            .args(arguments)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs to its end, which must come soon: its code and what it said.
    pub(crate) fn ended(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        let mut child = Ours(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let what = format!("the end of {arguments:?}");
        let status = eventually(&what, || child.0.try_wait().unwrap());
        let mut text = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (status.code(), text)
    }

    /// Starts the daemon on a port of the system's choice and waits until it listens.
    pub(crate) fn start(self) -> Daemon {
        let mut child = self
            .command(&["--web.listen-address=127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || lines.map_while(Result::ok).for_each(|line| log.lock().unwrap().push(line))
        });
        let mut daemon =
            Daemon { setup: self, child, log, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        daemon.address = eventually("listening", || {
            assert!(daemon.child.try_wait().unwrap().is_none(), "it ended:\n{}", daemon.log());
            let log = daemon.log();
            let line = log.lines().find(|line| line.contains("listening"))?;
            let rest = line.split_once("127.0.0.1:")?.1;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Some(SocketAddr::from(([127, 0, 0, 1], digits.parse().unwrap())))
        });
        daemon
    }
}

/// A child that a failed test does not leave behind, running for ever.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Daemon {
    pub(crate) setup: Setup,
    pub(crate) address: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::get(path).send(self.address)
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        Request::new("POST", path).send(self.address)
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("ready", || (self.get("/-/ready").status == 200).then_some(()));
    }

    pub(crate) fn metrics(&self) -> String {
        self.get("/metrics").text()
    }

    /// Waits until a line of `/metrics` starts with `start`, and returns its value.
    pub(crate) fn sample(&self, start: &str) -> f64 {
        eventually(start, || {
            let text = self.metrics();
            let line = text.lines().find(|line| line.starts_with(start))?;
            line.rsplit(' ').next()?.parse().ok()
        })
    }

    /// Waits for a log line that holds all of these.
    pub(crate) fn logged(&self, parts: &[&str]) -> String {
        eventually(&format!("a log line with {parts:?} in\n{}", self.log()), || {
            let log = self.log();
            let line = log.lines().find(|line| parts.iter().all(|part| line.contains(part)))?;
            Some(line.to_owned())
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the end of the daemon", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and the end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

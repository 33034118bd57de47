//! A real Prometheus on a port of its own, asked over its HTTP API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a busy machine, short enough to notice a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends with the test.
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with this configuration and waits until it is ready.
    pub(crate) fn start(config: &str) -> Prometheus {
        Prometheus::start_in(tempfile::tempdir().unwrap(), config, &[]).when_ready()
    }

    /// One that scrapes nothing and remembers what this OpenMetrics text says, which promtool makes
    /// blocks of.
    pub(crate) fn remembering(history: &str) -> Prometheus {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history.txt");
        std::fs::write(&file, history).unwrap();
        let output = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .arg("--max-block-duration=744h")
            .arg(&file)
            .arg(dir.path().join("data"))
            .output()
            .unwrap_or_else(|error| panic!("promtool: {error}; apt-get install prometheus"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Prometheus::start_in(dir, "global: {}", &["--storage.tsdb.retention.time=100y"])
            .when_ready()
    }

    /// Starts one with these further flags and waits until it listens.
    pub(crate) fn start_in(dir: tempfile::TempDir, config: &str, flags: &[&str]) -> Prometheus {
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let mut process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; apt-get install prometheus"));
        let stderr = process.stderr.take().unwrap();
        let address = listening_address(stderr);
        Prometheus { process, address, _dir: dir }
    }

    /// Waits until it answers queries.
    pub(crate) fn when_ready(self) -> Prometheus {
        eventually("prometheus is ready", || {
            self.get("/-/ready").filter(|answer| answer.starts_with("HTTP/1.0 200"))
        });
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The samples of an instant query: labels and value.
    pub(crate) fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let query: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let answer = self.json(&format!("/api/v1/query?query={query}"));
        let samples = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        samples
            .into_iter()
            .map(|sample| {
                let value = sample["value"][1].as_str().unwrap().parse().unwrap();
                (sample["metric"].clone(), value)
            })
            .collect()
    }

    /// Waits until the query has an answer that suits.
    pub(crate) fn wait_for(
        &self,
        expression: &str,
        suits: impl Fn(&[(Value, f64)]) -> bool,
    ) -> Vec<(Value, f64)> {
        eventually(expression, || Some(self.query(expression)).filter(|found| suits(found)))
    }

    /// Any JSON answer of the API.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log until it says where it listens, and then goes on emptying the pipe.
fn listening_address(log: impl Read + Send + 'static) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let address = line
                .split_once("msg=\"Listening on\" address=")
                .and_then(|(_, address)| address.trim().parse().ok());
            if let Some(address) = address {
                let _ = sender.send(address);
            }
        }
    });
    receiver.recv_timeout(PATIENCE).expect("prometheus says where it listens")
}

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

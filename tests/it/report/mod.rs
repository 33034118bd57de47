//! `bongsu report` on a real Prometheus that remembers a month whose minutes are known.

mod alertmanager_failures;
mod corrections;
mod failures;
mod history;
mod incident;
mod month;
mod paper;
mod progress;

use std::process::Output;

use serde_json::Value;

use crate::support::daemon::Setup;
use crate::support::prometheus::Prometheus;

/// Runs `bongsu report` with these arguments against a server.
fn report(setup: &Setup, what: &str, url: &str, arguments: &[&str]) -> Output {
    let head = ["report", what, "--prometheus", url];
    setup.output(&[&head, arguments].concat())
}

fn url(prometheus: &Prometheus) -> String {
    format!("http://{}", prometheus.address())
}

fn stdout(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn json(output: Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

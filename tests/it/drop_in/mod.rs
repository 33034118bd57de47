//! The drop-in for blackbox_exporter: `--blackbox.config.file`.

mod basics;
mod both;
mod codings;
mod conversations;
mod credentials;
mod dashboards;
mod differential;
mod files;
mod imported;
mod names;
mod proxied;
mod tokens;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};

use crate::support::client::{Answer, Request};
use crate::support::daemon::{Daemon, Setup, eventually};

/// A daemon that only answers `/probe`, with these modules.
fn daemon(modules: &str, flags: &[&str]) -> Daemon {
    daemon_in(Setup::new("# replaced by a flag\n"), modules, flags)
}

fn daemon_in(setup: Setup, modules: &str, flags: &[&str]) -> Daemon {
    daemon_beside(NEIGHBOUR, setup, modules, flags)
}

/// With this configuration of its own.
fn daemon_beside(own: &str, setup: Setup, modules: &str, flags: &[&str]) -> Daemon {
    let file = setup.write("blackbox.yml", modules);
    setup.write("bongsu.yml", own);
    let setup = setup.flag(format!("--blackbox.config.file={}", file.display()));
    let setup = flags.iter().fold(setup, |setup, flag| setup.flag(*flag));
    let daemon = setup.start();
    daemon.wait_until_ready();
    daemon
}

/// A probe of ours that goes on beside the modules.
const NEIGHBOUR: &str = "defaults: { interval: 60s, timeout: 5s }\nservices:\n  - name: own\n    \
                         probes:\n      - name: front\n        http: { url: \
                         \"http://127.0.0.1:9/\" }\n";

fn path(target: &str, module: &str) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("/probe?target={}&module={}", encode(target), encode(module))
}

/// Series with their labels, and their values.
type Series = BTreeMap<String, f64>;

fn series(answer: &Answer) -> Series {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (sorted(name), value.parse().unwrap())
        })
        .collect()
}

/// The labels in the order of their names.
fn sorted(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let labels = labels.trim_end_matches('}');
    let mut pairs: Vec<&str> =
        labels.split_inclusive("\",").map(|pair| pair.trim_end_matches(',')).collect();
    pairs.sort_unstable();
    format!("{name}{{{}}}", pairs.join(","))
}

/// The real one, with the same file. It ends with the test.
struct Exporter {
    child: Child,
    address: std::net::SocketAddr,
}

impl Exporter {
    /// In the world of this daemon.
    fn beside(daemon: &Daemon) -> Exporter {
        Exporter::of(&daemon.setup)
    }

    /// With the module file that is there.
    fn of(setup: &Setup) -> Exporter {
        let modules = setup.path().join("blackbox.yml");
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = setup
            .neighbour("prometheus-blackbox-exporter")
            .arg(format!("--config.file={}", modules.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/install.sh installs prometheus-blackbox-exporter");
        let mut exporter = Exporter { child, address };
        eventually("blackbox_exporter listens", || {
            assert!(exporter.child.try_wait().unwrap().is_none(), "it ended: is the file good?");
            std::net::TcpStream::connect(address).ok()
        });
        exporter
    }

    fn get(&self, path: &str) -> Answer {
        Request::get(path).send(self.address)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

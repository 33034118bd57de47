//! A file of `tests/fixtures/logins`, set up for a product that runs here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bongsu::outcome::{Reason, Verdict};
use bongsu::probe::login::lockout::store::AccountStore;

use super::{Pki, Program};
use crate::login::flow::Flow;
use crate::support::daemon::eventually;

/// Where a script that starts software lies.
pub(in crate::login) fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party").join(path)
}

/// The file with this name; where it says one of `places`, it means what runs here.
pub(super) fn flow(name: &str, pki: &Pki, places: &[(&str, &str)]) -> Flow {
    changed(name, pki, places, ("", ""))
}

/// The same with a change, to see what it costs.
pub(super) fn changed(
    name: &str,
    pki: &Pki,
    places: &[(&str, &str)],
    (from, to): (&str, &str),
) -> Flow {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logins").join(name);
    let mut yaml = fs::read_to_string(path).unwrap();
    assert!(yaml.contains(from), "{name} does not say {from}");
    yaml = yaml.replace(from, to);
    for (theirs, ours) in places {
        assert!(yaml.contains(theirs), "{name} does not say {theirs}");
        yaml = yaml.replace(theirs, ours);
    }
    // Interpreters start slowly on a busy machine.
    yaml = yaml.replace("timeout: 30s", "timeout: 120s");
    yaml = yaml.replace("/etc/bongsu/roots.pem", &pki.file("root.pem"));
    Flow::load(AccountStore::default(), |directory| {
        yaml.replace("/run/secrets/probe_", &format!("{}/", directory.display()))
    })
}

/// What `bongsu check` has to say about a flow's file beside what it will run.
pub(super) fn advice(flow: &Flow) -> Vec<String> {
    let file = flow.directory.path().join("bongsu.yml");
    let mut check = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    let output = check.arg("check").arg("--config.file").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let advice = text.split_once("\nadvice\n").map_or("", |(_, advice)| advice);
    advice.lines().take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

/// Runs with a wrong password, and is refused for it in this step.
pub(super) async fn refuses_a_wrong_password(flow: &Flow, step: &str) {
    flow.write("pass", "wrong-password");
    let outcome = flow.run().await;
    assert_eq!(super::cause(&outcome), (step.to_owned(), Reason::BadCredentials), "{outcome:?}");
    assert_eq!(outcome.verdict(), Verdict::Unknown);
}

impl Program {
    /// An address that the program told.
    pub(super) fn told(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.ready))
    }

    /// Ends one of the processes that make up the product, and waits until it is gone.
    pub(super) fn stop(&self, name: &str) {
        let pid = self.ready["pids"][name].as_u64().unwrap_or_else(|| panic!("{}", self.ready));
        assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
        eventually(&format!("the end of {name}"), || {
            // Until its parent asks for its code it is a zombie, and its sockets are closed when the
            // last of its threads is gone.
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or(") Z ".into());
            let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
            (state.contains(") Z ") && threads <= 1).then_some(())
        });
    }
}

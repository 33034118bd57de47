//! Probes as their users write them.

use std::fs;
use std::sync::Arc;

use bongsu::config::{self, Target};
use bongsu::outcome::Outcome;
use bongsu::probe;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;
use tempfile::TempDir;

/// Something that must not be told, nor sent twice.
pub(crate) const SECRET: &str = "canary-0123456789";

/// A probe from its text, with the secrets `pass` ([`SECRET`]) and `user` (`bongsu-user`).
pub(crate) struct Written {
    _directory: TempDir,
    net: Arc<Surroundings>,
    target: Arc<Target>,
}

impl Written {
    pub(crate) fn new(probe: &str) -> Written {
        Written::with_secrets("", probe)
    }

    /// With so much time for a run, as the file has it.
    pub(crate) fn within(timeout: &str, probe: &str) -> Written {
        Written::of("", timeout, probe)
    }

    /// `hosts` are further keys of the secret `pass`.
    pub(crate) fn with_secrets(hosts: &str, probe: &str) -> Written {
        Written::of(hosts, "20s", probe)
    }

    fn of(hosts: &str, timeout: &str, probe: &str) -> Written {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::write(place("pass"), SECRET).unwrap();
        fs::write(place("user"), "bongsu-user").unwrap();
        let text = format!(
            "secrets: {{ pass: {{ file: pass{hosts} }}, user: {{ file: user }} }}\nservices:\n  - \
             name: s\n    probes:\n      - {{ name: p, interval: 60s, timeout: {timeout}, {probe} }}\n"
        );
        fs::write(place("bongsu.yml"), &text).unwrap();
        let config = config::load(&place("bongsu.yml"));
        let config = config.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let target = Arc::clone(&config.targets[0]);
        Written { net: Arc::new(Surroundings::new(&config)), target, _directory: directory }
    }

    pub(crate) async fn run(&self) -> Outcome {
        let probe = probe::build(&self.target, &self.net);
        probe::run(&*probe, self.target.schedule.timeout(), &Stop::default()).await
    }
}

/// Runs a probe from its text.
pub(crate) async fn run(probe: &str) -> Outcome {
    Written::new(probe).run().await
}

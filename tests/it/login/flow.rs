//! A flow from its YAML, run in this process on real sockets.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu::config::{self, ExecSteps, Target};
use bongsu::outcome::{Outcome, Reason};
use bongsu::probe;
use bongsu::probe::login::lockout::store::AccountStore;
use bongsu::probe::surroundings::Surroundings;
use bongsu::stop::Stop;
use tempfile::TempDir;

/// Who signs in, unless a test says otherwise.
pub(crate) const USER: &str = "saeol-probe-user";
/// With characters that every encoding treats in its own way.
pub(crate) const PASS: &str = "비밀 p&ss\"w0rd+/";

/// A probe named `login` of a service named `saeol`, with the secrets `user`, `pass` and `otp` in
/// files.
pub(crate) struct Flow {
    pub(crate) directory: TempDir,
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) target: Arc<Target>,
    yaml: String,
}

/// The whole file around the mapping under `login`.
fn file(login: &str, directory: &Path) -> String {
    let indented: String = login.lines().map(|line| format!("          {line}\n")).collect();
    let place = |name: &str| directory.join(name).display().to_string();
    format!(
        "secrets:\n  user: {{ file: {} }}\n  pass: {{ file: {} }}\n  otp: {{ file: {} }}\n\
         services:\n  - name: gpki\n  - name: saeol\n    probes:\n      - name: login\n        \
         interval: INTERVAL\n        timeout: TIMEOUT\n        login:\n{indented}",
        place("user"),
        place("pass"),
        place("otp"),
    )
}

impl Flow {
    /// The flow with 20 s for everything.
    pub(crate) fn new(login: &str) -> Flow {
        Flow::within(Duration::from_secs(20), login)
    }

    pub(crate) fn within(timeout: Duration, login: &str) -> Flow {
        Flow::with_accounts(timeout, login, AccountStore::default())
    }

    pub(crate) fn with_accounts(timeout: Duration, login: &str, accounts: AccountStore) -> Flow {
        Flow::every(Duration::from_secs(180), timeout, login, accounts)
    }

    /// As above with an interval, whose rest after the timeout a run may wait for others.
    pub(crate) fn every(
        interval: Duration,
        timeout: Duration,
        login: &str,
        accounts: AccountStore,
    ) -> Flow {
        Flow::load(accounts, |directory| {
            let timeout = format!("{}ms", timeout.as_millis());
            let interval = format!("{}ms", interval.as_millis());
            file(login, directory).replace("TIMEOUT", &timeout).replace("INTERVAL", &interval)
        })
    }

    /// The first probe of a whole file, which is made for the directory of its secrets.
    pub(crate) fn load(accounts: AccountStore, file: impl FnOnce(&Path) -> String) -> Flow {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("user"), USER).unwrap();
        fs::write(directory.path().join("pass"), PASS).unwrap();
        fs::write(directory.path().join("otp"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let yaml = file(directory.path());
        let path = directory.path().join("bongsu.yml");
        fs::write(&path, &yaml).unwrap();
        let config = config::load_with(&path, ExecSteps::Allowed);
        let config = config.unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let target = Arc::clone(&config.targets[0]);
        let surroundings = Arc::new(Surroundings::new(&config).with_accounts(accounts));
        Flow { directory, surroundings, target, yaml }
    }

    /// A recipe of `config/logins`, for the site at `base`.
    pub(crate) fn of_recipe(name: &str, base: &str) -> Flow {
        Flow::of_recipe_beside(name, base, &[])
    }

    /// The same with files that the recipe names, beside those of its user.
    pub(crate) fn of_recipe_beside(name: &str, base: &str, files: &[(&str, Vec<u8>)]) -> Flow {
        let recipe = Path::new("config/logins").join(name).with_extension("yml");
        let yaml = fs::read_to_string(&recipe).unwrap();
        assert!(yaml.contains("https://www.example.go.kr"), "{yaml}");
        Flow::load(AccountStore::default(), |directory| {
            for (name, content) in files {
                fs::write(directory.join(name), content).unwrap();
            }
            yaml.replace("https://www.example.go.kr", base)
        })
    }

    /// What is wrong with a flow.
    pub(crate) fn refused(login: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        for name in ["user", "pass", "otp"] {
            fs::write(directory.path().join(name), "a-secret-value").unwrap();
        }
        let yaml =
            file(login, directory.path()).replace("TIMEOUT", "20s").replace("INTERVAL", "3m");
        let path = directory.path().join("bongsu.yml");
        fs::write(&path, &yaml).unwrap();
        let error = config::load(&path).err().unwrap_or_else(|| panic!("accepted:\n{yaml}"));
        error.to_string().replace(&directory.path().display().to_string(), "")
    }

    pub(crate) async fn run(&self) -> Outcome {
        self.run_until(&Stop::default()).await
    }

    pub(crate) async fn run_until(&self, stop: &Stop) -> Outcome {
        let probe = probe::build(&self.target, &self.surroundings);
        probe::run(&*probe, self.target.schedule.timeout(), stop).await
    }

    /// Runs, and panics with everything that is known unless it went well.
    pub(crate) async fn succeed(&self) -> Outcome {
        let outcome = self.run().await;
        assert!(
            outcome.result.is_ok() && outcome.facts.warnings.is_empty(),
            "{:?} {:?}\n{:#?}\n{}",
            outcome.result,
            outcome.facts.warnings,
            outcome.facts.steps,
            self.yaml
        );
        outcome
    }

    /// Runs, and gives step and reason of the failure.
    pub(crate) async fn fail(&self) -> (String, Reason) {
        let outcome = self.run().await;
        let Err(failure) = outcome.result else { panic!("it went well\n{}", self.yaml) };
        (failure.step.map(|step| step.name.to_string()).unwrap_or_default(), failure.reason)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let draft = self.directory.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.directory.path().join(name)).unwrap();
    }
}

//! The configurations that are shipped: they load, and do what their comments say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu::config::{self, Disk, Files, Kind};

/// The disk, with the one variable that the example asks for.
struct WithUser;

impl Files for WithUser {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        Disk.read(path, limit)
    }
    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Disk.glob(pattern)
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "SAEOL_PROBE_USER").then(|| "probe01".into())
    }
}

#[test]
fn the_starter_is_valid_on_any_machine_and_probes_only_itself() {
    let config = config::load(Path::new("config/bongsu.yml")).unwrap_or_else(|e| panic!("{e}"));
    let hosts: Vec<_> = config.targets.iter().map(|target| target.host()).collect();
    assert_eq!(hosts, ["127.0.0.1"]);
    assert_eq!(config.advice, Vec::<String>::new());
}

#[test]
fn the_example_holds_every_option_and_is_valid() {
    let path = Path::new("config/example.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let config = config::parse(&text, path, &WithUser).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<String> = config.targets.iter().map(|target| target.id.to_string()).collect();
    assert_eq!(
        ids,
        [
            "gpki/portal",
            "gpki/cert",
            "gpki/mail",
            "saeol/front@seocho",
            "saeol/front@michuhol",
            "saeol/front@jeju",
            "documents/login",
            "tax/front"
        ]
    );
    assert_eq!(config.disabled.len(), 4);
    assert_eq!(config.maintenance.len(), 5);
    // Bound by the probes that name it, and by what the file says.
    let bound = |name: &str| -> Vec<String> {
        config.secrets[name].hosts.iter().map(ToString::to_string).collect()
    };
    assert_eq!(bound("saeol_user"), ["sso.example.go.kr:443"]);
    assert_eq!(bound("saeol_pass"), ["saeol.example.go.kr", "sso.example.go.kr:443"]);
    super::compare(Path::new("tests/fixtures/config/example-plan.txt"), &super::plan_of(&config));
}

#[test]
fn the_catalogue_looks_at_front_pages_once_a_minute_and_never_signs_in() {
    let config = config::load(Path::new("config/egov-kr.yml")).unwrap_or_else(|e| panic!("{e}"));
    assert!(config.targets.len() >= 30, "{}", config.targets.len());
    for target in &config.targets {
        assert_eq!(target.schedule.interval(), Duration::from_secs(60));
        if let Kind::Http(http) = &target.kind {
            assert_eq!(http.url.path(), "/");
            assert_eq!((http.method.as_str(), http.secrets().len()), ("GET", 0));
            let agent = &http.headers.iter().find(|(name, _)| name == "user-agent").unwrap().1;
            assert!(format!("{agent:?}").contains("contact"));
        }
    }
    let internal = ["saeol", "resident-registration", "welfare-internal", "approval-bypass"];
    for name in internal {
        assert!(config.disabled.iter().any(|id| &*id.service == name), "{name}");
        assert!(!config.targets.iter().any(|target| &*target.id.service == name), "{name}");
    }
    let gov24 = config.services.iter().find(|service| &*service.name == "gov24").unwrap();
    assert_eq!(gov24.title.as_deref(), Some("정부24"));
    assert!(gov24.needs.iter().any(|name| &**name == "resident-registration"));
}

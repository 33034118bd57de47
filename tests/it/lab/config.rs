//! The configuration that the lab writes is one that the daemon takes.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use bongsu::config::Kind;
use lab::estate::{EstateOptions as Options, SimulatedEstate as Estate};
use lab::files as config;
use lab::site::PROBE_PASSWORD;
use lab::system::SimulatedSystem;
use lab::systems;

use super::browser::estate;

#[tokio::test]
async fn the_written_configuration_is_valid_and_probes_and_signs_in_to_every_system() {
    let (estate, out) = (estate().await, tempfile::tempdir().unwrap());
    let files = config::write(estate.world(), &out.path().join("lab")).unwrap();
    let config = bongsu::config::load(&files.config).unwrap_or_else(|error| panic!("{error}"));
    let centre = "dc-daejeon";
    let written: BTreeSet<&str> = config.services.iter().map(|service| &*service.name).collect();
    let simulated = systems::ALL.iter().map(|system| system.service);
    assert_eq!(written, simulated.chain([centre]).collect());
    assert!(config.services.iter().all(|service| service.title.is_some()));
    let sites = config.targets.iter().filter(|target| target.id.site.is_some()).count();
    assert_eq!(sites, 9);
    let probed = |wanted: fn(&Kind) -> bool| -> BTreeSet<(&str, Option<&str>)> {
        let targets = config.targets.iter().filter(|target| wanted(&target.kind));
        targets.map(|target| (&*target.id.service, target.id.site.as_deref())).collect()
    };
    let site = |system: &SimulatedSystem| system.name.strip_prefix("saeol-");
    let mut all: BTreeSet<_> = systems::ALL.iter().map(|one| (one.service, site(one))).collect();
    assert_eq!(probed(|_| true), all);
    // Who signs in anywhere by Any-ID signs in to it.
    all.remove(&("anyid", None));
    assert_eq!(probed(|kind| matches!(kind, Kind::Login(_))), all);
    assert!(config.advice.is_empty(), "{:?}", config.advice);
    let mut left: Vec<_> = std::fs::read_dir(out.path().join("lab"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut announced: Vec<_> = files.all().cloned().collect();
    left.sort();
    announced.sort();
    assert_eq!(left, announced);
}

#[tokio::test]
async fn secrets_are_for_their_owner_only_also_when_a_file_was_there() {
    let (estate, out) = (estate().await, tempfile::tempdir().unwrap());
    std::fs::write(out.path().join("probe-password"), "of another lab").unwrap();
    let files = config::write(estate.world(), out.path()).unwrap();
    assert_eq!(files.secrets.len(), 4);
    for path in &files.secrets {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let text = std::fs::read_to_string(&files.config).unwrap();
    assert!(!text.contains(PROBE_PASSWORD), "a secret is in the configuration");
}

#[tokio::test]
async fn for_other_hosts_it_names_them_by_the_given_name() {
    let estate = Estate::start(Options::default().hostname("estate.example")).await.unwrap();
    let text = config::text(estate.world());
    assert!(text.contains("url: https://estate.example:"));
    assert!(!text.contains("localhost") && !text.contains("@gpki"), "{text}");
    assert!(
        !text.contains("dns:") && !text.contains(".test"),
        "nobody else knows those names: {text}"
    );
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let estate = estate().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = config::write(estate.world(), &file.path().join("lab")).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("--out"), "{error}");
}

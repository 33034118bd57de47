//! The drill of the fire, event by event: each is waited for in the daemon instead of on the clock.

use std::collections::BTreeMap;
use std::path::Path;

use lab::drill::Drill;
use lab::files;
use serde_json::Value;

use super::browser::estate;
use crate::support::daemon::{Daemon, Setup, eventually};

/// State by probe, such as `gov24/front`.
fn states(daemon: &Daemon) -> BTreeMap<String, String> {
    let status = daemon.get("/api/v1/status").json();
    let services = status["services"].as_array().unwrap();
    let probes = services.iter().flat_map(|service| service["probes"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    probes.map(|probe| (text(&probe["id"]), text(&probe["state"]))).collect()
}

fn wait_for(daemon: &Daemon, wanted: &[(&str, &str)]) {
    eventually(&format!("{wanted:?}"), || {
        let states = states(daemon);
        wanted.iter().all(|(probe, state)| states[*probe] == *state).then_some(())
    });
}

/// What the daemon says of the centre: services that need it, and how many are up.
fn centre(daemon: &Daemon) -> Option<(u64, u64)> {
    let status = daemon.get("/api/v1/status").json();
    let causes = status["recovery"].as_array().unwrap();
    let centre = causes.iter().find(|cause| cause["cause"] == "dc-daejeon")?;
    Some((centre["services"].as_u64().unwrap(), centre["up"].as_u64().unwrap()))
}

/// Waits until Government24's login fails at a step.
fn login_stands_at(daemon: &Daemon, step: &str) {
    eventually(step, || {
        let status = daemon.get("/api/v1/status").json();
        let services = status["services"].as_array().unwrap();
        let gov24 = services.iter().find(|service| service["name"] == "gov24").unwrap();
        let probes = gov24["probes"].as_array().unwrap();
        let login = probes.iter().find(|probe| probe["probe"] == "login").unwrap();
        (login["state"] == "down" && login["step"] == step).then_some(())
    });
}

/// The leaf that document exchange presented to the probe of its certificate, and whether the service's name
/// has led elsewhere.
fn document_exchange(daemon: &Daemon) -> (String, Value) {
    let status = daemon.get("/api/v1/status").json();
    let services = status["services"].as_array().unwrap();
    let found = services.iter().find(|service| service["name"] == "document-exchange").unwrap();
    let probes = found["probes"].as_array().unwrap();
    let cert = probes.iter().find(|probe| probe["probe"] == "cert").unwrap();
    let serial = cert["certificate"]["serial"].as_str().unwrap_or_default().to_owned();
    (serial, cert["address_moved"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fire_is_one_cause_and_comes_back_function_by_function() {
    let estate = estate().await;
    let setup = Setup::new("");
    files::write(estate.world(), setup.path()).unwrap();
    let drill = Drill::read(Path::new("config/lab/2025-09-26.yml")).unwrap();
    tokio::task::spawn_blocking(move || {
        let daemon = setup.start();
        daemon.wait_until_ready();
        eventually("everything is up", || {
            states(&daemon).values().all(|state| state == "up").then_some(())
        });
        let (old_serial, moved) = document_exchange(&daemon);
        assert!(!old_serial.is_empty() && moved.is_null(), "{old_serial} {moved}");
        let mut events = drill.events.iter().filter(|event| !event.changes.is_empty());
        let mut next = || {
            for change in &events.next().unwrap().changes {
                change.apply(estate.faults());
            }
        };
        next();
        wait_for(&daemon, &[("document-exchange/login", "down"), ("welfare/front", "down")]);
        assert_eq!(centre(&daemon), None, "three are no centre");
        next();
        wait_for(&daemon, &[("resident/login-page", "down"), ("saeol/login-page@jongno", "down")]);
        eventually("the centre is named", || centre(&daemon).filter(|(all, _)| *all == 7));
        next();
        eventually("all of it is down", || centre(&daemon).filter(|found| *found == (7, 0)));
        wait_for(&daemon, &[("gov24/front", "down"), ("anyid/discovery", "down")]);
        // The service is down for its users, and its front page is well.
        next();
        wait_for(
            &daemon,
            &[("gov24/front", "up"), ("gov24/login", "down"), ("gov24/issuing", "down")],
        );
        login_stands_at(&daemon, "sign_in");
        assert_eq!(centre(&daemon), Some((7, 0)), "a front page is no service");
        next();
        // People can sign in, and get no further than the resident register.
        login_stands_at(&daemon, "issue");
        wait_for(&daemon, &[("anyid/discovery", "up"), ("gov24/issuing", "down")]);
        next();
        wait_for(&daemon, &[("gov24/issuing", "up"), ("resident/officer-login", "up")]);
        // Four are down of seven: too few to blame the centre for.
        eventually("no centre", || centre(&daemon).is_none().then_some(()));
        next();
        wait_for(&daemon, &[("saeol/login@jongno", "up")]);
        next();
        wait_for(&daemon, &[("welfare/front", "up")]);
        next();
        eventually("a new certificate without its intermediate", || {
            let metrics = daemon.metrics();
            let mut lines = metrics.lines().filter(|line| line.contains("service=\"disclosure\""));
            lines.any(|line| line.contains("reason=\"tls_chain_incomplete\"")).then_some(())
        });
        next();
        wait_for(&daemon, &[("disclosure/search", "up"), ("document-exchange/cert", "down")]);
        assert!(!daemon.log().contains("probe.address_moved"), "nothing has moved yet");
        next();
        eventually("day 95", || states(&daemon).values().all(|state| state == "up").then_some(()));
        assert!(events.next().is_none());
        // It is elsewhere, with another certificate: two facts, and nothing is wrong with either.
        daemon.logged(&["probe.address_moved", "document-exchange/cert", "127.0.0.1", "127.0.0.2"]);
        let (new_serial, moved) = document_exchange(&daemon);
        assert_ne!(new_serial, old_serial);
        assert_eq!(moved["to"], serde_json::json!(["127.0.0.2"]));
        let metrics = daemon.metrics();
        let mut of_it =
            metrics.lines().filter(|line| line.contains("service=\"document-exchange\""));
        let presented = |line: &&str| line.starts_with("bongsu_cert_not_before_timestamp_seconds{");
        let leaf = of_it.clone().filter(presented).find(|line| line.contains("probe=\"cert\""));
        assert!(leaf.is_some_and(|line| line.contains(&new_serial)), "{leaf:?}");
        let wrong = of_it.find(|line| {
            line.starts_with("bongsu_cert_invalid{")
                || line.starts_with("bongsu_probe_failure_info{")
        });
        assert_eq!(wrong, None);
    })
    .await
    .unwrap();
}

//! What a configuration that is right would do: plain data, for people and for programs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::accounts::{CrowdedAccount, PlannedAccount, accounts, crowded};
use super::ends::{PlannedEnd, ends};
use crate::config::{Config, SecretSource, Service, Target, Window, WindowTime};
use crate::maintenance::occurrence;
use crate::scheduler::permits::{Capacity, Limits};
use crate::scheduler::shard::Shard;

#[derive(Serialize)]
pub(super) struct CheckedPlan {
    pub(super) valid: bool,
    pub(super) files: Vec<String>,
    pub(super) hash: String,
    pub(super) services: Vec<PlannedService>,
    /// How many probes of each kind.
    pub(super) kinds: BTreeMap<&'static str, usize>,
    pub(super) runs_per_second: f64,
    /// How many the scheduler would let be in flight at once.
    pub(super) runs_at_once: usize,
    pub(super) disabled: Vec<String>,
    pub(super) controls: usize,
    pub(super) accounts: Vec<PlannedAccount>,
    pub(super) crowded: Vec<CrowdedAccount>,
    /// In the order in which they open.
    pub(super) maintenance: Vec<PlannedWindow>,
    pub(super) certificates: Vec<PlannedEnd>,
    pub(super) secrets: Vec<PlannedSecret>,
    pub(super) advice: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct PlannedService {
    pub(super) name: String,
    pub(super) grade: Option<u8>,
    pub(super) needs: Vec<String>,
    pub(super) probes: Vec<PlannedProbe>,
    pub(super) disabled: usize,
}

#[derive(Serialize)]
pub(super) struct PlannedProbe {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) interval_seconds: f64,
    /// None where it has no `for_each`.
    pub(super) sites: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct PlannedWindow {
    pub(super) name: String,
    pub(super) weekly: bool,
    pub(super) kind: &'static str,
    /// Of the open occurrence, else of the next one; none once it is over for good.
    pub(super) next: Option<PlannedOccurrence>,
}

#[derive(Serialize)]
pub(super) struct PlannedOccurrence {
    #[serde(serialize_with = "instant")]
    pub(super) start: Timestamp,
    #[serde(serialize_with = "instant")]
    pub(super) end: Timestamp,
    pub(super) open: bool,
}

/// Where a secret is. One that cannot be read is a problem, and there is no plan.
#[derive(Serialize)]
pub(super) struct PlannedSecret {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) hosts: Vec<String>,
}

impl CheckedPlan {
    pub(super) fn of(config: &Config, shard: &Shard, now: Timestamp) -> CheckedPlan {
        let mut probes: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
        let mut kinds = BTreeMap::new();
        for target in &config.targets {
            probes.entry(&target.id.service).or_default().push(target);
            *kinds.entry(target.kind.as_str()).or_default() += 1;
        }
        let services = config.services.iter().map(|service| {
            let targets = probes.get(&*service.name).map_or(&[][..], Vec::as_slice);
            planned_service(service, targets, config)
        });
        let rates =
            config.targets.iter().map(|target| 1.0 / target.schedule.interval().as_secs_f64());
        let mut maintenance: Vec<PlannedWindow> =
            config.maintenance.iter().map(|window| planned_window(window, now)).collect();
        maintenance.sort_by_key(|window| match &window.next {
            Some(next) => (false, next.start),
            None => (true, Timestamp::MAX),
        });
        CheckedPlan {
            valid: true,
            files: config.files.iter().map(|file| file.display().to_string()).collect(),
            hash: config.hash.clone(),
            services: services.collect(),
            kinds,
            runs_per_second: rates.fold(0.0, |sum, rate| sum + rate),
            runs_at_once: runs_at_once(config, shard),
            disabled: config.disabled.iter().map(ToString::to_string).collect(),
            controls: config.controls.len(),
            accounts: accounts(config),
            crowded: crowded(config),
            maintenance,
            certificates: ends(config, now),
            secrets: planned_secrets(config),
            advice: config.advice.clone(),
        }
    }

    /// As one line.
    pub(super) fn json(&self) -> String {
        // Nothing in it can fail to be written: no map has keys that are no texts.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

fn runs_at_once(config: &Config, shard: &Shard) -> usize {
    let own = config.targets.iter().filter(|target| shard.owns(&target.id.service));
    Capacity::of(own.map(|target| &target.schedule), &Limits::default()).wanted
}

/// Probes in the file's order; the sites of each are counted.
fn planned_service(service: &Service, targets: &[&Target], config: &Config) -> PlannedService {
    let mut probes: Vec<PlannedProbe> = Vec::new();
    for target in targets {
        let is_site = target.id.site.is_some();
        match probes.iter_mut().find(|probe| probe.name == *target.id.probe) {
            Some(probe) => probe.sites = probe.sites.map(|sites| sites + 1),
            None => probes.push(PlannedProbe {
                name: target.id.probe.to_string(),
                kind: target.kind.as_str(),
                interval_seconds: target.schedule.interval().as_secs_f64(),
                sites: is_site.then_some(1),
            }),
        }
    }
    PlannedService {
        name: service.name.to_string(),
        grade: service.grade,
        needs: service.needs.iter().map(ToString::to_string).collect(),
        probes,
        disabled: config.disabled.iter().filter(|id| id.service == service.name).count(),
    }
}

fn planned_window(window: &Window, now: Timestamp) -> PlannedWindow {
    let next = occurrence(&window.when, now).filter(|next| now < next.end);
    PlannedWindow {
        name: window.name.to_string(),
        weekly: matches!(window.when, WindowTime::Weekly { .. }),
        kind: window.kind.as_str(),
        next: next.map(|next| PlannedOccurrence {
            start: next.start,
            end: next.end,
            open: next.contains(now),
        }),
    }
}

fn planned_secrets(config: &Config) -> Vec<PlannedSecret> {
    let secrets = config.secrets.iter().map(|(name, secret)| PlannedSecret {
        name: name.to_string(),
        source: match &secret.source {
            SecretSource::Env(variable) => format!("env {variable}"),
            SecretSource::File(file) => format!("file {}", file.display()),
        },
        hosts: secret.hosts.iter().map(ToString::to_string).collect(),
    });
    secrets.collect()
}

fn instant<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

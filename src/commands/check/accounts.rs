//! What each account that logins use has to bear at worst.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::config::{Config, Kind, Target};

/// What a login with its pages and its logout takes at a service that is well.
const LOGIN_TAKES: Duration = Duration::from_secs(2);

#[derive(Serialize)]
pub(super) struct PlannedAccount {
    /// The secret or identity that stands for it.
    pub(super) account: String,
    /// For refusals that no rule explains.
    pub(super) bad_logins_per_hour: f64,
    /// For a wrong password, in all.
    pub(super) named_refusals: u32,
}

/// An account whose logins at one host hardly fit into their intervals one after the other.
#[derive(Serialize)]
pub(super) struct CrowdedAccount {
    pub(super) account: String,
    pub(super) host: String,
    pub(super) logins: usize,
    /// The time that each may take.
    pub(super) seconds_each: f64,
}

/// A login target with the account that it could lock.
fn logins(
    config: &Config,
) -> impl Iterator<Item = (&Target, &crate::config::login::LoginOptions, &str)> {
    config.targets.iter().filter_map(|target| {
        let Kind::Login(login) = &target.kind else { return None };
        let account = login.account.as_deref().filter(|_| login.has_credentials())?;
        Some((&**target, &**login, account))
    })
}

pub(super) fn accounts(config: &Config) -> Vec<PlannedAccount> {
    // Probes with one account at one host share its guard, so the most patient pace is theirs.
    let mut rates: BTreeMap<&str, BTreeMap<String, (f64, u32)>> = BTreeMap::new();
    for (target, login, account) in logins(config) {
        let rate = login.bad_logins_per_hour(target.schedule.interval());
        let host = target.host().into_owned();
        let known = rates.entry(account).or_default().entry(host).or_default();
        *known = (known.0.max(rate), known.1.max(login.guard.max_failures));
    }
    let planned = rates.into_iter().map(|(account, hosts)| PlannedAccount {
        account: account.to_owned(),
        bad_logins_per_hour: hosts.values().map(|(rate, _)| rate).sum(),
        named_refusals: hosts.values().map(|(_, named)| named).sum(),
    });
    planned.collect()
}

pub(super) fn crowded(config: &Config) -> Vec<CrowdedAccount> {
    let mut counts: BTreeMap<(&str, String), (usize, f64)> = BTreeMap::new();
    for (target, login, account) in logins(config) {
        for host in login.credential_hosts() {
            let (count, rate) = counts.entry((account, host)).or_default();
            *count += 1;
            *rate += 1.0 / target.schedule.interval().as_secs_f64();
        }
    }
    let each = counts.into_iter().map(|((account, host), (logins, rate))| CrowdedAccount {
        account: account.to_owned(),
        host,
        logins,
        seconds_each: 1.0 / rate,
    });
    each.filter(|of| of.logins > 1 && of.seconds_each < LOGIN_TAKES.as_secs_f64()).collect()
}

//! What `bongsu check` prints of a configuration that is right: what would run, and how often.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::{Config, Kind, Service, Target, WindowTime};

/// Larger estates are summed up; nobody reads a table of 300 lines in a terminal.
const TABLE_MAX: usize = 60;

/// What a login with its pages and its logout takes at a service that is well.
const LOGIN_TAKES: Duration = Duration::from_secs(2);

/// The text, ending in a line break. `permits` is the number of runs that the scheduler would
/// let be in flight at once.
pub fn describe(config: &Config, permits: usize) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_plan(config, permits, &mut text);
    text
}

fn write_plan(config: &Config, permits: usize, text: &mut String) -> std::fmt::Result {
    let files: Vec<String> = config.files.iter().map(|file| file.display().to_string()).collect();
    writeln!(text, "{}: valid", files.join(", "))?;
    writeln!(text, "  services     {}", config.services.len())?;
    writeln!(text, "  probes       {}", kinds(config))?;
    let rate =
        |rate: f64, target: &Arc<Target>| rate + 1.0 / target.schedule.interval().as_secs_f64();
    let rate = config.targets.iter().fold(0.0, rate);
    writeln!(text, "  runs         {rate:.2} per second")?;
    writeln!(text, "  permits      {} in flight at once", counted(permits, "run"))?;
    if !config.disabled.is_empty() {
        writeln!(text, "  disabled     {}", counted(config.disabled.len(), "probe"))?;
    }
    let recurring = |time: &WindowTime| matches!(time, WindowTime::Weekly { .. });
    if !config.maintenance.is_empty() {
        let weekly = config.maintenance.iter().filter(|window| recurring(&window.when)).count();
        let windows = counted(config.maintenance.len(), "window");
        writeln!(text, "  maintenance  {windows}, {weekly} of them every week")?;
    }
    writeln!(text, "  controls     {}", config.controls.len())?;
    writeln!(text, "  hash         {}", config.hash)?;
    if config.services.len() <= TABLE_MAX {
        write_table(config, text)?;
    }
    write_accounts(config, text)?;
    if !config.advice.is_empty() {
        writeln!(text, "\nadvice")?;
        for advice in &config.advice {
            writeln!(text, "  {advice}")?;
        }
    }
    Ok(())
}

/// What each account that logins use has to bear at worst.
fn write_accounts(config: &Config, text: &mut String) -> std::fmt::Result {
    // Probes with one account at one host share its guard, so the most patient pace is theirs.
    let mut rates: BTreeMap<&str, BTreeMap<String, (f64, u32)>> = BTreeMap::new();
    for target in &config.targets {
        let Kind::Login(login) = &target.kind else { continue };
        let Some(account) = login.account.as_deref().filter(|_| login.has_credentials()) else {
            continue;
        };
        let rate = login.bad_logins_per_hour(target.schedule.interval());
        let host = target.host().into_owned();
        let known = rates.entry(account).or_default().entry(host).or_default();
        *known = (known.0.max(rate), known.1.max(login.guard.max_failures));
    }
    if rates.is_empty() {
        return Ok(());
    }
    writeln!(text, "\naccounts")?;
    for (account, hosts) in rates.iter().take(TABLE_MAX) {
        let rate: f64 = hosts.values().map(|(rate, _)| rate).sum();
        let named: u32 = hosts.values().map(|(_, named)| named).sum();
        writeln!(
            text,
            "  {account}: at worst {rate:.1} bad logins per hour for refusals that no rule explains, \
             {named} in all for a wrong password"
        )?;
    }
    for (account, host, count, share) in crowded(config).into_iter().take(TABLE_MAX) {
        writeln!(
            text,
            "  {account}: {count} logins at {host} take turns, {:.1} s each; what does not fit is \
             skipped. Give each site an account of its own, or a longer interval",
            share.as_secs_f64()
        )?;
    }
    if rates.len() > TABLE_MAX {
        writeln!(text, "  and {}", counted(rates.len() - TABLE_MAX, "more account"))?;
    }
    writeln!(text, "  each vantage adds as many: give every vantage an account of its own")
}

/// Accounts whose logins at one host hardly fit into their intervals one after the other: how many
/// there are, and the time that each may take.
fn crowded(config: &Config) -> Vec<(&str, String, usize, Duration)> {
    let mut logins: BTreeMap<(&str, String), (usize, f64)> = BTreeMap::new();
    for target in &config.targets {
        let Kind::Login(login) = &target.kind else { continue };
        let Some(account) = login.account.as_deref().filter(|_| login.has_credentials()) else {
            continue;
        };
        for host in login.credential_hosts() {
            let (count, rate) = logins.entry((account, host)).or_default();
            *count += 1;
            *rate += 1.0 / target.schedule.interval().as_secs_f64();
        }
    }
    let each = logins.into_iter().filter(|(_, (count, _))| *count > 1).map(
        |((account, host), (count, rate))| {
            (account, host, count, Duration::from_secs_f64(1.0 / rate))
        },
    );
    each.filter(|(.., share)| *share < LOGIN_TAKES).collect()
}

/// `1 probe`, `2 probes`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `12 (8 http, 4 tls)`.
fn kinds(config: &Config) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for target in &config.targets {
        *counts.entry(target.kind.as_str()).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if counts.is_empty() {
        "0".into()
    } else {
        format!("{} ({})", config.targets.len(), counts.join(", "))
    }
}

/// A line for each service: its name, grade, probes, needs.
fn write_table(config: &Config, text: &mut String) -> std::fmt::Result {
    let mut probes: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in &config.targets {
        probes.entry(&target.id.service).or_default().push(target);
    }
    let width = config.services.iter().map(|service| service.name.len()).max().unwrap_or(0);
    writeln!(text)?;
    for service in &config.services {
        let targets = probes.get(&*service.name).map_or(&[][..], Vec::as_slice);
        let disabled = config.disabled.iter().filter(|id| id.service == service.name).count();
        let what = [about_probes(targets), about_disabled(disabled), about(service)];
        let what: Vec<String> = what.into_iter().filter(|what| !what.is_empty()).collect();
        writeln!(text, "  {:<width$}  {}", service.name, what.join("; "))?;
    }
    Ok(())
}

/// In the file's order; the sites of a probe are counted.
fn about_probes(targets: &[&Target]) -> String {
    let mut seen: Vec<(&Target, usize)> = Vec::new();
    for target in targets {
        match seen.iter_mut().find(|(first, _)| first.id.probe == target.id.probe) {
            Some((_, count)) => *count += 1,
            None => seen.push((target, 1)),
        }
    }
    let each = seen.iter().map(|(target, count)| {
        let every = super::value::spoken(target.schedule.interval());
        let sites = if target.id.site.is_some() { format!(" x {count}") } else { String::new() };
        format!("{}{sites} ({}, {every})", target.id.probe, target.kind.as_str())
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "no probes".into() } else { each.join(", ") }
}

fn about_disabled(count: usize) -> String {
    if count == 0 { String::new() } else { format!("{count} disabled") }
}

fn about(service: &Service) -> String {
    let needs: Vec<&str> = service.needs.iter().map(|name| &**name).collect();
    let needs =
        if needs.is_empty() { String::new() } else { format!("needs {}", needs.join(", ")) };
    match service.grade {
        Some(grade) if needs.is_empty() => format!("grade {grade}"),
        Some(grade) => format!("grade {grade}; {needs}"),
        None => needs,
    }
}

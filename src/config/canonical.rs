//! The configuration's fingerprint: equal on every machine that was given the same configuration,
//! whatever its secrets are and wherever its files lie.

use std::fmt::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use base::fnv::Fnv1a64;

use super::login::{Action, IdentityFiles};
use super::{Config, Kind, Target, TlsClientOptions, Window, WindowTime};

/// FNV-1a of the services, probes, controls and windows, 16 hex digits.
pub(super) fn hash(config: &Config) -> String {
    let mut fnv = Fnv1a64::default();
    // Writing into a hash cannot fail.
    let _ = write_all(config, &mut fnv);
    format!("{:016x}", fnv.hash())
}

fn write_all(config: &Config, fnv: &mut Fnv1a64) -> fmt::Result {
    for service in &config.services {
        writeln!(fnv, "{service:?}")?;
    }
    for target in &config.targets {
        writeln!(fnv, "{:?}", without_paths(target))?;
    }
    writeln!(fnv, "{:?}", config.controls)?;
    for window in &config.maintenance {
        write_window(window, fnv)?;
    }
    for (name, secret) in &config.secrets {
        writeln!(fnv, "{name} {:?}", secret.hosts)?;
    }
    Ok(())
}

/// A time zone prints its whole table, which differs between releases of the time zone database.
fn write_window(window: &Window, fnv: &mut Fnv1a64) -> fmt::Result {
    let Window { name, targets, reason, kind, when } = window;
    match when {
        WindowTime::Once { from, until } => write!(fnv, "{from} {until}")?,
        WindowTime::Weekly { days, weeks, start, end, zone } => {
            write!(fnv, "{days:?} {weeks:?} {start} {end} {:?}", zone.iana_name())?;
        }
    }
    writeln!(fnv, "{name} {targets:?} {reason:?} {kind:?}")
}

fn without_paths(target: &Arc<Target>) -> Target {
    let mut target = Target::clone(target);
    let tls: &mut TlsClientOptions = match &mut target.kind {
        Kind::Http(http) => &mut Arc::make_mut(http).client.tls,
        Kind::Tls(tls) => &mut Arc::make_mut(tls).tls,
        Kind::Login(login) => {
            let login = Arc::make_mut(login);
            login.identities.values_mut().for_each(|identity| {
                identity.files = IdentityFiles::Pkcs12(PathBuf::new());
                identity.password = None;
            });
            for step in login.steps.iter_mut().chain(&mut login.finally) {
                if let Action::Exec(exec) = &mut step.action {
                    exec.program = exec.program.file_name().map(PathBuf::from).unwrap_or_default();
                }
            }
            &mut login.client.tls
        }
    };
    tls.trust = Arc::default();
    tls.client_cert = None;
    target
}

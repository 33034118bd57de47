//! The real blackbox_exporter and Bongsu with the same module file, asked for the same targets on the
//! same real servers. Every series is compared: by value where the value is determined, by presence
//! where it is a time.

use std::fmt::Write as _;

use super::{Exporter, Series, daemon, daemon_in, path, series};
use crate::support::daemon::{Daemon, Setup};

/// A series that only one of the two has, or that differs in value, and why that is meant.
const INTENDED: &[(&str, &str)] = &[
    ("+probe_timeout_seconds", "newer than Debian's version"),
    ("+probe_failed_due_to_bytes", "newer than Debian's version"),
    ("+probe_tls_cipher_info", "newer than Debian's version for HTTP, and useful for TCP too"),
    ("+probe_ssl_earliest_cert_expiry", "of a refused chain too: asked for most when it has ended"),
    ("+probe_ssl_last_chain_info", "of a refused chain too"),
    ("+probe_tls_version_info", "of a refused chain too"),
    ("+probe_ssl_last_chain_expiry_timestamp_seconds", "of a path that leads to a trusted root"),
    (
        "-probe_ssl_last_chain_expiry_timestamp_seconds",
        "absent and not the year 1 where there is no verified path",
    ),
];

/// Whose value is how long something took.
const TIMES: [&str; 3] =
    ["probe_duration_seconds", "probe_dns_lookup_time_seconds", "probe_http_duration_seconds"];

/// Both, with one file.
pub(super) struct Both {
    pub(super) ours: Daemon,
    pub(super) theirs: Exporter,
}

impl Both {
    pub(super) fn with(modules: &str) -> Both {
        Both::of(daemon(modules, &[]))
    }

    /// Where `/etc/hosts` is this.
    pub(super) fn seeing_hosts(hosts: &str, modules: &str) -> Both {
        let setup = Setup::new("# replaced by a flag\n").seeing_hosts(hosts);
        Both::of(daemon_in(setup, modules, &[]))
    }

    fn of(ours: Daemon) -> Both {
        let theirs = Exporter::beside(&ours);
        Both { ours, theirs }
    }

    /// What both found of a target, which has to be the same. Ours is given back.
    pub(super) fn same(&self, target: &str, module: &str) -> Series {
        self.same_at(&path(target, module))
    }

    /// What each found of a target where they are meant to differ: ours, and theirs.
    pub(super) fn each(&self, target: &str, module: &str) -> [Series; 2] {
        let path = path(target, module);
        [self.ours.get(&path), self.theirs.get(&path)].map(|answer| series(&answer))
    }

    pub(super) fn same_at(&self, path: &str) -> Series {
        let theirs = series(&self.theirs.get(path));
        let ours = series(&self.ours.get(path));
        let differences = differences(&ours, &theirs);
        if !differences.is_empty() {
            let path = format!("{path}&debug=true");
            let (ours, theirs) = (self.ours.get(&path).text(), self.theirs.get(&path).text());
            panic!("{path}\n{differences}\n--- ours\n{ours}\n--- theirs\n{theirs}");
        }
        ours
    }

    /// As [`same`](Self::same), and the verdict is this.
    pub(super) fn agree(&self, target: &str, module: &str, success: bool) {
        let found = self.same(target, module);
        assert_eq!(found["probe_success"] == 1.0, success, "{module} of {target}: {found:?}");
    }
}

fn name(series: &str) -> &str {
    series.split('{').next().unwrap()
}

fn is_intended(sign: char, series: &str) -> bool {
    let wanted = format!("{sign}{}", name(series));
    INTENDED.iter().any(|(known, _)| *known == wanted)
}

/// Without the label that is newer than Debian's version.
fn without_serial(found: &Series) -> Series {
    let bare = |series: &str| {
        let start = series.find(",serialnumber=\"")?;
        let length = series[start + 1..].find("\",")? + 2;
        Some(format!("{}{}", &series[..start], &series[start + length..]))
    };
    let known = |series: &String| bare(series).unwrap_or_else(|| series.clone());
    found.iter().map(|(series, value)| (known(series), *value)).collect()
}

/// What differs and is not meant to, a line each.
pub(super) fn differences(ours: &Series, theirs: &Series) -> String {
    let ours = &without_serial(ours);
    let mut text = String::new();
    for (series, value) in theirs {
        match ours.get(series) {
            None if is_intended('-', series) && *value < 0.0 => {}
            None => writeln!(text, "missing: {series} {value}").unwrap(),
            Some(_) if TIMES.contains(&name(series)) => {}
            Some(own) if own != value => {
                let is_year_one =
                    *value < 0.0 && name(series) == "probe_ssl_last_chain_expiry_timestamp_seconds";
                if !is_year_one {
                    writeln!(text, "differs: {series} ours {own}, theirs {value}").unwrap();
                }
            }
            Some(_) => {}
        }
    }
    for (series, value) in ours.iter().filter(|(series, _)| !theirs.contains_key(*series)) {
        // What is told of a refused chain is told where they say nothing of TLS at all.
        let is_refused_chain = !theirs.contains_key("probe_ssl_earliest_cert_expiry");
        let is_newer = ["probe_timeout", "probe_failed_due_to_bytes", "probe_tls_cipher"]
            .iter()
            .any(|newer| series.starts_with(newer));
        let is_meant = is_intended('+', series) && (is_newer || is_refused_chain);
        if !is_meant {
            writeln!(text, "too much: {series} {value}").unwrap();
        }
    }
    text
}

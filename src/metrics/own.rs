//! The `bongsu_*` series of a target: the account of its time and runs, why it fails, its
//! certificates, and what rules and people need to know of it.
//!
//! Counters and what the configuration says are always there. Facts of the last run, the verdict
//! and the certificates vanish with freshness.

use std::time::SystemTime;

use super::probe::Write::{Run, Target, Tls};
use super::probe::{ProbeFamily, Series, flag};
use crate::availability::Counts;
use crate::config::{self, Addresses, Kind};
use crate::outcome::{Outcome, Step, TcpFacts, Verdict};
use crate::results::{Row, is_padded};
use crate::transport::resolve::MAX_ADDRESSES;
use chain::{Certificate, OcspAnswer, OcspStatus, TlsFacts};

/// Certificates shown of one chain. Honest chains have up to five; one of a hundred is an attack.
///
/// Limit: certificates of a chain that have series.
/// Share: of each target.
/// Full: further ones have none.
/// Filled: hostile_certificates_make_no_series_of_their_own_and_stay_small
const CHAIN_SHOWN_MAX: usize = 10;

/// In the order of exposition.
pub(super) static FAMILIES: &[ProbeFamily] = &[
    ProbeFamily::counter(
        "bongsu_probe_verdict_seconds_total",
        "Time spent in each verdict. The availability of a month is made of this.",
        Target(|row, out| {
            for (share, time) in row.availability.shares() {
                out.with(&[("verdict", share.as_str())], time.as_secs_f64());
            }
        }),
    ),
    ProbeFamily::counter(
        "bongsu_probe_runs_total",
        "Runs on the grid of the interval, by result.",
        Target(|row, out| counts(row.availability.runs(), out)),
    ),
    ProbeFamily::counter(
        "bongsu_probe_rechecks_total",
        "Runs that confirmed a change of result. Absent when there is no recheck.",
        Target(|row, out| {
            if row.target.schedule.recheck().is_some() {
                counts(row.availability.rechecks(), out);
            }
        }),
    ),
    ProbeFamily::counter(
        "bongsu_probe_failures_total",
        "Failed and unknown runs by cause, rechecks included.",
        Target(failures),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_verdict",
        "The verdict of the last run: one of the series is 1.",
        Run(|_, outcome, out| {
            for verdict in Verdict::ALL {
                out.with(&[("verdict", verdict.as_str())], flag(outcome.verdict() == verdict));
            }
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_failure_info",
        "Why the last run failed. Absent when it did not.",
        Run(failure_info),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_degraded_info",
        "Why the last run was degraded; the first reason of several. Absent when it was not.",
        Run(degraded_info),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_consecutive_failures",
        "Failures in a row, rechecks included. Unknown runs leave it as it was.",
        Target(|row, out| {
            if row.is_fresh {
                out.value(row.availability.consecutive_failures().into());
            }
        }),
    ),
    ProbeFamily::counter(
        "bongsu_probe_transitions_total",
        "Changes between working and down, over unknown runs in between.",
        Target(|row, out| out.value(row.availability.transitions() as f64)),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_last_run_timestamp_seconds",
        "End of the last run, in unix time.",
        Target(|row, out| out.optional(row.availability.last_run_at().map(unix))),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_last_success_timestamp_seconds",
        "End of the last run that was up or degraded, in unix time.",
        Target(|row, out| out.optional(row.availability.last_success_at().map(unix))),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_interval_seconds",
        "From the start of a run to the start of the next.",
        Target(|row, out| out.value(row.target.schedule.interval().as_secs_f64())),
    ),
    ProbeFamily::gauge(
        "bongsu_latency_objective_seconds",
        "What the response time of this probe should stay under.",
        Target(|row, out| {
            out.optional(row.target.latency_objective.map(|objective| objective.as_secs_f64()));
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_step_success",
        "Whether a login step of the last run found what it expects.",
        Run(|_, outcome, out| {
            for step in &outcome.facts.steps {
                out.with(&step_labels(&step.step), flag(step.success));
            }
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_step_duration_seconds",
        "How long a login step of the last run took.",
        Run(|_, outcome, out| {
            for step in &outcome.facts.steps {
                out.with(&step_labels(&step.step), step.elapsed.as_secs_f64());
            }
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_login_wait_seconds",
        "How long the last login waited for its account's turn or a one-time code, which is no part of its duration.",
        Run(|_, outcome, out| {
            out.optional(outcome.facts.phases.wait.map(|wait| wait.as_secs_f64()));
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_address_up",
        "Whether an address of the name was as expected in the last run. Only where the probe looks at all of them.",
        Run(address_up),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_address_moved_timestamp_seconds",
        "When the name last led to addresses none of which was seen for a day, in unix time. Absent when it never did.",
        Target(|row, out| out.optional(row.moved.as_ref().map(|moved| unix(moved.at)))),
    ),
    ProbeFamily::gauge(
        "bongsu_cert_not_before_timestamp_seconds",
        "Start of validity of a certificate last presented, in unix time.",
        Target(|row, out| certs(row, out, |cert| cert.not_before)),
    ),
    ProbeFamily::gauge(
        "bongsu_cert_not_after_timestamp_seconds",
        "End of validity of a certificate last presented, in unix time.",
        Target(|row, out| certs(row, out, |cert| cert.not_after)),
    ),
    ProbeFamily::gauge(
        "bongsu_cert_invalid",
        "What is wrong with the chain last presented. Absent when nothing is.",
        Target(cert_faults),
    ),
    ProbeFamily::gauge(
        "bongsu_ocsp_staple_status",
        "What the OCSP response says that the server stapled in the last run: good, revoked, unknown, or invalid when it proves nothing. Absent without one.",
        Tls(|tls, out| {
            if let Some(staple) = &tls.staple {
                let status = staple.proven().map_or("invalid", OcspStatus::as_str);
                out.with(&[("status", status)], 1.0);
            }
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_ocsp_staple_produced_timestamp_seconds",
        "When the stapled OCSP response was signed, in unix time.",
        Tls(|tls, out| out.optional(stapled(tls).map(|answer| answer.produced_at as f64))),
    ),
    ProbeFamily::gauge(
        "bongsu_ocsp_staple_this_update_timestamp_seconds",
        "Since when what the stapled OCSP response says is known to be right, in unix time.",
        Tls(|tls, out| out.optional(stapled(tls).map(|answer| answer.this_update as f64))),
    ),
    ProbeFamily::gauge(
        "bongsu_ocsp_staple_next_update_timestamp_seconds",
        "When the stapled OCSP response is out of date, in unix time. Absent when it does not say.",
        Tls(|tls, out| {
            out.optional(
                stapled(tls).and_then(|answer| answer.next_update).map(|next| next as f64),
            );
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_tcp_rtt_seconds",
        "Smoothed round-trip time of the last connection.",
        Run(|target, outcome, out| {
            out.optional(tcp(target, outcome).map(|tcp| tcp.rtt.as_secs_f64()))
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_tcp_retransmits",
        "Segments sent again over the life of the last connection.",
        Run(|target, outcome, out| {
            out.optional(tcp(target, outcome).map(|tcp| tcp.retransmits.into()))
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_tcp_rcv_out_of_order",
        "Segments of the last connection that arrived out of order.",
        Run(|target, outcome, out| {
            out.optional(tcp(target, outcome).map(|tcp| tcp.rcv_out_of_order.into()));
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_tcp_snd_mss_bytes",
        "Sending segment size. Below 1448, loss of large packets cannot be seen.",
        Run(|target, outcome, out| {
            out.optional(tcp(target, outcome).map(|tcp| tcp.snd_mss.into()))
        }),
    ),
    ProbeFamily::gauge(
        "bongsu_probe_info",
        "What is known of the probe beside its results, as labels.",
        Target(|row, out| out.info(row.labels.info())),
    ),
];

fn unix(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn counts(counts: Counts, out: &mut Series<'_, '_, '_>) {
    for (result, runs) in counts.named() {
        out.with(&[("result", result)], runs as f64);
    }
}

fn failures(row: &Row, out: &mut Series<'_, '_, '_>) {
    for failure in row.availability.failures() {
        let reason = failure.reason;
        let pairs = [("stage", reason.stage().as_str()), ("reason", reason.as_str())];
        match &failure.step {
            None => out.with(&pairs, failure.runs as f64),
            Some(step) => out.with(&[pairs[0], pairs[1], ("step", step)], failure.runs as f64),
        }
    }
}

fn failure_info(target: &config::Target, outcome: &Outcome, out: &mut Series<'_, '_, '_>) {
    let Err(failure) = &outcome.result else { return };
    let stage = ("stage", failure.reason.stage().as_str());
    let reason = ("reason", failure.reason.as_str());
    let component = ("component", target.concerned(failure));
    match &failure.step {
        None => out.with(&[stage, reason, component], 1.0),
        Some(step) => out.with(&[stage, reason, ("step", &step.name), component], 1.0),
    }
}

fn degraded_info(_: &config::Target, outcome: &Outcome, out: &mut Series<'_, '_, '_>) {
    let (Ok(()), Some(warning)) = (&outcome.result, outcome.cause()) else { return };
    let stage = ("stage", warning.reason.stage().as_str());
    let reason = ("reason", warning.reason.as_str());
    match &warning.step {
        None => out.with(&[stage, reason], 1.0),
        Some(step) => out.with(&[stage, reason, ("step", &step.name)], 1.0),
    }
}

fn step_labels(step: &Step) -> [(&str, &str); 2] {
    [("step", &step.name), ("component", &step.component)]
}

/// At most eight, and only of probes that ask for it: a name has as many addresses as its owner
/// likes.
fn address_up(target: &config::Target, outcome: &Outcome, out: &mut Series<'_, '_, '_>) {
    let route = match &target.kind {
        Kind::Http(http) => &http.client.route,
        Kind::Tls(tls) => &tls.route,
        Kind::Login(_) => return,
    };
    if route.addresses == Addresses::First {
        return;
    }
    for of in outcome.facts.addresses.iter().take(MAX_ADDRESSES) {
        out.with(&[("address", &of.address.to_string())], flag(of.failure.is_none()));
    }
}

/// Of a TLS probe the whole chain and the root that a file lists; of an HTTP probe the leaf, because
/// most chains are seen by both.
fn certs(row: &Row, out: &mut Series<'_, '_, '_>, date: fn(&Certificate) -> i64) {
    let Some(known) = row.availability.certs().filter(|_| row.is_fresh) else { return };
    let shown = match row.target.kind {
        Kind::Http(_) | Kind::Login(_) => 1,
        Kind::Tls(_) => CHAIN_SHOWN_MAX,
    };
    for (position, cert) in known.chain.certs.iter().enumerate().take(shown) {
        let mut digits = itoa::Buffer::new();
        let pairs = [
            ("position", digits.format(position)),
            ("subject", &cert.subject),
            ("serial", &cert.serial),
            ("in_path", if known.in_path(position) { "1" } else { "0" }),
        ];
        out.with(&pairs, date(cert) as f64);
    }
    if let Some(root) = known.root.as_deref().filter(|_| shown == CHAIN_SHOWN_MAX) {
        let pairs = [
            ("position", "root"),
            ("subject", &root.subject),
            ("serial", &root.serial),
            ("in_path", "1"),
        ];
        out.with(&pairs, date(root) as f64);
    }
}

fn stapled(tls: &TlsFacts) -> Option<OcspAnswer> {
    tls.staple.as_ref()?.answer
}

fn cert_faults(row: &Row, out: &mut Series<'_, '_, '_>) {
    let Some(known) = row.availability.certs().filter(|_| row.is_fresh) else { return };
    for fault in &known.faults {
        out.with(&[("reason", fault.as_str())], 1.0);
    }
}

/// Of HTTP probes only those that pad have these series: the others cannot lose large packets, and
/// four more series on each would break the budget. Logins send large requests.
fn tcp<'a>(target: &config::Target, outcome: &'a Outcome) -> Option<&'a TcpFacts> {
    let applies = matches!(target.kind, Kind::Tls(_) | Kind::Login(_)) || is_padded(target);
    outcome.facts.tcp.as_ref().filter(|_| applies)
}

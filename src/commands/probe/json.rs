//! One run as one line of JSON, for scripts. Times are RFC 3339 in UTC, durations are seconds.

use std::time::SystemTime;

use chain::{Certificate, TlsFacts};
use serde::Serialize;

use super::expected;
use super::single_run::SingleRun;
use crate::calendar;
use crate::commands::days_until;
use crate::language::Language;
use crate::outcome::{Failure, Reason};
use crate::server::printed::{self, PrintedFacts, PrintedHop};

#[derive(Serialize)]
struct Printed<'a> {
    probe: String,
    kind: &'static str,
    instance: &'a str,
    started_at: Option<String>,
    duration_seconds: f64,
    verdict: &'static str,
    /// Why it is down or unknown.
    failure: Option<PrintedFailure<'a>>,
    warnings: Vec<PrintedFailure<'a>>,
    expected: Vec<String>,
    vantage_online: bool,
    #[serde(flatten)]
    facts: PrintedFacts<'a>,
    http: Option<PrintedHttp<'a>>,
    tls: Option<PrintedTls<'a>>,
    steps: Vec<PrintedStep<'a>>,
    excerpt: Option<&'a str>,
}

#[derive(Serialize)]
struct PrintedFailure<'a> {
    reason: &'static str,
    step: Option<&'a str>,
    detail: &'a str,
    /// What the reason means, in the terminal's language.
    meaning: &'static str,
    first_look: &'static str,
}

#[derive(Serialize)]
struct PrintedHttp<'a> {
    status: u16,
    version: f64,
    body_bytes: u64,
    hops: Vec<PrintedHop<'a>>,
}

#[derive(Serialize)]
struct PrintedTls<'a> {
    version: Option<&'static str>,
    cipher: Option<&'a str>,
    certificates: Vec<PrintedCertificate<'a>>,
    faults: Vec<PrintedFault<'a>>,
}

#[derive(Serialize)]
struct PrintedCertificate<'a> {
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    key: &'a str,
    not_before: Option<String>,
    not_after: Option<String>,
    /// Negative when it has expired.
    days_left: i64,
    /// Whether the verified path goes over it.
    in_path: bool,
}

#[derive(Serialize)]
struct PrintedFault<'a> {
    reason: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct PrintedStep<'a> {
    name: &'a str,
    component: &'a str,
    success: bool,
    seconds: f64,
}

/// The line, without its break.
pub(super) fn json(run: &SingleRun<'_>, language: Language) -> String {
    let SingleRun { target, outcome, online } = run;
    let facts = &outcome.facts;
    let told = |failure| told(failure, language);
    let printed = Printed {
        probe: target.id.to_string(),
        kind: target.kind.as_str(),
        instance: &target.instance,
        started_at: instant(outcome.started_at),
        duration_seconds: outcome.elapsed.as_secs_f64(),
        verdict: outcome.verdict().as_str(),
        failure: outcome.result.as_ref().err().map(told),
        warnings: facts.warnings.iter().map(told).collect(),
        expected: expected::of_run(target, outcome),
        vantage_online: *online,
        facts: PrintedFacts::of(facts),
        http: facts.http.as_ref().map(|http| PrintedHttp {
            status: http.status,
            version: http.version,
            body_bytes: http.body_bytes,
            hops: printed::hops(facts),
        }),
        tls: facts.tls.as_ref().map(tls),
        steps: facts
            .steps
            .iter()
            .map(|step| PrintedStep {
                name: &step.step.name,
                component: &step.step.component,
                success: step.success,
                seconds: step.elapsed.as_secs_f64(),
            })
            .collect(),
        excerpt: facts.excerpt(),
    };
    // Nothing in it can fail to be written: no map has keys that are no texts.
    serde_json::to_string(&printed).unwrap_or_default()
}

fn told(failure: &Failure, language: Language) -> PrintedFailure<'_> {
    PrintedFailure {
        reason: failure.reason.as_str(),
        step: failure.step.as_ref().map(|step| &*step.name),
        detail: &failure.detail,
        meaning: language.of_both(failure.reason.meaning()),
        first_look: language.of_both(failure.reason.first_look()),
    }
}

fn tls(tls: &TlsFacts) -> PrintedTls<'_> {
    let certs = tls.chain.iter().flat_map(|chain| &chain.certs).enumerate();
    PrintedTls {
        version: tls.version,
        cipher: tls.cipher.as_deref(),
        certificates: certs
            .map(|(position, cert)| certificate(cert, tls.path.contains(&position)))
            .collect(),
        faults: tls
            .faults
            .iter()
            .map(|fault| PrintedFault {
                reason: Reason::from(fault.kind).as_str(),
                detail: &fault.detail,
            })
            .collect(),
    }
}

fn certificate(cert: &Certificate, in_path: bool) -> PrintedCertificate<'_> {
    let second = |seconds| Some(jiff::Timestamp::from_second(seconds).ok()?.to_string());
    PrintedCertificate {
        subject: &cert.subject,
        issuer: &cert.issuer,
        serial: &cert.serial,
        key: &cert.key,
        not_before: second(cert.not_before),
        not_after: second(cert.not_after),
        days_left: days_until(cert.not_after, calendar::now()),
        in_path,
    }
}

/// To the millisecond.
fn instant(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?.round(jiff::Unit::Millisecond).ok()?;
    Some(time.to_string())
}

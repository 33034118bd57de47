//! What came in a run, as JSON: for `/api/v1/probes` and for `bongsu probe --json` alike. Durations are
//! seconds.

use std::net::IpAddr;

use serde::Serialize;

use crate::outcome::{Evidence, Facts, Hop, Phases};

/// What a failed run got.
#[derive(Serialize)]
pub(crate) struct PrintedFacts<'a> {
    /// The trace-id of the `traceparent` of every request of the run.
    trace_id: Option<String>,
    address: Option<IpAddr>,
    phases: Vec<PrintedPhase>,
    wait_seconds: Option<f64>,
    /// The last responses of failed runs, those of a login by its steps.
    responses: Vec<PrintedEvidence<'a>>,
}

#[derive(Serialize)]
pub(crate) struct PrintedPhase {
    phase: &'static str,
    seconds: f64,
}

#[derive(Serialize)]
pub(crate) struct PrintedHop<'a> {
    url: &'a str,
    status: u16,
    seconds: f64,
}

#[derive(Serialize)]
struct PrintedEvidence<'a> {
    step: Option<&'a str>,
    method: &'a str,
    url: &'a str,
    address: Option<IpAddr>,
    phases: Vec<PrintedPhase>,
    /// Null when no response came.
    status_line: Option<&'a str>,
    headers: &'a [String],
    body: Option<&'a str>,
}

impl<'a> PrintedFacts<'a> {
    pub(crate) fn of(facts: &'a Facts) -> PrintedFacts<'a> {
        PrintedFacts {
            trace_id: facts.trace_id.map(|id| id.to_string()),
            address: facts.address,
            phases: phases(&facts.phases),
            wait_seconds: facts.phases.wait.map(|wait| wait.as_secs_f64()),
            responses: facts.evidence.iter().map(PrintedEvidence::of).collect(),
        }
    }
}

impl<'a> PrintedEvidence<'a> {
    fn of(of: &'a Evidence) -> PrintedEvidence<'a> {
        PrintedEvidence {
            step: of.step.as_deref(),
            method: &of.method,
            url: &of.url,
            address: of.address,
            phases: phases(&of.phases),
            status_line: of.status_line.as_deref(),
            headers: &of.headers,
            body: of.body.as_deref(),
        }
    }
}

/// The phases that there were, in the order of a run.
fn phases(phases: &Phases) -> Vec<PrintedPhase> {
    let named = phases.named().into_iter();
    let told = named
        .filter_map(|(phase, took)| Some(PrintedPhase { phase, seconds: took?.as_secs_f64() }));
    told.collect()
}

pub(crate) fn hops<'f>(facts: &'f Facts) -> Vec<PrintedHop<'f>> {
    let told = |hop: &'f Hop| PrintedHop {
        url: &hop.url,
        status: hop.status,
        seconds: hop.elapsed.as_secs_f64(),
    };
    facts.http.iter().flat_map(|http| &http.hops).map(told).collect()
}

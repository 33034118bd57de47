//! When an outage began: with the first failing run, not with the vote that believed it. Contracts count
//! from there, and rules decide seconds or, from a single vantage, five minutes later.

use std::collections::BTreeMap;

use super::ask::AskError;
use super::promql::{Prometheus, TimeSeries, quoted};
use super::span::{HOUR, MINUTE, Millis};
use super::survey::Subject;
use super::timeline::Sampling;

/// Two failing runs and five minutes of a single vantage's doubt are less, whatever the interval.
const BACK: Millis = HOUR;

/// Of many probes that fell in the same moment, the first ones tell when.
const PROBES_MAX: usize = 10;

/// Samples of a probe are at most this far apart while somebody watches it.
const SCRAPE_PAUSE_MAX: Millis = 2 * MINUTE + MINUTE / 2;

/// The end of the first failing run of what was believed to be down at `believed`; `believed` itself
/// where no probe of its own tells (a place without probes, a component that others blame).
pub async fn first_failing_run(
    prometheus: &Prometheus,
    subject: &Subject,
    believed: Millis,
    sampling: Sampling,
) -> Result<Millis, AskError> {
    let matchers = matchers(subject);
    let back = sampling.pause_max() + sampling.interval;
    let expression = format!("probe:down{{{matchers}}}[{back}ms]");
    let probes = prometheus.instant(&expression, believed).await?;
    let mut began = believed;
    for probe in probes.iter().filter(|probe| has_just_fallen(probe)).take(PROBES_MAX) {
        let matchers = format!(
            "service={},probe={},site={}",
            quoted(probe.label("service")),
            quoted(probe.label("probe")),
            quoted(probe.label("site"))
        );
        let failures = format!("bongsu_probe_consecutive_failures{{{matchers}}}[{BACK}ms]");
        let failures = prometheus.instant(&failures, believed).await?;
        let runs = format!("bongsu_probe_last_run_timestamp_seconds{{{matchers}}}[{BACK}ms]");
        let runs = prometheus.instant(&runs, believed).await?;
        if let Some(start) = start_by_votes(&failures, &runs) {
            began = began.min(start);
        }
    }
    Ok(began)
}

/// Of the service and, where it is about one, of the site.
pub fn matchers(subject: &Subject) -> String {
    let service = format!("service={}", quoted(&subject.service));
    match subject.site.as_str() {
        "" => service,
        site => format!("{service},site={}", quoted(site)),
    }
}

fn has_just_fallen(probe: &TimeSeries) -> bool {
    match probe.samples.as_slice() {
        [.., before, last] => before.value == 0.0 && last.value > 0.0,
        [only] => only.value > 0.0,
        [] => false,
    }
}

/// When half of the vantages with a vote saw it fail. A vantage fails when all of its replicas do.
fn start_by_votes(failures: &[TimeSeries], runs: &[TimeSeries]) -> Option<Millis> {
    let mut vantages: BTreeMap<&str, Option<Millis>> = BTreeMap::new();
    for series in failures {
        let run = runs.iter().find(|run| run.labels_but_name() == series.labels_but_name());
        let start = streak_start(series, run);
        let entry = vantages.entry(series.label("vantage"));
        entry.and_modify(|known| *known = known.zip(start).map(|(a, b)| a.max(b))).or_insert(start);
    }
    let mut starts: Vec<Millis> = vantages.values().copied().flatten().collect();
    starts.sort_unstable();
    starts.get(vantages.len().div_ceil(2).checked_sub(1)?).copied()
}

/// The end of the first run of the failures that a replica has seen without a break until now.
fn streak_start(failures: &TimeSeries, runs: Option<&TimeSeries>) -> Option<Millis> {
    let mut first = None;
    for sample in failures.samples.iter().rev() {
        let is_near = first.is_none_or(|later: Millis| later - sample.at <= SCRAPE_PAUSE_MAX);
        if sample.value < 1.0 || !is_near {
            break;
        }
        first = Some(sample.at);
    }
    let first = first?;
    // What was failing before the first sample began at a time that is not known.
    if failures.samples.first().is_some_and(|sample| sample.at == first && sample.value > 1.0) {
        return None;
    }
    // Failures and the time of the run are samples of one scrape.
    let run = runs?.samples.iter().find(|run| run.at == first)?;
    Some(((run.value * 1_000.0).round() as Millis).min(first))
}

impl TimeSeries {
    fn labels_but_name(&self) -> Vec<(&str, &str)> {
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        labels.filter(|(name, _)| *name != "__name__").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::promql::TimedValue;
    use super::super::span::SECOND;
    use super::*;

    fn series(vantage: &str, prober: &str, values: &[(i64, f64)]) -> TimeSeries {
        let labels = [("vantage", vantage), ("prober", prober)];
        TimeSeries {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            samples: values
                .iter()
                .map(|&(at, value)| TimedValue { at: at * SECOND, value })
                .collect(),
        }
    }

    /// Failures from a second on, and the runs that ended three seconds before each scrape.
    fn replica(vantage: &str, prober: &str, from: i64) -> (TimeSeries, TimeSeries) {
        let scrapes = (0..=120).step_by(5);
        let failures: Vec<_> =
            scrapes.clone().map(|at| (at, ((at - from) / 5 + 1).max(0) as f64)).collect();
        let runs: Vec<_> = scrapes.map(|at| (at, (at - 3) as f64)).collect();
        (series(vantage, prober, &failures), series(vantage, prober, &runs))
    }

    fn start(replicas: &[(&str, &str, i64)]) -> Option<Millis> {
        let (failures, runs): (Vec<_>, Vec<_>) =
            replicas.iter().map(|&(vantage, prober, from)| replica(vantage, prober, from)).unzip();
        start_by_votes(&failures, &runs).map(|at| at / SECOND)
    }

    #[test]
    fn the_half_of_the_vantages_that_makes_the_vote_says_when() {
        assert_eq!(start(&[("a", "1", 40)]), Some(37));
        assert_eq!(start(&[("a", "1", 40), ("b", "1", 60)]), Some(37), "one of two is half");
        assert_eq!(start(&[("a", "1", 20), ("b", "1", 60), ("c", "1", 80)]), Some(57));
        assert_eq!(start(&[("a", "1", 20), ("b", "1", 500), ("c", "1", 500)]), None);
    }

    #[test]
    fn a_vantage_fails_with_the_last_of_its_replicas() {
        assert_eq!(start(&[("a", "1", 20), ("a", "2", 45)]), Some(42));
        assert_eq!(start(&[("a", "1", 20), ("a", "2", 500)]), None);
    }
}

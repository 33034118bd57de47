//! The timelines of a recorded series over a month. Seven hundred services at five seconds are 360
//! million samples, so that Prometheus first says of each hour whether anything happened in it, and only
//! of hours in which something did the samples themselves are fetched.

use std::collections::BTreeMap;

use super::ask::AskError;
use super::progress::QueryProgress;
use super::promql::{Prometheus, QueryGrid, TimeSeries, TimedValue, quoted};
use super::span::{HOUR, Millis, SECOND, Span};
use super::timeline::{Sampling, Timeline, TimelineBuilder, interval};

/// Hours in one question: a day of 17,000 services is half a million values.
const HOURS_PER_QUESTION: usize = 24;

/// Services in one question for samples: their names are a pattern, which should stay short.
const SERVICES_PER_QUESTION: usize = 50;

/// Evaluations that may be missing from an hour that counts as watched without a look at its samples:
/// less than any pause that counts.
const MISSING_MAX: f64 = 3.0;

/// What a minute is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    pub service: String,
    /// Empty for the service as a whole.
    pub site: String,
}

impl Subject {
    pub fn of(series: &TimeSeries) -> Subject {
        Subject {
            service: series.label("service").to_owned(),
            site: series.label("site").to_owned(),
        }
    }
}

/// What Prometheus said of an hour of a series.
#[derive(Debug, Clone, Copy)]
struct HourSummary {
    samples: f64,
    /// 0 when it was never down, 2 when always, 1 in between.
    down: f64,
}

/// Asks for one series over one time.
pub struct Survey<'a> {
    pub prometheus: &'a Prometheus,
    pub progress: &'a QueryProgress,
    pub whole: Span,
    /// The whole in order, without a gap; only the last is shorter than an hour.
    pub hours: &'a [Span],
}

/// What a survey found.
#[derive(Debug, Default)]
pub struct Surveyed {
    pub timelines: BTreeMap<Subject, Timeline>,
    /// `None` when there was nothing.
    pub sampling: Option<Sampling>,
}

/// By the start of the hour, and by subject.
type Summaries = BTreeMap<Millis, BTreeMap<Subject, HourSummary>>;

impl Survey<'_> {
    /// The timeline of each subject of a recorded series (a selector without an offset). How it is
    /// sampled is read off it, or known from a series of the same group of rules that is always there.
    pub async fn timelines(
        &self,
        selector: &str,
        known: Option<Sampling>,
    ) -> Result<Surveyed, AskError> {
        let summaries = self.summaries(selector).await?;
        let Some(sampling) = known.or_else(|| self.sampling(&summaries)) else {
            return Ok(Surveyed::default());
        };
        let whole = self.whole;
        let solid = Solid { summaries: &summaries, sampling, whole };
        let mut builders: BTreeMap<Subject, TimelineBuilder> = summaries
            .values()
            .flat_map(BTreeMap::keys)
            .map(|subject| (subject.clone(), TimelineBuilder::new(sampling, whole)))
            .collect();
        let mixed = |hour: &Span| {
            let summaries = summaries.get(&hour.from)?;
            let mut services: Vec<&str> = summaries
                .iter()
                .filter(|(subject, _)| !solid.holds(subject, *hour))
                .map(|(subject, _)| subject.service.as_str())
                .collect();
            services.dedup();
            (!services.is_empty()).then_some(services)
        };
        self.progress.expect(self.hours.iter().filter_map(mixed).count());
        for hour in self.hours {
            let mut samples = BTreeMap::new();
            if let Some(services) = mixed(hour) {
                samples = self.samples(selector, &services, *hour).await?;
                self.progress.done();
            }
            for (subject, summary) in summaries.get(&hour.from).into_iter().flatten() {
                let Some(builder) = builders.get_mut(subject) else { continue };
                if solid.holds(subject, *hour) {
                    builder.solid(*hour, summary.down);
                    continue;
                }
                for sample in samples.get(subject).into_iter().flatten() {
                    builder.sample(*sample);
                }
            }
        }
        let finished = builders.into_iter().map(|(subject, builder)| (subject, builder.finish()));
        Ok(Surveyed { timelines: finished.collect(), sampling: Some(sampling) })
    }

    /// As the fullest hour of any series shows it.
    fn sampling(&self, summaries: &Summaries) -> Option<Sampling> {
        let length = self.hours.first()?.length();
        let first = summaries.iter().filter(|(from, _)| **from + length <= self.whole.until);
        let samples = first.flat_map(|(_, hour)| hour.values()).map(|summary| summary.samples);
        let most = samples.fold(0.0, f64::max);
        (most > 0.0).then(|| Sampling { interval: interval(most, length) })
    }

    async fn summaries(&self, selector: &str) -> Result<Summaries, AskError> {
        let mut found = Summaries::new();
        let whole: Vec<Span> =
            self.hours.iter().copied().filter(|hour| hour.length() == HOUR).collect();
        let pieces = whole.chunks(HOURS_PER_QUESTION);
        self.progress.expect(pieces.len());
        for piece in pieces {
            let [Span { until: from, .. }, .., Span { until, .. }] = piece else {
                for hour in piece {
                    self.summary(selector, *hour, &mut found).await?;
                }
                continue;
            };
            let grid = QueryGrid { from: *from, until: *until, step: HOUR };
            for series in self.prometheus.range(&summary_of(selector, HOUR), grid).await? {
                note(&series, HOUR, &mut found);
            }
            self.progress.done();
        }
        if let Some(rest) = self.hours.iter().find(|hour| hour.length() < HOUR) {
            self.summary(selector, *rest, &mut found).await?;
        }
        Ok(found)
    }

    async fn summary(
        &self,
        selector: &str,
        hour: Span,
        found: &mut Summaries,
    ) -> Result<(), AskError> {
        if hour.length() < SECOND {
            return Ok(());
        }
        let expression = summary_of(selector, hour.length());
        for series in self.prometheus.instant(&expression, hour.until).await? {
            note(&series, hour.length(), found);
        }
        Ok(())
    }

    async fn samples(
        &self,
        selector: &str,
        services: &[&str],
        hour: Span,
    ) -> Result<BTreeMap<Subject, Vec<TimedValue>>, AskError> {
        let mut found = BTreeMap::new();
        for services in services.chunks(SERVICES_PER_QUESTION) {
            let selector = narrowed(selector, services);
            let expression = format!("{selector}[{}ms]", hour.length());
            for series in self.prometheus.instant(&expression, hour.until).await? {
                found.insert(Subject::of(&series), series.samples);
            }
        }
        Ok(found)
    }
}

/// Count, minimum and maximum in one number: 4 x count + maximum + minimum.
fn summary_of(selector: &str, length: Millis) -> String {
    let range = format!("{selector}[{length}ms]");
    format!("4 * count_over_time({range}) + max_over_time({range}) + min_over_time({range})")
}

fn note(series: &TimeSeries, length: Millis, found: &mut Summaries) {
    for sample in &series.samples {
        let summary = HourSummary {
            samples: (sample.value / 4.0).floor(),
            down: sample.value.rem_euclid(4.0),
        };
        found.entry(sample.at - length).or_default().insert(Subject::of(series), summary);
    }
}

/// Knows of which hours the samples need not be seen.
struct Solid<'a> {
    summaries: &'a Summaries,
    sampling: Sampling,
    whole: Span,
}

impl Solid<'_> {
    /// Nothing happened in an hour, and nothing between it and its neighbours: evaluations do not fall on
    /// the full hour, so that what changed there lies in either.
    fn holds(&self, subject: &Subject, hour: Span) -> bool {
        let Some(down) = self.value(subject, hour.from) else { return false };
        let [before, after] = [hour.from - HOUR, hour.until];
        hour.length() == HOUR
            && (before < self.whole.from || self.value(subject, before) == Some(down))
            && (after >= self.whole.until || self.value(subject, after) == Some(down))
    }

    /// The one value that a subject had in a whole hour without a pause.
    fn value(&self, subject: &Subject, from: Millis) -> Option<i64> {
        let summary = self.summaries.get(&from)?.get(subject)?;
        let length = HOUR.min(self.whole.until - from);
        let wanted = length as f64 / self.sampling.interval as f64;
        let is_one = summary.down != 1.0 && summary.samples + MISSING_MAX > wanted;
        is_one.then_some(summary.down as i64)
    }
}

/// The selector, of some services only.
fn narrowed(selector: &str, services: &[&str]) -> String {
    let names: Vec<String> = services.iter().map(|name| regex::escape(name)).collect();
    let matcher = format!("service=~{}", quoted(&names.join("|")));
    match selector.strip_suffix('}') {
        Some(start) if start.ends_with('{') => format!("{start}{matcher}}}"),
        Some(start) => format!("{start},{matcher}}}"),
        None => format!("{selector}{{{matcher}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_narrowed_wherever_it_ends() {
        let services = ["gov24", "a.b"];
        let wanted = r#"service=~"gov24|a\\.b""#;
        assert_eq!(narrowed("site:down", &services), format!("site:down{{{wanted}}}"));
        assert_eq!(narrowed("x{}", &services), format!("x{{{wanted}}}"));
        assert_eq!(narrowed("x{site!=\"\"}", &services), format!("x{{site!=\"\",{wanted}}}"));
    }
}

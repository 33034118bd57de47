//! What the rules said of one outage: who was paged, when it closed, why, by whose cause, seen from
//! where.

use std::collections::BTreeMap;

use super::ask::AskError;
use super::course::Course;
use super::first_run::{first_failing_run, matchers};
use super::outage::{
    AnnouncedWork, FirstPage, Outage, SiteCount, SubjectMonth, VantageVotes, WorkInOutage,
};
use super::promql::{Prometheus, TimeSeries, quoted};
use super::span::{HOUR, MINUTE, Millis, SECOND, Span, Spans};
use super::survey::Subject;
use super::timeline::Sampling;
use crate::config::WindowKind;

/// After an outage began. Whoever was not paged within a shift was not paged for it.
const PAGE_WITHIN: Millis = 12 * HOUR;

/// After a recovery; an incident closes after an hour of stability.
const CLOSE_WITHIN: Millis = 3 * HOUR;

/// Vantages look at different moments; within this time each has. What only one of them saw is believed
/// later, and asked about then.
const VOTES_AFTER: Millis = MINUTE;

/// The groups of boards and graphs are evaluated at most so much later than the verdict.
const BOARD_LAG: Millis = 35 * SECOND;

/// Facts of a configuration are looked for so far back.
const FACTS_BACK: Millis = HOUR;

/// Asks about single outages.
pub struct Details<'a> {
    pub prometheus: &'a Prometheus,
    pub past: Span,
    pub sampling: Sampling,
}

/// A beginning and the stretches that belong to it.
struct Stretches {
    began: Millis,
    /// When the rules called it down.
    believed: Millis,
    spans: Spans,
    last: Span,
}

impl Details<'_> {
    /// The outages of a service or a site, in order.
    pub async fn outages(&self, course: &Course) -> Result<Vec<Outage>, AskError> {
        let mut groups: Vec<Stretches> = Vec::new();
        for stretch in course.stretches() {
            let floor = self.floor(course, groups.last(), stretch);
            let began = match stretch.from {
                from if from == self.past.from => from,
                from => first_failing_run(self.prometheus, &course.subject, from, self.sampling)
                    .await?
                    .max(floor),
            };
            let believed = stretch.from;
            let stretch = Span { from: began, ..stretch };
            if let Some(group) = groups.last_mut()
                && self.belongs(course, group, stretch).await?
            {
                group.spans.push(stretch);
                group.last = stretch;
                continue;
            }
            let began = self.true_beginning(course, stretch).await?;
            groups.push(Stretches { began, believed, spans: stretch.into(), last: stretch });
        }
        let mut outages = Vec::with_capacity(groups.len());
        for group in groups {
            outages.push(self.outage(course, group).await?);
        }
        Ok(outages)
    }

    /// A fault begins neither before the one before it ended nor while work excused the service.
    fn floor(&self, course: &Course, before: Option<&Stretches>, stretch: Span) -> Millis {
        let excused = course.excused.seen.iter().filter(|span| span.until <= stretch.from);
        let ends = excused.map(|span| span.until).chain(before.map(|group| group.last.until));
        ends.max().unwrap_or(self.past.from).max(self.past.from)
    }

    /// Whether a stretch goes on with an outage: nobody saw a recovery in between, or its incident was
    /// still open.
    async fn belongs(
        &self,
        course: &Course,
        group: &Stretches,
        stretch: Span,
    ) -> Result<bool, AskError> {
        let between = Spans::from(Span { from: group.last.until, until: stretch.from });
        let watched = course.timeline.seen.with(&course.excused.seen);
        if between.within(&watched).is_empty() {
            return Ok(true);
        }
        let since = self.outage_since(&course.subject, stretch).await?;
        Ok(since.is_some_and(|since| since < group.last.until))
    }

    /// One that was there when the month began is as old as the clock of its repair.
    async fn true_beginning(&self, course: &Course, stretch: Span) -> Result<Millis, AskError> {
        if stretch.from > self.past.from {
            return Ok(stretch.from);
        }
        let since = self.outage_since(&course.subject, stretch).await?;
        Ok(since.unwrap_or(stretch.from).min(stretch.from))
    }

    /// What the rules have as the beginning of an outage of a service; sites have no such clock.
    async fn outage_since(
        &self,
        subject: &Subject,
        stretch: Span,
    ) -> Result<Option<Millis>, AskError> {
        if !subject.site.is_empty() {
            return Ok(None);
        }
        let at = (stretch.from + BOARD_LAG).min(stretch.until);
        let expression =
            format!("max(service:outage:since_timestamp{{{}}} > 0)", matchers(subject));
        let since = self.number(&expression, at).await?;
        Ok(since.map(|since| (since * 1_000.0) as Millis))
    }

    async fn outage(&self, course: &Course, group: Stretches) -> Result<Outage, AskError> {
        let subject = &course.subject;
        let Stretches { began, believed, spans, last } = group;
        let lasts = last.until >= self.past.until;
        let within = Span { from: began.max(self.past.from), until: last.until };
        let cause = match subject.site.as_str() {
            "" => self.cause(subject, within).await?,
            _ => None,
        };
        let watched = course.timeline.seen.with(&spans);
        Ok(Outage {
            subject: subject.clone(),
            counted: spans.clone(),
            unwatched: Spans::from(within).without(&watched).length(),
            measured: spans,
            began,
            recovered: (!lasts).then_some(last.until),
            first_page: self.page(subject, cause.as_deref(), within).await?,
            acknowledged: None,
            closed: match lasts {
                true => None,
                false => self.closed(subject, last.until).await?,
            },
            limit: self.limit(subject, within).await?,
            cause,
            reason: self.reason(subject, within).await?,
            sites: self.sites(subject, within).await?,
            votes: self.votes(subject, within, believed).await?,
            work: self.work(subject, within).await?,
        })
    }

    /// The first page of the service, or else of what it waited for.
    async fn page(
        &self,
        subject: &Subject,
        cause: Option<&str>,
        within: Span,
    ) -> Result<Option<FirstPage>, AskError> {
        for service in std::iter::once(subject.service.as_str()).chain(cause) {
            let until = within.until.min(within.from + PAGE_WITHIN);
            let range = (until - within.from).max(self.sampling.interval);
            let expression = format!(
                "ALERTS{{alertstate=\"firing\",severity=\"page\",service={}}}[{range}ms]",
                quoted(service)
            );
            let alerts = self.prometheus.instant(&expression, until).await?;
            let first = alerts
                .iter()
                .filter_map(|alert| Some((alert.samples.first()?.at, alert.label("alertname"))))
                .min();
            if let Some((at, alert)) = first {
                let page = FirstPage { at, alert: alert.to_owned(), service: service.to_owned() };
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// When the incident of a service closed after a recovery.
    async fn closed(
        &self,
        subject: &Subject,
        recovered: Millis,
    ) -> Result<Option<Millis>, AskError> {
        if !subject.site.is_empty() {
            return Ok(None);
        }
        let until = self.past.until.min(recovered + CLOSE_WITHIN);
        let range = until - recovered + self.sampling.pause_max();
        let expression = format!("service:incident:open{{{}}}[{range}ms]", matchers(subject));
        let incidents = self.prometheus.instant(&expression, until).await?;
        let ends = incidents.iter().flat_map(|incident| {
            incident.samples.windows(2).filter_map(|pair| match pair {
                [open, closed] if open.value > 0.0 && closed.value == 0.0 => Some(closed.at),
                _ => None,
            })
        });
        Ok(ends.filter(|at| *at >= recovered).min())
    }

    /// The longest repair that is allowed, as the rules have it.
    async fn limit(&self, subject: &Subject, within: Span) -> Result<Option<Millis>, AskError> {
        let expression = format!(
            "max(last_over_time(service:outage:limit_seconds{{service={}}}[{FACTS_BACK}ms]))",
            quoted(&subject.service)
        );
        let seconds = self.number(&expression, within.until).await?;
        Ok(seconds.map(|seconds| (seconds * 1_000.0) as Millis))
    }

    /// What it waited for during most of the time, if that was not itself.
    async fn cause(&self, subject: &Subject, within: Span) -> Result<Option<String>, AskError> {
        let expression = format!(
            "sum by (cause) (count_over_time(service:root_cause{{{}}}[{}]))",
            matchers(subject),
            range(within)
        );
        let causes = self.prometheus.instant(&expression, within.until).await?;
        let cause = commonest(&causes).map(|series| series.label("cause").to_owned());
        Ok(cause.filter(|cause| *cause != subject.service))
    }

    async fn reason(&self, subject: &Subject, within: Span) -> Result<Option<String>, AskError> {
        let series = match subject.site.as_str() {
            "" => "service:reason",
            _ => "bongsu_probe_failure_info",
        };
        let expression = format!(
            "sum by (reason) (count_over_time({series}{{{}}}[{}]))",
            matchers(subject),
            range(within)
        );
        let reasons = self.prometheus.instant(&expression, within.until).await?;
        Ok(commonest(&reasons).map(|series| series.label("reason").to_owned()))
    }

    async fn sites(&self, subject: &Subject, within: Span) -> Result<Option<SiteCount>, AskError> {
        if !subject.site.is_empty() {
            return Ok(None);
        }
        let mut counts = [0; 2];
        for (count, what) in counts.iter_mut().zip(["down", "total"]) {
            let expression = format!(
                "max(max_over_time(service:sites:{what}{{{}}}[{}]))",
                matchers(subject),
                range(within)
            );
            let Some(number) = self.number(&expression, within.until).await? else {
                return Ok(None);
            };
            *count = number as usize;
        }
        let [down, total] = counts;
        Ok(Some(SiteCount { down, total }))
    }

    /// Of the probes that were believed to be down, a minute after it began or once it was believed.
    async fn votes(
        &self,
        subject: &Subject,
        within: Span,
        believed: Millis,
    ) -> Result<VantageVotes, AskError> {
        let at = (within.from + VOTES_AFTER).max(believed).min(within.until - 1);
        let range = format!("{}ms", VOTES_AFTER);
        let expression = format!(
            "max by (vantage) (last_over_time(vantage:probe:down{{{0}}}[{range}]) \
             and on (service, probe, site) (last_over_time(probe:down{{{0}}}[{range}]) == 1))",
            matchers(subject)
        );
        let votes = self.prometheus.instant(&expression, at).await?;
        let mut agreed: Vec<String> = votes
            .iter()
            .filter(|vote| vote.value().is_some_and(|value| value > 0.0))
            .map(|vote| vote.label("vantage").to_owned())
            .collect();
        agreed.sort();
        Ok(VantageVotes { agreed, total: votes.len() })
    }

    /// What was worked on during an outage; emergency work is told of rather than announced.
    async fn work(
        &self,
        subject: &Subject,
        within: Span,
    ) -> Result<Option<WorkInOutage>, AskError> {
        let expression = format!("max_over_time({}[{}]) == 1", windows(subject, ""), range(within));
        let found = self.prometheus.instant(&expression, within.until).await?;
        let works = found.iter().map(|window| WorkInOutage {
            kind: match window.label("kind") == WindowKind::Emergency.as_str() {
                true => WindowKind::Emergency,
                false => WindowKind::Announced,
            },
            name: window.label("name").to_owned(),
        });
        Ok(works.min_by_key(|work| (work.kind == WindowKind::Announced, work.name.clone())))
    }

    /// An announced window that was open at an instant.
    async fn announced_window(
        &self,
        subject: &Subject,
        at: Millis,
    ) -> Result<Option<String>, AskError> {
        let emergency = quoted(WindowKind::Emergency.as_str());
        let expression = format!("{} == 1", windows(subject, &format!(",kind!={emergency}")));
        let found = self.prometheus.instant(&expression, at).await?;
        Ok(found.iter().map(|window| window.label("name").to_owned()).min())
    }

    /// The announced work of a subject.
    pub async fn announced(&self, course: &Course) -> Result<Vec<AnnouncedWork>, AskError> {
        let mut works = Vec::new();
        for span in course.excused.seen.iter() {
            // In its middle it is open beyond doubt.
            let middle = span.from + span.length() / 2;
            let name = self.announced_window(&course.subject, middle).await?;
            let down = course.excused.down.within(&span.into()).length();
            works.push(AnnouncedWork { subject: course.subject.clone(), span, name, down });
        }
        Ok(works)
    }

    /// Fills in what the configuration said of a subject when it was last seen.
    pub async fn describe(
        &self,
        course: &Course,
        subject: &mut SubjectMonth,
    ) -> Result<(), AskError> {
        let seen = course.timeline.seen.with(&course.excused.seen);
        let last = seen.iter().last().map_or(self.past.until, |span| span.until);
        let service = quoted(&course.subject.service);
        let card = format!("last_over_time(service:card{{service={service}}}[{FACTS_BACK}ms])");
        if let Some(card) = self.prometheus.instant(&card, last).await?.first() {
            let title = card.label("title");
            subject.title = (title != course.subject.service).then(|| title.to_owned());
            let grade = card.label("grade");
            subject.grade = (!["", "-"].contains(&grade)).then(|| grade.to_owned());
        }
        let objective = format!(
            "max(last_over_time(bongsu_slo_objective_ratio{{service={service}}}[{FACTS_BACK}ms]))"
        );
        subject.objective = self.number(&objective, last).await?;
        Ok(())
    }

    /// The minutes of the board, by service: the mean over probes, sites and vantages.
    pub async fn mean_down_minutes(&self, month: i8) -> Result<BTreeMap<String, f64>, AskError> {
        let expression = format!(
            "sum by (service) (sum_over_time(service:down_minutes:increase1m{{month=\"{month}\"}}[{}]))",
            range(self.past)
        );
        let found = self.prometheus.instant(&expression, self.past.until).await?;
        let minutes = found
            .iter()
            .filter_map(|series| Some((series.label("service").to_owned(), series.value()?)));
        Ok(minutes.collect())
    }

    async fn number(&self, expression: &str, at: Millis) -> Result<Option<f64>, AskError> {
        let found = self.prometheus.instant(expression, at).await?;
        Ok(found.first().and_then(TimeSeries::value))
    }
}

/// Windows over a service or a site of it, by one more matcher or none.
fn windows(subject: &Subject, matcher: &str) -> String {
    let (service, site) = (quoted(&subject.service), regex::escape(&subject.site));
    let site = quoted(&format!("|{site}"));
    format!("bongsu_maintenance_active{{service={service},site=~{site}{matcher}}}")
}

fn range(within: Span) -> String {
    format!("{}ms", within.length().max(SECOND))
}

/// The series with the greatest value; of equals the first by its labels.
fn commonest(found: &[TimeSeries]) -> Option<&TimeSeries> {
    found.iter().max_by(|a, b| {
        let order = a.value().unwrap_or(0.0).total_cmp(&b.value().unwrap_or(0.0));
        order.then_with(|| b.labels.cmp(&a.labels))
    })
}

//! How each service and site went through a month: up, down, excused or not watched.

use std::collections::BTreeMap;

use super::gather::ReportError;
use super::month::Month;
use super::progress::QueryProgress;
use super::promql::Prometheus;
use super::span::Span;
use super::survey::{Subject, Survey};
use super::timeline::{Sampling, Timeline};

/// The verdict that pages: votes, sites, components and causes are in it, and what is excused is absent.
const SERVICES: &str = "service:down{}";

/// The same of each site.
const SITES: &str = "site:down{site!=\"\"}";

/// Present while announced work excuses a site; its value is whether the site is down nevertheless.
const EXCUSED: &str = "site:excused{}";

/// One service or site.
#[derive(Debug)]
pub struct Course {
    pub subject: Subject,
    pub timeline: Timeline,
    /// Announced work: seen while it excuses, down where the subject was down in it.
    pub excused: Timeline,
}

/// Those of a month.
#[derive(Debug)]
pub struct Courses {
    /// Services, each followed by its sites.
    pub courses: Vec<Course>,
    pub sampling: Sampling,
}

/// Asks for all of them.
pub async fn courses(
    prometheus: &Prometheus,
    progress: &QueryProgress,
    month: Month,
) -> Result<Courses, ReportError> {
    let hours = month.hours();
    let survey = Survey { prometheus, progress, whole: month.past, hours: &hours };
    let services = survey.timelines(SERVICES, None).await?;
    let Some(sampling) = services.sampling else {
        let server = prometheus.name().to_owned();
        return Err(ReportError::NoData { server, series: "service:down" });
    };
    let sites = survey.timelines(SITES, Some(sampling)).await?;
    let excused = survey.timelines(EXCUSED, Some(sampling)).await?.timelines;
    let mut timelines = services.timelines;
    timelines.extend(sites.timelines);
    // What was excused through all of a month has no verdict in it.
    for subject in excused.keys() {
        timelines.entry(subject.clone()).or_default();
    }
    let courses = timelines.into_iter().map(|(subject, timeline)| {
        let excused = excused_of(&subject, &timeline, &excused);
        Course { subject, timeline, excused }
    });
    Ok(Courses { courses: courses.collect(), sampling })
}

/// A service with sites has no verdict while all of them are excused, and one while some are.
fn excused_of(
    subject: &Subject,
    own: &Timeline,
    excused: &BTreeMap<Subject, Timeline>,
) -> Timeline {
    if let Some(timeline) = excused.get(subject) {
        return Timeline {
            seen: timeline.seen.without(&own.seen),
            down: timeline.down.without(&own.seen),
        };
    }
    if !subject.site.is_empty() {
        return Timeline::default();
    }
    let sites = excused.iter().filter(|(site, _)| site.service == subject.service);
    let mut all = Timeline::default();
    for (_, site) in sites {
        all.seen = all.seen.with(&site.seen);
        all.down = all.down.with(&site.down);
    }
    Timeline { seen: all.seen.without(&own.seen), down: all.down.without(&own.seen) }
}

impl Course {
    /// What is down within a time, each stretch by itself.
    pub fn stretches(&self) -> impl Iterator<Item = Span> + '_ {
        self.timeline.down.iter()
    }
}

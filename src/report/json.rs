//! A report for programs: seconds, ratios and RFC 3339 in Korea's time; the same in every language.

use serde::Serialize;

use super::corrections::AppliedCorrection;
use super::gather::MonthReport;
use super::outage::{
    AnnouncedWork, Outage, SiteCount, SubjectMonth, VantageVotes, in_seconds, rfc3339,
};
use super::span::{Millis, Spans};
use super::survey::Subject;

#[derive(Serialize)]
struct MonthJson {
    month: String,
    from: Option<String>,
    until: Option<String>,
    is_over: bool,
    is_incomplete: bool,
    month_seconds: f64,
    source: String,
    made: Option<String>,
    subjects: Vec<SubjectJson>,
    outages: Vec<OutageJson>,
    announced: Vec<AnnouncedJson>,
    corrections: Vec<CorrectionJson>,
}

#[derive(Serialize)]
struct SubjectJson {
    service: String,
    site: Option<String>,
    title: Option<String>,
    grade: Option<String>,
    objective_ratio: Option<f64>,
    availability_ratio: Option<f64>,
    is_met: Option<bool>,
    operating_seconds: f64,
    fault_seconds: f64,
    allowed_seconds: Option<f64>,
    measured_fault_seconds: f64,
    unwatched_seconds: f64,
    announced_seconds: f64,
    announced_down_seconds: f64,
    board_mean_down_seconds: Option<f64>,
    outages: usize,
    repeats: usize,
    mean_repair_seconds: Option<f64>,
    fault_by_others_seconds: f64,
    over_limit_seconds: f64,
}

#[derive(Serialize)]
struct OutageJson {
    service: String,
    site: Option<String>,
    began: Option<String>,
    first_page: Option<PageJson>,
    acknowledged: Option<AcknowledgedJson>,
    recovered: Option<String>,
    closed: Option<String>,
    fault_seconds: f64,
    measured_fault_seconds: f64,
    stretches: Vec<StretchJson>,
    repair_seconds: f64,
    over_limit_seconds: Option<f64>,
    unwatched_seconds: f64,
    reason: Option<String>,
    cause: Option<String>,
    sites: Option<SiteCount>,
    vantages: VantageVotes,
    maintenance: Option<String>,
    /// `announced` or `emergency`.
    maintenance_kind: Option<&'static str>,
}

#[derive(Serialize)]
struct AcknowledgedJson {
    at: Option<String>,
    by: String,
    comment: String,
}

#[derive(Serialize)]
struct PageJson {
    at: Option<String>,
    alert: String,
    service: String,
}

#[derive(Serialize)]
struct StretchJson {
    from: Option<String>,
    until: Option<String>,
}

#[derive(Serialize)]
struct AnnouncedJson {
    service: String,
    site: Option<String>,
    name: Option<String>,
    from: Option<String>,
    until: Option<String>,
    down_seconds: f64,
}

#[derive(Serialize)]
struct CorrectionJson {
    service: String,
    site: Option<String>,
    from: Option<String>,
    until: Option<String>,
    fault: bool,
    reason: String,
    name: String,
    changes: Vec<ChangeJson>,
}

#[derive(Serialize)]
struct ChangeJson {
    service: String,
    site: Option<String>,
    seconds: f64,
}

/// One object with a line feed at its end.
pub fn json(report: &MonthReport) -> String {
    let now = report.month.past.until;
    let object = MonthJson {
        month: report.month.name(),
        from: rfc3339(report.month.past.from),
        until: rfc3339(now),
        is_over: report.month.is_over(),
        is_incomplete: report.is_incomplete,
        month_seconds: in_seconds(report.month.length()),
        source: report.server.clone(),
        made: rfc3339(report.made),
        subjects: report.subjects.iter().map(subject).collect(),
        outages: report.outages.iter().map(|outage| self::outage(outage, now)).collect(),
        announced: report.announced.iter().map(announced).collect(),
        corrections: report.corrections.iter().map(correction).collect(),
    };
    // Every key is a name of ours, and every number finite.
    serde_json::to_string_pretty(&object).unwrap_or_default() + "\n"
}

fn site(subject: &Subject) -> Option<String> {
    (!subject.site.is_empty()).then(|| subject.site.clone())
}

fn at(instant: Option<Millis>) -> Option<String> {
    instant.and_then(rfc3339)
}

fn subject(month: &SubjectMonth) -> SubjectJson {
    SubjectJson {
        service: month.subject.service.clone(),
        site: site(&month.subject),
        title: month.title.clone(),
        grade: month.grade.clone(),
        objective_ratio: month.objective,
        availability_ratio: month.availability(),
        is_met: month.is_met(),
        operating_seconds: in_seconds(month.operating),
        fault_seconds: in_seconds(month.fault),
        allowed_seconds: month.allowed().map(in_seconds),
        measured_fault_seconds: in_seconds(month.measured),
        unwatched_seconds: in_seconds(month.unwatched),
        announced_seconds: in_seconds(month.announced),
        announced_down_seconds: in_seconds(month.announced_down),
        board_mean_down_seconds: month.mean_down_minutes.map(|minutes| minutes * 60.0),
        outages: month.outages,
        repeats: month.repeats,
        mean_repair_seconds: month.repair_mean.map(in_seconds),
        fault_by_others_seconds: in_seconds(month.fault_by_others),
        over_limit_seconds: in_seconds(month.over_limit),
    }
}

fn outage(outage: &Outage, now: Millis) -> OutageJson {
    OutageJson {
        service: outage.subject.service.clone(),
        site: site(&outage.subject),
        began: rfc3339(outage.began),
        first_page: outage.first_page.as_ref().map(|page| PageJson {
            at: rfc3339(page.at),
            alert: page.alert.clone(),
            service: page.service.clone(),
        }),
        acknowledged: outage.acknowledged.as_ref().map(|silence| AcknowledgedJson {
            at: rfc3339(silence.at),
            by: silence.by.clone(),
            comment: silence.comment.clone(),
        }),
        recovered: at(outage.recovered),
        closed: at(outage.closed),
        fault_seconds: in_seconds(outage.counted.length()),
        measured_fault_seconds: in_seconds(outage.measured.length()),
        stretches: stretches(&outage.measured),
        repair_seconds: in_seconds(outage.repair(now)),
        over_limit_seconds: outage.over_limit(now).map(in_seconds),
        unwatched_seconds: in_seconds(outage.unwatched),
        reason: outage.reason.clone(),
        cause: outage.cause.clone(),
        sites: outage.sites,
        vantages: outage.votes.clone(),
        maintenance: outage.work.as_ref().map(|work| work.name.clone()),
        maintenance_kind: outage.work.as_ref().map(|work| work.kind.as_str()),
    }
}

fn stretches(spans: &Spans) -> Vec<StretchJson> {
    let stretches = spans.iter();
    stretches
        .map(|span| StretchJson { from: rfc3339(span.from), until: rfc3339(span.until) })
        .collect()
}

fn announced(work: &AnnouncedWork) -> AnnouncedJson {
    AnnouncedJson {
        service: work.subject.service.clone(),
        site: site(&work.subject),
        name: work.name.clone(),
        from: rfc3339(work.span.from),
        until: rfc3339(work.span.until),
        down_seconds: in_seconds(work.down),
    }
}

fn correction(applied: &AppliedCorrection) -> CorrectionJson {
    let correction = &applied.correction;
    let changes = applied.changes.iter().map(|(subject, change)| ChangeJson {
        service: subject.service.clone(),
        site: site(subject),
        seconds: in_seconds(*change),
    });
    CorrectionJson {
        service: correction.service.clone(),
        site: correction.site.clone(),
        from: rfc3339(correction.span.from),
        until: rfc3339(correction.span.until),
        fault: correction.fault,
        reason: correction.reason.clone(),
        name: correction.name.clone(),
        changes: changes.collect(),
    }
}

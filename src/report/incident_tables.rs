//! The report of an incident in the order of the decree's: what, when it was noticed, the damage, the
//! measures, the cause, the course. What no machine can know is left open for whoever signs it.

use super::incident::{Call, IncidentReport, NAMED_MAX, WaitingService, recoveries};
use super::month::local;
use super::span::{MINUTE, Millis};
use super::table::{Cell, Labelled, ReportDocument, Section, minutes};
use crate::language::Language;
use crate::outcome::Reason;

const TIME_FORMAT: &str = "%F %T";

/// The document of a report.
pub fn document(report: &IncidentReport, language: Language) -> ReportDocument {
    let words = IncidentWords { report, language };
    let name = match &report.title {
        Some(title) => format!("{title} ({})", report.outage.subject.service),
        None => report.outage.subject.service.clone(),
    };
    ReportDocument {
        language: language.code(),
        title: match language {
            Language::Korean => format!("장애 보고서: {name}"),
            Language::English => format!("Incident report: {name}"),
        },
        head: vec![
            Labelled { name: language.pick("자료", "Source"), value: report.server.clone() },
            Labelled {
                name: language.pick("작성", "Made"),
                value: format!("{} KST", local(report.made, TIME_FORMAT)),
            },
        ],
        sections: vec![
            words.what(),
            words.noticed(),
            words.damage(),
            words.measures(),
            words.cause(),
            words.course(),
        ],
    }
}

struct IncidentWords<'a> {
    report: &'a IncidentReport,
    language: Language,
}

/// One line of the course.
struct Moment {
    at: Millis,
    what: String,
}

impl IncidentWords<'_> {
    fn pick(&self, korean: &'static str, english: &'static str) -> &'static str {
        self.language.pick(korean, english)
    }

    fn facts(&self, korean: &'static str, english: &'static str, notes: Vec<String>) -> Section {
        Section { heading: self.pick(korean, english).to_owned(), notes, ..Section::default() }
    }

    fn what(&self) -> Section {
        let outage = &self.report.outage;
        let reason = outage.reason.as_deref().map(|reason| self.reason(reason));
        let mut notes = vec![format!(
            "{}: {}",
            self.pick("사유", "Reason"),
            reason.unwrap_or_else(|| self.pick("알 수 없음", "not known").to_owned())
        )];
        if outage.votes.total > 0 {
            notes.push(format!(
                "{}: {}/{} ({})",
                self.pick("장애를 본 관측 지점", "Vantages that saw it"),
                outage.votes.agreed.len(),
                outage.votes.total,
                outage.votes.agreed.join(", ")
            ));
        }
        self.facts("1. 장애 개요", "1. What", notes)
    }

    fn noticed(&self) -> Section {
        let outage = &self.report.outage;
        let began = local(outage.began, TIME_FORMAT);
        let mut notes = vec![format!("{}: {began}", self.pick("첫 실패", "First failing run"))];
        if let Some(page) = &outage.first_page {
            notes.push(format!(
                "{}: {} ({}, {}{})",
                self.pick("첫 호출", "First page"),
                local(page.at, TIME_FORMAT),
                page.alert,
                minutes(page.at - outage.began),
                self.pick("분 뒤", " min later")
            ));
        }
        self.facts("2. 인지", "2. When it was noticed", notes)
    }

    fn damage(&self) -> Section {
        let outage = &self.report.outage;
        let fault = minutes(outage.measured.length());
        let mut notes = vec![format!("{}: {fault}", self.pick("장애 시간(분)", "Fault minutes"))];
        if outage.unwatched >= MINUTE {
            let unwatched = minutes(outage.unwatched);
            notes.push(format!("{}: {unwatched}", self.pick("미관측(분)", "Unwatched minutes")));
        }
        if let Some(sites) = outage.sites {
            notes.push(format!(
                "{}: {}/{}",
                self.pick("접속 불가 기관", "Sites down"),
                sites.down,
                sites.total
            ));
        }
        let waiting = &self.report.waiting;
        if !waiting.is_empty() {
            let names: Vec<String> = waiting.iter().take(NAMED_MAX).map(name_of).collect();
            notes.push(format!(
                "{}: {} ({})",
                self.pick("이 장애로 함께 멈춘 서비스", "Services down because of it"),
                waiting.len(),
                names.join(", ")
            ));
        }
        self.facts("3. 피해", "3. Damage", notes)
    }

    fn measures(&self) -> Section {
        let mut notes = Vec::new();
        match &self.report.acknowledgements {
            None => notes.push(
                self.pick(
                    "호출 확인: Alertmanager에 묻지 않았습니다 (--alertmanager).",
                    "Acknowledged: Alertmanager was not asked (--alertmanager).",
                )
                .to_owned(),
            ),
            Some(found) if found.is_empty() => notes.push(
                self.pick(
                    "호출 확인: Alertmanager에 남은 기록이 없습니다.",
                    "Acknowledged: Alertmanager has no record of it.",
                )
                .to_owned(),
            ),
            Some(found) => notes.extend(found.iter().map(|silence| {
                format!(
                    "{}: {} {} {}",
                    self.pick("호출 확인", "Acknowledged"),
                    local(silence.at, TIME_FORMAT),
                    silence.by,
                    silence.comment
                )
            })),
        }
        if let Some(alternative) = &self.report.alternative {
            notes.push(format!("{}: {alternative}", self.pick("대체 수단", "Alternative")));
        }
        notes.push(self.pick("조치 내용: (작성)", "Measures taken: (to be written)").to_owned());
        self.facts("4. 조치", "4. Measures", notes)
    }

    fn cause(&self) -> Section {
        let cause = match &self.report.outage.cause {
            Some(cause) => format!("{}: {cause}", self.pick("원인 서비스", "Waited for")),
            None => self
                .pick(
                    "다른 서비스 때문이 아닌 자체 장애",
                    "Its own: it waited for no other service",
                )
                .to_owned(),
        };
        let open = self.pick("원인 분석: (작성)", "Analysis: (to be written)").to_owned();
        self.facts("5. 원인", "5. Cause", vec![cause, open])
    }

    fn course(&self) -> Section {
        let began = self.report.outage.began;
        let rows = self.moments().into_iter().map(|moment| {
            vec![Cell::At(moment.at), Cell::Minutes(moment.at - began), Cell::Text(moment.what)]
        });
        Section {
            heading: self.pick("6. 경과", "6. Course").to_owned(),
            columns: vec![
                self.pick("시각", "time"),
                self.pick("경과(분)", "min"),
                self.pick("내용", "what"),
            ],
            rows: rows.collect(),
            ..Section::default()
        }
    }

    fn moments(&self) -> Vec<Moment> {
        let outage = &self.report.outage;
        let mut moments = vec![self.moment(outage.began, "첫 실패", "first failing run")];
        for recovery in recoveries(outage).iter() {
            moments.push(self.moment(
                recovery.from,
                "회복, 오래가지 않음",
                "recovered, not for long",
            ));
            moments.push(self.moment(recovery.until, "다시 장애", "down again"));
        }
        if let Some(page) = &outage.first_page {
            let what = self.pick("첫 호출", "first page");
            moments.push(Moment { at: page.at, what: format!("{what}: {}", page.alert) });
        }
        moments.extend(self.report.calls.iter().filter_map(|call| self.call(call)));
        for silence in self.report.acknowledgements.iter().flatten() {
            let what = self.pick("호출 확인", "acknowledged");
            moments.push(Moment { at: silence.at, what: format!("{what}: {}", silence.by) });
        }
        for waiting in self.report.waiting.iter().take(NAMED_MAX) {
            let what = self.pick("함께 장애", "down because of it");
            let what = format!("{what}: {}", name_of(waiting));
            moments.push(Moment { at: waiting.from, what });
        }
        match outage.recovered {
            Some(at) => moments.push(self.moment(at, "복구", "recovered")),
            None => moments.push(self.moment(self.report.until, "계속됨", "lasts")),
        }
        if let Some(at) = outage.closed {
            moments.push(self.moment(at, "안정 확인, 종료", "stable, closed"));
        }
        moments.sort_by_key(|moment| moment.at);
        moments
    }

    /// A call after the first, which the course has already.
    fn call(&self, call: &Call) -> Option<Moment> {
        let subject = &self.report.outage.subject.service;
        let is_first = self.report.outage.first_page.as_ref().is_some_and(|page| {
            page.service == *subject && (page.at, &page.alert) == (call.at, &call.alert)
        });
        let (what, alert) = match &call.escalated {
            _ if is_first => return None,
            Some(page) => {
                (self.pick("확인 없음, 대리 담당자 호출", "not acknowledged, deputy called"), page)
            }
            None => (self.pick("호출", "page"), &call.alert),
        };
        Some(Moment { at: call.at, what: format!("{what}: {alert}") })
    }

    fn moment(&self, at: Millis, korean: &'static str, english: &'static str) -> Moment {
        Moment { at, what: self.pick(korean, english).to_owned() }
    }

    fn reason(&self, label: &str) -> String {
        let known = Reason::ALL.iter().find(|reason| reason.as_str() == label);
        known.map_or_else(
            || label.to_owned(),
            |reason| format!("{} ({label})", self.language.of_both(reason.short())),
        )
    }
}

/// As alerts write it.
fn name_of(waiting: &WaitingService) -> String {
    match &waiting.title {
        Some(title) => format!("{title}({})", waiting.service),
        None => waiting.service.clone(),
    }
}

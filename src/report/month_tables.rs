//! The report of a month in words and tables.

use std::collections::BTreeMap;

use super::definitions;
use super::gather::MonthReport;
use super::month::local;
use super::outage::{Outage, SubjectMonth};
use super::span::Millis;
use super::survey::Subject;
use super::table::{Cell, Labelled, ReportDocument, Section, minutes};
use crate::config::WindowKind;
use crate::language::Language;
use crate::outcome::Reason;

/// A day and a minute of Korea's time.
const MINUTE_FORMAT: &str = "%F %H:%M";

/// The document of a report.
pub fn document(report: &MonthReport, language: Language) -> ReportDocument {
    let words = Words { language, titles: titles(report) };
    let by_site = |subject: &&SubjectMonth| !subject.subject.site.is_empty();
    let sites: Vec<&SubjectMonth> = report.subjects.iter().filter(by_site).collect();
    let services: Vec<&SubjectMonth> =
        report.subjects.iter().filter(|subject| !by_site(subject)).collect();
    let mut sections = vec![words.availability(&services)];
    if !sites.is_empty() {
        sections.push(words.sites(&sites));
    }
    sections.push(words.outages(report));
    sections.push(words.handling(&services));
    sections.push(words.announced(report));
    sections.push(words.corrections(report));
    sections.push(definitions::section(language));
    ReportDocument {
        language: language.code(),
        title: language.pick("월간 가용성 보고서", "Availability of the month").to_owned()
            + " "
            + &report.month.name(),
        head: words.head(report),
        sections,
    }
}

fn titles(report: &MonthReport) -> BTreeMap<&str, &str> {
    let titled = report.subjects.iter();
    titled
        .filter_map(|subject| Some((subject.subject.service.as_str(), subject.title.as_deref()?)))
        .collect()
}

/// Everything that is said, in one language.
struct Words<'a> {
    language: Language,
    titles: BTreeMap<&'a str, &'a str>,
}

impl Words<'_> {
    fn head(&self, report: &MonthReport) -> Vec<Labelled> {
        let pick = |korean, english| self.language.pick(korean, english);
        let past = report.month.past;
        let mut time = format!(
            "{} - {} KST",
            local(past.from, MINUTE_FORMAT),
            local(past.until, MINUTE_FORMAT)
        );
        if !report.month.is_over() {
            time += pick(" (진행 중인 달, 지금까지)", " (the month is not over: until now)");
        }
        if report.is_incomplete {
            time += pick(
                "; 보존 기간이 지나 앞부분의 자료가 없습니다",
                "; its beginning is no longer kept",
            );
        }
        vec![
            Labelled { name: pick("기간", "Time"), value: time },
            Labelled {
                name: pick("달의 길이", "Minutes of the month"),
                value: minutes(report.month.length()),
            },
            Labelled { name: pick("자료", "Source"), value: report.server.clone() },
            Labelled {
                name: pick("작성", "Made"),
                value: format!("{} KST", local(report.made, MINUTE_FORMAT)),
            },
        ]
    }

    fn availability(&self, services: &[&SubjectMonth]) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        Section {
            heading: pick("1. 서비스별 가용률", "1. Availability by service").to_owned(),
            notes: Vec::new(),
            columns: vec![
                pick("서비스", "service"),
                pick("등급", "grade"),
                pick("운영 시간(분)", "operating min"),
                pick("장애 시간(분)", "fault min"),
                pick("가용률", "availability"),
                pick("목표", "objective"),
                pick("허용 시간(분)", "allowed min"),
                pick("충족", "met"),
                pick("정정 전(분)", "before corrections"),
                pick("미관측(분)", "unwatched min"),
                pick("예고된 점검(분)", "announced min"),
                pick("상황판(분)", "board min"),
            ],
            rows: services.iter().map(|subject| self.availability_row(subject)).collect(),
            when_empty: "",
        }
    }

    fn availability_row(&self, subject: &SubjectMonth) -> Vec<Cell> {
        vec![
            self.service(&subject.subject.service),
            Cell::maybe(subject.grade.as_ref(), Cell::text),
            Cell::Minutes(subject.operating),
            Cell::Minutes(subject.fault),
            Cell::maybe(subject.availability(), Cell::Percent),
            Cell::maybe(subject.objective, Cell::Percent),
            Cell::maybe(subject.allowed(), Cell::Minutes),
            self.met(subject.is_met()),
            Cell::Minutes(subject.measured),
            Cell::Minutes(subject.unwatched),
            Cell::Minutes(subject.announced),
            Cell::maybe(subject.mean_down_minutes, |minutes| {
                Cell::Minutes((minutes * 60_000.0).round() as Millis)
            }),
        ]
    }

    fn sites(&self, sites: &[&SubjectMonth]) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        // Hundreds of sites without a fault say nothing one by one.
        let has_news = |subject: &&&SubjectMonth| {
            let lengths = [subject.fault, subject.measured, subject.unwatched, subject.announced];
            lengths.iter().any(|length| *length > 0)
        };
        let shown: Vec<_> = sites.iter().filter(has_news).collect();
        let quiet = sites.len() - shown.len();
        let row = |subject: &SubjectMonth| {
            vec![
                self.service(&subject.subject.service),
                Cell::text(&subject.subject.site),
                Cell::Minutes(subject.operating),
                Cell::Minutes(subject.fault),
                Cell::maybe(subject.availability(), Cell::Percent),
                self.met(subject.is_met()),
                Cell::Minutes(subject.measured),
                Cell::Minutes(subject.unwatched),
                Cell::Minutes(subject.announced),
                Cell::Count(subject.outages),
            ]
        };
        Section {
            heading: pick("1-1. 기관별 가용률", "1-1. Availability by site").to_owned(),
            notes: match self.language {
                Language::Korean => vec![format!(
                    "장애, 미관측, 예고된 점검이 모두 없었던 기관 {quiet}곳은 적지 않았습니다 (가용률 100 %)."
                )],
                Language::English => vec![format!(
                    "{quiet} sites without fault, unwatched minutes and announced work are not listed (100 %)."
                )],
            },
            columns: vec![
                pick("서비스", "service"),
                pick("기관", "site"),
                pick("운영 시간(분)", "operating min"),
                pick("장애 시간(분)", "fault min"),
                pick("가용률", "availability"),
                pick("충족", "met"),
                pick("정정 전(분)", "before corrections"),
                pick("미관측(분)", "unwatched min"),
                pick("예고된 점검(분)", "announced min"),
                pick("건수", "outages"),
            ],
            rows: shown.into_iter().map(|subject| row(subject)).collect(),
            when_empty: "",
        }
    }

    fn outages(&self, report: &MonthReport) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        let now = report.month.past.until;
        let sum = |lengths: &mut dyn Iterator<Item = Millis>| minutes(lengths.sum());
        let faults = sum(&mut report
            .outages
            .iter()
            .filter(|outage| outage.subject.site.is_empty())
            .map(|outage| outage.counted.length()));
        let planned = sum(&mut report
            .announced
            .iter()
            .filter(|work| work.subject.site.is_empty())
            .map(|work| work.down));
        let note = match self.language {
            Language::Korean => format!(
                "서비스 장애 시간의 합 {faults}분, 예고된 점검 중의 접속 불가 {planned}분은 넣지 않았습니다."
            ),
            Language::English => format!(
                "Fault minutes of all services: {faults}. Not in it: {planned} minutes down within announced work."
            ),
        };
        let mut notes = vec![note];
        if !report.knows_acknowledged {
            let unasked = pick(
                "확인 시각은 --alertmanager를 지정해야 나옵니다.",
                "When a page was acknowledged is known with --alertmanager only.",
            );
            notes.push(unasked.to_owned());
        }
        Section {
            heading: pick("2. 장애 내역", "2. Outages").to_owned(),
            notes,
            columns: vec![
                pick("서비스", "service"),
                pick("기관", "site"),
                pick("시작", "began"),
                pick("첫 호출", "first page"),
                pick("확인", "acknowledged"),
                pick("복구", "recovered"),
                pick("종료", "closed"),
                pick("장애 시간(분)", "fault min"),
                pick("복구 소요(분)", "repair min"),
                pick("제한 초과(분)", "over limit min"),
                pick("미관측(분)", "unwatched min"),
                pick("사유", "reason"),
                pick("원인", "cause"),
                pick("기관 수", "sites"),
                pick("관측 지점", "vantages"),
                pick("비고", "note"),
            ],
            rows: report.outages.iter().map(|outage| self.outage_row(outage, now)).collect(),
            when_empty: pick("장애가 없었습니다.", "There was none."),
        }
    }

    fn outage_row(&self, outage: &Outage, now: Millis) -> Vec<Cell> {
        let votes = &outage.votes;
        vec![
            self.service(&outage.subject.service),
            match outage.subject.site.as_str() {
                "" => Cell::None,
                site => Cell::text(site),
            },
            Cell::At(outage.began),
            Cell::maybe(outage.first_page.as_ref(), |page| Cell::At(page.at)),
            Cell::maybe(outage.acknowledged.as_ref(), |silence| Cell::At(silence.at)),
            Cell::maybe(outage.recovered, Cell::At),
            Cell::maybe(outage.closed, Cell::At),
            Cell::Minutes(outage.counted.length()),
            Cell::Minutes(outage.repair(now)),
            Cell::maybe(outage.over_limit(now), Cell::Minutes),
            Cell::Minutes(outage.unwatched),
            Cell::maybe(outage.reason.as_deref(), |reason| self.reason(reason)),
            Cell::maybe(outage.cause.as_deref(), |cause| self.service(cause)),
            Cell::maybe(outage.sites, |sites| {
                Cell::text(format!("{}/{}", sites.down, sites.total))
            }),
            match votes.total {
                0 => Cell::None,
                total => Cell::text(format!(
                    "{}/{total} {}",
                    votes.agreed.len(),
                    votes.agreed.join(", ")
                )),
            },
            self.outage_note(outage),
        ]
    }

    fn outage_note(&self, outage: &Outage) -> Cell {
        let pick = |korean, english| self.language.pick(korean, english);
        let mut notes = Vec::new();
        if outage.recovered.is_none() {
            notes.push(pick("계속됨", "lasts").to_owned());
        }
        if outage.counted != outage.measured {
            notes.push(pick("정정됨", "corrected").to_owned());
        }
        if let Some(page) = &outage.first_page
            && page.service != outage.subject.service
        {
            let by = pick("호출은 원인 서비스로", "paged by its cause");
            notes.push(format!("{by}: {}", page.alert));
        }
        if let Some(work) = &outage.work {
            let counts = match work.kind {
                WindowKind::Emergency => pick("긴급 점검, 장애로 계산", "emergency work, counted"),
                WindowKind::Announced => {
                    pick("예고된 점검 전부터의 장애", "from before announced work")
                }
            };
            notes.push(format!("{counts}: {}", work.name));
        }
        match notes.is_empty() {
            true => Cell::None,
            false => Cell::text(notes.join("; ")),
        }
    }

    fn handling(&self, services: &[&SubjectMonth]) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        let rows = services.iter().filter(|subject| subject.outages > 0).map(|subject| {
            vec![
                self.service(&subject.subject.service),
                Cell::Count(subject.outages),
                Cell::maybe(subject.repair_mean, Cell::Minutes),
                Cell::Count(subject.repeats),
                Cell::Minutes(subject.fault - subject.fault_by_others.min(subject.fault)),
                Cell::Minutes(subject.fault_by_others),
                Cell::Minutes(subject.over_limit),
            ]
        });
        Section {
            heading: pick("3. 장애 처리", "3. Repairs").to_owned(),
            notes: Vec::new(),
            columns: vec![
                pick("서비스", "service"),
                pick("건수", "outages"),
                pick("평균 복구(분)", "mean repair min"),
                pick("반복", "repeats"),
                pick("자체 원인(분)", "own cause min"),
                pick("다른 서비스 원인(분)", "another's cause min"),
                pick("제한 초과(분)", "over limit min"),
            ],
            rows: rows.collect(),
            when_empty: pick("장애가 없었습니다.", "There was none."),
        }
    }

    fn announced(&self, report: &MonthReport) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        let rows = report.announced.iter().map(|work| {
            vec![
                self.subject(&work.subject),
                Cell::maybe(work.name.as_ref(), Cell::text),
                Cell::At(work.span.from),
                Cell::At(work.span.until),
                Cell::Minutes(work.span.length()),
                Cell::Minutes(work.down),
            ]
        });
        Section {
            heading: pick("4. 예고된 점검", "4. Announced work").to_owned(),
            notes: Vec::new(),
            columns: vec![
                pick("대상", "of"),
                pick("이름", "name"),
                pick("시작", "from"),
                pick("끝", "until"),
                pick("시간(분)", "min"),
                pick("그중 접속 불가(분)", "down in it min"),
            ],
            rows: rows.collect(),
            when_empty: pick("예고된 점검이 없었습니다.", "There was none."),
        }
    }

    fn corrections(&self, report: &MonthReport) -> Section {
        let pick = |korean, english| self.language.pick(korean, english);
        let rows = report.corrections.iter().map(|applied| {
            let correction = &applied.correction;
            let changes: Vec<String> = applied
                .changes
                .iter()
                .map(|(subject, change)| {
                    let sign = if *change > 0 { "+" } else { "" };
                    format!("{} {sign}{}", self.subject(subject).shown(), minutes(*change))
                })
                .collect();
            let nothing = pick("바뀐 시간 없음", "changed nothing").to_owned();
            vec![
                Cell::text(match &correction.site {
                    Some(site) => format!("{}@{site}", correction.service),
                    None => correction.service.clone(),
                }),
                Cell::At(correction.span.from),
                Cell::At(correction.span.until),
                Cell::text(match correction.fault {
                    true => pick("장애로 넣음", "counts as fault"),
                    false => pick("장애에서 뺌", "is no fault"),
                }),
                Cell::text(if changes.is_empty() { nothing } else { changes.join(", ") }),
                Cell::text(&correction.reason),
                Cell::text(&correction.name),
            ]
        });
        Section {
            heading: pick("5. 정정", "5. Corrections").to_owned(),
            notes: Vec::new(),
            columns: vec![
                pick("대상", "of"),
                pick("시작", "from"),
                pick("끝", "until"),
                pick("내용", "what"),
                pick("바뀐 시간(분)", "changed min"),
                pick("사유", "reason"),
                pick("정정한 사람", "by"),
            ],
            rows: rows.collect(),
            when_empty: pick("정정이 없습니다.", "There is none."),
        }
    }

    fn service(&self, name: &str) -> Cell {
        Cell::text(match self.titles.get(name) {
            Some(title) => format!("{title} ({name})"),
            None => name.to_owned(),
        })
    }

    fn subject(&self, subject: &Subject) -> Cell {
        Cell::text(match subject.site.as_str() {
            "" => subject.service.clone(),
            site => format!("{}@{site}", subject.service),
        })
    }

    fn reason(&self, label: &str) -> Cell {
        let known = Reason::ALL.iter().find(|reason| reason.as_str() == label);
        Cell::text(match known {
            Some(reason) => self.language.of_both(reason.short()).to_owned(),
            None => label.to_owned(),
        })
    }

    fn met(&self, met: Option<bool>) -> Cell {
        Cell::maybe(met, |met| {
            Cell::text(match met {
                true => self.language.pick("충족", "yes"),
                false => self.language.pick("미달", "no"),
            })
        })
    }
}

//! One probe as a row of a list: its state, whose it is, why it is not up and whom that concerns.

use std::fmt::Write;
use std::time::SystemTime;

use super::Site;
use super::display_state::{self, Running, Shown};
use super::html::{Code, Detail, EscapedText, Language, ago};
use super::past;
use super::service_state::ServiceStates;
use crate::config::{Service, TargetId, WindowKind};
use crate::outcome::{Failure, Nature};
use crate::results::Row;

/// What rows are written with.
pub(super) struct View<'a> {
    pub(super) site: &'a Site,
    pub(super) services: ServiceStates<'a>,
    pub(super) running: Vec<Running<'a>>,
    pub(super) language: Language,
}

impl View<'_> {
    pub(super) fn line(&self, html: &mut String, row: &Row) {
        let language = self.language;
        let state = Shown::of(row);
        let id = &row.target.id;
        let stale = if state == Shown::Unobserved { " class=\"stale\"" } else { "" };
        let marks = self.marks(row, "<br>");
        let _ = write!(html, "<tr{stale}><td>{}{marks}</td><td>", chip(state, language));
        self.service(html, row, state);
        let link = self.site.external.link(&probe_path(row, language));
        let _ = write!(html, "</td><td><a href=\"{}\">{}</a>", EscapedText(&link), Code(&id.probe));
        if id.site.is_some() {
            let _ = write!(html, " {}", self.services.called_site(id));
        }
        let _ =
            write!(html, "<br><span class=\"q\">{}</span></td><td>", Code(&row.target.instance));
        if let Some(cause) = display_state::cause(row) {
            self.cause(html, row, cause);
        }
        html.push_str("</td><td class=\"n\">");
        if let Some(since) = row.availability.since() {
            let (at, ago) = (self.site.local_time.second(since), ago(since, language));
            let _ = write!(html, "{at}<br><span class=\"q\">{ago}</span>");
        }
        html.push_str("</td><td class=\"n\">");
        if let Some(last) = row.availability.last_run_at() {
            html.push_str(&ago(last, language));
        }
        html.push_str("</td></tr>");
    }

    /// When the page was made, for who gets a picture of it.
    pub(super) fn as_of(&self) -> String {
        let now = self.site.local_time.second(SystemTime::now());
        match self.language {
            Language::Korean => format!("{now} 기준"),
            Language::English => format!("As of {now}"),
        }
    }

    /// Whose it is and what it needs, where something is wrong.
    fn service(&self, html: &mut String, row: &Row, state: Shown) {
        let language = self.language;
        let name = &*row.target.id.service;
        html.push_str(&self.services.called(name, language));
        let Some(known) = self.services.get(name) else { return };
        let service = known.service;
        if let Some(grade) = service.grade {
            let _ = write!(html, " · {}", grade_in(grade, language));
        }
        if state == Shown::Up {
            return;
        }
        let site = self.about_site(&row.target.id);
        for (label, text) in self.about(service).into_iter().chain(site) {
            let _ = write!(html, "<span class=\"a\"><br>{label}: {text}</span>");
        }
    }

    /// Owner, needs and alternative, as far as they are known.
    pub(super) fn about(&self, service: &Service) -> Vec<(&'static str, String)> {
        let language = self.language;
        let escaped =
            |text: &Option<String>| text.as_ref().map(|text| EscapedText(text).to_string());
        let needs = (!service.needs.is_empty()).then(|| self.services.needs(service, language));
        let about = [
            (language.pick("담당", "Owner"), escaped(&service.owner)),
            (language.pick("필요", "Needs"), needs),
            (language.pick("대체 창구", "Alternative"), escaped(&service.alternative)),
        ];
        about.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
    }

    /// How available a service was, where a Prometheus is named and says so.
    pub(super) fn past(&self, service: &str) -> Option<(&'static str, String)> {
        let language = self.language;
        let shares = self.site.past.as_ref()?.of(service)?;
        let windows = [
            language.pick("24시간", "24\u{a0}h"),
            language.pick("7일", "7\u{a0}d"),
            language.pick("30일", "30\u{a0}d"),
        ];
        let told = windows.iter().zip(shares).filter_map(|(window, share)| {
            Some(format!("{window}\u{a0}<b>{}</b>", past::percent(share?)))
        });
        let told = told.collect::<Vec<_>>().join(" · ");
        Some((language.pick("가용률", "Availability"), told))
    }

    /// Who looks after the site, as far as that is known.
    pub(super) fn about_site(&self, of: &TargetId) -> Vec<(&'static str, String)> {
        let language = self.language;
        let Some(site) = self.services.site(of) else { return Vec::new() };
        let owner = site.owner.as_ref().map(|owner| EscapedText(owner).to_string());
        let about = [
            (language.pick("기관 담당", "Site's owner"), owner),
            (language.pick("전화", "Telephone"), site.telephone.as_deref().map(telephone)),
        ];
        about.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
    }

    /// Why: the reason, in which step, whose failure that is, and who is to be called.
    fn cause(&self, html: &mut String, row: &Row, cause: &Failure) {
        let language = self.language;
        let _ = write!(html, "<b>{}</b>", Code(cause.reason.as_str()));
        if let Some(step) = &cause.step {
            let label = language.pick("단계", "Step");
            let _ = write!(html, " · {label} {}", Code(&step.name));
        }
        // The row names its own service, which may be down only because of what it needs.
        let is_own = *row.target.blamed(cause) == *row.target.id.service;
        let others_fault = (!is_own || cause.reason.is(Nature::OurAccount))
            .then(|| format!("{}<br>", self.blamed(row, cause)));
        let _ = write!(
            html,
            " <br>{} <br>{}{}",
            language.of_both(cause.reason.meaning()),
            others_fault.unwrap_or_default(),
            Detail(&cause.detail, language)
        );
    }

    /// The service to blame, and its owner where that is another than the row's own.
    pub(super) fn blamed(&self, row: &Row, cause: &Failure) -> String {
        let language = self.language;
        if cause.reason.is(Nature::OurAccount) {
            return language
                .pick(
                    "원인: 감시용 계정, 담당: 프로버 운영자",
                    "Cause: our own account, Owner: the operator of this prober",
                )
                .to_owned();
        }
        let blamed = row.target.blamed(cause);
        let label = language.pick("원인 서비스", "Cause");
        let mut html = format!("{label}: {}", self.services.called(blamed, language));
        let owner = self.services.get(blamed).and_then(|known| known.service.owner.as_deref());
        if let Some(owner) = owner.filter(|_| blamed != &*row.target.id.service) {
            let label = language.pick("담당", "Owner");
            let _ = write!(html, ", {label}: {}", EscapedText(owner));
        }
        html
    }

    /// Maintenance, and whether the outage is older than it; each after `before`.
    pub(super) fn marks(&self, row: &Row, before: &str) -> String {
        let Some(excused) = display_state::excused(row, &self.running) else {
            return String::new();
        };
        let mark =
            |class: &str, text: &str| format!("{before}<span class=\"m {class}\">{text}</span>");
        if excused.by.window.kind == WindowKind::Emergency {
            return mark("", self.language.pick("긴급 점검 중", "emergency work"));
        }
        let mut html = mark("", self.language.pick("점검 중", "maintenance"));
        if excused.was_down {
            let text = self.language.pick("점검 전부터 장애", "down before maintenance");
            html.push_str(&mark("before", text));
        }
        html
    }
}

/// A number as a link that dials it, where it is one.
fn telephone(text: &str) -> String {
    let number: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || "+-.() ".contains(c));
    match is_number && !number.is_empty() {
        true => format!("<a href=\"tel:{number}\">{}</a>", EscapedText(text)),
        false => EscapedText(text).to_string(),
    }
}

/// A state as a coloured word.
pub(super) fn chip(state: Shown, language: Language) -> String {
    format!("<span class=\"s {}\">{}</span>", state.as_str(), word(state, language))
}

pub(super) fn grade_in(grade: u8, language: Language) -> String {
    match language {
        Language::Korean => format!("{grade}등급"),
        Language::English => format!("grade {grade}"),
    }
}

pub(super) fn word(state: Shown, language: Language) -> &'static str {
    match state {
        Shown::Down => language.pick("장애", "down"),
        Shown::Degraded => language.pick("지연·저하", "degraded"),
        Shown::Unknown => language.pick("판단 불가", "unknown"),
        Shown::Unobserved => language.pick("미관측", "unobserved"),
        Shown::Up => language.pick("정상", "up"),
    }
}

/// Where a service's page is, in this language.
pub(super) fn service_path(service: &str, language: Language) -> String {
    format!("/services/{service}?lang={}", language.code())
}

/// Where a probe's own page is, in this language: `service/probe@site` is what the log prints. Names
/// of services, probes and sites are `[a-z0-9_.-]`, so nothing is encoded.
pub(super) fn probe_path(row: &Row, language: Language) -> String {
    let id = &row.target.id;
    let site = id.site.as_ref().map(|site| format!("@{site}")).unwrap_or_default();
    format!("/probes/{}/{}{site}?lang={}", id.service, id.probe, language.code())
}

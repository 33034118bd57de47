//! `/`: services and probes, worst first, in one table that works without scripts.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use super::Site;
use super::banner::banners;
use super::display_state::{self, Running, Shown};
use super::html::{Code, English, EscapedText, Language, ago, page};
use super::service_state::ServiceStates;
use crate::config::{Config, Service};
use crate::outcome::Failure;
use crate::results::Row;

/// Nobody reads more, and the worst come first. The JSON answer has all of them.
///
/// No row: targets are the configuration's.
const ROWS_MAX: usize = 1000;

/// What the address may say.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    pub(super) lang: Option<String>,
}

pub(super) async fn page_of_all(
    State(site): State<Arc<Site>>,
    Query(wishes): Query<ListQuery>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(wishes.lang.as_deref(), &headers);
    // Seventeen thousand rows are sorted: not on a thread of the probes.
    let listing = tokio::task::spawn_blocking(move || {
        let mut rows = site.sources.board.snapshot(Instant::now()).rows;
        let config = Arc::clone(&site.sources.config.borrow());
        display_state::sort(&mut rows, &config);
        Html(page(language, &title(&site, language), &listing(&site, &config, &rows, language)))
    });
    match listing.await {
        Ok(html) => html.into_response(),
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn title(site: &Site, language: Language) -> String {
    let name = language.pick("봉수", "Bongsu");
    match &site.vantage {
        Some(vantage) => format!("{name} — {vantage}"),
        None => name.to_owned(),
    }
}

fn listing(site: &Site, config: &Config, rows: &[Row], language: Language) -> String {
    let running = display_state::running(config, Timestamp::now());
    let view = View { site, services: ServiceStates::of(config, rows), running, language };
    let mut html = String::new();
    let _ = write!(
        html,
        "<nav>{}</nav><h1>{}</h1>{}<p>",
        other_language("?", language),
        EscapedText(&title(site, language)),
        banners(site, config, language),
    );
    for (state, count) in display_state::counts(rows) {
        let (class, word) = (state.as_str(), word(state, language));
        let _ = write!(html, "<span class=\"s {class}\">{word} {count}</span> ");
    }
    let _ = write!(
        html,
        "</p><table class=\"l\"><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th>\
         </tr></thead><tbody>",
        language.pick("상태", "State"),
        language.pick("서비스", "Service"),
        language.pick("감시 항목", "Probe"),
        language.pick("원인", "Reason"),
        language.pick("시작", "Since"),
        language.pick("마지막 실행", "Last run"),
    );
    for row in rows.iter().take(ROWS_MAX) {
        view.line(&mut html, row);
    }
    html.push_str("</tbody></table>");
    if rows.is_empty() {
        let _ = write!(
            html,
            "<p class=\"q\">{}</p>",
            language.pick("설정된 감시 항목이 없습니다.", "No probe is configured.")
        );
    }
    if let Some(hidden) = rows.len().checked_sub(ROWS_MAX).filter(|&hidden| hidden > 0) {
        let path = "/api/v1/status";
        let (link, path) = (site.external.link(path), Code(path));
        let _ = match language {
            Language::Korean => write!(html, "<p class=\"q\">외 {hidden}개: "),
            Language::English => write!(html, "<p class=\"q\">and {hidden} more: "),
        };
        let _ = write!(html, "<a href=\"{}\">{path}</a></p>", EscapedText(&link));
    }
    html
}

/// A link to the same page in the other language; `to` ends where `lang=` belongs.
pub(super) fn other_language(to: &str, language: Language) -> String {
    let (other, to) = (language.other(), EscapedText(to));
    let (code, name) = (other.code(), other.name());
    format!("<a href=\"{to}lang={code}\" lang=\"{code}\" hreflang=\"{code}\">{name}</a>")
}

/// What rows are written with.
pub(super) struct View<'a> {
    pub(super) site: &'a Site,
    pub(super) services: ServiceStates<'a>,
    pub(super) running: Vec<Running<'a>>,
    pub(super) language: Language,
}

impl View<'_> {
    fn line(&self, html: &mut String, row: &Row) {
        let language = self.language;
        let state = Shown::of(row);
        let id = &row.target.id;
        let stale = if state == Shown::Unobserved { " class=\"stale\"" } else { "" };
        let marks = self.marks(row, "<br>");
        let _ = write!(html, "<tr{stale}><td>{}{marks}</td><td>", chip(state, language));
        self.service(html, row, state);
        let link = self.site.external.link(&probe_path(row, language));
        let _ = write!(html, "</td><td><a href=\"{}\">{}</a>", EscapedText(&link), Code(&id.probe));
        if let Some(site) = &id.site {
            let _ = write!(html, " {}", Code(&format!("@{site}")));
        }
        let _ =
            write!(html, "<br><span class=\"q\">{}</span></td><td>", Code(&row.target.instance));
        if let Some(cause) = display_state::cause(row) {
            self.cause(html, row, cause);
        }
        html.push_str("</td><td class=\"n\">");
        if let Some(since) = row.tally.since() {
            let (at, ago) = (self.site.local_time.second(since), ago(since, language));
            let _ = write!(html, "{at}<br><span class=\"q\">{ago}</span>");
        }
        html.push_str("</td><td class=\"n\">");
        if let Some(last) = row.tally.last_run_at() {
            html.push_str(&ago(last, language));
        }
        html.push_str("</td></tr>");
    }

    /// Whose it is and what it needs, where something is wrong.
    fn service(&self, html: &mut String, row: &Row, state: Shown) {
        let language = self.language;
        let name = &*row.target.id.service;
        html.push_str(&self.services.called(name, language));
        let Some(standing) = self.services.get(name) else { return };
        let service = standing.service;
        if let Some(grade) = service.grade {
            let _ = write!(html, " · {}", grade_in(grade, language));
        }
        if state == Shown::Up {
            return;
        }
        for (label, text) in self.about(service) {
            let _ = write!(html, "<br>{label}: {text}");
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

    /// Why: the reason, in which step, whose failure that is, and who is to be called.
    fn cause(&self, html: &mut String, row: &Row, cause: &Failure) {
        let language = self.language;
        let _ = write!(html, "<b>{}</b>", Code(cause.reason.as_str()));
        if let Some(step) = &cause.step {
            let label = language.pick("단계", "Step");
            let _ = write!(html, " · {label} {}", Code(&step.name));
        }
        let _ = write!(
            html,
            "<br>{}<br>{}<br>{}",
            language.of_both(cause.reason.meaning()),
            self.blamed(row, cause),
            English(&cause.detail)
        );
    }

    /// The service to blame, and its owner where that is another than the row's own.
    pub(super) fn blamed(&self, row: &Row, cause: &Failure) -> String {
        let language = self.language;
        if cause.reason.is_about_our_account() {
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
        let mut html = mark("", self.language.pick("점검 중", "maintenance"));
        if excused.was_down {
            let text = self.language.pick("점검 전부터 장애", "down before maintenance");
            html.push_str(&mark("before", text));
        }
        html
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

/// Where a probe's own page is, in this language: `service/probe@site` is what the log prints. Names
/// of services, probes and sites are `[a-z0-9_.-]`, so nothing is encoded.
pub(super) fn probe_path(row: &Row, language: Language) -> String {
    let id = &row.target.id;
    let site = id.site.as_ref().map(|site| format!("@{site}")).unwrap_or_default();
    format!("/probes/{}/{}{site}?lang={}", id.service, id.probe, language.code())
}

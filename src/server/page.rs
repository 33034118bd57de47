//! `/`: services and probes, worst first, in one table that works without scripts.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use tokio::time::Instant;

use super::Site;
use super::banner::banners;
use super::external::External;
use super::html::{Language, Text, ago, local, page};
use super::shown::{self, Shown};
use crate::board::Row;
use crate::config::{Config, Service};

/// Nobody reads more, and the worst come first. The JSON answer has all of them.
const ROWS_MAX: usize = 1000;

/// What the address may say.
#[derive(Deserialize)]
pub(super) struct Wishes {
    pub(super) lang: Option<String>,
}

pub(super) async fn page_of_all(
    State(site): State<Arc<Site>>,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(wishes.lang.as_deref(), &headers);
    // Seventeen thousand rows are sorted: not on a thread of the probes.
    let listing = tokio::task::spawn_blocking(move || {
        let mut rows = site.sources.board.snapshot(Instant::now()).rows;
        shown::sort(&mut rows);
        let config = Arc::clone(&site.sources.config.borrow());
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
    let services: HashMap<&str, &Service> =
        config.services.iter().map(|service| (&*service.name, &**service)).collect();
    let mut html = String::new();
    let other = language.other();
    let _ = write!(
        html,
        "<nav><a href=\"?lang={}\">{}</a></nav><h1>{}</h1><p>",
        other.code(),
        other.name(),
        Text(&title(site, language))
    );
    html.insert_str(html.len() - "<p>".len(), &banners(site, config, language));
    for (state, count) in shown::counts(rows) {
        let _ = write!(
            html,
            "<span class=\"s {}\">{} {count}</span> ",
            state.as_str(),
            word(state, language)
        );
    }
    let _ = write!(
        html,
        "</p><table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th>\
         </tr></thead><tbody>",
        language.pick("상태", "State"),
        language.pick("서비스", "Service"),
        language.pick("점검", "Probe"),
        language.pick("원인", "Reason"),
        language.pick("시작", "Since"),
        language.pick("마지막 점검", "Last run"),
    );
    for row in rows.iter().take(ROWS_MAX) {
        let service = services.get(&*row.target.id.service).copied();
        line(&mut html, row, service, (&site.external, language));
    }
    html.push_str("</tbody></table>");
    if rows.is_empty() {
        let _ = write!(
            html,
            "<p class=\"q\">{}</p>",
            language.pick("설정된 점검이 없습니다.", "No probe is configured.")
        );
    }
    if let Some(hidden) = rows.len().checked_sub(ROWS_MAX).filter(|&hidden| hidden > 0) {
        let _ = write!(
            html,
            "<p class=\"q\">+ {hidden} <a href=\"{}\">/api/v1/status</a></p>",
            Text(&site.external.link("/api/v1/status"))
        );
    }
    html
}

fn line(
    html: &mut String,
    row: &Row,
    service: Option<&Service>,
    (external, language): (&External, Language),
) {
    let state = Shown::of(row);
    let id = &row.target.id;
    let title = service.and_then(|service| service.title.as_deref()).unwrap_or(&id.service);
    let _ = write!(
        html,
        "<tr{}><td><span class=\"s {}\">{}</span></td><td>{}<br><span class=\"q\">{}</span>",
        if state == Shown::Unobserved { " class=\"stale\"" } else { "" },
        state.as_str(),
        word(state, language),
        Text(title),
        Text(&id.service),
    );
    let alternative = service.and_then(|service| service.alternative.as_deref());
    if let (Some(alternative), true) = (alternative, state != Shown::Up) {
        let label = language.pick("대체 창구", "Alternative");
        let _ = write!(html, "<br>{label}: {}", Text(alternative));
    }
    let link = external.link(&probe_path(row, language));
    let _ = write!(html, "</td><td><a href=\"{}\">{}</a>", Text(&link), Text(&id.probe));
    if let Some(site) = &id.site {
        let _ = write!(html, " @{}", Text(site));
    }
    let _ = write!(html, "<br><span class=\"q\">{}</span></td><td>", Text(&row.target.instance));
    if let Some(cause) = shown::cause(row) {
        let _ = write!(html, "<b>{}</b>", cause.reason.as_str());
        if let Some(step) = &cause.step {
            let _ = write!(html, " ({})", Text(&step.name));
        }
        let meaning = language.of_both(cause.reason.meaning());
        let _ = write!(html, "<br>{meaning}<br><span class=\"q\">{}</span>", Text(&cause.detail));
    }
    html.push_str("</td><td class=\"n\">");
    if let Some(since) = row.tally.since() {
        let _ =
            write!(html, "{}<br><span class=\"q\">{}</span>", local(since), ago(since, language));
    }
    html.push_str("</td><td class=\"n\">");
    if let Some(last) = row.tally.last_run_at() {
        html.push_str(&ago(last, language));
    }
    html.push_str("</td></tr>");
}

/// The state for people.
pub(super) fn word(state: Shown, language: Language) -> &'static str {
    match state {
        Shown::Down => language.pick("장애", "down"),
        Shown::Degraded => language.pick("지연·저하", "degraded"),
        Shown::Unknown => language.pick("판단 불가", "unknown"),
        Shown::Unobserved => language.pick("미관측", "unobserved"),
        Shown::Up => language.pick("정상", "up"),
    }
}

/// Where a probe's own page is, in this language. Names are `[a-z0-9_.-]`, and sites are encoded.
pub(super) fn probe_path(row: &Row, language: Language) -> String {
    let id = &row.target.id;
    let mut path = format!("/probes/{}/{}?lang={}", id.service, id.probe, language.code());
    if let Some(site) = &id.site {
        let encoded: String = url::form_urlencoded::byte_serialize(site.as_bytes()).collect();
        path.push_str(&format!("&site={encoded}"));
    }
    path
}

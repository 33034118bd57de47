//! `/probes/{service}/{probe}`: the last runs of one probe and its last failures in full.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;

use super::Site;
use super::banner::banners;
use super::external::External;
use super::html::{Language, Text, ago, local, page};
use super::page::{probe_path, word};
use super::shown::{self, Shown};
use crate::board::{Episode, History, Row};
use crate::config::TargetId;

/// What the address may say.
#[derive(Deserialize)]
pub(super) struct Wishes {
    lang: Option<String>,
    site: Option<String>,
}

pub(super) async fn page_of_one(
    State(site): State<Arc<Site>>,
    Path((service, probe)): Path<(String, String)>,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(wishes.lang.as_deref(), &headers);
    let id =
        TargetId { service: service.into(), probe: probe.into(), site: wishes.site.map(Arc::from) };
    match (site.sources.board.row(&id, Instant::now()), site.sources.board.history(&id)) {
        (Some(row), Some(history)) => {
            let config = Arc::clone(&site.sources.config.borrow());
            let mut body = banners(&site, &config, language);
            body.push_str(&detail(&site.external, &row, &history, language));
            Html(page(language, &format!("{id} — Bongsu"), &body)).into_response()
        }
        _ => (StatusCode::NOT_FOUND, format!("no probe {id}\n")).into_response(),
    }
}

fn detail(external: &External, row: &Row, history: &History, language: Language) -> String {
    let state = Shown::of(row);
    let mut html = String::new();
    let _ = write!(
        html,
        "<nav><a href=\"{}\">{}</a> · <a href=\"{}\">{}</a></nav>\
         <h1>{} <span class=\"s {}\">{}</span></h1><p class=\"q\">{} · {}</p>",
        Text(&external.link(&format!("/?lang={}", language.code()))),
        language.pick("전체", "All"),
        Text(&external.link(&probe_path(row, language.other()))),
        language.other().name(),
        Text(&row.target.id.to_string()),
        state.as_str(),
        word(state, language),
        row.target.kind.as_str(),
        Text(&row.target.instance),
    );
    if let Some(cert) = shown::first_to_expire(row)
        && let Ok(end) = jiff::Timestamp::from_second(cert.not_after)
    {
        let label = language.pick("인증서 만료", "Certificate ends");
        let _ = write!(html, "<p>{label}: {end} ({})</p>", Text(&cert.subject));
    }
    let _ = write!(html, "<h2>{}</h2>", language.pick("최근 실패", "Last failures"));
    for episode in history.episodes().rev() {
        failure(&mut html, episode, language);
    }
    let _ = write!(html, "<h2>{}</h2><table><tbody>", language.pick("최근 점검", "Last runs"));
    for run in history.recent().rev() {
        let _ = write!(
            html,
            "<tr><td class=\"n\">{}</td><td>{}</td><td>{} ms</td><td>{}</td></tr>",
            local(run.started_at()),
            run.verdict.as_str(),
            run.elapsed().as_millis(),
            run.reason.map_or("", |reason| reason.as_str()),
        );
    }
    html.push_str("</tbody></table>");
    html
}

fn failure(html: &mut String, episode: &Episode, language: Language) {
    let Some(cause) = episode.first.cause() else { return };
    let _ = write!(
        html,
        "<p><b>{}</b> {} ({}, ×{})<br>{}<br><span class=\"q\">{}: {}</span><br>{}</p>",
        cause.reason.as_str(),
        local(episode.first.started_at),
        ago(episode.last_started_at, language),
        episode.runs,
        language.of_both(cause.reason.meaning()),
        language.pick("먼저 볼 것", "Look first"),
        language.of_both(cause.reason.first_look()),
        Text(&cause.detail),
    );
    if let Some(http) = &episode.first.facts.http {
        html.push_str("<ul>");
        for hop in &http.hops {
            let _ = write!(
                html,
                "<li>{} → {} ({} ms)</li>",
                Text(&hop.url),
                hop.status,
                hop.elapsed.as_millis()
            );
        }
        html.push_str("</ul>");
    }
    if let Some(excerpt) = &episode.first.facts.excerpt {
        let _ = write!(html, "<pre>{}</pre>", Text(excerpt));
    }
}

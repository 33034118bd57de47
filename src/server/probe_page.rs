//! `/probes/{service}/{probe}`: what is known of one probe, its last failures in full, and its last
//! runs. With a site it is `/probes/{service}/{probe}@{site}`, as the log prints it; `?site=` says the
//! same.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use super::Site;
use super::banner::banners;
use super::connections::ClientConnection;
use super::display_state::{self, Shown};
use super::html::{Code, Detail, EscapedText, Language, WebPage, ago, took};
use super::missing::no_such_probe;
use super::row::{View, chip, probe_path, service_path, word};
use super::service_state::ServiceStates;
use crate::calendar;
use crate::config::TargetId;
use crate::curl;
use crate::outcome::AddressFacts;
use crate::results::{Episode, History, Row};

/// What the address may say.
#[derive(Deserialize)]
pub(super) struct ProbeQuery {
    pub(super) lang: Option<String>,
    pub(super) site: Option<String>,
    /// `off`: the page stays as it is.
    refresh: Option<String>,
}

pub(super) async fn page_of_one(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    Path((service, probe)): Path<(String, String)>,
    Query(wishes): Query<ProbeQuery>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(wishes.lang.as_deref(), &headers);
    let id = probe_id(&service, &probe, wishes.site.as_deref());
    let shown = Arc::clone(&site);
    // What is needed is looked up among all rows.
    let make =
        move || answer(&shown, &id, language, wishes.refresh.as_deref() != Some("off"), &headers);
    site.pages.answer(&client, make).await
}

/// The probe that an address names.
pub(super) fn probe_id(service: &str, probe: &str, site: Option<&str>) -> TargetId {
    let (probe, site) = match probe.split_once('@') {
        Some((probe, of)) => (probe, Some(of)),
        None => (probe, site),
    };
    TargetId { service: service.into(), probe: probe.into(), site: site.map(Arc::from) }
}

fn answer(
    site: &Site,
    id: &TargetId,
    language: Language,
    refreshes: bool,
    headers: &HeaderMap,
) -> Response {
    let rows = site.sources.results.snapshot(Instant::now()).rows;
    let row = rows.iter().find(|row| row.target.id == *id);
    let (Some(row), Some(history)) = (row, site.sources.results.history(id)) else {
        return no_such_probe(site, language, &id.to_string());
    };
    let config = Arc::clone(&site.sources.config.borrow());
    let services = ServiceStates::of(&config, &rows);
    let running = display_state::running(&config, calendar::now());
    let view = View { site, services, running, language };
    let mut body = String::new();
    view.head(&mut body, row);
    body.push_str(&banners(site, &config, language));
    view.facts(&mut body, row);
    view.bars(&mut body, &history);
    view.failures(&mut body, row, &history);
    view.by_hand(&mut body, row);
    view.runs(&mut body, &history);
    let state = Shown::of(row);
    let title = format!("{} · {id} — {}", word(state, language), language.pick("봉수", "Bongsu"));
    let page = WebPage {
        language,
        title: &title,
        state: Some(state),
        refreshes,
        is_for_a_wall: false,
        external: &site.external,
        nav: &view.ways(row, refreshes),
        main: &body,
    };
    page.answer(headers)
}

impl View<'_> {
    /// To the list, the service, the other language, and to a page that stays as it is.
    fn ways(&self, row: &Row, refreshes: bool) -> String {
        let (language, external) = (self.language, &self.site.external);
        let all = external.link(&format!("/?lang={}", language.code()));
        let service = external.link(&service_path(&row.target.id.service, language));
        let own = external.link(&probe_path(row, language));
        let other = external.link(&probe_path(row, language.other()));
        let (code, name) = (language.other().code(), language.other().name());
        let (refresh, text) = match refreshes {
            true => ("&refresh=off", language.pick("새로 고침 멈추기", "Stop refreshing")),
            false => ("", language.pick("15초마다 새로 고침", "Refresh every 15 s")),
        };
        format!(
            "<a href=\"{}\">{}</a> · <a href=\"{}\">{}</a> · <a href=\"{}\">{text}</a> · \
             <a href=\"{}\" lang=\"{code}\" hreflang=\"{code}\">{name}</a>",
            EscapedText(&all),
            language.pick("전체", "All"),
            EscapedText(&service),
            language.pick("서비스", "Service"),
            EscapedText(&format!("{own}{refresh}")),
            EscapedText(&other),
        )
    }

    fn head(&self, html: &mut String, row: &Row) {
        let language = self.language;
        let _ = write!(
            html,
            "<h1>{} {}{}</h1><p class=\"q\">{} · {} · {}</p>",
            Code(&row.target.id.to_string()),
            chip(Shown::of(row), language),
            self.marks(row, " "),
            Code(row.target.kind.as_str()),
            Code(&row.target.instance),
            self.as_of(),
        );
    }

    /// What one wants to know before one reads on.
    fn facts(&self, html: &mut String, row: &Row) {
        let language = self.language;
        let name = &*row.target.id.service;
        let times = &self.site.local_time;
        let mut facts =
            vec![(language.pick("서비스", "Service"), self.services.called(name, language))];
        if let Some(known) = self.services.get(name) {
            if let Some(grade) = known.service.grade {
                facts.push((language.pick("등급", "Grade"), grade.to_string()));
            }
            facts.extend(self.about(known.service));
        }
        facts.extend(self.past(name));
        if row.target.id.site.is_some() {
            let site = self.services.called_site(&row.target.id);
            facts.push((language.pick("기관", "Site"), site));
            facts.extend(self.about_site(&row.target.id));
        }
        if let Some(since) = row.availability.since() {
            let text = format!("{} ({})", times.second(since), ago(since, language));
            facts.push((language.pick("상태 변경", "Since"), text));
        }
        if let Some(last) = row.availability.last_run_at() {
            let text = format!("{} ({})", times.second(last), ago(last, language));
            facts.push((language.pick("마지막 실행", "Last run"), text));
        }
        if let Some(last) = row.availability.last_success_at() {
            let text = format!("{} ({})", times.second(last), ago(last, language));
            facts.push((language.pick("마지막 성공", "Last success"), text));
        }
        if let Some(moved) = &row.moved {
            let listed =
                |ips: &[IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let (from, to) = (listed(&moved.from), listed(&moved.to));
            let text = format!("{} · {} → {}", times.second(moved.at), Code(&from), Code(&to));
            facts.push((language.pick("주소 바뀜", "Address moved"), text));
        }
        if let Some(cert) = display_state::first_to_expire(row)
            && let Ok(end) = Timestamp::from_second(cert.not_after)
        {
            let text = format!("{} · {}", times.minute(end), Code(&cert.subject));
            facts.push((language.pick("인증서 만료", "Certificate expires"), text));
        }
        html.push_str("<table class=\"f\"><tbody>");
        for (label, text) in facts {
            let _ = write!(html, "<tr><th scope=\"row\">{label}</th><td>{text}</td></tr>");
        }
        html.push_str("</tbody></table>");
    }

    fn failures(&self, html: &mut String, row: &Row, history: &History) {
        let language = self.language;
        let _ = write!(html, "<h2>{}</h2>", language.pick("최근 실패", "Last failures"));
        if history.episodes().next().is_none() {
            let none = language.pick("기록된 실패가 없습니다.", "No failures recorded.");
            let _ = write!(html, "<p class=\"q\">{none}</p>");
        }
        for (at, episode) in history.episodes().rev().enumerate() {
            self.failure(html, row, episode);
            self.evidence(html, &episode.first.facts.evidence, at == 0);
        }
    }

    /// The same by hand.
    fn by_hand(&self, html: &mut String, row: &Row) {
        let label = self.language.pick("같은 요청을 직접 보내기", "The same with curl");
        let lines = curl::curl(&row.target);
        let lines = EscapedText(&lines);
        let _ = write!(
            html,
            "<details><summary>{label}</summary><pre tabindex=\"0\">{lines}</pre></details>"
        );
    }

    fn failure(&self, html: &mut String, row: &Row, episode: &Episode) {
        let language = self.language;
        let Some(cause) = episode.first.cause() else { return };
        let first = self.site.local_time.second(episode.first.started_at);
        let (last, runs) = (ago(episode.last_started_at, language), episode.runs);
        let times = match language {
            Language::Korean => format!("{runs}회, 마지막은 {last}"),
            Language::English if runs == 1 => format!("once, {last}"),
            Language::English => format!("{runs} times, the last one {last}"),
        };
        let _ = write!(html, "<p><b>{}</b>", Code(cause.reason.as_str()));
        if let Some(step) = &cause.step {
            let _ = write!(html, " · {} {}", language.pick("단계", "Step"), Code(&step.name));
        }
        let _ = write!(
            html,
            " · {first} ({times})<br>{}<br>{}<br><span class=\"q\">{}: {}</span><br>{}</p>",
            language.of_both(cause.reason.meaning()),
            self.blamed(row, cause),
            language.pick("우선 확인 사항", "Check first"),
            EscapedText(language.of_both(cause.reason.first_look())),
            Detail(&cause.detail, language),
        );
        self.addresses(html, &episode.first.facts.addresses);
        if let Some(http) = &episode.first.facts.http {
            html.push_str("<ul>");
            for hop in &http.hops {
                let (url, took) = (Code(&hop.url), took(hop.elapsed, language));
                let _ = write!(html, "<li>{url} → {} ({took})</li>", hop.status);
            }
            html.push_str("</ul>");
        }
        self.course(html, &episode.first.facts);
    }

    /// Each address that was looked at, where there were several.
    fn addresses(&self, html: &mut String, addresses: &[AddressFacts]) {
        if addresses.is_empty() {
            return;
        }
        html.push_str("<ul>");
        for of in addresses {
            let address = of.address.to_string();
            let _ = write!(html, "<li>{} ", Code(&address));
            let _ = match &of.failure {
                None => write!(html, "{}", chip(Shown::Up, self.language)),
                Some(failure) => {
                    let (reason, detail) =
                        (Code(failure.reason.as_str()), Detail(&failure.detail, self.language));
                    write!(html, "{reason} {detail}")
                }
            };
            html.push_str("</li>");
        }
        html.push_str("</ul>");
    }

    /// The last runs at a glance. A reader by ear has the table below.
    fn bars(&self, html: &mut String, history: &History) {
        let count = history.recent().count();
        if count == 0 {
            return;
        }
        html.push_str("<p class=\"bars\" aria-hidden=\"true\">");
        for run in history.recent() {
            let state = Shown::from(run.verdict).as_str();
            let _ = write!(html, "<i class=\"{state}\"></i>");
        }
        let _ = match self.language {
            Language::Korean => {
                write!(html, "<span class=\"q\">최근 {count}회, 맨 오른쪽이 마지막</span></p>")
            }
            Language::English => write!(
                html,
                "<span class=\"q\">last runs ({count}), the latest on the right</span></p>"
            ),
        };
    }

    fn runs(&self, html: &mut String, history: &History) {
        let language = self.language;
        let _ = write!(html, "<h2>{}</h2>", language.pick("최근 실행", "Last runs"));
        if history.recent().next().is_none() {
            let none = language.pick("아직 실행되지 않았습니다.", "It has not run yet.");
            let _ = write!(html, "<p class=\"q\">{none}</p>");
            return;
        }
        let _ = write!(
            html,
            "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th>\
             <th scope=\"col\">{}</th></tr></thead><tbody>",
            language.pick("시각", "Time"),
            language.pick("상태", "State"),
            language.pick("소요 시간", "Took"),
            language.pick("원인", "Reason"),
        );
        for run in history.recent().rev() {
            let _ = write!(
                html,
                "<tr><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>",
                self.site.local_time.second(run.started_at()),
                chip(run.verdict.into(), language),
                took(run.elapsed(), language),
            );
            if let Some(reason) = run.reason {
                let name = language.of_both(reason.short());
                let _ = write!(html, "{name} · {}", Code(reason.as_str()));
            }
            html.push_str("</td></tr>");
        }
        html.push_str("</tbody></table>");
    }
}

//! `/` and `/services/{service}`: outages, worst first, each cause above its consequences, and what is
//! well folded below. The same list, of everything and of one service.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use tokio::time::Instant;

use super::Site;
use super::banner::banners;
use super::connections::ClientConnection;
use super::display_state::{self, Shown};
use super::filter::ListQuery;
use super::html::{EscapedText, Language, WebPage};
use super::missing::no_such_service;
use super::outages::Outages;
use super::row::{View, chip, word};
use super::service_state::ServiceStates;
use crate::calendar;
use crate::config::Config;
use crate::results::Row;

pub(super) async fn page_of_all(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Response {
    list(site, &client, query, headers, None).await
}

pub(super) async fn page_of_service(
    State(site): State<Arc<Site>>,
    Extension(client): Extension<Arc<ClientConnection>>,
    Path(service): Path<String>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Response {
    list(site, &client, query, headers, Some(service)).await
}

async fn list(
    site: Arc<Site>,
    client: &ClientConnection,
    query: ListQuery,
    headers: HeaderMap,
    of: Option<String>,
) -> Response {
    let shown = Arc::clone(&site);
    let make = move || {
        let site = shown;
        let mut rows = site.sources.results.snapshot(Instant::now()).rows;
        let config = Arc::clone(&site.sources.config.borrow());
        display_state::sort(&mut rows, &config);
        let language = Language::of(query.lang.as_deref(), &headers);
        let list = List {
            view: View {
                site: &site,
                services: ServiceStates::of(&config, &rows),
                running: display_state::running(&config, calendar::now()),
                language,
            },
            config: &config,
            rows: &rows,
            query: &query,
            of: of.as_deref(),
        };
        match of.as_deref() {
            Some(name) if list.view.services.get(name).is_none() => {
                no_such_service(&site, language, name)
            }
            _ => list.answer(&headers),
        }
    };
    site.pages.answer(client, make).await
}

struct List<'a> {
    view: View<'a>,
    config: &'a Config,
    rows: &'a [Row],
    query: &'a ListQuery,
    /// The only service that is shown.
    of: Option<&'a str>,
}

impl List<'_> {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let language = self.view.language;
        let shown: Vec<&Row> = self.rows.iter().filter(|row| self.admits(row)).collect();
        let counts = Shown::ALL
            .map(|state| (state, shown.iter().filter(|row| Shown::of(row) == state).count()));
        let title = self.title();
        let down = counts.iter().find(|(state, count)| *state == Shown::Down && *count > 0);
        let tab = match down {
            Some((state, count)) => format!("{} {count} · {title}", word(*state, language)),
            None => title.clone(),
        };
        let page = WebPage {
            language,
            title: &tab,
            state: counts.iter().find(|(_, count)| *count > 0).map(|(state, _)| *state),
            refreshes: self.query.refreshes(),
            is_for_a_wall: self.query.is_for_a_wall(),
            external: &self.view.site.external,
            nav: &self.nav(),
            main: &self.main(&title, &counts),
        };
        page.answer(headers)
    }

    fn admits(&self, row: &Row) -> bool {
        self.of.is_none_or(|name| name == &*row.target.id.service)
            && self.query.admits(row, &self.view.services)
    }

    fn title(&self) -> String {
        let name = self.view.language.pick("봉수", "Bongsu");
        let of = self.of.map(|of| {
            let service = self.view.services.get(of).map(|known| known.service);
            service.and_then(|service| service.title.as_deref()).unwrap_or(of)
        });
        match of.or(self.view.site.vantage.as_deref()) {
            Some(of) if self.of.is_some() => format!("{of} — {name}"),
            Some(vantage) => format!("{name} — {vantage}"),
            None => name.to_owned(),
        }
    }

    fn path(&self) -> String {
        let path = self.of.map_or_else(|| "/".to_owned(), |of| format!("/services/{of}"));
        self.view.site.external.link(&path)
    }

    /// Ways to the same list in other forms, and back to the whole.
    fn nav(&self) -> String {
        let (language, path) = (self.view.language, self.path());
        let link = |key: &str, value: &str, text: &str| {
            let to = self.query.with(&path, language, key, value);
            format!("<a href=\"{}\">{text}</a>", EscapedText(&to))
        };
        let mut nav = String::new();
        if self.of.is_some() || self.query.filters() {
            let all = self.view.site.external.link(&format!("/?lang={}", language.code()));
            let text = language.pick("전체", "All");
            let _ = write!(nav, "<a href=\"{}\">{text}</a> · ", EscapedText(&all));
        }
        let refresh = match self.query.refreshes() {
            true => link("refresh", "off", language.pick("새로 고침 멈추기", "Stop refreshing")),
            false => link("refresh", "", language.pick("15초마다 새로 고침", "Refresh every 15 s")),
        };
        let wall = match self.query.is_for_a_wall() {
            true => link("wall", "", language.pick("보통 화면", "Desk view")),
            false => link("wall", "1", language.pick("벽면 화면", "Wall view")),
        };
        let (code, name) = (language.other().code(), language.other().name());
        let to = self.query.with(&path, language.other(), "", "");
        let to = EscapedText(&to);
        let _ = write!(
            nav,
            "{refresh} · {wall} · <a href=\"{to}\" lang=\"{code}\" hreflang=\"{code}\">{name}</a>"
        );
        nav
    }

    fn main(&self, title: &str, counts: &[(Shown, usize); 5]) -> String {
        let (language, site) = (self.view.language, self.view.site);
        let mut html = format!("<h1>{}</h1>", EscapedText(title));
        let _ = write!(
            html,
            "<p class=\"q\">{}</p>{}",
            self.view.as_of(),
            banners(site, self.config, language),
        );
        if let Some(known) = self.of.and_then(|of| self.view.services.get(of)) {
            self.about(&mut html, known.state, known.service);
        }
        let what = language.pick("감시 항목", "Probes");
        let _ = write!(html, "<p><span class=\"q\">{what}</span> ");
        for (state, count) in counts {
            let class = if *count == 0 { "none" } else { state.as_str() };
            let word = word(*state, language);
            let _ = write!(html, "<span class=\"s {class}\">{word} {count}</span> ");
        }
        html.push_str("</p>");
        if !self.query.is_for_a_wall() {
            self.query.form(&mut html, self.config, &self.path(), language);
        }
        let outages = Outages::of(&self.view, self.config, self.rows);
        outages.write(&mut html, &|row| self.admits(row), self.of.is_some());
        html
    }

    fn about(&self, html: &mut String, state: Option<Shown>, service: &crate::config::Service) {
        html.push_str("<dl>");
        let language = self.view.language;
        let mut facts = Vec::new();
        if let Some(state) = state {
            facts.push((language.pick("상태", "State"), chip(state, language)));
        }
        if let Some(grade) = service.grade {
            facts.push((language.pick("등급", "Grade"), grade.to_string()));
        }
        facts.extend(self.view.about(service));
        facts.extend(self.view.past(&service.name));
        for (label, text) in facts {
            let _ = write!(html, "<div><dt>{label}</dt><dd>{text}</dd></div>");
        }
        html.push_str("</dl>");
    }
}

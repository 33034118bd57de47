//! What the address of a list asks for, and the form that writes it. GET parameters, so that a list
//! can be sent to somebody and works without scripts.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use url::form_urlencoded;

use super::display_state::Shown;
use super::html::{EscapedText, Language};
use super::row::{grade_in, word};
use super::service_state::ServiceStates;
use crate::config::{Config, Service};
use crate::results::Row;

/// Owners offered to choose from. The text finds the others.
///
/// No row: owners are the configuration's.
const OWNERS_MAX: usize = 100;

/// What the address may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    pub(super) lang: Option<String>,
    /// A part of any name on a row, in any case.
    q: String,
    owner: String,
    grade: String,
    state: String,
    /// `off`: the page stays as it is.
    refresh: String,
    /// `1`: for a wall, read from afar.
    wall: String,
}

impl ListQuery {
    pub(super) fn refreshes(&self) -> bool {
        self.refresh != "off"
    }

    pub(super) fn is_for_a_wall(&self) -> bool {
        self.wall == "1"
    }

    pub(super) fn filters(&self) -> bool {
        [&self.q, &self.owner, &self.grade, &self.state].iter().any(|wish| !wish.is_empty())
    }

    /// Whether a row is asked for.
    pub(super) fn admits(&self, row: &Row, services: &ServiceStates<'_>) -> bool {
        let id = &row.target.id;
        let service = services.get(&id.service).map(|known| known.service);
        let title = service.and_then(|service| service.title.as_deref()).unwrap_or_default();
        let owner = service.and_then(|service| service.owner.as_deref()).unwrap_or_default();
        let grade = service.and_then(|service| service.grade);
        let site = services.site(id).cloned().unwrap_or_default();
        let of_site = [site.title, site.owner, site.telephone].map(Option::unwrap_or_default);
        let has = |text: &str| text.to_lowercase().contains(&self.q.to_lowercase());
        let reason = row.last.as_deref().and_then(|last| last.cause());
        (self.owner.is_empty() || self.owner == owner || self.owner == of_site[1])
            && (self.grade.is_empty() || grade.is_some_and(|grade| self.grade == grade.to_string()))
            && (self.state.is_empty() || self.state == Shown::of(row).as_str())
            && (self.q.is_empty()
                || has(&id.to_string())
                || has(title)
                || has(owner)
                || of_site.iter().any(|text| has(text))
                || has(&row.target.instance)
                || reason.is_some_and(|failure| has(failure.reason.as_str())))
    }

    /// The same list at `path` with one parameter said otherwise, or left out when empty.
    pub(super) fn with(&self, path: &str, language: Language, key: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(format!("{path}?"));
        let own = [
            ("lang", language.code()),
            ("q", &self.q),
            ("owner", &self.owner),
            ("grade", &self.grade),
            ("state", &self.state),
            ("refresh", &self.refresh),
            ("wall", &self.wall),
        ];
        for (name, kept) in own {
            let said = if name == key { value } else { kept };
            if !said.is_empty() {
                query.append_pair(name, said);
            }
        }
        // The path and its question mark were taken as what is there already.
        query.finish().replacen("?&", "?", 1)
    }

    /// The form; its answer comes from `path`.
    pub(super) fn form<'c>(
        &self,
        html: &mut String,
        config: &'c Config,
        path: &str,
        language: Language,
    ) {
        let _ = write!(
            html,
            "<form class=\"w\" role=\"search\" action=\"{}\"><input type=\"hidden\" name=\"lang\" value=\"{}\">\
             <label>{} <input type=\"search\" name=\"q\" value=\"{}\"></label> ",
            EscapedText(path),
            language.code(),
            language.pick("찾기", "Find"),
            EscapedText(&self.q),
        );
        let of_service = |service: &'c Service| {
            let sites = service.sites.values().filter_map(|site| site.owner.as_deref());
            service.owner.as_deref().into_iter().chain(sites)
        };
        let owners: BTreeSet<&str> =
            config.services.iter().flat_map(|service| of_service(service)).collect();
        let owners = owners.into_iter().take(OWNERS_MAX).map(|owner| (owner, owner.to_owned()));
        self.choice(html, "owner", &self.owner, language.pick("담당", "Owner"), language, owners);
        let grades = ["1", "2", "3", "4"].into_iter().zip(1..);
        let grades = grades.map(|(value, grade)| (value, grade_in(grade, language)));
        self.choice(html, "grade", &self.grade, language.pick("등급", "Grade"), language, grades);
        let states = Shown::ALL.map(|state| (state.as_str(), word(state, language).to_owned()));
        let label = language.pick("상태", "State");
        self.choice(html, "state", &self.state, label, language, states.into_iter());
        let _ = write!(html, "<button>{}</button></form>", language.pick("보기", "Show"));
    }

    fn choice<'t>(
        &self,
        html: &mut String,
        name: &str,
        chosen: &str,
        label: &str,
        language: Language,
        options: impl Iterator<Item = (&'t str, String)>,
    ) {
        let all = language.pick("전체", "all");
        let _ = write!(
            html,
            "<label>{label} <select name=\"{name}\"><option value=\"\">{all}</option>"
        );
        for (value, text) in options {
            let selected = if value == chosen { " selected" } else { "" };
            let _ = write!(
                html,
                "<option value=\"{}\"{selected}>{}</option>",
                EscapedText(value),
                EscapedText(&text)
            );
        }
        html.push_str("</select></label> ");
    }
}

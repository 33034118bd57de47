//! The state of services, by name: what a row says of the service it blames, of its owner, and of what
//! the service needs.

use std::collections::HashMap;
use std::fmt::Write;

use super::display_state::{Shown, cause};
use super::html::{Code, EscapedText, Language};
use super::row::chip;
use crate::config::{Config, OURSELVES, Service, SiteInfo, TargetId};
use crate::results::Row;

/// Services by name, with what the latest results say of each.
pub(super) struct ServiceStates<'c> {
    known: HashMap<&'c str, ServiceState<'c>>,
}

/// A service with what its probes and those of others say of it.
pub(super) struct ServiceState<'c> {
    pub(super) service: &'c Service,
    /// The worst of its own probes; none when it has no probe.
    pub(super) state: Option<Shown>,
    /// Failing probes of other services that name it as the cause: its own may be green all the
    /// while, because they ask for less.
    pub(super) blamed_by: usize,
}

impl<'c> ServiceStates<'c> {
    pub(super) fn of(config: &'c Config, rows: &[Row]) -> ServiceStates<'c> {
        let unknown_yet =
            |service: &'c Service| ServiceState { service, state: None, blamed_by: 0 };
        let mut known: HashMap<&str, ServiceState<'_>> =
            config.services.iter().map(|service| (&*service.name, unknown_yet(service))).collect();
        for row in rows {
            let (state, service) = (Shown::of(row), &*row.target.id.service);
            if let Some(own) = known.get_mut(service) {
                own.state = Some(own.state.map_or(state, |worst| worst.min(state)));
            }
            let blamed = cause(row).map(|cause| row.target.blamed(cause));
            if let Some(blamed) = blamed.filter(|blamed| state == Shown::Down && *blamed != service)
                && let Some(other) = known.get_mut(blamed)
            {
                other.blamed_by += 1;
            }
        }
        ServiceStates { known }
    }

    pub(super) fn get(&self, name: &str) -> Option<&ServiceState<'c>> {
        self.known.get(name)
    }

    /// What people know of a probe's site.
    pub(super) fn site(&self, of: &TargetId) -> Option<&'c SiteInfo> {
        self.get(&of.service)?.service.site(of.site.as_deref())
    }

    /// The site as people call it, with its name; nothing for a probe without one.
    pub(super) fn called_site(&self, of: &TargetId) -> String {
        let Some(name) = &of.site else { return String::new() };
        let name = format!("@{name}");
        match self.site(of).and_then(|site| site.title.as_deref()) {
            Some(title) => format!("{} {}", EscapedText(title), Code(&name)),
            None => Code(&name).to_string(),
        }
    }

    /// The service as people call it, with its name.
    pub(super) fn called(&self, name: &str, language: Language) -> String {
        let title = match self.get(name) {
            _ if name == OURSELVES => Some(language.pick("프로버", "the prober itself")),
            known => known.and_then(|known| known.service.title.as_deref()),
        };
        match title {
            Some(title) => format!("{} {}", EscapedText(title), Code(name)),
            None => Code(name).to_string(),
        }
    }

    /// What a service needs, each with its state: `행정전자서명 인증 gpki 정상`.
    pub(super) fn needs(&self, service: &Service, language: Language) -> String {
        let needs = service.needs.iter().map(|need| self.need(need, language));
        needs.collect::<Vec<_>>().join(", ")
    }

    fn need(&self, name: &str, language: Language) -> String {
        let mut html = self.called(name, language);
        let Some(known) = self.get(name) else { return html };
        if let Some(state) = known.state {
            let _ = write!(html, " {}", chip(state, language));
        }
        if known.blamed_by > 0 {
            let count = known.blamed_by;
            let _ = match language {
                Language::Korean => {
                    write!(html, " (다른 서비스의 감시 항목 {count}개가 원인으로 지목)")
                }
                Language::English => {
                    write!(html, " (blamed by {count} {} of others)", plural(count))
                }
            };
        }
        html
    }
}

pub(super) const fn plural(probes: usize) -> &'static str {
    if probes == 1 { "probe" } else { "probes" }
}

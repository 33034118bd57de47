//! The systems of the estate: one file each, this table, and nothing shared but what
//! [`super::site`] offers.
//!
//! A system knows the others only by name and reaches them over their real sockets, so a fault in
//! one is felt by those that need it.

pub mod anyid;
pub mod bypass;
pub mod disclosure;
pub mod document_exchange;
pub mod gov24;
pub mod gpki;
pub mod resident;
pub mod saeol;
pub mod welfare;

use std::sync::Arc;

use axum::Router;

use super::faults::Mistake;
use super::site::Site;

/// What is fixed about one simulated system.
#[derive(Debug)]
pub struct System {
    /// As files, the API and host names write it.
    pub name: &'static str,
    /// The service it belongs to in the lab's configuration; the sites of Saeol share one.
    pub service: &'static str,
    /// Korean title.
    pub title: &'static str,
    /// English title.
    pub english: &'static str,
    /// Systems it calls while it answers.
    pub needs: &'static [&'static str],
    /// What its pages are written in.
    pub charset: &'static encoding_rs::Encoding,
    /// The cookie of its sessions; different ones, because cookies do not mind ports.
    pub cookie: &'static str,
    /// Its pages.
    pub app: fn(Arc<Site>) -> Router,
}

impl PartialEq for System {
    fn eq(&self, other: &System) -> bool {
        self.name == other.name
    }
}

/// Every system, in the order of ports and pages.
pub static ALL: &[&System] = &[
    &gpki::SYSTEM,
    &saeol::JONGNO,
    &saeol::HAEUNDAE,
    &saeol::YUSEONG,
    &resident::SYSTEM,
    &gov24::SYSTEM,
    &anyid::SYSTEM,
    &welfare::SYSTEM,
    &document_exchange::SYSTEM,
    &disclosure::SYSTEM,
    &bypass::SYSTEM,
];

impl System {
    /// Its place in [`ALL`].
    pub fn index(&self) -> usize {
        ALL.iter().position(|system| std::ptr::eq(*system, self)).unwrap_or_default()
    }
}

/// The system of this name.
pub fn find(name: &str) -> Option<&'static System> {
    ALL.iter().copied().find(|system| system.name == name)
}

/// The systems meant by a name: a system, all sites of a service, or `all`.
pub fn select(name: &str) -> Result<Vec<&'static System>, Mistake> {
    let chosen: Vec<_> = ALL
        .iter()
        .copied()
        .filter(|system| name == "all" || system.name == name || system.service == name)
        .collect();
    if chosen.is_empty() {
        return Err(Mistake::unknown("system", name, valid_names()));
    }
    Ok(chosen)
}

/// Every name that [`select`] understands.
pub fn valid_names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        ALL.iter().flat_map(|system| [system.service, system.name]).collect();
    names.sort_unstable();
    names.dedup();
    names.push("all");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_needs_exist() {
        for (index, system) in ALL.iter().enumerate() {
            assert_eq!(system.index(), index);
            assert_eq!(find(system.name).unwrap().name, system.name);
            for need in system.needs {
                assert!(find(need).is_some(), "{} needs {need}", system.name);
            }
        }
    }

    #[test]
    fn a_service_stands_for_its_sites() {
        assert_eq!(select("saeol").unwrap().len(), 3);
        assert_eq!(select("all").unwrap().len(), ALL.len());
        let mistake = select("gpkl").unwrap_err();
        assert_eq!(mistake.message, "no system named \"gpkl\"; did you mean \"gpki\"?");
    }
}

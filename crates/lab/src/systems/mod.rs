//! The systems of the estate: one file each, and one line each in the table below.
//!
//! They share only what [`crate::site`] and [`crate::sign_in`] offer. A system knows the others only
//! by name and reaches them over their real sockets, so a fault in one reaches those that need it.

mod anyid;
mod bypass;
mod disclosure;
mod document_exchange;
mod gov24;
mod gpki;
mod resident;
mod saeol;
mod welfare;

use std::sync::Arc;

use axum::Router;

use crate::mistake::Mistake;
use crate::site::SystemSite;
use crate::system::SimulatedSystem;

type Application = fn(Arc<SystemSite>) -> Router;

macro_rules! systems {
    ($($module:ident::$system:ident,)*) => {
        /// Every system, in the order of ports and pages.
        pub static ALL: &[&SimulatedSystem] = &[$(&$module::$system,)*];

        /// The applications of [`ALL`], in the same order.
        static APPLICATIONS: &[Application] = &[$($module::app,)*];
    };
}

systems! {
    gpki::SYSTEM,
    saeol::JONGNO,
    saeol::HAEUNDAE,
    saeol::YUSEONG,
    resident::SYSTEM,
    gov24::SYSTEM,
    anyid::SYSTEM,
    welfare::SYSTEM,
    document_exchange::SYSTEM,
    disclosure::SYSTEM,
    bypass::SYSTEM,
}

/// The pages of a system, with the faults of its answers around them.
pub fn app(site: &Arc<SystemSite>) -> Router {
    let application = APPLICATIONS[index(site.system)];
    site.with_faults(application(Arc::clone(site)))
}

/// A system's position in [`ALL`].
pub fn index(system: &SimulatedSystem) -> usize {
    ALL.iter().position(|other| *other == system).unwrap_or_default()
}

pub fn find(name: &str) -> Option<&'static SimulatedSystem> {
    ALL.iter().copied().find(|system| system.name == name)
}

/// The systems meant by a name: a system, all sites of a service, or `all`.
pub fn select(name: &str) -> Result<Vec<&'static SimulatedSystem>, Mistake> {
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
            assert_eq!(super::index(system), index);
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

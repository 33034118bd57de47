//! How much stands, by grade: of everything, and of what needs a service that is broken. What an operations
//! room reads out after a fire: "grade 1: 40 of 40 back, grade 2: 62 of 68".

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::blocks::{Dependencies, blocks};
use super::display_state::Shown;
use super::service_state::ServiceStates;
use crate::config::Config;
use crate::results::Row;

/// Services of one grade.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct GradeCount {
    /// None: the file gives them none.
    grade: Option<u8>,
    services: usize,
    /// None of whose probes is down, unknown or unobserved.
    up: usize,
}

/// What needs one broken service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct CauseRecovery<'c> {
    cause: &'c str,
    services: usize,
    up: usize,
    grades: Vec<GradeCount>,
}

pub(super) struct Recovery<'c> {
    pub(super) grades: Vec<GradeCount>,
    pub(super) causes: Vec<CauseRecovery<'c>>,
}

impl<'c> Recovery<'c> {
    pub(super) fn of(config: &'c Config, rows: &'c [Row]) -> Recovery<'c> {
        let states = ServiceStates::of(config, rows);
        let dependencies = Dependencies::of(config, rows);
        let broken: HashSet<&str> = blocks(config, rows)
            .into_iter()
            .filter(|block| block.worst == Shown::Down)
            .map(|block| block.cause)
            .collect();
        let mut all = BTreeMap::new();
        let mut of_cause: BTreeMap<&'c str, BTreeMap<u8, GradeCount>> = BTreeMap::new();
        for service in &config.services {
            // One that nobody probes neither stands nor is down.
            let Some(state) = states.get(&service.name).and_then(|known| known.state) else {
                continue;
            };
            let is_up = matches!(state, Shown::Up | Shown::Degraded);
            count(&mut all, service.grade, is_up);
            for need in dependencies.closure(&service.name) {
                if broken.contains(need) {
                    count(of_cause.entry(need).or_default(), service.grade, is_up);
                }
            }
        }
        let causes = of_cause.into_iter().map(|(cause, grades)| {
            let grades: Vec<GradeCount> = grades.into_values().collect();
            CauseRecovery {
                cause,
                services: grades.iter().map(|count| count.services).sum(),
                up: grades.iter().map(|count| count.up).sum(),
                grades,
            }
        });
        Recovery { grades: all.into_values().collect(), causes: causes.collect() }
    }
}

/// Those without a grade come last.
fn count(grades: &mut BTreeMap<u8, GradeCount>, grade: Option<u8>, is_up: bool) {
    let of = grades.entry(grade.unwrap_or(u8::MAX));
    let of = of.or_insert(GradeCount { grade, services: 0, up: 0 });
    of.services += 1;
    of.up += usize::from(is_up);
}

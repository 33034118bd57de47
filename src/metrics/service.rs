//! Series of services: names for people, grades, objectives, what needs what, and maintenance.
//! They come from the whole file whatever the shard, so that rules see the same graph everywhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::probe::flag;
use super::text::{Family, Text};
use crate::config::{Config, Service};
use crate::maintenance;
use crate::results::push;

static INFO: Family =
    Family::gauge("bongsu_service_info", "A service as people know it, as labels.");
static SITE_INFO: Family =
    Family::gauge("bongsu_site_info", "A site of a service as people know it, as labels.");
static GRADE: Family =
    Family::gauge("bongsu_service_grade", "Grade of the service, 1 to 4. Absent when it has none.");
static SLO: Family = Family::gauge(
    "bongsu_slo_objective_ratio",
    "Share of time in which the service should be available.",
);
static NEEDS: Family = Family::gauge(
    "bongsu_service_needs",
    "What a service needs, directly (distance 1) or through others.",
);
static MAINTENANCE_ACTIVE: Family = Family::gauge(
    "bongsu_maintenance_active",
    "Whether a window of maintenance is open now; kind is announced or emergency.",
);
static MAINTENANCE_START: Family = Family::gauge(
    "bongsu_maintenance_start_timestamp_seconds",
    "Start of the open window, else of the next one, else of the last, in unix time.",
);

static MAINTENANCE_END: Family = Family::gauge(
    "bongsu_maintenance_end_timestamp_seconds",
    "First moment after the same window, in unix time.",
);

/// The services of a configuration, ready to be written.
#[derive(Debug, Default)]
pub(super) struct Services {
    rows: Vec<ServiceRow>,
    needs: Vec<Need>,
}

#[derive(Debug)]
struct ServiceRow {
    /// `service="..."`.
    label: String,
    /// All labels of the info series.
    info: String,
    /// The same of its sites.
    sites: Vec<String>,
    grade: Option<u8>,
    slo: f64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    service: Arc<str>,
    needs: Arc<str>,
    distance: usize,
}

impl Services {
    pub(super) fn of(config: &Config) -> Services {
        let rows = config.services.iter().map(|service| ServiceRow::of(service)).collect();
        Services { rows, needs: closure(&config.services) }
    }

    pub(super) fn write(&self, text: &mut Text<'_>) {
        let mut info = text.family(&INFO);
        for row in &self.rows {
            info.put(&row.info, &[], 1.0);
        }
        let mut sites = text.family(&SITE_INFO);
        for site in self.rows.iter().flat_map(|row| &row.sites) {
            sites.put(site, &[], 1.0);
        }
        let mut grade = text.family(&GRADE);
        for row in &self.rows {
            if let Some(value) = row.grade {
                grade.put(&row.label, &[], value.into());
            }
        }
        let mut slo = text.family(&SLO);
        for row in &self.rows {
            slo.put(&row.label, &[], row.slo);
        }
        let mut needs = text.family(&NEEDS);
        for need in &self.needs {
            let distance = need.distance.to_string();
            let pairs =
                [("service", &*need.service), ("needs", &*need.needs), ("distance", &distance)];
            needs.put("", &pairs, 1.0);
        }
    }
}

impl ServiceRow {
    fn of(service: &Service) -> ServiceRow {
        let mut label = String::new();
        push(&mut label, "service", &service.name);
        let mut info = label.clone();
        let texts = [
            ("title", &service.title),
            ("owner", &service.owner),
            ("alternative", &service.alternative),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                push(&mut info, name, value);
            }
        }
        let sites = service.sites.iter().map(|(name, site)| {
            let mut info = label.clone();
            push(&mut info, "site", name);
            let texts =
                [("title", &site.title), ("owner", &site.owner), ("telephone", &site.telephone)];
            for (name, value) in texts {
                if let Some(value) = value {
                    push(&mut info, name, value);
                }
            }
            info
        });
        let sites = sites.collect();
        ServiceRow { label, info, sites, grade: service.grade, slo: service.slo }
    }
}

/// The transitive closure of `needs` with the shortest distance, by breadth-first search.
fn closure(services: &[Arc<Service>]) -> Vec<Need> {
    let direct: BTreeMap<&str, &[Arc<str>]> =
        services.iter().map(|service| (&*service.name, service.needs.as_slice())).collect();
    let mut all = Vec::new();
    for service in services {
        let mut seen = BTreeSet::from([&*service.name]);
        let mut queue = VecDeque::from([(&*service.name, 0)]);
        while let Some((name, distance)) = queue.pop_front() {
            for needs in direct.get(name).copied().unwrap_or_default() {
                if seen.insert(needs) {
                    queue.push_back((needs, distance + 1));
                    all.push(Need {
                        service: Arc::clone(&service.name),
                        needs: Arc::clone(needs),
                        distance: distance + 1,
                    });
                }
            }
        }
    }
    all
}

pub(super) fn write_maintenance(rows: &[maintenance::WindowRow], text: &mut Text<'_>) {
    // A window that names the same target twice is one series.
    let rows: BTreeMap<_, _> = rows.iter().map(|row| ((&row.name, labels(row)), row)).collect();
    let mut active = text.family(&MAINTENANCE_ACTIVE);
    for ((_, labels), row) in &rows {
        active.put(labels, &[], flag(row.active));
    }
    let mut start = text.family(&MAINTENANCE_START);
    for ((_, labels), row) in &rows {
        start.put(labels, &[], row.start.as_second() as f64);
    }
    let mut end = text.family(&MAINTENANCE_END);
    for ((_, labels), row) in &rows {
        end.put(labels, &[], row.end.as_second() as f64);
    }
}

fn labels(row: &maintenance::WindowRow) -> String {
    let mut text = String::new();
    push(&mut text, "service", &row.service);
    if let Some(site) = &row.site {
        push(&mut text, "site", site);
    }
    push(&mut text, "name", &row.name);
    push(&mut text, "kind", row.kind.as_str());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, needs: &[&str]) -> Arc<Service> {
        Arc::new(Service {
            name: name.into(),
            title: None,
            grade: None,
            owner: None,
            alternative: None,
            needs: needs.iter().map(|&name| name.into()).collect(),
            slo: 0.999,
            sites: BTreeMap::new(),
        })
    }

    #[test]
    fn the_closure_of_needs_has_the_shortest_distance() {
        let services = [
            service("dc", &[]),
            service("gpki", &["dc"]),
            service("saeol", &["gpki", "dc"]),
            service("gov24", &["saeol"]),
        ];
        let mut all: Vec<_> = closure(&services)
            .into_iter()
            .map(|need| format!("{} {} {}", need.service, need.needs, need.distance))
            .collect();
        all.sort();
        let expected = [
            "gov24 dc 2",
            "gov24 gpki 2",
            "gov24 saeol 1",
            "gpki dc 1",
            "saeol dc 1",
            "saeol gpki 1",
        ];
        assert_eq!(all, expected);
    }
}

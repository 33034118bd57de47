//! Services: names, needs, sites, and the probes in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::inherit::{self, Shared};
use super::names::Scope;
use super::probe::{self, Parent};
use super::reading::{At, Fields};
use super::{DnsOwner, Service, SiteInfo, Target, TargetId, needs, secrets, sites, value};

/// A service's own keys, beside the shared ones.
pub(super) const KEYS: [&str; 12] = [
    "name",
    "title",
    "grade",
    "owner",
    "alternative",
    "needs",
    "for_each",
    "vars",
    "secrets",
    "probes",
    "enabled",
    "slo",
];

/// All public systems of the country are 17,000; this is a limit for generators that run wild.
const TARGETS_MAX: usize = 100_000;

/// Availability that the public-sector SLA asks of grade 1 and of the others.
const SLO_GRADE_1: f64 = 0.9992;
const SLO: f64 = 0.9990;

/// Everything that the services of all files come to.
#[derive(Default)]
pub(super) struct Estate {
    pub(super) services: Vec<Arc<Service>>,
    pub(super) targets: Vec<Arc<Target>>,
    pub(super) disabled: Vec<TargetId>,
    /// The sites of each service that has some; none when they could not be read.
    pub(super) sites: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// The level above services.
pub(super) struct Defaults<'a> {
    pub(super) shared: Shared<'a>,
    pub(super) slo: Option<f64>,
}

/// Reads the mapping under `defaults`.
pub(super) fn defaults<'a>(at: Option<&At<'a>>) -> Defaults<'a> {
    let none = Defaults { shared: Shared::default(), slo: None };
    let known: Vec<&str> = ["slo"].iter().chain(&inherit::KEYS).copied().collect();
    let Some(fields) = at.and_then(|at| at.fields(&known)) else { return none };
    let mut shared = none.shared.over(&fields);
    shared.dns_owner = DnsOwner::Prober;
    Defaults { shared, slo: fields.parse("slo", slo) }
}

/// The names of all services, before any of them is read, with where each is declared first.
pub(super) fn names(lists: &[At<'_>]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for list in lists {
        for at in list.one_or_many() {
            let name = at.quietly("name").and_then(|at| at.written());
            if let Some(name) = name {
                let place = format!("{} of {}", at.path(), at.reading.document.path.display());
                names.entry(name.to_owned()).or_insert(place);
            }
        }
    }
    names
}

/// Reads the services of all files.
pub(super) fn services(lists: &[At<'_>], defaults: &Defaults<'_>) -> Estate {
    let mut estate = Estate::default();
    let mut wanted = Vec::new();
    for list in lists {
        for at in list.items().unwrap_or_default() {
            wanted.extend(service(&at, defaults, &mut estate));
            if estate.targets.len() + estate.disabled.len() > TARGETS_MAX {
                at.problem(format!("with this service there are more than {TARGETS_MAX} probes"));
                return estate;
            }
        }
    }
    needs::refuse_circles(&wanted);
    estate
}

fn service<'a>(
    at: &At<'a>,
    defaults: &Defaults<'a>,
    estate: &mut Estate,
) -> Option<needs::Needs<'a>> {
    let known: Vec<&str> = KEYS.iter().chain(&inherit::KEYS).copied().collect();
    let fields = at.fields(&known)?;
    let name = name(&fields);
    let enabled = fields.take("enabled").and_then(|at| at.flag()).unwrap_or(true);
    let grade = fields.parse("grade", value::whole(1..=4)).and_then(|grade| grade.try_into().ok());
    let default_slo = defaults.slo.unwrap_or(if grade == Some(1) { SLO_GRADE_1 } else { SLO });
    // A service whose name cannot be read is still looked through for other problems.
    let key: Arc<str> = name.clone().unwrap_or_else(|| Arc::from("?"));
    let needs = needs::read(&fields, &key);
    let mut service = Service {
        sites: BTreeMap::new(),
        name: key.clone(),
        title: fields.text("title"),
        grade,
        owner: fields.text("owner"),
        alternative: fields.text("alternative"),
        needs: needs.names(),
        slo: fields.parse("slo", slo).unwrap_or(default_slo),
    };
    let sites = probes(&fields, &key, defaults, &mut |probe| {
        if enabled && probe.enabled {
            estate.targets.push(Arc::new(probe.target));
        } else {
            estate.disabled.push(probe.target.id);
        }
    });
    if fields.has("for_each") {
        // An entry without sites: they could not be read.
        let names = sites.iter().map(|(name, _)| name.clone());
        estate.sites.entry(key.clone()).or_default().extend(names);
        service.sites = sites.into_iter().filter_map(|(name, info)| Some((name, info?))).collect();
    }
    estate.services.push(Arc::new(service));
    name.map(|_| needs)
}

fn name(fields: &Fields<'_>) -> Option<Arc<str>> {
    let at = fields.need("name")?;
    let name = at.parse(|text| {
        value::name(text).map_err(|said| format!("{said}; what people see is the title"))
    })?;
    if name == "bongsu" {
        at.problem("\"bongsu\" is reserved for faults of the prober itself");
        return None;
    }
    let here = format!("{} of {}", fields.at.path(), fields.at.reading.document.path.display());
    let first = at.reading.load.services.get().and_then(|services| services.get(&name));
    if let Some(first) = first.filter(|first| **first != here) {
        let first = first.strip_suffix(&format!(" of {}", at.reading.document.path.display()));
        let first =
            first.unwrap_or(at.reading.load.services.get().map_or("", |names| &names[&name]));
        at.problem(format!(
            "{first} is called \"{name}\" already; every service needs its own name"
        ));
        return None;
    }
    Some(name.into())
}

fn slo(text: &str) -> Result<f64, String> {
    match text.trim_end_matches(['%', ' ']).parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio < 1.0 => Ok(ratio),
        Ok(percent) if percent > 1.0 && percent < 100.0 => Err(format!(
            "\"{text}\" is not a ratio between 0 and 1; write {}",
            (percent * 1e6).round() / 1e8
        )),
        _ => Err(format!("\"{text}\" is not a ratio between 0 and 1, such as 0.999")),
    }
}

/// Reads the probes once for each site, or once. Answers with the sites.
fn probes(
    fields: &Fields<'_>,
    service: &Arc<str>,
    defaults: &Defaults<'_>,
    found: &mut dyn FnMut(probe::ReadProbe),
) -> Vec<(Arc<str>, Option<SiteInfo>)> {
    let list = fields.take("probes");
    let items = list.as_ref().and_then(|at| at.items());
    if let (Some(at), Some([])) = (&list, items.as_deref()) {
        at.reading.load.advise(format!(
            "{} is an empty list: nothing watches {service}; leave the key out if that is meant",
            at.path()
        ));
    }
    let list = items.unwrap_or_default();
    let mut names: HashMap<Arc<str>, String> = HashMap::new();
    let mut named = Vec::new();
    for at in list {
        let Some(name) = probe::name(&at) else {
            named.push((at, Arc::from("?")));
            continue;
        };
        if let Some(first) = names.get(&name) {
            let at = at.quietly("name").unwrap_or(at.clone());
            at.problem(format!("{first} is called \"{name}\" already; give it its own name"));
        }
        names.entry(name.clone()).or_insert_with(|| at.path());
        named.push((at, name));
    }
    let mut scopes = match fields.take("for_each") {
        None => vec![Scope::default()],
        // Without the sites nothing can be said of ${site...}, but of everything else.
        Some(at) => sites::sites(&at).unwrap_or_else(|| {
            vec![Scope { unknown: ["site".to_owned()].into(), ..Scope::default() }]
        }),
    };
    for scope in &mut scopes {
        variables(fields, scope);
        if let Some(at) = fields.take("secrets") {
            scope.own_secrets =
                secrets::own(&at.with(at.reading.within(scope)), service, scope.site.as_deref());
        }
        let scope = &*scope;
        let within = fields.with(fields.at.reading.within(scope));
        let shared = defaults.shared.over(&within);
        let parent = Parent { service, shared: &shared };
        for (at, name) in &named {
            if let Some(probe) = probe::probe(&at.with(at.reading.within(scope)), name, &parent) {
                found(probe);
            }
        }
    }
    let site = |scope: &Scope| Some((scope.site.clone()?, sites::info(scope)));
    scopes.iter().filter_map(site).collect()
}

/// Adds `vars`; later ones may name earlier ones.
fn variables(fields: &Fields<'_>, scope: &mut Scope) {
    let Some(at) = fields.take("vars") else { return };
    let mut filled = Vec::new();
    for (name, at) in at.entries().unwrap_or_default() {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(word) {
            at.problem(format!("\"{name}\" cannot be a variable's name; use a-z 0-9 and _"));
        } else if name == "site" || name == "secret" {
            at.problem(format!("\"{name}\" has a meaning already; choose another name"));
        } else if let Some(text) = at.with(at.reading.within(scope)).text() {
            filled.push((name.to_owned(), text.into_owned()));
        } else {
            scope.unknown.insert(name.to_owned());
        }
        if let Some((name, text)) = filled.pop() {
            scope.values.insert(name, text);
        }
    }
}

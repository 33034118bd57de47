//! Which failures are one outage: the service where it begins, and what fails because of it.
//!
//! What a run saw comes first (a login's step names the service that failed it), then what services
//! need: what needs a broken service is a consequence of it. A certificate is its own host's, whatever
//! that host needs, and names of services say nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::display_state::{GRADE_OF_NONE, Shown, cause, grades};
use crate::config::{Config, OURSELVES};
use crate::outcome::Nature;
use crate::results::Row;

/// A service without probes is the inferred cause when at least so many services that need it are
/// down, and at least half of them, as in `cause:inferred` of the rules.
///
/// No row: it bounds nothing.
const INFERRED_FROM: usize = 5;

pub(super) struct Block<'r> {
    /// The service where it begins; [`OURSELVES`] for what is the prober's.
    pub(super) cause: &'r str,
    /// The worst of all its rows.
    pub(super) worst: Shown,
    /// Failing probes of the cause itself, worst first.
    pub(super) own: Vec<&'r Row>,
    /// Failing probes of others by service, worst first.
    pub(super) consequences: Vec<(&'r str, Vec<&'r Row>)>,
}

impl<'r> Block<'r> {
    pub(super) fn rows(&self) -> impl Iterator<Item = &'r Row> {
        let others = self.consequences.iter().flat_map(|(_, rows)| rows);
        self.own.iter().chain(others).copied()
    }
}

/// The outages among these rows, worst first; rows that are up are in none. `rows` are sorted.
pub(super) fn blocks<'r>(config: &'r Config, rows: &'r [Row]) -> Vec<Block<'r>> {
    let estate = Dependencies::of(config, rows);
    let mut blocks: BTreeMap<&str, Block<'r>> = BTreeMap::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for row in rows {
        let state = Shown::of(row);
        if state == Shown::Up {
            continue;
        }
        let begins = estate.begins(row, state);
        let block = blocks.entry(begins).or_insert_with(|| Block {
            cause: begins,
            worst: state,
            own: Vec::new(),
            consequences: Vec::new(),
        });
        block.worst = block.worst.min(state);
        let service = &*row.target.id.service;
        if service == begins {
            block.own.push(row);
            continue;
        }
        let place = *places.entry((begins, service)).or_insert(block.consequences.len());
        match block.consequences.get_mut(place) {
            Some((_, rows)) => rows.push(row),
            None => block.consequences.push((service, vec![row])),
        }
    }
    let mut blocks: Vec<Block<'r>> = blocks.into_values().collect();
    let grades = grades(config);
    blocks.sort_by_key(|block| {
        (block.worst, grades.get(block.cause).copied().unwrap_or(GRADE_OF_NONE), block.cause)
    });
    blocks
}

/// Who needs whom, and who is broken.
pub(super) struct Dependencies<'r> {
    needs: HashMap<&'r str, Vec<&'r str>>,
    broken: HashSet<&'r str>,
}

impl<'r> Dependencies<'r> {
    pub(super) fn of(config: &'r Config, rows: &'r [Row]) -> Dependencies<'r> {
        let needs = config.services.iter().map(|service| {
            (&*service.name, service.needs.iter().map(|need| &**need).collect::<Vec<_>>())
        });
        let needs: HashMap<&str, Vec<&str>> = needs.collect();
        let mut broken = HashSet::new();
        let mut probed = HashSet::new();
        for row in rows {
            probed.insert(&*row.target.id.service);
            if Shown::of(row) == Shown::Down {
                let blamed = cause(row).map_or(&*row.target.id.service, |c| row.target.blamed(c));
                broken.insert(blamed);
            }
        }
        let mut estate = Dependencies { needs, broken };
        estate.infer(&probed);
        estate
    }

    /// Causes that nothing probes, from the services that need them.
    fn infer(&mut self, probed: &HashSet<&str>) {
        let mut dependents: HashMap<&'r str, (usize, usize)> = HashMap::new();
        for &service in probed.iter() {
            let is_down = self.broken.contains(service);
            for need in self.closure(service) {
                let (down, all) = dependents.entry(need).or_default();
                *down += usize::from(is_down);
                *all += 1;
            }
        }
        let inferred = dependents.into_iter().filter(|(need, (down, all))| {
            !probed.contains(need) && *down >= INFERRED_FROM && down * 2 >= *all
        });
        self.broken.extend(inferred.map(|(need, _)| need));
    }

    /// Everything that a service needs, directly or not.
    pub(super) fn closure(&self, service: &str) -> HashSet<&'r str> {
        let mut found = HashSet::new();
        let mut open: Vec<&str> = vec![service];
        while let Some(next) = open.pop() {
            for &need in self.needs.get(next).map(Vec::as_slice).unwrap_or_default() {
                if found.insert(need) {
                    open.push(need);
                }
            }
        }
        found
    }

    /// Where a row's trouble begins.
    fn begins(&self, row: &'r Row, state: Shown) -> &'r str {
        let own = &*row.target.id.service;
        let Some(failure) = cause(row).filter(|_| state != Shown::Unobserved) else { return own };
        let seen = row.target.blamed(failure);
        if state != Shown::Down || seen == OURSELVES || failure.reason.is(Nature::OfItsCertificate)
        {
            return seen;
        }
        let (mut at, mut passed) = (seen, HashSet::from([seen]));
        loop {
            let needs = self.needs.get(at).map(Vec::as_slice).unwrap_or_default();
            let deeper = needs.iter().find(|need| self.is_or_needs_broken(need));
            match deeper {
                Some(need) if passed.insert(need) => at = need,
                // The last broken one on the way: what lies between may be well.
                _ => return if self.broken.contains(at) { at } else { seen },
            }
        }
    }

    fn is_or_needs_broken(&self, service: &str) -> bool {
        self.broken.contains(service)
            || self.closure(service).iter().any(|need| self.broken.contains(need))
    }
}

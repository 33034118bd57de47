//! What all readers of one load share: the names that are declared, the caches, and the problems
//! they note.
//!
//! What is found for every site of a `for_each` is one problem.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use read::{FileProblems, Place, Problem, ReadError};

use super::cache::Cache;
use super::files::Files;
use super::names::{FILLED_TOTAL_MAX, Scope};
use super::{ExecSteps, SecretRef};
use crate::receiver::Receiver;

/// Suggestions need a pass over all candidates; with thousands of broken references nobody reads
/// the last ones.
const SUGGESTIONS_MAX: usize = 200;

/// Says of an unknown key, among known ones, where it belongs.
type Misplaced = fn(&str, &[&str]) -> Option<String>;

/// What all readers of one load share.
pub(super) struct Load<'a> {
    pub(super) files: &'a dyn Files,
    /// What to say of a key that is right elsewhere, or that other programs have.
    pub(super) misplaced: Misplaced,
    pub(super) exec_steps: ExecSteps,
    /// Things that are costly to make and named often.
    pub(super) cache: Cache,
    /// Declared secrets by name, known before anything that can name one is read; those of a service
    /// by their full names.
    pub(super) secrets: RefCell<BTreeMap<String, SecretRef>>,
    /// Declared services by name, with the first place that declares each.
    pub(super) services: OnceCell<BTreeMap<String, String>>,
    /// Secrets that requests name, and the servers they go to.
    pub(super) used: RefCell<BTreeMap<Arc<str>, BTreeSet<Receiver>>>,
    /// What `check` should say.
    pub(super) advice: RefCell<Vec<String>>,
    /// A file could not be read, so what it declares is not known.
    pub(super) incomplete: Cell<bool>,
    /// Bytes of filled-in text that may still be made; `None` once they were not enough.
    pub(super) filled_left: Cell<Option<usize>>,
    found: RefCell<Found>,
    suggestions_left: Cell<usize>,
    /// The paths of mappings that were asked for their fields, with the keys that are known there.
    #[cfg(test)]
    pub(super) asked_for: RefCell<Vec<(String, BTreeSet<String>)>>,
}

/// Problems as they are noted.
#[derive(Default)]
struct Found {
    problems: Vec<Noted>,
    /// What was found wrong for a site: for the next site it is the same mistake.
    per_site: HashMap<Spot, usize>,
    /// The place and the message of everything.
    seen: HashSet<(Spot, String)>,
}

/// A value of a file; several keys of one name have one path.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Spot {
    document: usize,
    path: String,
    place: Option<Place>,
}

struct Noted {
    spot: Spot,
    message: String,
    sites: Option<Sites>,
}

/// For which sites of a `for_each` a problem was found.
struct Sites {
    first: Arc<str>,
    last: Arc<str>,
    others: usize,
    all: usize,
}

impl Sites {
    /// Says which, unless it is all of them.
    fn describe(&self) -> String {
        match self.others {
            others if others + 1 == self.all => String::new(),
            0 => format!(" (site {})", self.first),
            others => format!(" (site {} and {others} more)", self.first),
        }
    }
}

impl<'a> Load<'a> {
    pub(super) fn new(
        files: &'a dyn Files,
        misplaced: Misplaced,
        exec_steps: ExecSteps,
    ) -> Load<'a> {
        Load {
            files,
            misplaced,
            exec_steps,
            cache: Cache::default(),
            secrets: RefCell::default(),
            services: OnceCell::new(),
            used: RefCell::default(),
            advice: RefCell::default(),
            incomplete: Cell::new(false),
            filled_left: Cell::new(Some(FILLED_TOTAL_MAX)),
            found: RefCell::default(),
            suggestions_left: Cell::new(SUGGESTIONS_MAX),
            #[cfg(test)]
            asked_for: RefCell::default(),
        }
    }

    /// Adds a piece of advice once.
    pub(super) fn advise(&self, text: String) {
        let mut advice = self.advice.borrow_mut();
        if !advice.contains(&text) {
            advice.push(text);
        }
    }

    /// "did you mean" among many names.
    pub(super) fn hint<'n>(&self, word: &str, names: impl Iterator<Item = &'n str>) -> String {
        let Some(left) = self.suggestions_left.get().checked_sub(1) else { return String::new() };
        self.suggestions_left.set(left);
        read::hint(word, names)
    }

    /// From now on, an unknown name may be one of a file that could not be read.
    pub(super) fn set_incomplete(&self) {
        self.incomplete.set(true);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().problems.is_empty()
    }

    pub(super) fn note(
        &self,
        document: usize,
        scope: &Scope,
        path: String,
        place: Option<Place>,
        mut message: String,
    ) {
        if let Some(flow) = &scope.flow {
            message.push_str(&flow.place());
        }
        let found = &mut *self.found.borrow_mut();
        let spot = Spot { document, path, place };
        let index = found.problems.len();
        if let Some(site) = &scope.site {
            let known = found.per_site.get(&spot);
            if let Some(sites) = known.and_then(|known| found.problems[*known].sites.as_mut())
                && sites.first != *site
            {
                sites.others += usize::from(sites.last != *site);
                sites.last = site.clone();
                return;
            }
        }
        if !found.seen.insert((spot.clone(), message.clone())) {
            return;
        }
        if scope.site.is_some() {
            found.per_site.entry(spot.clone()).or_insert(index);
        }
        let sites = scope.site.clone().map(|site| Sites {
            first: site.clone(),
            last: site,
            others: 0,
            all: scope.sites,
        });
        found.problems.push(Noted { spot, message, sites });
    }

    /// Notes what is wrong with a file as a whole, or with its syntax at one place.
    pub(super) fn note_file(&self, document: usize, place: Option<Place>, message: String) {
        let spot = Spot { document, path: String::new(), place };
        self.found.borrow_mut().problems.push(Noted { spot, message, sites: None });
        self.set_incomplete();
    }

    /// Everything noted, or `None` when there is nothing. `files` are in the order of reading.
    pub(super) fn error(&self, files: &[&Path]) -> Option<ReadError> {
        let found = self.found.borrow();
        let mut problems: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
        for Noted { spot, message, sites } in &found.problems {
            let sites = sites.as_ref().map(Sites::describe).unwrap_or_default();
            let message = format!("{message}{sites}");
            let problem = Problem { place: spot.place, path: spot.path.clone(), message };
            problems.entry(spot.document).or_default().push(problem);
        }
        let files: Vec<FileProblems> = problems
            .into_iter()
            .map(|(index, mut problems)| {
                problems.sort_by_key(|problem| problem.place);
                FileProblems { file: files[index].to_owned(), problems }
            })
            .collect();
        (!files.is_empty()).then_some(ReadError { files })
    }
}

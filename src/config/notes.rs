//! What all readers of one load share: the names that are declared, the caches, and the problems
//! they note.
//!
//! A problem is noted with a path; lines and columns are looked up once, at the end, and only when
//! there is something to report. What is found for every site of a `for_each` is one problem.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::cache::Cache;
use super::document::Document;
use super::files::Files;
use super::names::FILLED_TOTAL_MAX;
use super::position::{PathStep, Place};
use super::problem::{ConfigError, FileProblems, Problem};
use super::walk::At;
use super::{SecretRef, suggest};

/// Suggestions need a pass over all candidates; with thousands of broken references nobody reads
/// the last ones.
const SUGGESTIONS_MAX: usize = 200;

/// What all readers of one load share.
pub(super) struct Load<'a> {
    pub(super) files: &'a dyn Files,
    /// Things that are costly to make and named often.
    pub(super) cache: Cache,
    /// Declared secrets by name, known before anything that can name one is read.
    pub(super) secrets: OnceCell<BTreeMap<String, SecretRef>>,
    /// Declared services by name, with the first place that declares each.
    pub(super) services: OnceCell<BTreeMap<String, String>>,
    /// Secrets that requests name, and the hosts they go to.
    pub(super) used: RefCell<BTreeMap<Arc<str>, BTreeSet<String>>>,
    /// What `check` should say.
    pub(super) advice: RefCell<Vec<String>>,
    /// A file could not be read, so what it declares is not known.
    pub(super) incomplete: Cell<bool>,
    /// Bytes of filled-in text that may still be made; `None` once they were not enough.
    pub(super) filled_left: Cell<Option<usize>>,
    found: RefCell<Found>,
    suggestions_left: Cell<usize>,
}

/// Problems as they are noted.
#[derive(Default)]
struct Found {
    problems: Vec<Noted>,
    /// File and path of what was found wrong for a site: for the next site it is the same mistake.
    per_site: HashMap<(usize, Vec<PathStep>), usize>,
    /// File, path and message of everything.
    seen: HashSet<(usize, Vec<PathStep>, String)>,
}

struct Noted {
    document: usize,
    steps: Vec<PathStep>,
    /// Of a syntax error, which has no path.
    position: Option<Place>,
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
    pub(super) fn new(files: &'a dyn Files) -> Load<'a> {
        Load {
            files,
            cache: Cache::default(),
            secrets: OnceCell::new(),
            services: OnceCell::new(),
            used: RefCell::default(),
            advice: RefCell::default(),
            incomplete: Cell::new(false),
            filled_left: Cell::new(Some(FILLED_TOTAL_MAX)),
            found: RefCell::default(),
            suggestions_left: Cell::new(SUGGESTIONS_MAX),
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
        suggest::hint(word, names)
    }

    /// From now on, an unknown name may be one of a file that could not be read.
    pub(super) fn set_incomplete(&self) {
        self.incomplete.set(true);
    }

    /// Nothing noted so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().problems.is_empty()
    }

    pub(super) fn note(&self, at: &At<'_>, mut message: String) {
        if let Some(flow) = &at.scope.flow {
            message.push_str(&flow.place());
        }
        let found = &mut *self.found.borrow_mut();
        let steps = at.steps();
        let index = found.problems.len();
        if let Some(site) = &at.scope.site {
            let known = found.per_site.get(&(at.document.index, steps.clone()));
            if let Some(sites) = known.and_then(|known| found.problems[*known].sites.as_mut())
                && sites.first != *site
            {
                sites.others += usize::from(sites.last != *site);
                sites.last = site.clone();
                return;
            }
        }
        if !found.seen.insert((at.document.index, steps.clone(), message.clone())) {
            return;
        }
        if at.scope.site.is_some() {
            found.per_site.entry((at.document.index, steps.clone())).or_insert(index);
        }
        let sites = at.scope.site.clone().map(|site| Sites {
            first: site.clone(),
            last: site,
            others: 0,
            all: at.scope.sites,
        });
        let document = at.document.index;
        found.problems.push(Noted { document, steps, position: None, message, sites });
    }

    /// Notes what is wrong with a file as a whole, or with its syntax at one place.
    pub(super) fn note_file(&self, document: usize, position: Option<Place>, message: String) {
        let steps = Vec::new();
        let noted = Noted { document, steps, position, message, sites: None };
        self.found.borrow_mut().problems.push(noted);
        self.set_incomplete();
    }

    /// Everything noted, with places, or `None` when there is nothing.
    pub(super) fn error(&self, documents: &[Rc<Document>]) -> Option<ConfigError> {
        let found = self.found.borrow();
        let mut files: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
        for noted in &found.problems {
            let position = noted.position.or_else(|| {
                let steps = Some(&noted.steps).filter(|steps| !steps.is_empty())?;
                documents[noted.document].positions()?.find(steps)
            });
            let sites = noted.sites.as_ref().map(Sites::describe).unwrap_or_default();
            let message = format!("{}{sites}", noted.message);
            let problem = Problem { position, path: path_text(&noted.steps), message };
            files.entry(noted.document).or_default().push(problem);
        }
        let files: Vec<FileProblems> = files
            .into_iter()
            .map(|(index, mut problems)| {
                problems.sort_by_key(|problem| problem.position);
                FileProblems { file: documents[index].path.clone(), problems }
            })
            .collect();
        (!files.is_empty()).then_some(ConfigError { files })
    }
}

/// `services[0].probes[1].http.expect.header["X Y"]`.
pub(super) fn path_text(steps: &[PathStep]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            PathStep::Item(index) => text.push_str(&format!("[{index}]")),
            PathStep::Key(key, _) if is_word(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            PathStep::Key(key, _) => text.push_str(&format!("[{key:?}]")),
        }
    }
    text
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

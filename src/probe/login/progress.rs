//! How far each step of a run got, for the conditions of `finally`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::login::{Condition, LoginStep};

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing left this process.
    Begun,
    /// The request was sent; a session may be open.
    Sent,
    /// It found what it expects.
    Ok,
}

#[derive(Default)]
pub(super) struct Reached(BTreeMap<Arc<str>, Progress>);

impl Reached {
    pub(super) fn set(&mut self, step: &LoginStep, progress: Progress) {
        self.0.insert(step.step.name.clone(), progress);
    }

    pub(super) fn of(&self, name: &str) -> Option<Progress> {
        self.0.get(name).copied()
    }

    /// Whether a step of `finally` is to be done.
    pub(super) fn meets(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Always => true,
            Condition::Ok(name) => self.of(name) == Some(Progress::Ok),
            Condition::Sent(name) => self.of(name) >= Some(Progress::Sent),
        }
    }
}

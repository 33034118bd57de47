//! One run of a target, as it is printed.

use crate::config::Target;
use crate::outcome::Outcome;

pub(super) struct SingleRun<'a> {
    pub(super) target: &'a Target,
    pub(super) outcome: &'a Outcome,
    /// Whether any control answered.
    pub(super) online: bool,
}

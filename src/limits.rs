//! The limit of open files, raised as far as the system allows.
//!
//! Every run in flight holds a connection; on a day when all probes wait for their timeouts the
//! usual soft limit of 1,024 is too low. The soft limit only protects programs that use select(2),
//! which this one does not.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// How many files may be open. `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    pub now: Option<u64>,
}

/// Raises the soft limit to the hard one. Where that is refused, the old one stays in force and is
/// what this returns.
pub fn raise_descriptors() -> Descriptors {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, limit = found.current, "the limit of open files could not be raised");
    }
    Descriptors { now: getrlimit(Resource::Nofile).current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptors().now, hard);
        assert_eq!(raise_descriptors(), Descriptors { now: hard });
    }
}

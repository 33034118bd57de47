//! Whether a target moved: a name that led to one set of addresses leads to quite another. After a fire a
//! service comes back elsewhere, and whoever waits for its old address in a firewall wants to know.
//!
//! Names of content networks change their addresses with each answer. So an address counts as known for
//! a day after it was last seen, and only a set in which none is known is a move.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Longer than a name's turn through the places that answer for it, shorter than a relocation.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// A content network has tens of addresses for one name and one place.
///
/// Limit: addresses of a name that are remembered.
/// Share: of each target.
/// Full: the one that was not seen for the longest is forgotten.
/// Filled: of_a_name_with_ever_new_addresses_the_last_are_remembered
const KNOWN_MAX: usize = 64;

/// A target that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressMove {
    /// End of the first run that saw it.
    pub at: SystemTime,
    pub from: Vec<IpAddr>,
    pub to: Vec<IpAddr>,
}

/// The addresses of one target.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownAddresses {
    /// With the time at which each was last seen, the latest at the end.
    known: VecDeque<(IpAddr, SystemTime)>,
    /// What the last run was given.
    current: Vec<IpAddr>,
    last_move: Option<Arc<AddressMove>>,
}

impl KnownAddresses {
    /// Takes what a name was resolved to. Returns the move that this is, if it is one.
    pub(super) fn observe(
        &mut self,
        resolved: &[IpAddr],
        at: SystemTime,
    ) -> Option<Arc<AddressMove>> {
        if resolved.is_empty() {
            return None;
        }
        let is_old = |seen: SystemTime| at.duration_since(seen).is_ok_and(|age| age > KNOWN_FOR);
        let is_known = self.known.iter().any(|(ip, seen)| resolved.contains(ip) && !is_old(*seen));
        let moved = !is_known && !self.known.is_empty() && self.current != resolved;
        self.known.retain(|(ip, _)| !resolved.contains(ip));
        self.known.extend(resolved.iter().map(|ip| (*ip, at)));
        while self.known.len() > KNOWN_MAX {
            self.known.pop_front();
        }
        let from = std::mem::replace(&mut self.current, resolved.to_vec());
        if !moved {
            return None;
        }
        let moved = Arc::new(AddressMove { at, from, to: resolved.to_vec() });
        self.last_move = Some(Arc::clone(&moved));
        Some(moved)
    }

    /// The last one since the process began or the target was changed.
    pub(super) fn last_move(&self) -> Option<Arc<AddressMove>> {
        self.last_move.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn after(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)
    }

    #[test]
    fn a_set_of_which_none_is_known_is_a_move_and_one_that_turns_is_none() {
        let mut known = KnownAddresses::default();
        assert_eq!(known.observe(&[ip(1), ip(2)], after(0)), None, "the first");
        assert_eq!(known.observe(&[ip(2), ip(3)], after(1)), None, "one is known");
        assert_eq!(known.observe(&[ip(1)], after(2)), None, "seen before");
        assert_eq!(known.observe(&[], after(2)), None, "not resolved");
        let moved = known.observe(&[ip(9)], after(3)).unwrap();
        assert_eq!((&moved.from, &moved.to), (&vec![ip(1)], &vec![ip(9)]));
        assert_eq!(known.observe(&[ip(9)], after(4)), None, "it has moved");
        assert_eq!(known.last_move().unwrap(), moved);
        assert_eq!(known.observe(&[ip(1)], after(5)), None, "back within a day is a turn");
        assert_eq!(known.observe(&[ip(1)], after(50)), None, "and was there all the time");
        let back = known.observe(&[ip(9)], after(51)).unwrap();
        assert_eq!(back.from, [ip(1)], "after two days it is a move");
    }

    #[test]
    fn of_a_name_with_ever_new_addresses_the_last_are_remembered() {
        let mut known = KnownAddresses::default();
        for last in 0..200 {
            known.observe(&[ip(last)], after(0));
        }
        assert_eq!(known.known.len(), KNOWN_MAX);
        assert_eq!(known.observe(&[ip(150)], after(1)), None);
        assert!(known.observe(&[ip(100)], after(1)).is_some(), "forgotten");
    }
}

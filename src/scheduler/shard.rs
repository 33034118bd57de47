//! Which process runs which service: a pure function of the service's name, so that every shard
//! knows its part without talking to the others.
//!
//! Whole services are dealt out, never single probes: whoever watches a service sees all of it.
//! The filter is applied to targets only; every shard still knows every service of the file.

use base::fnv::fnv1a_64;

/// One of several processes that share a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// The only process there is.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Number `index`, from 0, of `count`. `None` when there is no such shard.
    pub fn new(index: u32, count: u32) -> Option<Shard> {
        (index < count).then_some(Shard { index, count })
    }

    /// Whether this process runs the probes of a service.
    pub fn owns(&self, service: &str) -> bool {
        fnv1a_64(service.as_bytes()) % u64::from(self.count) == u64::from(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_exactly_one_shard_and_the_shards_are_even() {
        const COUNT: u32 = 5;
        let mut owned = [0_u32; COUNT as usize];
        for number in 0..10_000 {
            let service = format!("service-{number}");
            let owners: Vec<u32> = (0..COUNT)
                .filter(|&index| Shard::new(index, COUNT).is_some_and(|shard| shard.owns(&service)))
                .collect();
            assert_eq!(owners.len(), 1, "{service}: {owners:?}");
            owned[owners[0] as usize] += 1;
        }
        assert!(owned.iter().all(|count| (1_900..2_100).contains(count)), "{owned:?}");
    }

    #[test]
    fn a_single_process_owns_everything() {
        assert!(Shard::WHOLE.owns("saeol") && Shard::WHOLE.owns(""));
        assert_eq!(Shard::new(2, 2), None);
        assert_eq!(Shard::new(0, 0), None);
    }
}

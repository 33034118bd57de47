//! Which process runs which service: a pure function of the service's name, so that every shard
//! knows its part without talking to the others.
//!
//! Whole services are dealt out, never single probes: whoever watches a service sees all of it.
//! The filter is applied to targets only; every shard still knows every service of the file.

/// FNV-1a, 64 bits (draft-eastlake-fnv). Not for secrets; chosen because it is the same on every
/// machine and in every release, which the standard library's hasher does not promise.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

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
        fnv1a(service.as_bytes()) % u64::from(self.count) == u64::from(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

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

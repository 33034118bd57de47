//! Places for the runs that clients ask for by `/probe`.
//!
//! Such a run lasts for as long as its target keeps it waiting, and who asks chooses the target: one client
//! could keep every place for ever. When none is left, the newest run of the address that has most is ended
//! for one that has fewer.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::connections::ClientAddress;

pub(super) struct RunPlaces {
    max: usize,
    /// In the order of arrival.
    taken: Mutex<Vec<Arc<Taken>>>,
}

struct Taken {
    from: ClientAddress,
    lost: CancellationToken,
}

/// A run's place, until it is dropped.
pub(super) struct RunPlace {
    places: Arc<RunPlaces>,
    taken: Arc<Taken>,
}

impl RunPlaces {
    pub(super) fn new(max: usize) -> Arc<RunPlaces> {
        Arc::new(RunPlaces { max, taken: Mutex::default() })
    }

    /// A place, or none when this address would then have as many as who loses one for it.
    pub(super) fn take(self: &Arc<Self>, from: ClientAddress) -> Option<RunPlace> {
        let mut all = self.taken.lock();
        if all.len() >= self.max {
            let count = |of| all.iter().filter(|taken| taken.from == of).count();
            let counted = all.iter().enumerate().map(|(at, taken)| (count(taken.from), at));
            let (most, newest) = counted.max()?;
            if most <= count(from) + 1 {
                return None;
            }
            all.remove(newest).lost.cancel();
        }
        let taken = Arc::new(Taken { from, lost: CancellationToken::new() });
        all.push(Arc::clone(&taken));
        drop(all);
        Some(RunPlace { places: Arc::clone(self), taken })
    }
}

impl RunPlace {
    /// What a run comes to, or nothing when its place was given to somebody else.
    pub(super) async fn during<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        self.taken.lost.run_until_cancelled(run).await
    }
}

impl Drop for RunPlace {
    fn drop(&mut self) {
        self.places.taken.lock().retain(|other| !Arc::ptr_eq(other, &self.taken));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> ClientAddress {
        ClientAddress::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    fn lost(places: &[RunPlace]) -> Vec<usize> {
        let lost = places.iter().enumerate().filter(|(_, place)| place.taken.lost.is_cancelled());
        lost.map(|(at, _)| at).collect()
    }

    #[test]
    fn who_has_most_gives_its_newest_run_to_who_has_fewer() {
        let places = RunPlaces::new(4);
        let greedy: Vec<_> = (0..4).map(|_| places.take(client(1)).unwrap()).collect();
        assert!(places.take(client(1)).is_none(), "it takes from itself no more");
        let mut others = vec![places.take(client(2)).unwrap()];
        assert_eq!(lost(&greedy), [3]);
        others.push(places.take(client(2)).unwrap());
        assert_eq!(lost(&greedy), [2, 3]);
        assert!(places.take(client(2)).is_none(), "two and two is fair");
        assert!(places.take(client(1)).is_none());
        others.push(places.take(client(3)).unwrap());
        assert_eq!((lost(&greedy), lost(&others)), (vec![2, 3], vec![1]), "the newest of both");
        drop((greedy, others));
        assert_eq!(places.taken.lock().len(), 0);
    }
}

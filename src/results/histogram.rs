//! A histogram of durations with fixed, few buckets. Own, because the text format wants `le` as a
//! float ("1.0") for Prometheus 2 and 3 to agree on the series, and because one lives in each
//! service and kind under a lock that is held anyway.

use std::time::Duration;

/// Upper bounds of a histogram with their `le` labels, ascending. `+Inf` is implied.
pub type Bounds<const N: usize> = [(&'static str, Duration); N];

/// Whole runs. Eight buckets with `+Inf`: each costs a series per service and kind.
pub const RUN_BOUNDS: Bounds<7> = [
    ("0.1", Duration::from_millis(100)),
    ("0.25", Duration::from_millis(250)),
    ("0.5", Duration::from_millis(500)),
    ("1.0", Duration::from_secs(1)),
    ("2.5", Duration::from_millis(2500)),
    ("5.0", Duration::from_secs(5)),
    ("10.0", Duration::from_secs(10)),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds: &'static Bounds<N>,
    /// Not cumulative; what passes the last bound is only in `count`.
    buckets: [u64; N],
    count: u64,
    sum: Duration,
}

impl<const N: usize> Histogram<N> {
    pub const fn new(bounds: &'static Bounds<N>) -> Histogram<N> {
        Histogram { bounds, buckets: [0; N], count: 0, sum: Duration::ZERO }
    }

    pub fn observe(&mut self, duration: Duration) {
        if let Some(bucket) = self.bounds.iter().position(|(_, bound)| duration <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += duration;
    }

    /// `le` labels with cumulative counts, `+Inf` last.
    pub fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let finite = self.bounds.iter().zip(self.buckets).scan(0, |sum, ((le, _), count)| {
            *sum += count;
            Some((*le, *sum))
        });
        finite.chain(std::iter::once(("+Inf", self.count)))
    }

    pub fn sum(&self) -> Duration {
        self.sum
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_their_bounds_inclusive() {
        let mut histogram = Histogram::new(&RUN_BOUNDS);
        for millis in [100, 101, 10_000, 10_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        let counts: Vec<_> = histogram.cumulative().collect();
        assert_eq!(counts[0], ("0.1", 1));
        assert_eq!(counts[1], ("0.25", 2));
        assert_eq!(counts[6], ("10.0", 3));
        assert_eq!(counts[7], ("+Inf", 4));
        assert_eq!(histogram.sum(), Duration::from_millis(20_202));
    }

    #[test]
    fn the_le_labels_are_the_bounds_in_float_form() {
        for (le, bound) in RUN_BOUNDS {
            assert_eq!(le.parse::<f64>().unwrap(), bound.as_secs_f64());
            assert!(le.contains('.'));
        }
    }
}

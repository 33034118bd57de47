//! When something was down and when it was watched at all, from the samples of one recorded series.

use super::promql::TimedValue;
use super::span::{MINUTE, Millis, SECOND, Span, Spans};

/// Shorter pauses between samples are a restart of Prometheus or a slow evaluation, and what was true
/// before is taken to go on. Longer ones are minutes that nobody watched.
const PAUSE_MAX: Millis = MINUTE;

/// How a series is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Between two evaluations of its rule.
    pub interval: Millis,
}

impl Sampling {
    /// Two evaluations may be lost, whatever the interval.
    pub fn pause_max(self) -> Millis {
        PAUSE_MAX.max(self.interval * 5 / 2)
    }
}

/// What one series says of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// It had a value.
    pub seen: Spans,
    /// The value was not 0.
    pub down: Spans,
}

/// Makes a timeline of samples that come in order.
pub struct TimelineBuilder {
    sampling: Sampling,
    whole: Span,
    last: Option<TimedValue>,
    timeline: Timeline,
}

impl TimelineBuilder {
    /// `whole` bounds what is said.
    pub fn new(sampling: Sampling, whole: Span) -> TimelineBuilder {
        TimelineBuilder { sampling, whole, last: None, timeline: Timeline::default() }
    }

    pub fn sample(&mut self, sample: TimedValue) {
        let begins = match self.last {
            Some(last) if sample.at <= last.at => return,
            Some(last) if sample.at - last.at <= self.sampling.pause_max() => {
                self.lasts(last, sample.at);
                sample.at
            }
            last => {
                if let Some(last) = last {
                    self.lasts(last, last.at + self.sampling.interval);
                }
                self.first(sample.at)
            }
        };
        self.last = Some(sample);
        if begins < sample.at {
            self.lasts(TimedValue { at: begins, ..sample }, sample.at);
        }
    }

    /// A whole time with one value and no pause in it.
    pub fn solid(&mut self, span: Span, value: f64) {
        self.sample(TimedValue { at: span.from, value });
        self.lasts(TimedValue { at: span.from, value }, span.until);
        self.last = Some(TimedValue { at: span.until, value });
    }

    /// What was true at the last sample lasts to the end, if that is near.
    pub fn finish(mut self) -> Timeline {
        if let Some(last) = self.last.take() {
            let until = match self.whole.until - last.at <= self.sampling.pause_max() {
                true => self.whole.until,
                false => last.at + self.sampling.interval,
            };
            self.lasts(last, until);
        }
        self.timeline
    }

    /// Where the first sample after a pause begins to count: at the start of the whole when it is near,
    /// because evaluations do not fall on midnight.
    fn first(&self, at: Millis) -> Millis {
        let is_first = self.timeline.seen.is_empty();
        if is_first && at - self.whole.from <= self.sampling.pause_max() {
            return self.whole.from;
        }
        at
    }

    fn lasts(&mut self, from: TimedValue, until: Millis) {
        let span = Span { from: from.at.max(self.whole.from), until: until.min(self.whole.until) };
        self.timeline.seen.push(span);
        if from.value > 0.0 {
            self.timeline.down.push(span);
        }
    }
}

/// The interval of a series that had this many samples in a time.
pub fn interval(samples: f64, within: Millis) -> Millis {
    // Both ends of a range may have one.
    let steps = (samples - 1.0).max(1.0);
    (within as f64 / steps / SECOND as f64).round().max(1.0) as Millis * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Sampling = Sampling { interval: 5 * SECOND };

    fn spans(pairs: &[(i64, i64)]) -> Spans {
        let span = |&(from, until)| Span { from: from * SECOND, until: until * SECOND };
        Spans::of(pairs.iter().map(span))
    }

    fn samples(builder: &mut TimelineBuilder, from: i64, until: i64, value: f64) {
        for at in (from..until).step_by(5) {
            builder.sample(TimedValue { at: at * SECOND, value });
        }
    }

    #[test]
    fn pauses_of_more_than_a_minute_are_not_watched_and_shorter_ones_go_on() {
        let whole = Span { from: 0, until: 1_000 * SECOND };
        let mut builder = TimelineBuilder::new(FIVE, whole);
        samples(&mut builder, 2, 100, 0.0);
        samples(&mut builder, 102, 200, 1.0);
        // 197 to 257 is a restart, 302 to 502 is not.
        samples(&mut builder, 257, 303, 1.0);
        samples(&mut builder, 502, 600, 1.0);
        samples(&mut builder, 602, 1_000, 0.0);
        let timeline = builder.finish();
        assert_eq!(timeline.seen, spans(&[(0, 307), (502, 1_000)]));
        assert_eq!(timeline.down, spans(&[(102, 307), (502, 602)]));
    }

    #[test]
    fn whole_hours_join_what_is_around_them() {
        let whole = Span { from: 0, until: 400 * SECOND };
        let mut builder = TimelineBuilder::new(FIVE, whole);
        builder.solid(Span { from: 0, until: 100 * SECOND }, 0.0);
        samples(&mut builder, 103, 200, 1.0);
        builder.solid(Span { from: 200 * SECOND, until: 300 * SECOND }, 1.0);
        let timeline = builder.finish();
        assert_eq!(timeline.seen, spans(&[(0, 305)]), "the last hundred seconds have no sample");
        assert_eq!(timeline.down, spans(&[(103, 305)]));
    }

    #[test]
    fn what_has_no_sample_near_the_ends_was_not_watched() {
        let whole = Span { from: 0, until: 1_000 * SECOND };
        let mut builder = TimelineBuilder::new(FIVE, whole);
        samples(&mut builder, 300, 400, 1.0);
        let timeline = builder.finish();
        assert_eq!(timeline.seen, spans(&[(300, 400)]));
    }

    #[test]
    fn the_interval_is_known_by_the_count() {
        assert_eq!(interval(721.0, 3_600 * SECOND), 5 * SECOND);
        assert_eq!(interval(720.0, 3_600 * SECOND), 5 * SECOND);
        assert_eq!(interval(61.0, 3_600 * SECOND), MINUTE);
    }
}

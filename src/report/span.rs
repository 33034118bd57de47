//! Stretches of time and their arithmetic. A report adds minutes up from these and from nothing else, so
//! that no minute is counted twice or in two columns.

use jiff::Timestamp;

/// Unix time in milliseconds, as Prometheus keeps it.
pub type Millis = i64;

pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;

/// From its first millisecond to before its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub from: Millis,
    pub until: Millis,
}

impl Span {
    pub fn length(self) -> Millis {
        self.until - self.from
    }

    /// What of it lies in another; may be empty.
    fn clipped(self, to: Span) -> Span {
        Span { from: self.from.max(to.from), until: self.until.min(to.until) }
    }

    fn is_empty(self) -> bool {
        self.from >= self.until
    }
}

/// Spans in order that neither overlap nor touch; none is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Spans {
        let mut spans: Vec<Span> = spans.into_iter().filter(|span| !span.is_empty()).collect();
        spans.sort();
        let mut merged = Spans::default();
        for span in spans {
            merged.push(span);
        }
        merged
    }

    /// Adds a span that begins no earlier than the last one.
    pub fn push(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            _ => self.0.push(span),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Milliseconds of all.
    pub fn length(&self) -> Millis {
        self.iter().map(Span::length).sum()
    }

    /// What lies in either.
    pub fn with(&self, other: &Spans) -> Spans {
        Spans::of(self.iter().chain(other.iter()))
    }

    /// What of these lies in the others.
    pub fn within(&self, others: &Spans) -> Spans {
        Spans::of(self.iter().flat_map(|span| others.iter().map(move |other| span.clipped(other))))
    }

    /// What of these lies in none of the others.
    pub fn without(&self, others: &Spans) -> Spans {
        let mut left = Spans::default();
        for span in self.iter() {
            let mut from = span.from;
            for other in others.iter().filter(|other| other.until > span.from) {
                if other.from >= span.until {
                    break;
                }
                left.push(Span { from, until: other.from });
                from = from.max(other.until);
            }
            left.push(Span { from, until: span.until });
        }
        left
    }
}

impl From<Span> for Spans {
    fn from(span: Span) -> Spans {
        Spans::of([span])
    }
}

/// An instant of Prometheus for people; `None` is far outside of any calendar.
pub fn timestamp(at: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(at).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(pairs: &[(i64, i64)]) -> Spans {
        Spans::of(pairs.iter().map(|&(from, until)| Span { from, until }))
    }

    #[test]
    fn neighbours_become_one_and_empty_ones_none() {
        assert_eq!(spans(&[(5, 5), (3, 4), (0, 2), (2, 3), (9, 7)]), spans(&[(0, 4)]));
    }

    proptest! {
        #[test]
        fn every_millisecond_is_in_the_result_exactly_when_it_should_be(
            a in prop::collection::vec((0..40_i64, 0..40_i64), 0..6),
            b in prop::collection::vec((0..40_i64, 0..40_i64), 0..6),
        ) {
            let (a, b) = (spans(&a), spans(&b));
            let has = |spans: &Spans, at| spans.iter().any(|span| span.from <= at && at < span.until);
            let (with, within, without) = (a.with(&b), a.within(&b), a.without(&b));
            for at in 0..40 {
                prop_assert_eq!(has(&with, at), has(&a, at) || has(&b, at));
                prop_assert_eq!(has(&within, at), has(&a, at) && has(&b, at));
                prop_assert_eq!(has(&without, at), has(&a, at) && !has(&b, at));
            }
            prop_assert_eq!(within.length() + without.length(), a.length());
        }
    }
}

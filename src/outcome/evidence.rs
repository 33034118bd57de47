//! What came over the wire of a run that failed, as text for whoever looks into it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::Phases;

/// Names a run in the logs of whoever it asked: the trace-id of the `traceparent` that each of its
/// requests carries (W3C Trace Context, section 3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl TraceId {
    /// Of random bytes. All zeros are no trace-id.
    pub fn of(random: [u8; 16]) -> TraceId {
        TraceId(u128::from_be_bytes(random).max(1))
    }

    /// As [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<TraceId> {
        let number = u128::from_str_radix(text, 16).ok().filter(|number| *number != 0)?;
        (text.len() == 32).then_some(TraceId(number))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// One request of a failed run and what came for it. A login has one for each step that asked for
/// something, the last one where a step asks several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The login step that asked.
    pub step: Option<Arc<str>>,
    pub method: String,
    /// Without query, fragment and userinfo.
    pub url: String,
    /// Whom it went to, or was to go to last. `None` where only a proxy knows.
    pub address: Option<IpAddr>,
    /// Of this request and the redirects before it.
    pub phases: Phases,
    /// As it would stand in HTTP/1.1; `None` when no response came.
    pub status_line: Option<String>,
    /// `name: value`, in the order in which they came.
    pub headers: Vec<String>,
    /// The beginning, where it is text and may be kept.
    pub body: Option<String>,
}

impl Evidence {
    /// What it takes of memory.
    pub fn bytes(&self) -> usize {
        let texts = [self.method.len(), self.url.len()].into_iter();
        let parts = self.status_line.iter().chain(&self.headers).chain(&self.body);
        let parts = parts.map(|text| size_of::<String>() + text.len());
        size_of::<Evidence>() + texts.chain(parts).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_never_zero_and_comes_back_as_it_was_written() {
        let one = TraceId::of([0; 16]);
        assert_eq!(one.to_string(), "00000000000000000000000000000001");
        let id = TraceId::of([0xab; 16]);
        assert_eq!(TraceId::parse(&id.to_string()), Some(id));
        for wrong in ["", "ab", &"0".repeat(32), &"g".repeat(32), &"1".repeat(33)] {
            assert_eq!(TraceId::parse(wrong), None, "{wrong}");
        }
    }
}

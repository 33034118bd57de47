//! Writes the Prometheus text format 0.0.4 in chunks, so that a scrape of 100 MB is never in
//! memory as a whole: each chunk goes to the sink as soon as it is full.

use bytes::Bytes;

use crate::results::{is_plain, pieces};

/// Full chunks have about this size: large enough for cheap hand-over and compression, small
/// beside everything else.
const CHUNK_BYTES: usize = 64 * 1024;

/// The reader of the text went away: nothing more needs to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Takes the next chunk. It may block until the reader is ready.
pub type Sink<'a> = dyn FnMut(Bytes) -> Result<(), Gone> + 'a;

/// What a family is, for `# TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    const fn as_str(self) -> &'static str {
        match self {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        }
    }
}

/// A metric's name and meaning.
#[derive(Debug)]
pub struct Family {
    pub name: &'static str,
    /// One sentence without line feeds or backslashes.
    pub help: &'static str,
    pub kind: Type,
}

impl Family {
    pub const fn counter(name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind: Type::Counter }
    }

    pub const fn gauge(name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind: Type::Gauge }
    }

    pub const fn histogram(name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind: Type::Histogram }
    }
}

pub struct Text<'a> {
    buffer: Vec<u8>,
    sink: &'a mut Sink<'a>,
    gone: bool,
}

impl<'a> Text<'a> {
    /// Nothing is written yet.
    pub fn new(sink: &'a mut Sink<'a>) -> Text<'a> {
        Text { buffer: Vec::with_capacity(CHUNK_BYTES), sink, gone: false }
    }

    /// Begins a family. Its head is written with its first sample: a family without any is absent.
    pub fn family(&mut self, family: &'static Family) -> Samples<'_, 'a> {
        Samples { text: self, family, is_announced: false }
    }

    /// Text that is in the format already.
    pub fn raw(&mut self, text: &str) {
        for part in text.as_bytes().chunks(CHUNK_BYTES) {
            self.buffer.extend_from_slice(part);
            self.hand_over_if_full();
        }
    }

    /// Whether writing on makes sense.
    pub fn check(&self) -> Result<(), Gone> {
        if self.gone { Err(Gone) } else { Ok(()) }
    }

    /// Hands over what is left.
    pub fn finish(mut self) -> Result<(), Gone> {
        if !self.buffer.is_empty() {
            self.hand_over();
        }
        self.check()
    }

    fn hand_over_if_full(&mut self) {
        if self.buffer.len() >= CHUNK_BYTES {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let next = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        let full = std::mem::replace(&mut self.buffer, next);
        if !self.gone {
            self.gone = (self.sink)(Bytes::from(full)).is_err();
        }
    }
}

/// Label pairs that a sample has beside those of its target.
pub type Pairs<'p> = &'p [(&'p str, &'p str)];

/// Samples of one family.
pub struct Samples<'t, 'a> {
    text: &'t mut Text<'a>,
    family: &'static Family,
    is_announced: bool,
}

impl Samples<'_, '_> {
    /// One sample. `base` is label text made by [`crate::results::push`]; `pairs` are escaped here.
    pub fn put(&mut self, base: &str, pairs: Pairs<'_>, value: f64) {
        self.put_as("", base, pairs, value);
    }

    /// One sample of a histogram's parts: `_bucket`, `_sum`, `_count`.
    pub fn put_as(&mut self, suffix: &str, base: &str, pairs: Pairs<'_>, value: f64) {
        if !self.is_announced {
            self.announce();
        }
        let buffer = &mut self.text.buffer;
        buffer.extend_from_slice(self.family.name.as_bytes());
        buffer.extend_from_slice(suffix.as_bytes());
        if !base.is_empty() || !pairs.is_empty() {
            buffer.push(b'{');
            buffer.extend_from_slice(base.as_bytes());
            for (index, (name, value)) in pairs.iter().enumerate() {
                if index > 0 || !base.is_empty() {
                    buffer.push(b',');
                }
                buffer.extend_from_slice(name.as_bytes());
                buffer.extend_from_slice(b"=\"");
                if is_plain(value) {
                    buffer.extend_from_slice(value.as_bytes());
                } else {
                    pieces(value).for_each(|piece| buffer.extend_from_slice(piece.as_bytes()));
                }
                buffer.push(b'"');
            }
            buffer.push(b'}');
        }
        buffer.push(b' ');
        push_value(buffer, value);
        buffer.push(b'\n');
        self.text.hand_over_if_full();
    }

    fn announce(&mut self) {
        self.is_announced = true;
        let Family { name, help, kind } = self.family;
        let head = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str());
        self.text.buffer.extend_from_slice(head.as_bytes());
    }
}

/// Above this, not every integer is an f64.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// A sample's value as Prometheus reads it: integers without a point, the shortest text that
/// means the same number otherwise.
fn push_value(buffer: &mut Vec<u8>, value: f64) {
    if value.fract() == 0.0 && value.abs() < EXACT_INTEGER_MAX {
        buffer.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if value.is_finite() {
        buffer.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        buffer.extend_from_slice(b"NaN");
    } else {
        buffer.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLAIN: Family = Family::gauge("bongsu_test", "A test.");

    fn written(write: impl FnOnce(&mut Text<'_>)) -> String {
        let mut all = Vec::new();
        let mut sink = |chunk: Bytes| {
            all.extend_from_slice(&chunk);
            Ok(())
        };
        let mut text = Text::new(&mut sink);
        write(&mut text);
        text.finish().unwrap();
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_family_without_samples_is_absent() {
        assert_eq!(
            written(|text| {
                text.family(&PLAIN);
            }),
            ""
        );
    }

    #[test]
    fn labels_and_values_are_written_as_prometheus_reads_them() {
        let text = written(|text| {
            let mut samples = text.family(&PLAIN);
            samples.put("", &[], 1.0);
            samples.put("", &[("a", "x\"y")], f64::NAN);
            samples.put("b=\"1\"", &[], f64::INFINITY);
            samples.put("b=\"1\"", &[("a", "x"), ("c", "")], -0.25);
            samples.put("", &[], 1_700_000_000.123);
            samples.put("", &[], -62_135_596_800.0);
            samples.put("", &[], 1e-9);
        });
        let expected = r#"# HELP bongsu_test A test.
# TYPE bongsu_test gauge
bongsu_test 1
bongsu_test{a="x\"y"} NaN
bongsu_test{b="1"} +Inf
bongsu_test{b="1",a="x",c=""} -0.25
bongsu_test 1700000000.123
bongsu_test -62135596800
bongsu_test 1e-9
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn chunks_stay_small_and_writing_stops_when_the_reader_is_gone() {
        let mut largest = 0;
        let mut chunks = 0;
        let mut sink = |chunk: Bytes| {
            largest = largest.max(chunk.len());
            chunks += 1;
            if chunks == 3 { Err(Gone) } else { Ok(()) }
        };
        let mut text = Text::new(&mut sink);
        let mut samples = text.family(&PLAIN);
        for value in 0..100_000 {
            samples.put("", &[("long", &"x".repeat(50))], value.into());
        }
        assert_eq!(text.finish(), Err(Gone));
        assert_eq!(chunks, 3);
        assert!(largest < 2 * CHUNK_BYTES, "{largest}");
    }
}

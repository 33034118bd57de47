//! Deflated bodies in their three wrappings: gzip (RFC 1952), zlib (RFC 1950), and none, as some servers
//! send it under zlib's name.
//!
//! Whether the data are whole is known without the checksum behind them, and a browser shows a page whose
//! checksum was cut off. It does not look at gzip's at all.

use std::io::Write;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::decode::{DecodeError, DecodeFlaw, Sink};

/// Output of one step of inflating: the granularity at which the limit is checked.
const CHUNK: usize = 16 * 1024;

/// Bytes before the data: a file name and a comment, which pages do not have.
///
/// No row: what is longer is no gzip.
const HEAD_MAX: usize = 128 << 10;

/// What is around the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    Gzip,
    /// zlib or nothing, until two bytes say which.
    Deflate,
    Zlib,
    Raw,
}

pub(super) struct Inflate {
    pub(super) sink: Sink,
    wrapping: Wrapping,
    /// The bytes before the data, until all of them are there.
    head: Vec<u8>,
    data: Option<Decompress>,
    has_ended: bool,
    crc: Crc,
    adler: Adler32,
    /// The checksum behind the data, as far as it came.
    tail: Vec<u8>,
}

impl Inflate {
    pub(super) fn new(wrapping: Wrapping, sink: Sink) -> Inflate {
        Inflate {
            sink,
            wrapping,
            head: Vec::new(),
            data: None,
            has_ended: false,
            crc: Crc::new(),
            adler: Adler32::default(),
            tail: Vec::new(),
        }
    }

    fn coding(&self) -> &'static str {
        if self.wrapping == Wrapping::Gzip { "gzip" } else { "deflate" }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        if self.data.is_some() {
            return self.inflate(piece);
        }
        self.head.extend_from_slice(piece);
        let Some(length) = self.head_length()? else {
            return match self.head.len() > HEAD_MAX {
                true => Err(DecodeError::Corrupt(self.coding())),
                false => Ok(()),
            };
        };
        let head = std::mem::take(&mut self.head);
        self.data = Some(Decompress::new(false));
        self.inflate(&head[length..])
    }

    /// Where the data begin, if that is known already.
    fn head_length(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.wrapping == Wrapping::Gzip {
            return gzip_head(&self.head).map_err(|NoGzip| DecodeError::Corrupt("gzip"));
        }
        let [first, second, ..] = *self.head.as_slice() else { return Ok(None) };
        if !is_zlib(first, second) {
            self.wrapping = Wrapping::Raw;
            return Ok(Some(0));
        }
        self.wrapping = Wrapping::Zlib;
        let wants_dictionary = second & 0x20 != 0;
        if wants_dictionary { Err(DecodeError::Corrupt("deflate")) } else { Ok(Some(2)) }
    }

    fn inflate(&mut self, mut piece: &[u8]) -> Result<(), DecodeError> {
        let coding = self.coding();
        let Some(data) = &mut self.data else { return Ok(()) };
        let mut out = [0; CHUNK];
        while !self.has_ended {
            let (taken, made) = (data.total_in(), data.total_out());
            let status = data
                .decompress(piece, &mut out, FlushDecompress::None)
                .map_err(|_| DecodeError::Corrupt(coding))?;
            let taken = (data.total_in() - taken) as usize;
            let made = (data.total_out() - made) as usize;
            piece = piece.get(taken..).unwrap_or_default();
            let plain = out.get(..made).unwrap_or_default();
            match self.wrapping {
                Wrapping::Gzip => self.crc.update(plain),
                Wrapping::Zlib => self.adler.update(plain),
                Wrapping::Deflate | Wrapping::Raw => {}
            }
            self.sink.write_all(plain).map_err(|_| self.sink.fault(coding))?;
            self.has_ended = status == Status::StreamEnd;
            if taken == 0 && made == 0 {
                break;
            }
        }
        // What follows the checksum is ignored, as browsers do.
        let missing = self.tail_length().saturating_sub(self.tail.len());
        self.tail.extend(piece.iter().take(missing));
        Ok(())
    }

    fn tail_length(&self) -> usize {
        match self.wrapping {
            Wrapping::Gzip => 8,
            Wrapping::Zlib => 4,
            Wrapping::Deflate | Wrapping::Raw => 0,
        }
    }

    /// What is wrong with data that came whole.
    pub(super) fn finish(&self) -> Result<Option<DecodeFlaw>, DecodeError> {
        if !self.has_ended {
            return Err(DecodeError::Corrupt(self.coding()));
        }
        if self.tail.len() < self.tail_length() {
            return Ok(Some(DecodeFlaw::NoChecksum));
        }
        match self.wrapping {
            Wrapping::Gzip => {
                let sums = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()];
                Ok((self.tail != sums.concat()).then_some(DecodeFlaw::WrongChecksum))
            }
            Wrapping::Zlib if self.tail != self.adler.sum().to_be_bytes() => {
                Err(DecodeError::Corrupt("deflate"))
            }
            _ => Ok(None),
        }
    }
}

struct NoGzip;

/// How long the head of a gzip stream is (RFC 1952 section 2.3), if it is there to its end.
fn gzip_head(bytes: &[u8]) -> Result<Option<usize>, NoGzip> {
    const START: [u8; 3] = [0x1f, 0x8b, 8];
    const HAS_CRC: u8 = 2;
    const HAS_EXTRA: u8 = 4;
    const HAS_NAME: u8 = 8;
    const HAS_COMMENT: u8 = 16;
    if bytes.iter().zip(START).any(|(byte, expected)| *byte != expected) {
        return Err(NoGzip);
    }
    let Some((fixed, mut rest)) = bytes.split_at_checked(10) else { return Ok(None) };
    let flags = fixed[3];
    if flags & HAS_EXTRA != 0 {
        let Some(([low, high], behind)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((_, behind)) = behind.split_at_checked(length) else { return Ok(None) };
        rest = behind;
    }
    for text in [HAS_NAME, HAS_COMMENT] {
        if flags & text != 0 {
            let Some(end) = rest.iter().position(|&byte| byte == 0) else { return Ok(None) };
            rest = &rest[end + 1..];
        }
    }
    if flags & HAS_CRC != 0 {
        let Some((_, behind)) = rest.split_at_checked(2) else { return Ok(None) };
        rest = behind;
    }
    Ok(Some(bytes.len() - rest.len()))
}

/// RFC 1950 section 2.2: compression method 8 and a header that is a multiple of 31.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
}

/// The checksum of zlib (RFC 1950 section 8).
struct Adler32 {
    low: u32,
    high: u32,
}

impl Default for Adler32 {
    fn default() -> Adler32 {
        Adler32 { low: 1, high: 0 }
    }
}

impl Adler32 {
    fn update(&mut self, bytes: &[u8]) {
        const MODULUS: u32 = 65_521;
        // So many bytes do not overflow 32 bits.
        for piece in bytes.chunks(5_552) {
            for byte in piece {
                self.low += u32::from(*byte);
                self.high += self.low;
            }
            self.low %= MODULUS;
            self.high %= MODULUS;
        }
    }

    fn sum(&self) -> u32 {
        self.high << 16 | self.low
    }
}

#[cfg(test)]
mod tests {
    use flate2::write::{GzEncoder, ZlibEncoder};
    use flate2::{Compression, GzBuilder};

    use super::*;

    fn inflated(
        wrapping: Wrapping,
        wire: &[u8],
        piece: usize,
    ) -> (Vec<u8>, Result<Option<DecodeFlaw>, DecodeError>) {
        let mut inflate = Inflate::new(wrapping, Sink::new(1 << 20));
        let pushed = wire.chunks(piece).try_for_each(|piece| inflate.push(piece));
        let finished = pushed.and_then(|()| inflate.finish());
        (inflate.sink.take(), finished)
    }

    fn data() -> Vec<u8> {
        (0..40_000_u32).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn a_checksum_that_is_missing_or_wrong_leaves_the_data_whole() {
        let data = data();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&data).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&data).unwrap();
        let zlib = zlib.finish().unwrap();
        for (wrapping, wire, tail) in [(Wrapping::Gzip, gzip, 8), (Wrapping::Deflate, zlib, 4)] {
            for piece in [1, 700, wire.len()] {
                assert_eq!(inflated(wrapping, &wire, piece), (data.clone(), Ok(None)));
                for missing in 1..=tail {
                    let (out, finished) = inflated(wrapping, &wire[..wire.len() - missing], piece);
                    assert_eq!(
                        finished,
                        Ok(Some(DecodeFlaw::NoChecksum)),
                        "{wrapping:?} {missing}"
                    );
                    assert_eq!(out, data);
                }
                let cut = inflated(wrapping, &wire[..wire.len() - tail - 1], piece).1;
                assert!(matches!(cut, Err(DecodeError::Corrupt(_))), "{wrapping:?} {cut:?}");
            }
            for place in 1..=tail {
                let mut wrong = wire.clone();
                wrong[wire.len() - place] ^= 1;
                let (_, finished) = inflated(wrapping, &wrong, 1000);
                match wrapping {
                    Wrapping::Gzip => assert_eq!(finished, Ok(Some(DecodeFlaw::WrongChecksum))),
                    _ => assert_eq!(finished, Err(DecodeError::Corrupt("deflate"))),
                }
            }
        }
    }

    #[test]
    fn a_head_may_have_all_that_heads_have() {
        let builder = GzBuilder::new().filename("a").comment("b").extra([1, 2, 3]);
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(b"hello").unwrap();
        let wire = encoder.finish().unwrap();
        for piece in [1, 3, wire.len()] {
            assert_eq!(inflated(Wrapping::Gzip, &wire, piece), (b"hello".to_vec(), Ok(None)));
        }
        let endless = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0][..], &[b'a'; HEAD_MAX]].concat();
        let (_, finished) = inflated(Wrapping::Gzip, &endless, 16 << 10);
        assert_eq!(finished, Err(DecodeError::Corrupt("gzip")));
    }
}

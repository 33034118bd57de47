//! From the bytes of the wire to those of a body: content coding, under a limit. What text they are
//! is [`charset`](super::charset)'s to say.
//!
//! Bodies are decoded here and not by the HTTP client, so that the `Content-Length` on the wire
//! stays known and a bomb is stopped at the limit instead of after it.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::{Decompress, FlushDecompress, Status, write::GzDecoder};

/// What `Accept-Encoding` asks for: what [`BodyDecoder`] can undo.
pub const ACCEPT_ENCODING: &str = "gzip, deflate, br";
/// Output of one step of inflating: the granularity at which the limit is checked.
const CHUNK: usize = 16 * 1024;
/// The first seven bits of a brotli stream with a window of up to 1 GiB. RFC 7932 section 9.1 has
/// them invalid; the decoder would take them as an extension and allocate the window.
const LARGE_WINDOW: u8 = 0x11;

/// Why a body could not be had in plain bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More than the limit, after decoding.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// Not what its content coding promises.
    #[error("not valid {0}")]
    Corrupt(&'static str),
    /// A content coding that was not asked for.
    #[error("unknown content coding")]
    Unknown,
}

/// Decodes a body piece by piece. Holds at most the limit plus the decoder's window.
pub struct BodyDecoder {
    coding: Coding,
    /// Whether anything came in: an empty body is valid in every coding (HEAD, 204, 304).
    fed: bool,
}

enum Coding {
    Identity(Sink),
    Gzip(Box<GzDecoder<Sink>>),
    Deflate(Box<Inflate>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

impl BodyDecoder {
    /// For a `Content-Encoding`; `None` is plain bytes. `limit` is in bytes after decoding.
    pub fn new(coding: Option<&str>, limit: u64) -> Result<BodyDecoder, DecodeError> {
        let sink = Sink { bytes: Vec::new(), limit, over: false };
        let coding = coding.map(|name| name.trim().to_ascii_lowercase());
        let coding = match coding.as_deref() {
            None | Some("" | "identity") => Coding::Identity(sink),
            Some("gzip" | "x-gzip") => Coding::Gzip(Box::new(GzDecoder::new(sink))),
            Some("deflate") => Coding::Deflate(Box::new(Inflate::new(sink))),
            Some("br") => Coding::Brotli(Box::new(DecompressorWriter::new(sink, CHUNK))),
            Some(_) => return Err(DecodeError::Unknown),
        };
        Ok(BodyDecoder { coding, fed: false })
    }

    /// Takes the next piece from the wire.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        let first = !self.fed;
        self.fed |= !piece.is_empty();
        match &mut self.coding {
            Coding::Identity(sink) => {
                sink.write_all(piece).map_err(|_| DecodeError::TooLarge(sink.limit))
            }
            Coding::Gzip(gzip) => {
                let result = write_until_end(gzip.as_mut(), piece);
                result.map_err(|_| gzip.get_ref().fault("gzip"))
            }
            Coding::Deflate(inflate) => inflate.push(piece),
            Coding::Brotli(brotli) => {
                if first && piece.first().is_some_and(|byte| byte & 0x7f == LARGE_WINDOW) {
                    return Err(DecodeError::Corrupt("brotli"));
                }
                let result = write_until_end(brotli.as_mut(), piece);
                result.map_err(|_| brotli.get_ref().fault("brotli"))
            }
        }
    }

    /// The whole body, once the wire has ended.
    pub fn finish(self) -> Result<Vec<u8>, DecodeError> {
        let fed = self.fed;
        match self.coding {
            _ if !fed => Ok(Vec::new()),
            Coding::Identity(sink) => Ok(sink.bytes),
            Coding::Gzip(mut gzip) => match gzip.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut gzip.get_mut().bytes)),
                Err(_) => Err(gzip.get_ref().fault("gzip")),
            },
            Coding::Deflate(inflate) => inflate.finish(),
            Coding::Brotli(mut brotli) => match brotli.close() {
                Ok(()) => Ok(std::mem::take(&mut brotli.get_mut().bytes)),
                Err(_) => Err(brotli.get_ref().fault("brotli")),
            },
        }
    }
}

/// Writes until all is taken or the decoder has seen its end: what follows the end of a stream is
/// ignored, as browsers do.
fn write_until_end(writer: &mut impl Write, mut piece: &[u8]) -> io::Result<()> {
    while !piece.is_empty() {
        match writer.write(piece)? {
            0 => return Ok(()),
            taken => piece = piece.get(taken..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Collects bytes up to a limit.
struct Sink {
    bytes: Vec<u8>,
    limit: u64,
    over: bool,
}

impl Sink {
    /// Which of the two faults made a decoder fail.
    fn fault(&self, coding: &'static str) -> DecodeError {
        if self.over { DecodeError::TooLarge(self.limit) } else { DecodeError::Corrupt(coding) }
    }
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() as u64).saturating_add(piece.len() as u64) > self.limit {
            self.over = true;
            return Err(io::Error::other("limit"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `deflate` means zlib (RFC 9110 section 8.4.1.2), but some servers send the raw stream.
struct Inflate {
    sink: Sink,
    stream: Option<Decompress>,
    /// The first bytes, until there are enough to tell the two apart.
    head: Vec<u8>,
    ended: bool,
}

impl Inflate {
    fn new(sink: Sink) -> Inflate {
        Inflate { sink, stream: None, head: Vec::new(), ended: false }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        if self.stream.is_some() {
            return self.inflate(piece);
        }
        self.head.extend_from_slice(piece);
        if let [first, second, ..] = *self.head.as_slice() {
            let head = std::mem::take(&mut self.head);
            self.stream = Some(Decompress::new(is_zlib(first, second)));
            return self.inflate(&head);
        }
        Ok(())
    }

    fn inflate(&mut self, mut piece: &[u8]) -> Result<(), DecodeError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut out = [0; CHUNK];
        while !self.ended {
            let (taken, made) = (stream.total_in(), stream.total_out());
            let status = stream
                .decompress(piece, &mut out, FlushDecompress::None)
                .map_err(|_| DecodeError::Corrupt("deflate"))?;
            let taken = (stream.total_in() - taken) as usize;
            let made = (stream.total_out() - made) as usize;
            piece = piece.get(taken..).unwrap_or_default();
            self.sink
                .write_all(out.get(..made).unwrap_or_default())
                .map_err(|_| self.sink.fault("deflate"))?;
            self.ended = status == Status::StreamEnd;
            if taken == 0 && made == 0 {
                break;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, DecodeError> {
        if self.ended { Ok(self.sink.bytes) } else { Err(DecodeError::Corrupt("deflate")) }
    }
}

/// RFC 1950 section 2.2: compression method 8 and a header that is a multiple of 31.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn encoded(coding: &str, data: &[u8]) -> Vec<u8> {
        match coding {
            "gzip" => gzip(data),
            "zlib" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            "raw" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            "br" => {
                let mut out = Vec::new();
                let params = brotli::enc::BrotliEncoderParams { quality: 1, ..Default::default() };
                brotli::BrotliCompress(&mut &data[..], &mut out, &params).unwrap();
                out
            }
            _ => data.to_vec(),
        }
    }

    fn label(coding: &str) -> Option<&str> {
        match coding {
            "plain" => None,
            "zlib" | "raw" => Some("deflate"),
            other => Some(other),
        }
    }

    fn decode(
        coding: Option<&str>,
        wire: &[u8],
        piece: usize,
        limit: u64,
    ) -> Result<Vec<u8>, DecodeError> {
        let mut decoder = BodyDecoder::new(coding, limit)?;
        for piece in wire.chunks(piece) {
            decoder.push(piece)?;
        }
        decoder.finish()
    }

    const CODINGS: [&str; 5] = ["plain", "gzip", "zlib", "raw", "br"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_coding_round_trips_in_pieces_of_any_size(
            data in proptest::collection::vec(any::<u8>(), 0..5000),
            piece in 1usize..700,
        ) {
            for coding in CODINGS {
                let wire = encoded(coding, &data);
                prop_assert_eq!(&decode(label(coding), &wire, piece, 1 << 20).unwrap(), &data);
            }
        }

        #[test]
        fn garbage_never_panics_and_never_exceeds_the_limit(
            wire in proptest::collection::vec(any::<u8>(), 0..3000),
            piece in 1usize..700,
        ) {
            for coding in CODINGS {
                if let Ok(bytes) = decode(label(coding), &wire, piece, 1000) {
                    prop_assert!(bytes.len() <= 1000);
                }
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 20_000_000]);
        assert!(bomb.len() < 30_000);
        assert_eq!(decode(Some("gzip"), &bomb, 8192, 1000), Err(DecodeError::TooLarge(1000)));
        for coding in ["zlib", "raw", "br"] {
            let bomb = encoded(coding, &vec![0; 2_000_000]);
            let result = decode(label(coding), &bomb, 8192, 1000);
            assert_eq!(result, Err(DecodeError::TooLarge(1000)), "{coding}");
        }
    }

    #[test]
    fn a_cut_off_stream_is_corrupt_in_every_coding() {
        let data: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        for coding in ["gzip", "zlib", "raw", "br"] {
            let wire = encoded(coding, &data);
            let cut = &wire[..wire.len() - 5];
            let result = decode(label(coding), cut, 1000, 1 << 20);
            assert!(matches!(result, Err(DecodeError::Corrupt(_))), "{coding}: {result:?}");
        }
    }

    #[test]
    fn an_empty_body_is_valid_in_every_coding_and_garbage_after_the_end_is_ignored() {
        for coding in CODINGS {
            assert_eq!(decode(label(coding), b"", 1, 10), Ok(Vec::new()), "{coding}");
        }
        let mut wire = gzip(b"hello");
        wire.extend_from_slice(b"trailing");
        assert_eq!(decode(Some("gzip"), &wire, 3, 100), Ok(b"hello".to_vec()));
    }
}

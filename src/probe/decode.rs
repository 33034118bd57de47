//! From the bytes of the wire to those of a body: content coding, under a limit. What text they are
//! is [`charset`](super::charset)'s to say.
//!
//! Bodies are decoded here and not by the HTTP client, so that the `Content-Length` on the wire
//! stays known and a bomb is stopped at the limit instead of after it.

use std::borrow::Cow;
use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;

use super::coding::{CODINGS_MAX, Coding, Codings};
use super::inflate::{Inflate, Wrapping};

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
    /// Its checksum is missing or wrong.
    #[error("without the checksum of its data")]
    Checksum,
    /// A content coding that was not asked for.
    #[error("in the content coding {0}, which was not asked for")]
    Unasked(&'static str),
    /// Coded over and over again.
    #[error("in more than {CODINGS_MAX} content codings")]
    TooMany,
}

/// What is wrong with a body that came whole nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeFlaw {
    /// The checksum behind the data was cut off.
    NoChecksum,
    /// It is that of other data.
    WrongChecksum,
}

impl DecodeFlaw {
    pub fn detail(self) -> &'static str {
        match self {
            DecodeFlaw::NoChecksum => {
                "the compressed body has no checksum at its end; it was read as in browsers"
            }
            DecodeFlaw::WrongChecksum => {
                "the checksum at the end of the compressed body is wrong; it was read as in browsers"
            }
        }
    }
}

/// A body in plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub body: Vec<u8>,
    pub flaw: Option<DecodeFlaw>,
}

/// Decodes a body that has come. What it is decoded to is at most `limit` bytes.
pub fn whole(codings: &Codings, wire: &[u8], limit: u64) -> Result<Decoded, DecodeError> {
    let mut decoder = BodyDecoder::new(codings, limit);
    wire.chunks(CHUNK).try_for_each(|piece| decoder.push(piece))?;
    decoder.finish()
}

/// As [`whole`], of a body without any flaw.
pub fn flawless(codings: &Codings, wire: &[u8], limit: u64) -> Result<Vec<u8>, DecodeError> {
    let decoded = whole(codings, wire, limit)?;
    match decoded.flaw {
        None => Ok(decoded.body),
        Some(_) => Err(DecodeError::Checksum),
    }
}

impl DecodeError {
    /// Names the limit that people know, whichever was hit.
    fn against(self, limit: u64) -> DecodeError {
        if let DecodeError::TooLarge(_) = self { DecodeError::TooLarge(limit) } else { self }
    }
}

/// Decodes a body piece by piece. Holds at most the limit, plus for each coding its window and what
/// it made of one piece, which is also less than the limit.
pub struct BodyDecoder {
    /// The coding that was applied last comes first.
    layers: Vec<Layer>,
    /// Where the plain bytes go.
    body: Sink,
    /// Why nothing but an empty body can be read.
    obstacle: Option<DecodeError>,
}

/// One coding, and whether anything came in: an empty body is valid in every coding (HEAD, 204,
/// 304).
struct Layer {
    stream: Stream,
    fed: bool,
}

enum Stream {
    Deflated(Box<Inflate>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

impl BodyDecoder {
    /// For the codings of a response. `limit` is in bytes after decoding.
    pub fn new(codings: &Codings, limit: u64) -> BodyDecoder {
        let mut layers: Vec<Layer> = codings
            .applied
            .iter()
            .rev()
            .map(|coding| Layer::new(*coding, between(limit)))
            .collect();
        if let Some(last) = layers.last_mut() {
            last.sink().limit = limit;
        }
        BodyDecoder { layers, body: Sink::new(limit), obstacle: codings.obstacle.clone() }
    }

    /// Takes the next piece from the wire.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        match &self.obstacle {
            Some(obstacle) if !piece.is_empty() => Err(obstacle.clone()),
            _ => self.push_below(0, piece),
        }
    }

    /// Through the layers from this one on.
    fn push_below(&mut self, first: usize, piece: &[u8]) -> Result<(), DecodeError> {
        let mut piece = Cow::Borrowed(piece);
        for layer in self.layers.iter_mut().skip(first) {
            if piece.is_empty() {
                return Ok(());
            }
            layer.push(&piece).map_err(|error| error.against(self.body.limit))?;
            piece = layer.sink().take().into();
        }
        self.body.write_all(&piece).map_err(|_| DecodeError::TooLarge(self.body.limit))
    }

    /// The whole body, once the wire has ended.
    pub fn finish(mut self) -> Result<Decoded, DecodeError> {
        let mut flaw = None;
        for index in 0..self.layers.len() {
            let rest = match self.layers.get_mut(index) {
                Some(layer) if layer.fed => {
                    let found = layer.finish().map_err(|error| error.against(self.body.limit))?;
                    flaw = flaw.or(found);
                    layer.sink().take()
                }
                _ => Vec::new(),
            };
            self.push_below(index + 1, &rest)?;
        }
        Ok(Decoded { body: self.body.bytes, flaw })
    }
}

/// What a layer may make for the next one. What is coded is hardly larger than what is in it, so a
/// layer that makes much more than the body may have is a bomb for the layers below.
pub(super) fn between(limit: u64) -> u64 {
    limit.saturating_add(limit / 64).saturating_add(1024)
}

impl Layer {
    fn new(coding: Coding, limit: u64) -> Layer {
        let sink = Sink::new(limit);
        let stream = match coding {
            Coding::Gzip => Stream::Deflated(Box::new(Inflate::new(Wrapping::Gzip, sink))),
            Coding::Deflate => Stream::Deflated(Box::new(Inflate::new(Wrapping::Deflate, sink))),
            Coding::Brotli => Stream::Brotli(Box::new(DecompressorWriter::new(sink, CHUNK))),
        };
        Layer { stream, fed: false }
    }

    fn sink(&mut self) -> &mut Sink {
        match &mut self.stream {
            Stream::Deflated(inflate) => &mut inflate.sink,
            Stream::Brotli(brotli) => brotli.get_mut(),
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        let first = !self.fed;
        self.fed |= !piece.is_empty();
        match &mut self.stream {
            Stream::Deflated(inflate) => inflate.push(piece),
            Stream::Brotli(brotli) => {
                if first && piece.first().is_some_and(|byte| byte & 0x7f == LARGE_WINDOW) {
                    return Err(DecodeError::Corrupt("brotli"));
                }
                let result = write_until_end(brotli.as_mut(), piece);
                result.map_err(|_| brotli.get_ref().fault("brotli"))
            }
        }
    }

    /// Ends it; what was still inside is in the sink.
    fn finish(&mut self) -> Result<Option<DecodeFlaw>, DecodeError> {
        match &mut self.stream {
            Stream::Deflated(inflate) => inflate.finish(),
            Stream::Brotli(brotli) => {
                brotli.close().map(|()| None).map_err(|_| brotli.get_ref().fault("brotli"))
            }
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

/// Collects bytes up to a limit, those that were taken out included.
pub(super) struct Sink {
    bytes: Vec<u8>,
    taken: u64,
    limit: u64,
    over: bool,
}

impl Sink {
    pub(super) fn new(limit: u64) -> Sink {
        Sink { bytes: Vec::new(), taken: 0, limit, over: false }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.taken += self.bytes.len() as u64;
        std::mem::take(&mut self.bytes)
    }

    /// Which of the two faults made a decoder fail.
    pub(super) fn fault(&self, coding: &'static str) -> DecodeError {
        if self.over { DecodeError::TooLarge(self.limit) } else { DecodeError::Corrupt(coding) }
    }
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let held = self.taken.saturating_add(self.bytes.len() as u64);
        if held.saturating_add(piece.len() as u64) > self.limit {
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::header::{CONTENT_ENCODING, HeaderMap};
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
        let mut headers = HeaderMap::new();
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
        }
        let mut decoder = BodyDecoder::new(&Codings::of(&headers), limit);
        for piece in wire.chunks(piece) {
            decoder.push(piece)?;
        }
        Ok(decoder.finish()?.body)
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
            // Behind the data of gzip are eight bytes, of which they do not need any.
            let cut = &wire[..wire.len() - if coding == "gzip" { 9 } else { 5 }];
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

    #[test]
    fn codings_on_top_of_each_other_are_undone_in_reverse_order() {
        let data = "시스템 점검 ".repeat(3000).into_bytes();
        for (list, inner, outer) in [
            ("gzip, gzip", "gzip", "gzip"),
            ("gzip, br", "gzip", "br"),
            ("br, deflate", "br", "zlib"),
            ("deflate, gzip", "raw", "gzip"),
        ] {
            let wire = encoded(outer, &encoded(inner, &data));
            for piece in [1, 7, 100_000] {
                let result = decode(Some(list), &wire, piece, 1 << 20);
                assert_eq!(result, Ok(data.clone()), "{list} by {piece}");
            }
            let cut = &wire[..wire.len() - 9];
            assert!(matches!(decode(Some(list), cut, 50, 1 << 20), Err(DecodeError::Corrupt(_))));
        }
        let four = gzip(&gzip(&gzip(&gzip(&data))));
        assert_eq!(decode(Some("gzip, gzip, gzip, gzip"), &four, 99, 1 << 20), Ok(data));
        assert_eq!(decode(Some("gzip, gzip"), &gzip(b""), 9, 10), Ok(Vec::new()));
    }

    #[test]
    fn the_limit_holds_over_all_codings() {
        let zeros = vec![0; 20_000_000];
        let bomb = gzip(&gzip(&zeros));
        let result = decode(Some("gzip, gzip"), &bomb, 8192, 1_000_000);
        assert_eq!(result, Err(DecodeError::TooLarge(1_000_000)));
        // The inner stream ends at once: the limit of the body alone would never see the rest.
        let mut inner = gzip(b"hello");
        inner.extend_from_slice(&zeros);
        let result = decode(Some("gzip, gzip"), &gzip(&inner), 8192, 1000);
        assert_eq!(result, Err(DecodeError::TooLarge(1000)));
        // What is exactly as large as allowed is not too large, however badly it can be coded.
        let noise: Vec<u8> =
            (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let wire = gzip(&gzip(&noise));
        assert_eq!(decode(Some("gzip, gzip"), &wire, 500, 4000), Ok(noise));
    }

    #[test]
    fn a_body_that_nobody_can_read_is_only_valid_when_empty() {
        for list in ["zstd", "gzip, compress", "gzip,gzip,gzip,gzip,gzip"] {
            assert_eq!(decode(Some(list), b"", 1, 10), Ok(Vec::new()), "{list}");
            assert!(decode(Some(list), b"x", 1, 10).is_err(), "{list}");
        }
        assert_eq!(decode(Some("UTF-8"), b"plain", 2, 10), Ok(b"plain".to_vec()));
    }
}

//! What `Content-Encoding` says (RFC 9110 section 8.4): which codings a body is in, outermost last,
//! and which of the words name no coding at all. Servers put charsets and media types there, and
//! browsers show their pages (Fetch standard, "handle content codings").

use http::header::{CONTENT_ENCODING, HeaderMap};

use super::decode::DecodeError;
use crate::outcome::{Failure, Reason};

/// Codings on top of each other. Two are a mistake of a proxy; more are an attack.
///
/// Limit: content codings on top of each other.
/// Share: of each response.
/// Full: the body is `body_decode`.
/// Filled: codings_that_were_not_asked_for_and_too_many_are_unreadable
pub const CODINGS_MAX: usize = 4;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

/// Codings that exist and that nobody asked for: the IANA registry's, and what is seen in the wild.
const UNASKED: [&str; 16] = [
    "aes128gcm",
    "bzip2",
    "compress",
    "dcb",
    "dcz",
    "exi",
    "lz4",
    "lzma",
    "pack200-gzip",
    "sdch",
    "snappy",
    "x-bzip2",
    "x-compress",
    "xpress",
    "xz",
    "zstd",
];

/// The codings of one body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codings {
    /// In the order in which they were applied.
    pub(super) applied: Vec<Coding>,
    /// Why they cannot be undone.
    pub(super) obstacle: Option<DecodeError>,
    /// Whether some word names no coding.
    is_odd: bool,
}

impl Codings {
    /// Of a body whose coding is known from elsewhere, by the word that a header would have for it.
    pub fn named(word: &str) -> Codings {
        let mut codings = Codings::default();
        codings.add(word.as_bytes());
        codings
    }

    /// Of a response. Several header lines are one list.
    pub fn of(headers: &HeaderMap) -> Codings {
        let mut codings = Codings::default();
        for value in headers.get_all(CONTENT_ENCODING) {
            value.as_bytes().split(|byte| *byte == b',').for_each(|word| codings.add(word));
        }
        if codings.applied.len() > CODINGS_MAX {
            codings.applied.clear();
            codings.obstacle = Some(DecodeError::TooMany);
        }
        codings
    }

    fn add(&mut self, word: &[u8]) {
        // No coding has parameters, but some servers write them.
        let word = word.split(|byte| *byte == b';').next().unwrap_or_default();
        let word = word.trim_ascii().to_ascii_lowercase();
        match word.as_slice() {
            // An element of a list may be empty (RFC 9110 section 5.6.1).
            b"" | b"identity" => {}
            b"gzip" | b"x-gzip" => self.applied.push(Coding::Gzip),
            b"deflate" => self.applied.push(Coding::Deflate),
            b"br" => self.applied.push(Coding::Brotli),
            word => match UNASKED.iter().find(|name| name.as_bytes() == word) {
                Some(name) => self.obstacle = Some(DecodeError::Unasked(name)),
                None => self.is_odd = true,
            },
        }
    }

    /// Whether bodies are as they came.
    pub fn is_plain(&self) -> bool {
        self.applied.is_empty() && self.obstacle.is_none()
    }

    /// Whether nobody can read the body, although it is what the server says.
    pub fn is_unreadable(&self) -> bool {
        self.obstacle.is_some()
    }

    /// What is wrong with the header although the body was read.
    pub fn warning(&self) -> Option<Failure> {
        // The word itself is the server's, and is not shown.
        let said = "Content-Encoding names something that is no content coding; it was passed over";
        self.is_odd.then(|| Failure::new(Reason::BodyDecode, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(lines: &[&[u8]]) -> Codings {
        let lines = lines.iter().map(|line| HeaderValue::from_bytes(line).unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_ENCODING, line);
        }
        Codings::of(&headers)
    }

    #[test]
    fn lists_are_read_in_order_over_all_lines() {
        use Coding::{Brotli, Deflate, Gzip};
        for (lines, applied) in [
            (&[&b"gzip"[..]][..], &[Gzip][..]),
            (&[b"X-GZIP"], &[Gzip]),
            (&[b" gzip , br"], &[Gzip, Brotli]),
            (&[b"gzip, gzip"], &[Gzip, Gzip]),
            (&[b"identity, gzip"], &[Gzip]),
            (&[b"gzip,"], &[Gzip]),
            (&[b", ,gzip"], &[Gzip]),
            (&[b"gzip", b"deflate"], &[Gzip, Deflate]),
            (&[b"gzip", b""], &[Gzip]),
            (&[b"gzip;q=1.0"], &[Gzip]),
            (&[b"identity"], &[]),
            (&[b""], &[]),
            (&[], &[]),
        ] {
            let codings = of(lines);
            assert_eq!(codings.applied, applied, "{lines:?}");
            assert_eq!((codings.warning(), codings.is_unreadable()), (None, false), "{lines:?}");
        }
    }

    #[test]
    fn words_that_are_no_coding_are_passed_over_and_told() {
        for word in ["UTF-8", "none", "binary", "text/html; charset=x", "EUC-KR", "8bit", "*"] {
            let codings = of(&[word.as_bytes()]);
            assert!(codings.applied.is_empty() && !codings.is_unreadable(), "{word}");
            let warning = codings.warning().unwrap();
            assert_eq!(warning.reason, Reason::BodyDecode);
            assert!(!warning.detail.contains(word), "{word}");
        }
        assert_eq!(of(&[b"UTF-8, gzip"]).applied, [Coding::Gzip]);
        assert!(of(&[b"\xc7\xd1"]).warning().is_some());
    }

    #[test]
    fn codings_that_were_not_asked_for_and_too_many_are_unreadable() {
        for word in ["zstd", "compress", "ZSTD", "gzip, zstd", "zstd, gzip"] {
            assert!(of(&[word.as_bytes()]).is_unreadable(), "{word}");
        }
        let many = ["gzip"; CODINGS_MAX + 1].join(",");
        assert_eq!(of(&[many.as_bytes()]).obstacle, Some(DecodeError::TooMany));
        assert_eq!(of(&[["br"; CODINGS_MAX].join(",").as_bytes()]).applied.len(), CODINGS_MAX);
    }
}

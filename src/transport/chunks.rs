//! Mends the chunks of an HTTP/1.1 body as browsers do, before the parser sees them.
//!
//! Lines may end in a bare LF, and lines of the trailer may be no header lines: browsers show the page. What
//! is no chunk, or is cut off, stays for the parser to refuse, as browsers refuse it.

use super::head;

/// Bytes of one line that are looked at; longer ones are for the parser to refuse.
///
/// No row: what is beyond goes on as it is.
const LINE_MAX: usize = 16 << 10;

/// Digits of a size, more than any body has.
///
/// No row: what has more is no chunk.
const DIGITS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before or in a line that says how long the next chunk is.
    Size,
    /// In a chunk, of which so many bytes are to come.
    Data(u64),
    /// Behind a chunk, whose end of a line is to come.
    DataEnd,
    Trailer,
    /// Behind the body, or in what is no chunk: nothing is looked at.
    Beyond,
}

/// Takes the bytes of a chunked body and gives them back mended.
#[derive(Debug)]
pub(super) struct ChunkMender {
    place: Place,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    is_flawed: bool,
}

impl Default for ChunkMender {
    fn default() -> ChunkMender {
        ChunkMender { place: Place::Size, line: Vec::new(), is_flawed: false }
    }
}

impl ChunkMender {
    /// Whether something was mended.
    pub(super) fn is_flawed(&self) -> bool {
        self.is_flawed
    }

    /// Whether these bytes go on as they are, as most of a large chunk do. They have then been taken.
    pub(super) fn passes(&mut self, bytes: &[u8]) -> bool {
        match &mut self.place {
            Place::Beyond => true,
            Place::Data(left) if (bytes.len() as u64) < *left => {
                *left -= bytes.len() as u64;
                true
            }
            _ => bytes.is_empty() && self.line.is_empty(),
        }
    }

    /// Takes the next bytes; what may go on to the parser is appended to `out`.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            match self.place {
                Place::Beyond => {
                    out.extend_from_slice(bytes);
                    return;
                }
                Place::Data(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (data, rest) = bytes.split_at(taken);
                    out.extend_from_slice(data);
                    let left = left - taken as u64;
                    self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
                    bytes = rest;
                }
                Place::Size | Place::DataEnd | Place::Trailer => {
                    if let Some(line) = head::take_line(&mut bytes, &mut self.line) {
                        self.take(&line, out);
                    } else if self.line.len() > LINE_MAX {
                        self.finish(out);
                    }
                }
            }
        }
    }

    /// What was held goes on as it is: the stream has ended, or this is no chunk.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.line);
        self.place = Place::Beyond;
    }

    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let text = head::content(line);
        let next = match self.place {
            Place::Size => size(text).map(|size| match size {
                0 => Place::Trailer,
                size => Place::Data(size),
            }),
            Place::DataEnd if text.is_empty() => Some(Place::Size),
            Place::Trailer if text.is_empty() => Some(Place::Beyond),
            Place::Trailer => {
                if !head::is_good_header(line) {
                    self.is_flawed = true;
                    return;
                }
                Some(Place::Trailer)
            }
            _ => None,
        };
        let Some(next) = next else {
            out.extend_from_slice(line);
            self.place = Place::Beyond;
            return;
        };
        self.is_flawed |= !line.ends_with(b"\r\n");
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
        self.place = next;
    }
}

/// The size that a line says: digits, blanks, and what an extension says behind a semicolon.
fn size(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = text.split_at(digits);
    let behind = rest.iter().find(|&&byte| byte != b' ');
    let is_size = !digits.is_empty() && behind.is_none_or(|&byte| byte == b';');
    let digits = std::str::from_utf8(digits).ok()?.trim_start_matches('0');
    if !is_size || digits.len() > DIGITS_MAX {
        return None;
    }
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 16).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser gets of it, in pieces of every size, and whether something was mended.
    fn mended(wire: &str) -> (String, bool) {
        let in_pieces = |size: usize| {
            let (mut mender, mut out) = (ChunkMender::default(), Vec::new());
            for piece in wire.as_bytes().chunks(size) {
                if mender.passes(piece) {
                    out.extend_from_slice(piece);
                } else {
                    mender.push(piece, &mut out);
                }
            }
            if !mender.passes(b"") {
                mender.finish(&mut out);
            }
            (String::from_utf8(out).unwrap(), mender.is_flawed())
        };
        let whole = in_pieces(wire.len());
        for size in 1..wire.len() {
            assert_eq!(in_pieces(size), whole, "{wire:?} in pieces of {size}");
        }
        whole
    }

    #[test]
    fn what_is_right_or_beyond_mending_goes_on_as_it_is() {
        for wire in [
            "5\r\nhello\r\n0\r\n\r\n",
            "5;a=b\r\nhello\r\n1  \r\n!\r\n000\r\nX-A: b\r\n\r\n",
            "00005\r\na\nb\r\n\r\n0\r\n\r\nstray\n",
            "5\r\nhel",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "5\r\nhello\r\n0\r\nX-A: b",
            "zz\nhello\n",
            "\nhello\n",
            " 5\nhello\n0\n\n",
            "5\t\nhello\n0\n\n",
            "+5\nhello\n0\n\n",
            "fffffffffffffffff\nhello\n",
            "5\r\nhello5\nhello\n0\n\n",
        ] {
            let (out, is_flawed) = mended(wire);
            assert_eq!(out, wire);
            assert!(!is_flawed, "{wire:?}");
        }
    }

    #[test]
    fn bare_line_ends_and_bad_trailers_are_mended() {
        for (wire, expected) in [
            ("5\nhello\n0\n\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("2;x\na\n\n1 \n!\n0\n\n", "2;x\r\na\n\r\n1 \r\n!\r\n0\r\n\r\n"),
            ("1\r\n!\r\n0\r\nno header\r\nX-A: b\n\r\n", "1\r\n!\r\n0\r\nX-A: b\r\n\r\n"),
        ] {
            assert_eq!(mended(wire), (expected.to_owned(), true), "{wire:?}");
        }
    }
}
